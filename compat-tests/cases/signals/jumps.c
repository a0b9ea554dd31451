// siglongjmp out of handlers: masks saved or not, many times, and nested. POSIX sigsetjmp(), siglongjmp().

#include "../check.h"

#include <setjmp.h>

static sigjmp_buf back;
static volatile sig_atomic_t level;
static char trace[128];

static void leave(int signo)
{
    siglongjmp(back, signo);
}

static void outer(int signo)
{
    strcat(trace, "outer< ");
    raise(SIGUSR2);
    strcat(trace, ">outer ");
}

static void inner(int signo)
{
    strcat(trace, "inner ");
}

static bool blocked(int signo)
{
    sigset_t mask;
    sigprocmask(SIG_SETMASK, NULL, &mask);
    return sigismember(&mask, signo);
}

int main(void)
{
    handle(SIGUSR1, leave, 0);
    int got = sigsetjmp(back, 1);
    if (got == 0)
        raise(SIGUSR1);
    CHECK_EQ("value", got, SIGUSR1);
    CHECK("mask put back", !blocked(SIGUSR1));
    got = sigsetjmp(back, 0);
    if (got == 0)
        raise(SIGUSR1);
    CHECK("mask not saved: still blocked", blocked(SIGUSR1));
    unblock(SIGUSR1);
    volatile int rounds = 0;
    while (rounds < 1000) {
        if (sigsetjmp(back, 1) == 0)
            raise(SIGUSR1);
        else
            rounds++;
    }
    CHECK_EQ("a thousand jumps", rounds, 1000);

    handle(SIGUSR1, outer, 0);
    handle(SIGUSR2, inner, 0);
    raise(SIGUSR1);
    CHECK_STR("nested", trace, "outer< inner >outer ");
    trace[0] = 0;
    struct sigaction action = {.sa_handler = outer};
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGUSR2);
    NEED(sigaction(SIGUSR1, &action, NULL));
    raise(SIGUSR1);
    CHECK_STR("held off by sa_mask", trace, "outer< >outer inner ");
    // Both pending: the handlers nest, the higher number's frame is entered last and so runs first or is entered second,
    // but both run before the next instruction.
    trace[0] = 0;
    block(SIGUSR1);
    block(SIGUSR2);
    raise(SIGUSR1);
    raise(SIGUSR2);
    handle(SIGUSR1, inner, 0);
    sigset_t none = set_of(0);
    NEED(sigprocmask(SIG_SETMASK, &none, NULL));
    CHECK_STR("both at once", trace, "inner inner ");
    // errno belongs to the interrupted code only if the handler saves it; a handler's own calls do not disturb a result.
    handle(SIGUSR1, inner, 0);
    long fd = open("file", O_RDWR | O_CREAT, 0600);
    CHECK_EQ("write across a handler", (raise(SIGUSR1), write(fd, "abc", 3)), 3);
    DONE();
}
