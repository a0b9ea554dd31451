// The vfork child borrows the parent's memory, and the parent waits until it execs or exits. vfork(2).

#include "../check.h"

static volatile int value;

int main(void)
{
    pid_t self = getpid();
    volatile pid_t child_ppid = 0;
    pid_t pid = NEED(vfork());
    if (pid == 0) {
        value = 5;
        child_ppid = getppid();
        _exit(12);
    }
    CHECK_EQ("the child's write is ours", value, 5);
    CHECK_EQ("the child had its own parent", child_ppid, self);
    CHECK_EQ("status", reap(pid), 12);

    // The parent goes on only after the child's exec or exit.
    long before = now_ms();
    pid = NEED(vfork());
    if (pid == 0) {
        struct timespec pause = {.tv_nsec = 50000000};
        nanosleep(&pause, NULL);
        _exit(0);
    }
    CHECK("the parent was held up", now_ms() - before >= 50);
    CHECK_EQ("reaped", reap(pid), 0);

    // Descriptors, unlike memory, are the child's own.
    int fd = NEED(open("file", O_RDWR | O_CREAT, 0644));
    pid = NEED(vfork());
    if (pid == 0) {
        close(fd);
        _exit(0);
    }
    CHECK_EQ("closed in the child", reap(pid), 0);
    CHECK_OK("open here", fcntl(fd, F_GETFD));

    // exec failure leaves the child able to report.
    volatile int error = 0;
    pid = NEED(vfork());
    if (pid == 0) {
        execl("./none", "none", NULL);
        error = errno;
        _exit(127);
    }
    CHECK_EQ("exec's errno, seen by the parent", error, ENOENT);
    CHECK_EQ("status 127", reap(pid), 127);

    // exec: the parent's memory is left alone.
    volatile char big[4096];
    memset((void *)big, 3, sizeof big);
    pid = NEED(vfork());
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", "exit 21", NULL);
        _exit(127);
    }
    CHECK_EQ("status of the program", reap(pid), 21);
    CHECK_EQ("memory is kept", big[100] + big[4095], 6);

    int wrong = 0;
    for (int n = 0; n < 30; n++) {
        pid = NEED(vfork());
        if (pid == 0)
            _exit(n);
        wrong += reap(pid) != n;
    }
    CHECK_EQ("thirty in turn", wrong, 0);
    // A child that dies by a signal also lets the parent go on.
    pid = NEED(vfork());
    if (pid == 0) {
        kill(getpid(), SIGKILL);
        _exit(0);
    }
    CHECK_EQ("killed child", reap(pid), 128 + SIGKILL);
    DONE();
}
