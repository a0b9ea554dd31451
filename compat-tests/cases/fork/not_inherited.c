// What a child does not inherit: pending signals, alarms and timers, record locks, times used. fork(2); POSIX fork().

#include "../check.h"

#include <sys/file.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>

int main(void)
{
    block(SIGUSR1);
    NEED(raise(SIGUSR1));
    CHECK("pending here", is_pending(SIGUSR1));
    IN_CHILD("pending signals", CHECK("child: nothing pending", !is_pending(SIGUSR1)));
    CHECK("still pending here", is_pending(SIGUSR1));
    NEED(kill(getpid(), 0));

    // An alarm stays with the parent and goes off there.
    block(SIGALRM);
    CHECK_EQ("alarm", alarm(100), 0);
    IN_CHILD("alarm", CHECK_EQ("child: no alarm", alarm(0), 0));
    CHECK("alarm is kept here", alarm(0) > 90);

    struct itimerval timer = {.it_value = {.tv_sec = 100}, .it_interval = {.tv_sec = 7}}, old;
    NEED(setitimer(ITIMER_REAL, &timer, NULL));
    NEED(setitimer(ITIMER_PROF, &timer, NULL));
    IN_CHILD("interval timers", {
        for (int which = ITIMER_REAL; which <= ITIMER_PROF; which++) {
            NEED(getitimer(which, &old));
            CHECK("child: disarmed", old.it_value.tv_sec == 0 && old.it_value.tv_usec == 0);
            CHECK("child: no interval", old.it_interval.tv_sec == 0);
        }
    });
    NEED(getitimer(ITIMER_REAL, &old));
    CHECK("interval timer is kept here", old.it_value.tv_sec > 90 && old.it_interval.tv_sec == 7);
    timer = (struct itimerval){0};
    NEED(setitimer(ITIMER_REAL, &timer, NULL));
    NEED(setitimer(ITIMER_PROF, &timer, NULL));

    timer_t posix_timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
    NEED(timer_create(CLOCK_MONOTONIC, &event, &posix_timer));
    IN_CHILD("POSIX timers", {
        struct itimerspec value;
        CHECK_ERR("child: timer_gettime", timer_gettime(posix_timer, &value), EINVAL);
    });
    struct itimerspec value;
    CHECK_OK("timer_gettime here", timer_gettime(posix_timer, &value));
    NEED(timer_delete(posix_timer));

    // Record locks belong to the process, flock to the description.
    int fd = NEED(open("lock", O_RDWR | O_CREAT, 0644));
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 10};
    NEED(fcntl(fd, F_SETLK, &lock));
    pid_t parent = getpid();
    IN_CHILD("record locks", {
        struct flock seen = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
        NEED(fcntl(fd, F_GETLK, &seen));
        CHECK_EQ("child: locked by another", seen.l_type, F_WRLCK);
        CHECK_EQ("child: by its parent", seen.l_pid, parent);
        CHECK_ERR("child: F_SETLK", fcntl(fd, F_SETLK, &lock), EAGAIN);
        // Closing any descriptor of the file drops this process's locks only.
        NEED(close(fd));
    });
    IN_CHILD("the parent's lock outlives the child's close", {
        struct flock seen = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_len = 1};
        NEED(fcntl(fd, F_GETLK, &seen));
        CHECK_EQ("child: still locked", seen.l_type, F_WRLCK);
    });
    int flocked = NEED(open("flock", O_RDWR | O_CREAT, 0644));
    NEED(flock(flocked, LOCK_EX));
    IN_CHILD("flock", {
        CHECK_OK("child: holds it through the inherited description", flock(flocked, LOCK_EX | LOCK_NB));
        int own = NEED(open("flock", O_RDWR));
        CHECK_ERR("child: not through its own", flock(own, LOCK_EX | LOCK_NB), EAGAIN);
    });
    int own = NEED(open("flock", O_RDWR));
    CHECK_ERR("the child's exit releases nothing", flock(own, LOCK_EX | LOCK_NB), EAGAIN);
    IN_CHILD("flock released by a child", NEED(flock(flocked, LOCK_UN)));
    CHECK_OK("is released for all", flock(own, LOCK_EX | LOCK_NB));

    IN_CHILD("times used", {
        struct rusage usage;
        struct tms times_now;
        NEED(getrusage(RUSAGE_CHILDREN, &usage));
        CHECK("child: no children's time", usage.ru_utime.tv_sec == 0 && usage.ru_utime.tv_usec == 0);
        NEED(times(&times_now));
        CHECK("child: tms_cutime", times_now.tms_cutime == 0 && times_now.tms_cstime == 0);
    });
    IN_CHILD("children of the parent", CHECK_ERR("child: has none", wait(NULL), ECHILD));
    DONE();
}
