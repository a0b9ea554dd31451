// eventfd as counter and semaphore, timerfd with intervals and absolute times. eventfd(2), timerfd_create(2).

#include "../check.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

static int ready(int fd, int events)
{
    struct pollfd poll_fd = {.fd = fd, .events = events};
    NEED(poll(&poll_fd, 1, 0));
    return poll_fd.revents;
}

// One timer, however many processes hold it: what one sets or reads the others see, after fork and by SCM_RIGHTS.
static void shared_timer(void)
{
    uint64_t value;
    struct itimerspec spec = {.it_value = {.tv_sec = 1000}, .it_interval = {.tv_sec = 7}}, seen;
    int timer = NEED(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
    NEED(timerfd_settime(timer, 0, &spec, NULL));
    IN_CHILD("setting in a child", {
        CHECK_OK("child: timerfd_gettime", timerfd_gettime(timer, &seen));
        CHECK_EQ("child: the parent's interval", seen.it_interval.tv_sec, 7);
        spec = (struct itimerspec){.it_value = {.tv_sec = 500}, .it_interval = {.tv_sec = 9}};
        NEED(timerfd_settime(timer, 0, &spec, NULL));
    });
    CHECK_OK("timerfd_gettime", timerfd_gettime(timer, &seen));
    CHECK("the child's setting", seen.it_interval.tv_sec == 9 && seen.it_value.tv_sec <= 500);

    // Whoever waits learns that another process set an earlier time.
    int epoll = NEED(epoll_create1(0));
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = 5};
    NEED(epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event));
    pid_t pid = SPAWN({
        sleep_ms(30);
        spec = (struct itimerspec){.it_value = {.tv_nsec = 1000000}};
        NEED(timerfd_settime(timer, 0, &spec, NULL));
    });
    event.data.u32 = 0;
    CHECK_EQ("epoll_wait", epoll_wait(epoll, &event, 1, 5000), 1);
    CHECK_EQ("of the timer", event.data.u32, 5);
    CHECK_EQ("one expiration", (NEED(read(timer, &value, 8)), value), 1);
    CHECK_EQ("none left", epoll_wait(epoll, &event, 1, 0), 0);
    reap(pid);
    pid = SPAWN({
        sleep_ms(30);
        NEED(timerfd_settime(timer, 0, &spec, NULL));
    });
    spec = (struct itimerspec){.it_value = {.tv_sec = 100}};
    NEED(timerfd_settime(timer, 0, &spec, NULL));
    NEED(fcntl(timer, F_SETFL, 0));
    spec = (struct itimerspec){.it_value = {.tv_nsec = 1000000}};
    reap(pid);
    pid = SPAWN({
        sleep_ms(30);
        NEED(timerfd_settime(timer, 0, &spec, NULL));
    });
    CHECK_EQ("a read that waits", read(timer, &value, 8), 8);
    reap(pid);

    int pair[2];
    NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    pid = SPAWN({
        int own = NEED(timerfd_create(CLOCK_REALTIME, 0));
        spec = (struct itimerspec){.it_value = {.tv_nsec = 1000000}, .it_interval = {.tv_sec = 3}};
        NEED(timerfd_settime(own, 0, &spec, NULL));
        char control[CMSG_SPACE(sizeof(int))] = "";
        struct iovec part = {"t", 1};
        struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        *header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
        memcpy(CMSG_DATA(header), &own, sizeof own);
        NEED(sendmsg(pair[0], &message, 0));
    });
    char control[CMSG_SPACE(sizeof(int))], byte;
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    CHECK_EQ("received", recvmsg(pair[1], &message, 0), 1);
    reap(pid);
    int passed;
    memcpy(&passed, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof passed);
    CHECK_EQ("it expires", (NEED(read(passed, &value, 8)), value), 1);
    CHECK_OK("timerfd_gettime", timerfd_gettime(passed, &seen));
    CHECK_EQ("the sender's interval", seen.it_interval.tv_sec, 3);
    char path[64], target[64] = "";
    snprintf(path, sizeof path, "/proc/self/fd/%d", passed);
    NEED(readlink(path, target, sizeof target - 1));
    CHECK_STR("its name", target, "anon_inode:[timerfd]");

    // exec keeps it: the program set here expires in the next one.
    spec = (struct itimerspec){.it_value = {.tv_nsec = 1000000}};
    NEED(timerfd_settime(passed, 0, &spec, NULL));
    NEED(dup2(passed, 7));
    CHECK_EQ("over exec", reap(SPAWN(execl("/bin/sh", "sh", "-c", "head -c 8 <&7 >/dev/null", NULL))), 0);
    CHECK_OK("set non-blocking", fcntl(passed, F_SETFL, O_NONBLOCK));
    CHECK_ERR("taken there", read(passed, &value, 8), EAGAIN);
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
    shared_timer();
    DONE();
}
