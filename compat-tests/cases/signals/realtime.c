// Real-time signals queue, keep their value, and come in order: lower numbers first, equal ones first in first out.
// POSIX 2.4.2 "Realtime Signal Generation and Delivery", sigqueue().

#include "../check.h"

#include <sys/resource.h>
#include <sys/syscall.h>

static char order[1024];

static void note(int signo, siginfo_t *info, void *context)
{
    char text[32];
    snprintf(text, sizeof text, "%d:%d:%s ", signo - SIGRTMIN, info->si_value.sival_int,
             info->si_code == SI_QUEUE ? "queue" : info->si_code == SI_USER ? "user" : "other");
    strcat(order, text);
}

int main(void)
{
    CHECK_EQ("SIGRTMIN", SIGRTMIN, 34);
    CHECK_EQ("SIGRTMAX", SIGRTMAX, 64);
    sigset_t set;
    sigemptyset(&set);
    for (int n = 0; n < 4; n++) {
        sigset_t all;
        sigfillset(&all);
        struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO, .sa_mask = all};
        NEED(sigaction(SIGRTMIN + n, &action, NULL));
        sigaddset(&set, SIGRTMIN + n);
    }
    NEED(sigprocmask(SIG_BLOCK, &set, NULL));
    pid_t self = getpid();
    NEED(sigqueue(self, SIGRTMIN + 2, (union sigval){.sival_int = 1}));
    NEED(sigqueue(self, SIGRTMIN + 1, (union sigval){.sival_int = 2}));
    NEED(sigqueue(self, SIGRTMIN + 2, (union sigval){.sival_int = 3}));
    NEED(sigqueue(self, SIGRTMIN + 1, (union sigval){.sival_int = 4}));
    NEED(kill(self, SIGRTMIN));
    NEED(sigqueue(self, SIGRTMIN + 3, (union sigval){.sival_int = -5}));
    NEED(sigprocmask(SIG_UNBLOCK, &set, NULL));
    CHECK_STR("order, values and codes", order, "0:0:user 1:2:queue 1:4:queue 2:1:queue 2:3:queue 3:-5:queue ");

    // sigwaitinfo takes them in the same order.
    NEED(sigprocmask(SIG_BLOCK, &set, NULL));
    for (int n = 0; n < 50; n++)
        NEED(sigqueue(self, SIGRTMIN + n % 2, (union sigval){.sival_int = n}));
    int wrong = 0;
    siginfo_t info;
    for (int n = 0; n < 50; n++) {
        int signo = NEED(sigwaitinfo(&set, &info));
        int want = n < 25 ? n * 2 : (n - 25) * 2 + 1;
        wrong += signo != SIGRTMIN + (n >= 25) || info.si_value.sival_int != want || info.si_code != SI_QUEUE;
    }
    CHECK_EQ("fifty queued", wrong, 0);

    // From another process, with its identity.
    pid_t pid = SPAWN(for (int n = 0; n < 20; n++) NEED(sigqueue(self, SIGRTMIN, (union sigval){.sival_ptr = (void *)(0x123456789000 + n)})));
    wrong = 0;
    for (int n = 0; n < 20; n++) {
        NEED(sigwaitinfo(&set, &info));
        wrong += info.si_pid != pid || info.si_uid != getuid() || info.si_value.sival_ptr != (void *)(0x123456789000 + n);
    }
    CHECK_EQ("twenty from a child", wrong, 0);
    reap(pid);

    // A standard signal comes before a real-time one.
    struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO};
    sigfillset(&action.sa_mask);
    NEED(sigaction(SIGUSR2, &action, NULL));
    block(SIGUSR2);
    order[0] = 0;
    NEED(sigqueue(self, SIGRTMIN, (union sigval){.sival_int = 1}));
    NEED(sigqueue(self, SIGUSR2, (union sigval){.sival_int = 2}));
    NEED(sigqueue(self, SIGUSR2, (union sigval){.sival_int = 3}));
    sigaddset(&set, SIGUSR2);
    NEED(sigprocmask(SIG_UNBLOCK, &set, NULL));
    CHECK_STR("standard first, and only once", order, "-22:2:queue 0:1:queue ");

    // The queue has a limit.
    NEED(sigprocmask(SIG_BLOCK, &set, NULL));
    IN_CHILD("RLIMIT_SIGPENDING", {
        NEED(setrlimit(RLIMIT_SIGPENDING, &(struct rlimit){0, 0}));
        CHECK_ERR("child: sigqueue", sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 1}), EAGAIN);
        CHECK_OK("child: kill needs no entry", kill(getpid(), SIGRTMIN));
        CHECK("child: pending", is_pending(SIGRTMIN));
    });
    CHECK_ERR("unknown signal", sigqueue(self, 65, (union sigval){0}), EINVAL);
    CHECK_ERR("no such process", sigqueue(99999999, SIGRTMIN, (union sigval){0}), ESRCH);
    CHECK_OK("signal 0 only asks", sigqueue(self, 0, (union sigval){0}));
    // A forged sender is refused.
    siginfo_t forged = {.si_signo = SIGRTMIN, .si_code = SI_USER};
    pid = SPAWN(pause());
    CHECK_ERR("a forged SI_USER", syscall(SYS_rt_sigqueueinfo, pid, SIGRTMIN, &forged), EPERM);
    NEED(kill(pid, SIGKILL));
    reap(pid);
    DONE();
}
