// poll, ppoll, select and pselect: what they report, time limits, masks. POSIX poll(), select(), pselect(); ppoll(2).

#include "../check.h"

#include <poll.h>
#include <sys/select.h>
#include <sys/socket.h>

static volatile sig_atomic_t calls;

static void count(int signo)
{
    calls++;
}

int main(void)
{
    int fd[2], other[2], pair[2];
    NEED(pipe(fd));
    NEED(pipe(other));
    NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    struct pollfd fds[5] = {{.fd = fd[0], .events = POLLIN}, {.fd = fd[1], .events = POLLOUT | POLLIN}, {.fd = -1, .events = POLLIN},
                            {.fd = 99, .events = POLLIN}, {.fd = pair[0], .events = POLLIN | POLLOUT}};
    CHECK_EQ("poll", poll(fds, 5, 0), 3);
    CHECK_EQ("empty pipe", fds[0].revents, 0);
    CHECK_EQ("pipe with room", fds[1].revents, POLLOUT);
    CHECK_EQ("negative: left out", fds[2].revents, 0);
    CHECK_EQ("closed: POLLNVAL", fds[3].revents, POLLNVAL);
    CHECK_EQ("socket", fds[4].revents, POLLOUT);
    NEED(write(fd[1], "x", 1));
    CHECK_EQ("bytes", (poll(fds, 1, 0), fds[0].revents), POLLIN);
    NEED(close(fd[1]));
    CHECK_EQ("bytes and no writer", (poll(fds, 1, 0), fds[0].revents), POLLIN | POLLHUP);
    NEED(close(other[0]));
    struct pollfd broken = {.fd = other[1], .events = POLLOUT};
    CHECK_EQ("no reader", (poll(&broken, 1, 0), broken.revents), POLLOUT | POLLERR);
    int file = NEED(open("file", O_RDWR | O_CREAT, 0600));
    struct pollfd regular = {.fd = file, .events = POLLIN | POLLOUT | POLLPRI};
    CHECK_EQ("a file is always ready", (poll(&regular, 1, 0), regular.revents), POLLIN | POLLOUT);
    struct pollfd quiet = {.fd = pair[1], .events = POLLIN};
    long before = now_ms();
    CHECK_EQ("time is up", poll(&quiet, 1, 20), 0);
    CHECK("after that time", now_ms() - before >= 19);
    CHECK_EQ("no descriptors: a nap", poll(NULL, 0, 10), 0);
    CHECK_ERR("bad pointer", poll((void *)8, 1, 0), EFAULT);
    pid_t pid = SPAWN({
        sleep_ms(20);
        tell(pair[0]);
    });
    CHECK_EQ("woken by a child", poll(&quiet, 1, 5000), 1);
    reap(pid);
    NEED(close(pair[0]));
    CHECK("a closed peer", (poll(&quiet, 1, 0), quiet.revents & (POLLIN | POLLHUP)) == (POLLIN | POLLHUP));

    handle(SIGUSR1, count, 0);
    block(SIGUSR1);
    raise(SIGUSR1);
    sigset_t none = set_of(0);
    struct timespec limit = {.tv_sec = 2};
    NEED(pipe(fd));
    struct pollfd silent = {.fd = fd[0], .events = POLLIN};
    CHECK_ERR("ppoll lets a pending signal in", ppoll(&silent, 1, &limit, &none), EINTR);
    CHECK_EQ("its handler ran", calls, 1);
    sigset_t now;
    NEED(sigprocmask(SIG_SETMASK, NULL, &now));
    CHECK("the mask is put back", sigismember(&now, SIGUSR1));
    limit = (struct timespec){.tv_nsec = 10000000};
    CHECK_EQ("ppoll: time is up", ppoll(&silent, 1, &limit, &none), 0);
    limit.tv_nsec = 1000000000;
    CHECK_ERR("ppoll: bad time", ppoll(&silent, 1, &limit, &none), EINVAL);

    fd_set in, out, except;
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_ZERO(&except);
    FD_SET(fd[0], &in);
    FD_SET(fd[1], &out);
    FD_SET(fd[0], &except);
    struct timeval zero = {0};
    CHECK_EQ("select", select(fd[1] + 1, &in, &out, &except, &zero), 1);
    CHECK("its sets", !FD_ISSET(fd[0], &in) && FD_ISSET(fd[1], &out) && !FD_ISSET(fd[0], &except));
    NEED(write(fd[1], "x", 1));
    FD_SET(fd[0], &in);
    CHECK_EQ("both", select(fd[1] + 1, &in, &out, NULL, NULL), 2);
    FD_ZERO(&in);
    FD_SET(fd[0], &in);
    char byte;
    NEED(read(fd[0], &byte, 1));
    struct timeval brief = {.tv_usec = 20000};
    before = now_ms();
    CHECK_EQ("time is up", select(fd[0] + 1, &in, NULL, NULL, &brief), 0);
    CHECK("after that time", now_ms() - before >= 19);
    CHECK("the set is empty", !FD_ISSET(fd[0], &in));
    CHECK("what is left of the time", brief.tv_sec == 0 && brief.tv_usec == 0);
    int closed;
    NEED(closed = dup(fd[0]));
    NEED(close(closed));
    FD_SET(closed, &in);
    CHECK_ERR("a closed descriptor", select(closed + 1, &in, NULL, NULL, &zero), EBADF);
    CHECK_ERR("a negative count", select(-1, NULL, NULL, NULL, &zero), EINVAL);
    brief.tv_sec = -1;
    CHECK_ERR("a negative time", select(0, NULL, NULL, NULL, &brief), EINVAL);
    FD_ZERO(&in);
    FD_SET(fd[0], &in);
    raise(SIGUSR1);
    limit = (struct timespec){.tv_sec = 2};
    CHECK_ERR("pselect lets a pending signal in", pselect(fd[0] + 1, &in, NULL, NULL, &limit, &none), EINTR);
    CHECK_EQ("its handler ran", calls, 2);
    CHECK_EQ("pselect does not change the time", limit.tv_sec, 2);
    DONE();
}
