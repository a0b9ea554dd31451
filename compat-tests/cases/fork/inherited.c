// What a child inherits: mask, dispositions, alternate stack, cwd, umask, limits, environment, group, session, nice.
// fork(2); POSIX fork().

#include "../check.h"

#include <sys/resource.h>

static volatile sig_atomic_t handled;

static void on_signal(int signo)
{
    char here;
    stack_t now;
    sigaltstack(NULL, &now);
    bool inside = &here >= (char *)now.ss_sp && &here < (char *)now.ss_sp + now.ss_size;
    handled = inside ? 2 : 1;
}

int main(void)
{
    static char stack[65536];
    NEED(sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL));
    handle(SIGUSR1, on_signal, SA_ONSTACK);
    handle(SIGUSR2, SIG_IGN, 0);
    block(SIGHUP);
    NEED(mkdir("sub", 0755));
    NEED(chdir("sub"));
    umask(027);
    NEED(setrlimit(RLIMIT_NOFILE, &(struct rlimit){.rlim_cur = 50, .rlim_max = 60}));
    NEED(setenv("COLOUR", "green", 1));
    NEED(setpriority(PRIO_PROCESS, 0, 3));
    pid_t group = getpgrp(), session = getsid(0);
    int fd = NEED(open("file", O_RDWR | O_CREAT | O_CLOEXEC, 0666));
    int high = NEED(fcntl(fd, F_DUPFD, 40));
    char cwd[4096];
    NEED(getcwd(cwd, sizeof cwd) ? 0 : -1);

    IN_CHILD("the child's checks", {
        NEED(raise(SIGUSR1));
        CHECK_EQ("child: handler runs, on the alternate stack", handled, 2);
        struct sigaction action;
        NEED(sigaction(SIGUSR2, NULL, &action));
        CHECK("child: ignored stays ignored", action.sa_handler == SIG_IGN);
        sigset_t mask;
        NEED(sigprocmask(SIG_SETMASK, NULL, &mask));
        CHECK("child: mask", sigismember(&mask, SIGHUP) && !sigismember(&mask, SIGUSR1));
        char here[4096];
        NEED(getcwd(here, sizeof here) ? 0 : -1);
        CHECK_STR("child: getcwd is the parent's", strcmp(here, cwd) ? "another" : "same", "same");
        CHECK_EQ("child: umask", umask(0), 027);
        struct rlimit limit;
        NEED(getrlimit(RLIMIT_NOFILE, &limit));
        CHECK("child: limits", limit.rlim_cur == 50 && limit.rlim_max == 60);
        CHECK_STR("child: environment", getenv("COLOUR"), "green");
        CHECK_EQ("child: nice", getpriority(PRIO_PROCESS, 0), 3);
        CHECK_EQ("child: process group", getpgrp(), group);
        CHECK_EQ("child: session", getsid(0), session);
        CHECK_EQ("child: FD_CLOEXEC", fcntl(fd, F_GETFD), FD_CLOEXEC);
        CHECK_EQ("child: descriptor 40 and its flags", fcntl(high, F_GETFD), 0);
        NEED(chdir(".."));
        NEED(setenv("COLOUR", "red", 1));
        handle(SIGUSR1, SIG_IGN, 0);
        unblock(SIGHUP);
    });
    // And what the child changed since is its own.
    char here[4096];
    NEED(getcwd(here, sizeof here) ? 0 : -1);
    CHECK("cwd is kept", strcmp(here, cwd) == 0);
    CHECK_EQ("umask is kept", umask(027), 027);
    CHECK_STR("environment is kept", getenv("COLOUR"), "green");
    struct sigaction action;
    NEED(sigaction(SIGUSR1, NULL, &action));
    CHECK("disposition is kept", action.sa_handler == on_signal);
    sigset_t mask;
    NEED(sigprocmask(SIG_SETMASK, NULL, &mask));
    CHECK("mask is kept", sigismember(&mask, SIGHUP));
    NEED(close(high));
    DONE();
}
