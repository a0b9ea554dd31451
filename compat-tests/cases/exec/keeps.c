// What exec keeps and what it resets: close-on-exec, ignored and handled signals, mask, pending signals, cwd, umask,
// timers, locks, alternate stack, threads. POSIX exec; execve(2) "Effect on process attributes".

#include "../check.h"

#include <pthread.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/time.h>

static void on_signal(int signo) {}

static int after(void)
{
    CHECK_ERR("FD_CLOEXEC is closed", fcntl(20, F_GETFD), EBADF);
    CHECK_OK("the other is open", fcntl(21, F_GETFD));
    CHECK_EQ("its offset is kept", lseek(21, 0, SEEK_CUR), 3);
    CHECK("its status flags are kept", fcntl(21, F_GETFL) & O_APPEND);
    struct sigaction action;
    NEED(sigaction(SIGUSR1, NULL, &action));
    CHECK("a handled signal is default", action.sa_handler == SIG_DFL);
    NEED(sigaction(SIGUSR2, NULL, &action));
    CHECK("an ignored signal is ignored", action.sa_handler == SIG_IGN);
    NEED(sigaction(SIGCHLD, NULL, &action));
    CHECK("ignored SIGCHLD is ignored", action.sa_handler == SIG_IGN);
    sigset_t mask;
    NEED(sigprocmask(SIG_SETMASK, NULL, &mask));
    CHECK("the mask is kept", sigismember(&mask, SIGHUP) && !sigismember(&mask, SIGUSR1));
    CHECK("a pending signal is pending", is_pending(SIGHUP));
    struct itimerval timer;
    NEED(getitimer(ITIMER_REAL, &timer));
    CHECK("the alarm is kept", timer.it_value.tv_sec > 50);
    stack_t stack;
    NEED(sigaltstack(NULL, &stack));
    CHECK("the alternate stack is not", stack.ss_flags & SS_DISABLE);
    CHECK_EQ("umask", umask(0), 031);
    CHECK_EQ("file of the cwd", access("marker", F_OK), 0);
    struct rlimit limit;
    NEED(getrlimit(RLIMIT_NOFILE, &limit));
    CHECK_EQ("limits", limit.rlim_cur, 77);
    CHECK_EQ("nice", getpriority(PRIO_PROCESS, 0), 5);
    // Another process sees the record lock still held by this one.
    pid_t self = getpid();
    handle(SIGCHLD, SIG_DFL, 0);
    IN_CHILD("record lock", {
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        int fd = NEED(open("locked", O_RDWR));
        NEED(fcntl(fd, F_GETLK, &lock));
        CHECK("held by the process that exec'd", lock.l_type == F_WRLCK && lock.l_pid == self);
    });
    CHECK("personality of the environment", strcmp(getenv("MARK"), "set") == 0);
    DONE();
}

static void *wait_for_ever(void *unused)
{
    for (;;)
        pause();
}

static void *exec_here(void *self)
{
    execl(self, "self", "after", NULL);
    _exit(97);
}

int main(int argc, char **argv)
{
    if (argc == 2)
        return after();
    NEED(mkdir("dir", 0755));
    put("dir/marker", "");
    NEED(chdir("dir"));
    for (int round = 0; round < 2; round++) {
        say("round %d", round);
        pid_t pid = NEED(fork());
        if (pid == 0) {
            int fd = NEED(open("data", O_RDWR | O_CREAT | O_APPEND, 0644));
            NEED(write(fd, "abc", 3));
            NEED(dup2(fd, 21));
            NEED(dup3(fd, 20, O_CLOEXEC));
            int locked = NEED(open("locked", O_RDWR | O_CREAT, 0644));
            NEED(fcntl(locked, F_SETLK, &(struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET}));
            handle(SIGUSR1, on_signal, 0);
            handle(SIGUSR2, SIG_IGN, 0);
            handle(SIGCHLD, SIG_IGN, 0);
            block(SIGHUP);
            NEED(kill(getpid(), SIGHUP));
            alarm(100);
            static char stack[65536];
            NEED(sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL));
            umask(031);
            NEED(setrlimit(RLIMIT_NOFILE, &(struct rlimit){77, 77}));
            NEED(setpriority(PRIO_PROCESS, 0, 5));
            setenv("MARK", "set", 1);
            if (round == 0)
                exec_here(argv[0]);
            // From a thread that is not the first: the others vanish, and the pid is the process's.
            pthread_t waiter, caller;
            NEED(-pthread_create(&waiter, NULL, wait_for_ever, NULL));
            NEED(-pthread_create(&caller, NULL, exec_here, argv[0]));
            for (;;)
                pause();
        }
        CHECK_EQ("after exec", reap(pid), 0);
        NEED(unlink("data"));
    }
    DONE();
}
