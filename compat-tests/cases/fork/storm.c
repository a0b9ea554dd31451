// Many forks at once, from several processes and threads, while a timer's signals interrupt everything: no child is lost,
// none is waited for twice, every status is right. POSIX fork(), wait(), setitimer().
// timeout: 90
// order: any

#include "../check.h"

#include <pthread.h>
#include <sys/time.h>

static volatile sig_atomic_t ticks;

static void tick(int signo)
{
    ticks++;
}

static void start_timer(void)
{
    handle(SIGALRM, tick, SA_RESTART);
    NEED(setitimer(ITIMER_REAL, &(struct itimerval){{0, 2000}, {0, 2000}}, NULL));
}

// Forks and reaps by its own pids; how many statuses were wrong.
static int rounds(int count)
{
    int wrong = 0;
    for (int n = 0; n < count; n++) {
        pid_t pid = NEED(fork());
        if (pid == 0)
            _exit(n & 127);
        wrong += reap(pid) != (n & 127);
    }
    return wrong;
}

static void *in_thread(void *unused)
{
    return (void *)(intptr_t)rounds(25);
}

int main(void)
{
    start_timer();
    CHECK_EQ("under a timer's signals", rounds(80), 0);
    CHECK("which came", ticks > 0);

    pid_t pids[4];
    for (int n = 0; n < 4; n++)
        pids[n] = SPAWN({
            start_timer();
            CHECK_EQ("child: its own children", rounds(40), 0);
        });
    for (int n = 0; n < 4; n++)
        CHECK_EQ("a forking child", reap(pids[n]), 0);

    pthread_t threads[4];
    for (int n = 0; n < 4; n++)
        NEED(-pthread_create(&threads[n], NULL, in_thread, NULL));
    for (int n = 0; n < 4; n++) {
        void *wrong;
        NEED(-pthread_join(threads[n], &wrong));
        CHECK_EQ("a forking thread", (intptr_t)wrong, 0);
    }
    // Killed at any moment: what they share goes on working.
    int *counter = shared(4096), fd[2];
    NEED(pipe(fd));
    for (int n = 0; n < 30; n++) {
        pid_t pid = SPAWN(for (;;) {
            __atomic_add_fetch(counter, 1, __ATOMIC_SEQ_CST);
            NEED(write(fd[1], "x", 1));
        });
        char bytes[64];
        NEED(read(fd[0], bytes, sizeof bytes));
        NEED(kill(pid, SIGKILL));
        NEED(reap(pid) == 128 + SIGKILL ? 0 : -1);
        NEED(fcntl(fd[0], F_SETFL, O_NONBLOCK));
        while (read(fd[0], bytes, sizeof bytes) > 0)
            ;
        NEED(fcntl(fd[0], F_SETFL, 0));
    }
    CHECK("killed writers", *counter >= 30);
    char rest[16];
    NEED(write(fd[1], "alive", 5));
    CHECK_EQ("the pipe works after that", read(fd[0], rest, 10), 5);
    CHECK_ERR("no child is left", wait(NULL), ECHILD);
    DONE();
}
