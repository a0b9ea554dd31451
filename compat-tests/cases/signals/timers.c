// alarm, setitimer and timer_create: when they fire, what they carry, overruns. POSIX alarm(), setitimer(),
// timer_create(), timer_settime(), timer_getoverrun().

#include "../check.h"

#include <sys/time.h>

static volatile sig_atomic_t calls, code, value;

static void on_timer(int signo, siginfo_t *info, void *context)
{
    calls++;
    code = info->si_code;
    value = info->si_value.sival_int;
}

static volatile sig_atomic_t notified;

static void notify(union sigval given)
{
    notified = given.sival_int;
}

static void until(int wanted)
{
    for (int n = 0; calls < wanted && n < 3000; n++)
        sleep_ms(1);
}

int main(void)
{
    handle_info(SIGALRM, on_timer, 0);
    CHECK_EQ("alarm: none before", alarm(10), 0);
    CHECK("alarm: what was left", (int)alarm(1) >= 9);
    long before = now_ms();
    CHECK_ERR("pause", pause(), EINTR);
    CHECK("after a second", now_ms() - before >= 990);
    CHECK_EQ("code of an alarm", code, SI_KERNEL);
    CHECK_EQ("alarm: gone", alarm(0), 0);

    calls = 0;
    struct itimerval interval = {.it_value = {.tv_usec = 10000}, .it_interval = {.tv_usec = 10000}}, old;
    CHECK_OK("setitimer", setitimer(ITIMER_REAL, &interval, NULL));
    until(5);
    CHECK("fires again and again", calls >= 5);
    CHECK_OK("getitimer", getitimer(ITIMER_REAL, &old));
    CHECK_EQ("its interval", old.it_interval.tv_usec, 10000);
    interval = (struct itimerval){0};
    CHECK_OK("stopped", setitimer(ITIMER_REAL, &interval, &old));
    CHECK_EQ("the old one", old.it_interval.tv_usec, 10000);
    calls = 0;
    sleep_ms(40);
    CHECK_EQ("no more", calls, 0);
    interval.it_value.tv_usec = 1000000;
    CHECK_ERR("bad microseconds", setitimer(ITIMER_REAL, &interval, NULL), EINVAL);
    CHECK_ERR("unknown timer", getitimer(9, &old), EINVAL);

    handle_info(SIGVTALRM, on_timer, 0);
    calls = 0;
    interval = (struct itimerval){.it_value = {.tv_usec = 20000}};
    NEED(setitimer(ITIMER_VIRTUAL, &interval, NULL));
    sleep_ms(60);
    CHECK_EQ("ITIMER_VIRTUAL stands while asleep", calls, 0);
    for (long end = now_ms() + 5000; calls == 0 && now_ms() < end;)
        for (volatile int n = 0; n < 10000; n++)
            ;
    CHECK_EQ("and runs while computing", calls, 1);

    handle_info(SIGUSR1, on_timer, 0);
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 77};
    CHECK_OK("timer_create", timer_create(CLOCK_MONOTONIC, &event, &timer));
    calls = 0;
    struct itimerspec spec = {.it_value = {.tv_nsec = 10000000}}, left;
    NEED(timer_settime(timer, 0, &spec, NULL));
    until(1);
    CHECK_EQ("SI_TIMER", code, SI_TIMER);
    CHECK_EQ("its value", value, 77);
    NEED(timer_gettime(timer, &left));
    CHECK("disarmed after one shot", left.it_value.tv_sec == 0 && left.it_value.tv_nsec == 0);
    // Overruns while the signal is blocked: one signal, the others counted.
    block(SIGUSR1);
    spec.it_interval.tv_nsec = 5000000;
    NEED(timer_settime(timer, 0, &spec, NULL));
    sleep_ms(60);
    spec = (struct itimerspec){0};
    calls = 0;
    unblock(SIGUSR1);
    int overrun = NEED(timer_getoverrun(timer));
    NEED(timer_settime(timer, 0, &spec, NULL));
    CHECK("overruns", overrun >= 5);
    CHECK("few signals", calls >= 1 && calls <= 2);
    // Absolute time.
    struct timespec now;
    NEED(clock_gettime(CLOCK_MONOTONIC, &now));
    spec.it_value = (struct timespec){.tv_sec = now.tv_sec, .tv_nsec = now.tv_nsec};
    calls = 0;
    NEED(timer_settime(timer, TIMER_ABSTIME, &spec, NULL));
    until(1);
    CHECK_EQ("an absolute time in the past fires at once", calls, 1);
    CHECK_OK("timer_delete", timer_delete(timer));
    CHECK_ERR("gone", timer_delete(timer), EINVAL);
    event.sigev_signo = 65;
    CHECK_ERR("bad signal", timer_create(CLOCK_MONOTONIC, &event, &timer), EINVAL);
    CHECK_ERR("bad clock", timer_create(99, NULL, &timer), EINVAL);

    event = (struct sigevent){.sigev_notify = SIGEV_THREAD, .sigev_notify_function = notify, .sigev_value.sival_int = 5};
    CHECK_OK("SIGEV_THREAD", timer_create(CLOCK_REALTIME, &event, &timer));
    spec = (struct itimerspec){.it_value = {.tv_nsec = 5000000}};
    NEED(timer_settime(timer, 0, &spec, NULL));
    for (int n = 0; !notified && n < 2000; n++)
        sleep_ms(1);
    CHECK_EQ("a thread was notified", notified, 5);
    NEED(timer_delete(timer));
    event = (struct sigevent){.sigev_notify = SIGEV_NONE};
    CHECK_OK("SIGEV_NONE", timer_create(CLOCK_MONOTONIC, &event, &timer));
    spec = (struct itimerspec){.it_value = {.tv_sec = 100}};
    NEED(timer_settime(timer, 0, &spec, NULL));
    NEED(timer_gettime(timer, &left));
    CHECK("it counts down", left.it_value.tv_sec >= 98);
    DONE();
}
