// The flags of sigaction: SA_SIGINFO, SA_NODEFER, SA_RESETHAND, SA_ONSTACK; the mask during a handler; what the call
// returns and refuses. POSIX sigaction(); sigaction(2).
// build: dynamic, musl

#include "../check.h"

#include <ucontext.h>

static volatile sig_atomic_t depth, deepest, calls, saw_code, saw_usr2_blocked, on_stack;
static volatile pid_t saw_pid;
static volatile uid_t saw_uid;
static char stack[65536];

static void nest(int signo)
{
    calls++;
    depth++;
    if (depth > deepest)
        deepest = depth;
    if (calls < 3)
        raise(signo);
    depth--;
}

static void look(int signo, siginfo_t *info, void *context)
{
    calls++;
    saw_code = info->si_code;
    saw_pid = info->si_pid;
    saw_uid = info->si_uid;
    sigset_t mask;
    sigprocmask(SIG_SETMASK, NULL, &mask);
    saw_usr2_blocked = sigismember(&mask, SIGUSR2) + 2 * sigismember(&mask, signo);
    char here;
    on_stack = &here >= stack && &here < stack + sizeof stack;
    // The mask of the interrupted code is in the context.
    if (sigismember(&((ucontext_t *)context)->uc_sigmask, SIGHUP))
        saw_usr2_blocked += 4;
}

int main(void)
{
    handle(SIGUSR1, nest, 0);
    raise(SIGUSR1);
    CHECK_EQ("blocked in its own handler: not nested", deepest, 1);
    CHECK_EQ("but delivered afterwards", calls, 3);
    calls = deepest = 0;
    handle(SIGUSR1, nest, SA_NODEFER);
    raise(SIGUSR1);
    CHECK_EQ("SA_NODEFER nests", deepest, 3);

    calls = 3;
    handle(SIGUSR1, nest, SA_RESETHAND);
    raise(SIGUSR1);
    struct sigaction action;
    NEED(sigaction(SIGUSR1, NULL, &action));
    CHECK("SA_RESETHAND: default afterwards", action.sa_handler == SIG_DFL);
    CHECK_EQ("SA_RESETHAND: once", calls, 4);

    struct sigaction info = {.sa_sigaction = look, .sa_flags = SA_SIGINFO};
    sigemptyset(&info.sa_mask);
    sigaddset(&info.sa_mask, SIGUSR2);
    NEED(sigaction(SIGUSR1, &info, NULL));
    NEED(sigaction(SIGUSR1, NULL, &action));
    CHECK("sigaction returns the handler", action.sa_sigaction == look);
    CHECK("and flags", (action.sa_flags & SA_SIGINFO) && !(action.sa_flags & SA_NODEFER));
    CHECK("and mask", sigismember(&action.sa_mask, SIGUSR2) && !sigismember(&action.sa_mask, SIGUSR1));
    block(SIGHUP);
    NEED(kill(getpid(), SIGUSR1));
    CHECK_EQ("SI_USER", saw_code, SI_USER);
    CHECK("si_pid and si_uid", saw_pid == getpid() && saw_uid == getuid());
    CHECK_EQ("sa_mask, the signal and the old mask", saw_usr2_blocked, 7);
    CHECK_EQ("on the usual stack", on_stack, 0);
    raise(SIGUSR1);
    CHECK_EQ("SI_TKILL", saw_code, SI_TKILL);
    sigset_t mask;
    sigprocmask(SIG_SETMASK, NULL, &mask);
    CHECK("the mask is put back", !sigismember(&mask, SIGUSR2) && !sigismember(&mask, SIGUSR1) && sigismember(&mask, SIGHUP));

    info.sa_flags |= SA_ONSTACK;
    NEED(sigaction(SIGUSR1, &info, NULL));
    raise(SIGUSR1);
    CHECK_EQ("SA_ONSTACK without a stack", on_stack, 0);
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack}, old;
    CHECK_OK("sigaltstack", sigaltstack(&alternate, &old));
    CHECK_EQ("there was none", old.ss_flags, SS_DISABLE);
    raise(SIGUSR1);
    CHECK_EQ("SA_ONSTACK", on_stack, 1);
    alternate.ss_size = 100;
    CHECK_ERR("a stack that is too small", sigaltstack(&alternate, NULL), ENOMEM);
    alternate.ss_flags = SS_DISABLE;
    CHECK_OK("disabled", sigaltstack(&alternate, &old));
    CHECK("the old one", old.ss_sp == stack && old.ss_size == sizeof stack && old.ss_flags == 0);
    raise(SIGUSR1);
    CHECK_EQ("the usual stack again", on_stack, 0);
    alternate.ss_flags = 77;
    alternate.ss_size = sizeof stack;
    CHECK_ERR("unknown flags", sigaltstack(&alternate, NULL), EINVAL);

    action.sa_handler = SIG_IGN;
    CHECK_ERR("SIGKILL", sigaction(SIGKILL, &action, NULL), EINVAL);
    CHECK_ERR("SIGSTOP", sigaction(SIGSTOP, &action, NULL), EINVAL);
    CHECK_ERR("signal 0", sigaction(0, &action, NULL), EINVAL);
    CHECK_ERR("signal 65", sigaction(65, &action, NULL), EINVAL);
    CHECK_OK("SIGKILL can be asked about", sigaction(SIGKILL, NULL, &action));

    // Ignoring discards what is pending; so does the default of a signal that is ignored by default.
    block(SIGUSR2);
    raise(SIGUSR2);
    handle(SIGUSR2, SIG_IGN, 0);
    CHECK("ignoring drops the pending signal", !is_pending(SIGUSR2));
    raise(SIGUSR2);
    CHECK("a blocked signal becomes pending although it is ignored", is_pending(SIGUSR2));
    unblock(SIGUSR2);
    CHECK("and is dropped when unblocked", !is_pending(SIGUSR2));
    handle(SIGUSR2, SIG_DFL, 0);
    raise(SIGCHLD);
    raise(SIGURG);
    raise(SIGWINCH);
    raise(SIGCONT);
    say("ignored by default: still here");
    DONE();
}
