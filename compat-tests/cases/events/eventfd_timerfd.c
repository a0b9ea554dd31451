// eventfd as counter and semaphore, timerfd with intervals and absolute times. eventfd(2), timerfd_create(2).

#include "../check.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

static int ready(int fd, int events)
{
    struct pollfd poll_fd = {.fd = fd, .events = events};
    NEED(poll(&poll_fd, 1, 0));
    return poll_fd.revents;
}

int main(void)
{
    uint64_t value;
    int fd = CHECK_OK("eventfd", eventfd(3, EFD_NONBLOCK | EFD_CLOEXEC));
    CHECK_EQ("FD_CLOEXEC", fcntl(fd, F_GETFD), FD_CLOEXEC);
    CHECK_EQ("read", read(fd, &value, 8), 8);
    CHECK_EQ("the first value", value, 3);
    CHECK_ERR("empty", read(fd, &value, 8), EAGAIN);
    CHECK_ERR("a short buffer", read(fd, &value, 4), EINVAL);
    value = 5;
    CHECK_EQ("write", write(fd, &value, 8), 8);
    value = 6;
    NEED(write(fd, &value, 8));
    CHECK_EQ("readable and writable", ready(fd, POLLIN | POLLOUT), POLLIN | POLLOUT);
    CHECK_EQ("sum", (read(fd, &value, 8), value), 11);
    CHECK_EQ("writable", ready(fd, POLLIN | POLLOUT), POLLOUT);
    value = -1;
    CHECK_ERR("the highest value is refused", write(fd, &value, 8), EINVAL);
    value = -2;
    CHECK_EQ("the one below is not", write(fd, &value, 8), 8);
    CHECK_EQ("full: not writable", ready(fd, POLLIN | POLLOUT), POLLIN);
    value = 1;
    CHECK_ERR("full", write(fd, &value, 8), EAGAIN);
    CHECK_ERR("short write", write(fd, &value, 7), EINVAL);
    int semaphore = NEED(eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK));
    CHECK_EQ("semaphore", (read(semaphore, &value, 8), value), 1);
    CHECK_EQ("again", read(semaphore, &value, 8), 8);
    CHECK_ERR("used up", read(semaphore, &value, 8), EAGAIN);
    CHECK_ERR("unknown flag", eventfd(0, 0x10), EINVAL);
    // Between processes, blocking.
    int up = NEED(eventfd(0, 0));
    pid_t pid = SPAWN({
        sleep_ms(20);
        value = 7;
        NEED(write(up, &value, 8));
    });
    CHECK_EQ("a read that waits", (NEED(read(up, &value, 8)), value), 7);
    reap(pid);

    int timer = CHECK_OK("timerfd_create", timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
    CHECK_ERR("not armed", read(timer, &value, 8), EAGAIN);
    struct itimerspec spec = {.it_value = {.tv_nsec = 20000000}, .it_interval = {.tv_nsec = 10000000}}, old;
    CHECK_OK("timerfd_settime", timerfd_settime(timer, 0, &spec, NULL));
    CHECK_EQ("not yet", ready(timer, POLLIN), 0);
    CHECK_OK("timerfd_gettime", timerfd_gettime(timer, &old));
    CHECK("what is left", old.it_value.tv_nsec > 0 && old.it_value.tv_nsec <= 20000000 && old.it_interval.tv_nsec == 10000000);
    struct pollfd poll_fd = {.fd = timer, .events = POLLIN};
    CHECK_EQ("poll waits for it", poll(&poll_fd, 1, 5000), 1);
    sleep_ms(45);
    CHECK_EQ("read", read(timer, &value, 8), 8);
    CHECK("expirations are counted", value >= 4);
    spec = (struct itimerspec){0};
    CHECK_OK("disarm", timerfd_settime(timer, 0, &spec, &old));
    CHECK_EQ("the old interval", old.it_interval.tv_nsec, 10000000);
    CHECK_ERR("no more", read(timer, &value, 8), EAGAIN);
    struct timespec now;
    NEED(clock_gettime(CLOCK_MONOTONIC, &now));
    spec.it_value = now;
    NEED(timerfd_settime(timer, TFD_TIMER_ABSTIME, &spec, NULL));
    CHECK_EQ("an absolute time in the past", poll(&poll_fd, 1, 1000), 1);
    CHECK_EQ("one expiration", (read(timer, &value, 8), value), 1);
    NEED(fcntl(timer, F_SETFL, 0));
    spec = (struct itimerspec){.it_value = {.tv_nsec = 15000000}};
    long before = now_ms();
    NEED(timerfd_settime(timer, 0, &spec, NULL));
    CHECK_EQ("a read that waits", read(timer, &value, 8), 8);
    CHECK("so long", now_ms() - before >= 14);
    CHECK_ERR("short buffer", read(timer, &value, 4), EINVAL);
    CHECK_ERR("write", write(timer, &value, 8), EINVAL);
    CHECK_ERR("unknown clock", timerfd_create(77, 0), EINVAL);
    CHECK_ERR("unknown flag", timerfd_create(CLOCK_MONOTONIC, 1), EINVAL);
    spec.it_value.tv_nsec = 1000000000;
    CHECK_ERR("bad time", timerfd_settime(timer, 0, &spec, NULL), EINVAL);
    CHECK_ERR("not a timer", timerfd_settime(fd, 0, &spec, NULL), EINVAL);
    // The description is shared with a child: one of them takes the expiration.
    spec = (struct itimerspec){.it_value = {.tv_nsec = 5000000}};
    NEED(timerfd_settime(timer, 0, &spec, NULL));
    IN_CHILD("inherited", CHECK_EQ("child: read", read(timer, &value, 8), 8));
    NEED(fcntl(timer, F_SETFL, O_NONBLOCK));
    CHECK_ERR("taken by the child", read(timer, &value, 8), EAGAIN);
    DONE();
}
