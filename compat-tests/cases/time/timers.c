// Timers of a process, as POSIX timer_create(), timer_settime(), timer_getoverrun() and timer_create(2) say: what expires
// when, values, overruns of blocked signals, timers whose signal is ignored, inheritance, and bad arguments.
#include "../check.h"

#include <sys/syscall.h>

static const struct itimerspec stop;

static timer_t create(int notify, int signo, int value)
{
    struct sigevent event = {.sigev_notify = notify, .sigev_signo = signo, .sigev_value.sival_int = value};
    timer_t timer;
    NEED(timer_create(CLOCK_MONOTONIC, &event, &timer));
    return timer;
}

static void arm(timer_t timer, long first_ns, long interval_ns)
{
    struct itimerspec spec = {.it_value.tv_nsec = first_ns, .it_interval.tv_nsec = interval_ns};
    NEED(timer_settime(timer, 0, &spec, NULL));
}

static volatile sig_atomic_t seen, seen_value, seen_code;

static void on_timer(int signo, siginfo_t *info, void *context)
{
    (void)signo;
    (void)context;
    seen++;
    seen_value = info->si_value.sival_int;
    seen_code = info->si_code;
}

static void expiry(void)
{
    handle_info(SIGUSR1, on_timer, 0);
    timer_t timer = create(SIGEV_SIGNAL, SIGUSR1, 4711);
    struct itimerspec left;
    CHECK_OK("gettime", timer_gettime(timer, &left));
    CHECK("not armed", left.it_value.tv_sec == 0 && left.it_value.tv_nsec == 0);
    // Blocked until it is waited for: it must not come between the look and the wait.
    sigset_t none = set_of(0);
    block(SIGUSR1);
    arm(timer, 5000000, 0);
    while (!seen)
        sigsuspend(&none);
    unblock(SIGUSR1);
    CHECK_EQ("si_code", seen_code, SI_TIMER);
    CHECK_EQ("si_value", seen_value, 4711);
    CHECK_EQ("no overrun", timer_getoverrun(timer), 0);
    NEED(timer_gettime(timer, &left));
    CHECK("once only", left.it_value.tv_sec == 0 && left.it_value.tv_nsec == 0);
    struct itimerspec spec = {.it_value.tv_sec = 100, .it_interval.tv_sec = 7};
    NEED(timer_settime(timer, 0, &spec, NULL));
    CHECK_OK("settime tells the old", timer_settime(timer, 0, &stop, &left));
    CHECK("what was left", left.it_value.tv_sec == 99 || left.it_value.tv_sec == 100);
    CHECK_EQ("its interval", left.it_interval.tv_sec, 7);
    struct itimerspec past = {.it_value.tv_nsec = 1};
    seen = 0;
    NEED(timer_settime(timer, TIMER_ABSTIME, &past, NULL));
    while (!seen)
        sleep_ms(1);
    CHECK_EQ("an absolute time that is past expires at once", seen, 1);
    CHECK_OK("delete", timer_delete(timer));
    CHECK_ERR("delete twice", timer_delete(timer), EINVAL);
}

static void overruns(void)
{
    block(SIGUSR2);
    timer_t timer = create(SIGEV_SIGNAL, SIGUSR2, 1);
    arm(timer, 1000000, 1000000);
    sleep_ms(60);
    sigset_t set = set_of(SIGUSR2);
    siginfo_t info;
    CHECK_EQ("one signal for all", sigwaitinfo(&set, &info), SIGUSR2);
    CHECK("the rest are overruns", info.si_overrun >= 50);
    CHECK_EQ("which getoverrun tells, too", timer_getoverrun(timer), info.si_overrun);
    NEED(timer_settime(timer, 0, &stop, NULL));
    NEED(timer_delete(timer));
}

static void ignored(void)
{
    NEED(signal(SIGALRM, SIG_IGN) == SIG_ERR ? -1 : 0);
    timer_t quick = create(SIGEV_SIGNAL, SIGALRM, 1), silent = create(SIGEV_NONE, 0, 0);
    arm(quick, 1, 2);
    arm(silent, 1, 2);
    long before = now_ms();
    for (volatile long i = 0; i < 1000000; i++)
        ;
    sleep_ms(20);
    CHECK("timers of two nanoseconds that nobody hears of do no harm", now_ms() - before < 15000);
    block(SIGCONT);
    timer_t blocked = create(SIGEV_SIGNAL, SIGCONT, 1);
    arm(blocked, 1, 2);
    sleep_ms(5);
    CHECK("a blocked SIGCONT stays pending", is_pending(SIGCONT));
    unblock(SIGCONT);
    CHECK("and counts overruns", timer_getoverrun(blocked) > 1000000);
    NEED(timer_delete(quick));
    NEED(timer_delete(silent));
    NEED(timer_delete(blocked));
}

static void inheritance(void)
{
    timer_t timer = create(SIGEV_SIGNAL, SIGUSR1, 1);
    struct itimerspec left;
    IN_CHILD("a child has none of its parent's timers", CHECK_ERR("none", timer_gettime(timer, &left), EINVAL));
    NEED(timer_delete(timer));
}

static void bad(void)
{
    timer_t timer = create(SIGEV_SIGNAL, SIGUSR1, 1);
    struct itimerspec wrong = {.it_value.tv_nsec = 1000000000}, negative = {.it_value.tv_sec = -1};
    CHECK_ERR("too many nanoseconds", timer_settime(timer, 0, &wrong, NULL), EINVAL);
    CHECK_ERR("negative seconds", timer_settime(timer, 0, &negative, NULL), EINVAL);
    CHECK_ERR("no setting", syscall(SYS_timer_settime, timer, 0, NULL, NULL), EINVAL);
    NEED(timer_delete(timer));
    CHECK_ERR("settime of a deleted one", timer_settime(timer, 0, &stop, NULL), EINVAL);
    CHECK_ERR("getoverrun of a deleted one", timer_getoverrun(timer), EINVAL);
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = 1000};
    CHECK_ERR("no such signal", timer_create(CLOCK_REALTIME, &event, &timer), EINVAL);
    event = (struct sigevent){.sigev_notify = 77};
    CHECK_ERR("no such way to notify", syscall(SYS_timer_create, CLOCK_REALTIME, &event, &timer), EINVAL);
    CHECK_ERR("no such clock", syscall(SYS_timer_create, 99, NULL, &timer), EINVAL);
    CHECK_ERR("a bad address", syscall(SYS_timer_create, CLOCK_REALTIME, NULL, (void *)8), EFAULT);
}

int main(void)
{
    expiry();
    overruns();
    ignored();
    inheritance();
    bad();
    DONE();
}
