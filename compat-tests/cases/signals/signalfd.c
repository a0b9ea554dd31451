// signalfd reads the caller's pending signals. signalfd(2).

#include "../check.h"

#include <poll.h>
#include <sys/signalfd.h>

int main(void)
{
    sigset_t set = set_of(SIGUSR1);
    sigaddset(&set, SIGRTMIN);
    sigaddset(&set, SIGCHLD);
    NEED(sigprocmask(SIG_BLOCK, &set, NULL));
    int fd = CHECK_OK("signalfd", signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
    CHECK_EQ("FD_CLOEXEC", fcntl(fd, F_GETFD), FD_CLOEXEC);
    struct signalfd_siginfo info[4];
    CHECK_ERR("nothing pending", read(fd, info, sizeof info), EAGAIN);
    CHECK_ERR("a buffer that is too small", read(fd, info, 100), EINVAL);
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    CHECK_EQ("poll: not ready", poll(&poll_fd, 1, 0), 0);
    raise(SIGUSR1);
    NEED(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 42}));
    NEED(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 43}));
    CHECK_EQ("poll: ready", poll(&poll_fd, 1, 0), 1);
    CHECK_EQ("three at once", read(fd, info, sizeof info), 3 * sizeof *info);
    CHECK_EQ("first", info[0].ssi_signo, SIGUSR1);
    CHECK_EQ("its sender", info[0].ssi_pid, getpid());
    CHECK_EQ("second", info[1].ssi_signo, SIGRTMIN);
    CHECK_EQ("its value", info[1].ssi_int, 42);
    CHECK_EQ("its code", info[1].ssi_code, SI_QUEUE);
    CHECK_EQ("third", info[2].ssi_int, 43);
    CHECK("taken", !is_pending(SIGUSR1) && !is_pending(SIGRTMIN));
    pid_t pid = SPAWN(_exit(9));
    CHECK_EQ("poll waits for a child's end", poll(&poll_fd, 1, 5000), 1);
    CHECK_EQ("read", read(fd, info, sizeof info), sizeof *info);
    CHECK_EQ("SIGCHLD", info[0].ssi_signo, SIGCHLD);
    CHECK("of the child", info[0].ssi_pid == (uint32_t)pid && info[0].ssi_status == 9 && info[0].ssi_code == CLD_EXITED);
    reap(pid);
    // Another set for the same descriptor.
    set = set_of(SIGUSR2);
    block(SIGUSR2);
    CHECK_EQ("changed in place", signalfd(fd, &set, 0), fd);
    raise(SIGUSR1);
    CHECK_ERR("SIGUSR1 is no longer its own", read(fd, info, sizeof info), EAGAIN);
    raise(SIGUSR2);
    CHECK_EQ("SIGUSR2 is", read(fd, info, sizeof info), sizeof *info);
    // In a child it reads the child's signals.
    raise(SIGUSR2);
    IN_CHILD("inherited", {
        CHECK_ERR("child: the parent's signal is not its own", read(fd, info, sizeof info), EAGAIN);
        raise(SIGUSR2);
        CHECK_EQ("child: its own is", read(fd, info, sizeof info), sizeof *info);
    });
    CHECK_EQ("the parent's is still there", read(fd, info, sizeof info), sizeof *info);
    // Blocking read.
    NEED(fcntl(fd, F_SETFL, 0));
    pid_t self = getpid();
    pid = SPAWN({
        sleep_ms(20);
        kill(self, SIGUSR2);
    });
    CHECK_EQ("a read that waits", read(fd, info, sizeof info), sizeof *info);
    CHECK_EQ("from the child", info[0].ssi_pid, pid);
    reap(pid);
    CHECK_ERR("bad flags", signalfd(-1, &set, 0x1234), EINVAL);
    CHECK_ERR("bad descriptor", signalfd(99, &set, 0), EBADF);
    CHECK_ERR("not a signalfd", signalfd(1, &set, 0), EINVAL);
    DONE();
}
