// Which calls a handler interrupts with EINTR, and which SA_RESTART starts again. signal(7) "Interruption of system calls
// and library functions by signal handlers"; POSIX sigaction().
// timeout: 60

#include "../check.h"

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/socket.h>

static volatile sig_atomic_t calls;
static timer_t timer;
// How long a signal is under way: longer on a slow machine, so that the call has begun when it comes.
static long way_ms = 15;
static int pipes[2], sockets[2], full[2], ready[2], end[2];

static void on_alarm(int signo)
{
    calls++;
}

// One signal soon; every call below blocks until then.
static void soon(void)
{
    calls = 0;
    NEED(timer_settime(timer, 0, &(struct itimerspec){.it_value = {.tv_nsec = way_ms * 1000000}}, NULL));
}

static long call_read(void)
{
    char byte;
    return read(pipes[0], &byte, 1);
}
static long call_write(void)
{
    char byte = 0;
    return write(full[1], &byte, 1);
}
static long call_recv(void)
{
    char byte;
    return recv(sockets[0], &byte, 1, 0);
}
static long call_open(void)
{
    return open("fifo", O_RDONLY);
}
static long call_wait(void)
{
    return waitpid(-1, NULL, 0);
}
static long call_poll(void)
{
    return poll(&(struct pollfd){.fd = pipes[0], .events = POLLIN}, 1, -1);
}
static long call_select(void)
{
    fd_set set;
    FD_ZERO(&set);
    FD_SET(pipes[0], &set);
    return select(pipes[0] + 1, &set, NULL, NULL, NULL);
}
static long call_epoll(void)
{
    static int set = -1;
    if (set == -1)
        set = NEED(epoll_create1(0));
    struct epoll_event event;
    return epoll_wait(set, &event, 1, -1);
}
static long call_pause(void)
{
    return pause();
}
static long call_nanosleep(void)
{
    struct timespec left, wanted = {.tv_sec = 100};
    long result = nanosleep(&wanted, &left);
    CHECK("the time that is left", left.tv_sec >= 90 && left.tv_sec < 100);
    return result;
}
static long call_sigtimedwait(void)
{
    sigset_t set = set_of(SIGUSR2);
    return sigwaitinfo(&set, NULL);
}
static long call_flock(void)
{
    int fd = NEED(open("locked", O_RDWR));
    long result = flock(fd, LOCK_EX);
    int error = errno;
    NEED(close(fd));
    errno = error;
    return result;
}
static long call_setlkw(void)
{
    static int fd = -1;
    if (fd == -1)
        fd = NEED(open("record", O_RDWR));
    return fcntl(fd, F_SETLKW, &(struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET});
}
static sem_t semaphore;
static long call_sem(void)
{
    return sem_wait(&semaphore);
}

static struct call {
    const char *name;
    long (*call)(void);
    bool restarts;
} const calls_made[] = {
    {"read of a pipe", call_read, true},
    {"write to a full pipe", call_write, true},
    {"recv", call_recv, true},
    {"open of a FIFO", call_open, true},
    {"waitpid", call_wait, true},
    {"flock", call_flock, true},
    {"F_SETLKW", call_setlkw, true},
    {"sem_wait", call_sem, true},
    {"poll", call_poll, false},
    {"select", call_select, false},
    {"epoll_wait", call_epoll, false},
    {"pause", call_pause, false},
    {"nanosleep", call_nanosleep, false},
    {"sigwaitinfo", call_sigtimedwait, false},
};

// Ends the calls that go on after the handler.
static void *release(void *which)
{
    sleep_ms(way_ms + 35);
    const char *name = which;
    char bytes[4096];
    if (strcmp(name, "read of a pipe") == 0)
        tell(pipes[1]);
    else if (strcmp(name, "write to a full pipe") == 0)
        NEED(read(full[0], bytes, sizeof bytes));
    else if (strcmp(name, "recv") == 0)
        tell(sockets[1]);
    else if (strcmp(name, "open of a FIFO") == 0)
        NEED(open("fifo", O_WRONLY));
    else if (strcmp(name, "sem_wait") == 0)
        sem_post(&semaphore);
    return NULL;
}

// A child that has both locks, and ends when it is told to: what waitpid and the locking calls wait for.
static void hold(void)
{
    SPAWN({
        int fd = NEED(open("locked", O_RDWR));
        NEED(flock(fd, LOCK_EX));
        int record = NEED(open("record", O_RDWR));
        NEED(fcntl(record, F_SETLK, &(struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET}));
        tell(ready[1]);
        await(end[0]);
    });
    await(ready[0]);
}

int main(void)
{
    long before = now_ms();
    NEED(reap(SPAWN()) ? -1 : 0);
    long slow = 2 * (now_ms() - before);
    way_ms = slow < way_ms ? way_ms : slow < 400 ? slow : 400;
    NEED(pipe(pipes));
    NEED(pipe(full));
    NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
    NEED(mkfifo("fifo", 0600));
    put("locked", "");
    put("record", "");
    sem_init(&semaphore, 0, 0);
    NEED(fcntl(full[1], F_SETFL, O_NONBLOCK));
    char block_of[4096] = "";
    while (write(full[1], block_of, sizeof block_of) > 0)
        ;
    NEED(fcntl(full[1], F_SETFL, 0));
    NEED(timer_create(CLOCK_MONOTONIC, &(struct sigevent){.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM}, &timer));
    NEED(pipe(ready));
    NEED(pipe(end));
    sigset_t alarm_set = set_of(SIGALRM);

    for (size_t n = 0; n < sizeof calls_made / sizeof *calls_made; n++) {
        const struct call *call = &calls_made[n];
        bool by_child = call->call == call_wait || call->call == call_flock || call->call == call_setlkw;
        char name[80];
        if (by_child)
            hold();
        handle(SIGALRM, on_alarm, 0);
        soon();
        snprintf(name, sizeof name, "%s: EINTR", call->name);
        CHECK_ERR(name, call->call(), EINTR);
        CHECK_EQ("the handler ran once", calls, 1);
        handle(SIGALRM, on_alarm, SA_RESTART);
        soon();
        if (!call->restarts) {
            snprintf(name, sizeof name, "%s: EINTR in spite of SA_RESTART", call->name);
            CHECK_ERR(name, call->call(), EINTR);
            continue;
        }
        pthread_t helper;
        pthread_sigmask(SIG_BLOCK, &alarm_set, NULL);
        if (!by_child)
            NEED(-pthread_create(&helper, NULL, release, (void *)call->name));
        else
            SPAWN({
                sleep_ms(way_ms + 35);
                tell(end[1]);
            });
        pthread_sigmask(SIG_UNBLOCK, &alarm_set, NULL);
        snprintf(name, sizeof name, "%s: started again", call->name);
        CHECK_OK(name, call->call());
        CHECK_EQ("the handler ran once", calls, 1);
        if (!by_child)
            pthread_join(helper, NULL);
        while (waitpid(-1, NULL, 0) > 0)
            ;
    }
    DONE();
}
