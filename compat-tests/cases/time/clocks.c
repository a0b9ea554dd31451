// Clocks and sleeping. POSIX clock_gettime(), nanosleep(), clock_nanosleep(); time(2), gettimeofday(2).
// build: dynamic, static, musl

#include "../check.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>

static long long ns(struct timespec t)
{
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static volatile sig_atomic_t calls;

static void on_alarm(int signo)
{
    calls++;
}

static void clock_runs(const char *name, clockid_t clock)
{
    struct timespec a, b, resolution;
    CHECK_OK(name, clock_gettime(clock, &a));
    bool backwards = false;
    for (int n = 0; n < 1000; n++) {
        NEED(clock_gettime(clock, &b));
        backwards |= ns(b) < ns(a);
        a = b;
    }
    CHECK("never goes back", !backwards);
    CHECK_OK("clock_getres", clock_getres(clock, &resolution));
    CHECK("a resolution", ns(resolution) > 0 && ns(resolution) <= 10000000);
    // The system call says the same as the vDSO.
    NEED(syscall(SYS_clock_gettime, clock, &b));
    CHECK("the call agrees", ns(b) >= ns(a) - 10000000 && ns(b) - ns(a) < 1000000000);
}

int main(void)
{
    clock_runs("CLOCK_REALTIME", CLOCK_REALTIME);
    clock_runs("CLOCK_MONOTONIC", CLOCK_MONOTONIC);
    clock_runs("CLOCK_MONOTONIC_RAW", CLOCK_MONOTONIC_RAW);
    clock_runs("CLOCK_REALTIME_COARSE", CLOCK_REALTIME_COARSE);
    clock_runs("CLOCK_MONOTONIC_COARSE", CLOCK_MONOTONIC_COARSE);
    clock_runs("CLOCK_BOOTTIME", CLOCK_BOOTTIME);
    clock_runs("CLOCK_PROCESS_CPUTIME_ID", CLOCK_PROCESS_CPUTIME_ID);
    clock_runs("CLOCK_THREAD_CPUTIME_ID", CLOCK_THREAD_CPUTIME_ID);
    struct timespec t, left;
    CHECK_ERR("unknown clock", syscall(SYS_clock_gettime, 99, &t), EINVAL);
    struct timeval tv;
    NEED(gettimeofday(&tv, NULL));
    NEED(clock_gettime(CLOCK_REALTIME, &t));
    CHECK("gettimeofday", t.tv_sec - tv.tv_sec <= 1);
    CHECK("time", t.tv_sec - time(NULL) <= 1);
    CHECK("this century", t.tv_sec > 1600000000 && t.tv_sec < 4000000000);
    CHECK("times", times(&(struct tms){0}) != -1);

    long long before, after;
    NEED(clock_gettime(CLOCK_MONOTONIC, &t));
    before = ns(t);
    struct timespec nap = {.tv_nsec = 30000000};
    CHECK_OK("nanosleep", nanosleep(&nap, NULL));
    NEED(clock_gettime(CLOCK_MONOTONIC, &t));
    after = ns(t);
    CHECK("not too short", after - before >= 30000000);
    CHECK("nor far too long", after - before < 2000000000);
    t.tv_nsec += 20000000;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    CHECK_RET("clock_nanosleep, absolute", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL), 0);
    struct timespec now;
    NEED(clock_gettime(CLOCK_MONOTONIC, &now));
    CHECK("until then", ns(now) >= ns(t));
    CHECK_RET("in the past", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &(struct timespec){.tv_sec = 1}, NULL), 0);
    CHECK_RET("by the real-time clock", clock_nanosleep(CLOCK_REALTIME, 0, &(struct timespec){.tv_nsec = 1000000}, NULL), 0);
    CHECK_RET("bad nanoseconds", clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){.tv_nsec = 1000000000}, NULL), EINVAL);
    CHECK_ERR("negative", nanosleep(&(struct timespec){.tv_sec = -1}, NULL), EINVAL);
    CHECK_ERR("bad pointer", syscall(SYS_nanosleep, (void *)8, NULL), EFAULT);
    CHECK_RET("own processor time", clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &nap, NULL), EINVAL);

    handle(SIGALRM, on_alarm, 0);
    struct itimerval soon = {.it_value = {.tv_usec = 20000}};
    NEED(setitimer(ITIMER_REAL, &soon, NULL));
    nap = (struct timespec){.tv_sec = 10};
    CHECK_ERR("interrupted", nanosleep(&nap, &left), EINTR);
    CHECK("what is left", left.tv_sec == 9 && left.tv_nsec > 0);
    NEED(setitimer(ITIMER_REAL, &soon, NULL));
    left.tv_sec = 77;
    NEED(clock_gettime(CLOCK_MONOTONIC, &t));
    t.tv_sec += 10;
    CHECK_RET("absolute, interrupted", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, &left), EINTR);
    CHECK_EQ("what is left is not written", left.tv_sec, 77);
    CHECK_EQ("both handlers ran", calls, 2);

    // Processor time runs while computing and stands while asleep.
    struct timespec cpu1, cpu2;
    NEED(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu1));
    sleep_ms(60);
    NEED(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu2));
    CHECK("asleep", ns(cpu2) - ns(cpu1) < 40000000);
    for (volatile long n = 0; n < 30000000; n++)
        ;
    NEED(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu1));
    CHECK("computing", ns(cpu1) - ns(cpu2) > 5000000);
    struct rusage usage;
    NEED(getrusage(RUSAGE_SELF, &usage));
    CHECK("getrusage", usage.ru_utime.tv_sec + usage.ru_utime.tv_usec > 0 && usage.ru_maxrss > 0);
    CHECK_ERR("getrusage: unknown", getrusage(99, &usage), EINVAL);
    IN_CHILD("in a child", {
        NEED(clock_gettime(CLOCK_MONOTONIC, &now));
        CHECK("child: one clock for all", ns(now) >= ns(t) - 10000000000LL);
        NEED(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu2));
        CHECK("child: its own processor time", ns(cpu2) < ns(cpu1));
    });
    clockid_t clock;
    CHECK_RET("clock_getcpuclockid", clock_getcpuclockid(getpid(), &clock), 0);
    CHECK_OK("its time", clock_gettime(clock, &cpu1));
    tzset();
    struct tm utc;
    time_t moment = 1000000000;
    gmtime_r(&moment, &utc);
    CHECK("gmtime", utc.tm_year == 101 && utc.tm_mon == 8 && utc.tm_mday == 9);
    DONE();
}
