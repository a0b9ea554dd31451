// Masks, pending signals, sigsuspend, sigwait and sigtimedwait. POSIX sigprocmask(), sigpending(), sigsuspend(),
// sigwait(), sigtimedwait().

#include "../check.h"

#include <sys/syscall.h>

static char order[256];

static void note(int signo)
{
    char text[8];
    snprintf(text, sizeof text, "%d ", signo);
    strcat(order, text);
}

int main(void)
{
    handle(SIGUSR1, note, 0);
    handle(SIGUSR2, note, 0);
    handle(SIGHUP, note, 0);
    block(SIGUSR1);
    block(SIGUSR2);
    raise(SIGUSR1);
    raise(SIGUSR1);
    raise(SIGUSR2);
    CHECK("pending", is_pending(SIGUSR1) && is_pending(SIGUSR2) && !is_pending(SIGHUP));
    CHECK_STR("nothing was delivered", order, "");
    unblock(SIGUSR1);
    CHECK_STR("a standard signal is not queued twice", order, "10 ");
    unblock(SIGUSR2);
    CHECK_STR("then the other", order, "10 12 ");
    CHECK("nothing pending", !is_pending(SIGUSR1) && !is_pending(SIGUSR2));

    sigset_t mask, old;
    sigfillset(&mask);
    NEED(sigprocmask(SIG_SETMASK, &mask, &old));
    NEED(sigprocmask(SIG_SETMASK, &old, &mask));
    CHECK("SIGKILL and SIGSTOP are not blocked", !sigismember(&mask, SIGKILL) && !sigismember(&mask, SIGSTOP));
    CHECK("others are", sigismember(&mask, SIGTERM) && sigismember(&mask, SIGRTMAX));
    CHECK_ERR("unknown how", sigprocmask(77, &mask, NULL), EINVAL);
    CHECK_OK("unknown how without a set", sigprocmask(77, NULL, &old));

    // sigsuspend waits with another mask and puts the old one back.
    order[0] = 0;
    block(SIGUSR1);
    block(SIGHUP);
    raise(SIGUSR1);
    sigset_t only_hup = set_of(SIGHUP);
    CHECK_ERR("sigsuspend: EINTR", sigsuspend(&only_hup), EINTR);
    CHECK_STR("the pending signal was delivered", order, "10 ");
    NEED(sigprocmask(SIG_SETMASK, NULL, &mask));
    CHECK("the mask is back", sigismember(&mask, SIGUSR1) && sigismember(&mask, SIGHUP));
    pid_t self = getpid();
    pid_t pid = SPAWN({
        sleep_ms(20);
        kill(self, SIGUSR1);
    });
    CHECK_ERR("sigsuspend waits for another process", sigsuspend(&only_hup), EINTR);
    CHECK_STR("delivered", order, "10 10 ");
    reap(pid);

    // sigwait takes the signal without its handler.
    order[0] = 0;
    sigset_t set = set_of(SIGUSR1);
    sigaddset(&set, SIGUSR2);
    block(SIGUSR2);
    raise(SIGUSR2);
    int signo = 0;
    CHECK_RET("sigwait", sigwait(&set, &signo), 0);
    CHECK_EQ("which", signo, SIGUSR2);
    CHECK("no longer pending", !is_pending(SIGUSR2));
    pid = SPAWN({
        sleep_ms(20);
        kill(self, SIGUSR1);
    });
    siginfo_t info;
    CHECK_EQ("sigwaitinfo blocks", sigwaitinfo(&set, &info), SIGUSR1);
    CHECK("its sender", info.si_pid == pid && info.si_code == SI_USER && info.si_signo == SIGUSR1);
    CHECK_STR("no handler ran", order, "");
    reap(pid);
    struct timespec none = {0};
    struct timespec brief = {.tv_nsec = 20000000};
    CHECK_ERR("sigtimedwait: nothing there", sigtimedwait(&set, NULL, &none), EAGAIN);
    long before = now_ms();
    CHECK_ERR("sigtimedwait: time is up", sigtimedwait(&set, NULL, &brief), EAGAIN);
    CHECK("after that time", now_ms() - before >= 19);
    brief.tv_nsec = -1;
    CHECK_ERR("sigtimedwait: bad time", sigtimedwait(&set, NULL, &brief), EINVAL);
    // Lower numbers first.
    raise(SIGUSR2);
    raise(SIGUSR1);
    CHECK_EQ("the lower number first", sigwaitinfo(&set, NULL), SIGUSR1);
    CHECK_EQ("then the other", sigwaitinfo(&set, NULL), SIGUSR2);
    // A bad sigsetsize is refused.
    CHECK_ERR("rt_sigprocmask: size", syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, 4), EINVAL);
    CHECK_ERR("rt_sigaction: size", syscall(SYS_rt_sigaction, SIGUSR1, NULL, NULL, 16), EINVAL);
    CHECK_ERR("rt_sigsuspend: size", syscall(SYS_rt_sigsuspend, &set, 7), EINVAL);
    DONE();
}
