// Bad arguments: each call of a family answers EBADF for a closed descriptor, EFAULT for a pointer to nothing, EINVAL for
// values that mean nothing, and harms nothing. The "ERRORS" sections of the manual's pages.

#include "../check.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/uio.h>
#include <sys/utsname.h>

#define BAD ((void *)8)
#define KERNEL ((void *)0xffff800000000000)
#define CALL(...) syscall(__VA_ARGS__)

int main(void)
{
    // Closed descriptors.
    const int closed = 99;
    char byte;
    struct stat st;
    struct statfs fs;
    CHECK_ERR("read", read(closed, &byte, 1), EBADF);
    CHECK_ERR("write", write(closed, &byte, 1), EBADF);
    CHECK_ERR("pread", pread(closed, &byte, 1, 0), EBADF);
    CHECK_ERR("pwrite", pwrite(closed, &byte, 1, 0), EBADF);
    CHECK_ERR("readv", readv(closed, &(struct iovec){&byte, 1}, 1), EBADF);
    CHECK_ERR("writev", writev(closed, &(struct iovec){&byte, 1}, 1), EBADF);
    CHECK_ERR("close", close(closed), EBADF);
    CHECK_ERR("close of -1", close(-1), EBADF);
    CHECK_ERR("fstat", CALL(SYS_fstat, closed, &st), EBADF);
    CHECK_ERR("fstatfs", fstatfs(closed, &fs), EBADF);
    CHECK_ERR("lseek", lseek(closed, 0, SEEK_SET), EBADF);
    CHECK_ERR("ftruncate", ftruncate(closed, 0), EBADF);
    CHECK_ERR("fsync", fsync(closed), EBADF);
    CHECK_ERR("fdatasync", fdatasync(closed), EBADF);
    CHECK_ERR("fchmod", fchmod(closed, 0600), EBADF);
    CHECK_ERR("fchown", fchown(closed, 0, 0), EBADF);
    CHECK_ERR("fchdir", fchdir(closed), EBADF);
    CHECK_ERR("dup", dup(closed), EBADF);
    CHECK_ERR("fcntl", fcntl(closed, F_GETFL), EBADF);
    CHECK_ERR("ioctl", ioctl(closed, FIONREAD, &byte), EBADF);
    CHECK_ERR("getdents64", CALL(SYS_getdents64, closed, &byte, 1), EBADF);
    CHECK_ERR("openat", openat(closed, "x", O_RDONLY), EBADF);
    CHECK_ERR("mkdirat", mkdirat(closed, "x", 0700), EBADF);
    CHECK_ERR("unlinkat", unlinkat(closed, "x", 0), EBADF);
    CHECK_ERR("renameat", renameat(closed, "x", closed, "y"), EBADF);
    CHECK_ERR("linkat", linkat(closed, "x", closed, "y", 0), EBADF);
    CHECK_ERR("symlinkat", symlinkat("x", closed, "y"), EBADF);
    CHECK_ERR("readlinkat", readlinkat(closed, "x", &byte, 1), EBADF);
    CHECK_ERR("fchmodat", fchmodat(closed, "x", 0600, 0), EBADF);
    CHECK_ERR("fchownat", fchownat(closed, "x", 0, 0, 0), EBADF);
    CHECK_ERR("faccessat", faccessat(closed, "x", F_OK, 0), EBADF);
    CHECK_ERR("futimens", futimens(closed, NULL), EBADF);
    CHECK_ERR("flock", CALL(SYS_flock, closed, 1), EBADF);
    CHECK_ERR("fallocate", fallocate(closed, 0, 0, 1), EBADF);
    CHECK_ERR("mmap", (long)mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, closed, 0), EBADF);
    CHECK_ERR("sendfile", CALL(SYS_sendfile, closed, closed, NULL, 1), EBADF);
    CHECK_ERR("bind", bind(closed, BAD, 16), EBADF);
    CHECK_ERR("listen", listen(closed, 1), EBADF);
    CHECK_ERR("accept", accept(closed, NULL, NULL), EBADF);
    CHECK_ERR("connect", connect(closed, (void *)&st, 16), EBADF);
    CHECK_ERR("send", send(closed, &byte, 1, 0), EBADF);
    CHECK_ERR("recv", recv(closed, &byte, 1, 0), EBADF);
    CHECK_ERR("shutdown", shutdown(closed, SHUT_RD), EBADF);
    CHECK_ERR("getsockname", getsockname(closed, (void *)&st, &(socklen_t){16}), EBADF);
    CHECK_ERR("setsockopt", setsockopt(closed, SOL_SOCKET, SO_KEEPALIVE, &(int){1}, 4), EBADF);
    CHECK_ERR("epoll_ctl", epoll_ctl(closed, EPOLL_CTL_ADD, 0, &(struct epoll_event){0}), EBADF);
    CHECK_ERR("epoll_wait", epoll_wait(closed, (void *)&st, 1, 0), EBADF);
    CHECK_ERR("timerfd_settime", CALL(SYS_timerfd_settime, closed, 0, &st, NULL), EBADF);

    // Pointers to nothing.
    void *const pointers[] = {BAD, KERNEL, (void *)-1};
    int null = NEED(open("/dev/zero", O_RDWR)), file = NEED(open("file", O_RDWR | O_CREAT, 0644)), pipes[2];
    NEED(write(file, "0123456789", 10));
    NEED(pipe(pipes));
    NEED(write(pipes[1], "x", 1));
    for (int n = 0; n < 3; n++) {
        void *bad = pointers[n];
        say("pointer %d", n);
        CHECK_ERR("open", CALL(SYS_open, bad, O_RDONLY), EFAULT);
        CHECK_ERR("read of a file", CALL(SYS_pread64, file, bad, 4, 0), EFAULT);
        CHECK_ERR("read of /dev/zero", CALL(SYS_read, null, bad, 4), EFAULT);
        CHECK_ERR("read of a pipe", CALL(SYS_read, pipes[0], bad, 1), EFAULT);
        CHECK_ERR("write to a file", CALL(SYS_write, file, bad, 4), EFAULT);
        CHECK_ERR("write to a pipe", CALL(SYS_write, pipes[1], bad, 4), EFAULT);
        CHECK_ERR("stat: path", CALL(SYS_stat, bad, &st), EFAULT);
        CHECK_ERR("stat: buffer", CALL(SYS_stat, "file", bad), EFAULT);
        CHECK_ERR("fstat", CALL(SYS_fstat, file, bad), EFAULT);
        CHECK_ERR("statx", CALL(SYS_statx, AT_FDCWD, "file", 0, 0x7ff, bad), EFAULT);
        CHECK_ERR("access", CALL(SYS_access, bad, F_OK), EFAULT);
        CHECK_ERR("mkdir", CALL(SYS_mkdir, bad, 0700), EFAULT);
        CHECK_ERR("unlink", CALL(SYS_unlink, bad), EFAULT);
        CHECK_ERR("rename", CALL(SYS_rename, "file", bad), EFAULT);
        CHECK_ERR("readlink", CALL(SYS_readlink, bad, &byte, 1), EFAULT);
        CHECK_ERR("getcwd", CALL(SYS_getcwd, bad, 4096), EFAULT);
        CHECK_ERR("chdir", CALL(SYS_chdir, bad), EFAULT);
        CHECK_ERR("pipe", CALL(SYS_pipe, bad), EFAULT);
        CHECK_ERR("readv", CALL(SYS_readv, file, bad, 1), EFAULT);
        CHECK_ERR("poll", CALL(SYS_poll, bad, 1, 0), EFAULT);
        CHECK_ERR("select", CALL(SYS_select, 5, bad, NULL, NULL, NULL), EFAULT);
        CHECK_ERR("uname", CALL(SYS_uname, bad), EFAULT);
        CHECK_ERR("getrlimit", CALL(SYS_getrlimit, RLIMIT_NOFILE, bad), EFAULT);
        CHECK_ERR("getrusage", CALL(SYS_getrusage, RUSAGE_SELF, bad), EFAULT);
        CHECK_ERR("times", CALL(SYS_times, bad), EFAULT);
        CHECK_ERR("clock_gettime", CALL(SYS_clock_gettime, CLOCK_MONOTONIC, bad), EFAULT);
        CHECK_ERR("nanosleep", CALL(SYS_nanosleep, bad, NULL), EFAULT);
        CHECK_ERR("rt_sigaction", CALL(SYS_rt_sigaction, SIGUSR1, bad, NULL, 8), EFAULT);
        CHECK_ERR("rt_sigprocmask", CALL(SYS_rt_sigprocmask, SIG_BLOCK, bad, NULL, 8), EFAULT);
        CHECK_ERR("sigaltstack", CALL(SYS_sigaltstack, bad, NULL), EFAULT);
        CHECK_ERR("rt_sigpending", CALL(SYS_rt_sigpending, bad, 8), EFAULT);
        CHECK_ERR("futex", CALL(SYS_futex, (uintptr_t)bad & ~3UL, 0, 0, NULL, NULL, 0), EFAULT);
        CHECK_ERR("socketpair", CALL(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, bad), EFAULT);
        CHECK_ERR("getrandom", CALL(SYS_getrandom, bad, 8, 0), EFAULT);
        CHECK_ERR("getgroups", getgroups(0, NULL) > 0 ? CALL(SYS_getgroups, 100, bad) : (errno = EFAULT, -1), EFAULT);
        CHECK_ERR("memfd_create", CALL(SYS_memfd_create, bad, 0), EFAULT);
        CHECK_ERR("fcntl F_GETLK", CALL(SYS_fcntl, file, F_GETLK, bad), EFAULT);
        CHECK_ERR("ioctl FIONREAD", CALL(SYS_ioctl, pipes[0], FIONREAD, bad), EFAULT);
        CHECK_ERR("sysinfo", CALL(SYS_sysinfo, bad), EFAULT);
        CHECK_ERR("sched_getaffinity", CALL(SYS_sched_getaffinity, 0, 128, bad), EFAULT);
    }
    // A buffer that begins well and ends in a hole: what fits is done.
    char *two = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    NEED(munmap(two + 4096, 4096));
    strcpy(two + 4092, "abc");
    CHECK_ERR("a path that runs into a hole", (two[4095] = 'd', open(two + 4092, O_RDONLY)), EFAULT);
    CHECK_EQ("a path that ends before it", (two[4095] = 0, access(two + 4092, F_OK)), -1);
    CHECK_EQ("a path that ends before it: errno", errno, ENOENT);
    CHECK_EQ("read into the last bytes", pread(file, two + 4090, 6, 0), 6);
    long got = pread(file, two + 4092, 10, 0);
    CHECK("read across the edge: four bytes or EFAULT", got == 4 || (got == -1 && errno == EFAULT));

    // Values without meaning.
    CHECK_ERR("fcntl: command", fcntl(file, 0x7777), EINVAL);
    CHECK_ERR("ioctl: request", ioctl(file, 0x7777), ENOTTY);
    CHECK_ERR("lseek: whence", lseek(file, 0, 77), EINVAL);
    CHECK_ERR("umask has no errors, socket has", socket(AF_UNIX, 77, 0), EINVAL);
    CHECK_ERR("wait4: options", CALL(SYS_wait4, -1, NULL, 0x800, NULL), EINVAL);
    CHECK_ERR("kill: signal", kill(0, 200), EINVAL);
    CHECK_ERR("setitimer", CALL(SYS_setitimer, 77, NULL, NULL), EINVAL);
    CHECK_ERR("mprotect: protection", mprotect(two, 4096, 0x7f00), EINVAL);
    CHECK_ERR("dup3: flags", dup3(file, 50, 0x7777), EINVAL);
    CHECK_ERR("pipe2: flags", pipe2(pipes, 0x7777), EINVAL);
    CHECK_ERR("eventfd2: flags", CALL(SYS_eventfd2, 0, 0x7777), EINVAL);
    CHECK_ERR("epoll_create1: flags", epoll_create1(0x7777), EINVAL);
    CHECK_ERR("accept4: flags", accept4(file, NULL, NULL, 0x7777), EINVAL);
    CHECK_ERR("read: a length beyond all", read(null, two, -1), EFAULT);
    CHECK_ERR("poll: too many", poll(NULL, 1u << 30, 0), EINVAL);
    CHECK_ERR("no such call", CALL(5000), ENOSYS);
    CHECK_ERR("no such call, far", CALL(0x7fffffff), ENOSYS);
    CHECK_ERR("no such call, negative", CALL(-1), ENOSYS);
    CHECK_EQ("and nothing was harmed", pread(file, &byte, 1, 5), 1);
    CHECK_EQ("the file is as it was", byte, '5');
    DONE();
}
