// Pipes: end of file, EPIPE and SIGPIPE, partial reads, O_NONBLOCK, FIONREAD, pipe2's flags, what is refused.
// POSIX pipe(), read(), write(); pipe(7).

#include "../check.h"

#include <sys/ioctl.h>
#include <sys/uio.h>

static volatile sig_atomic_t broken;

static void on_pipe(int signo)
{
    broken++;
}

int main(void)
{
    int fd[2];
    CHECK_OK("pipe", pipe(fd));
    CHECK("lowest descriptors", fd[0] == 3 && fd[1] == 4);
    CHECK_EQ("read end's access mode", fcntl(fd[0], F_GETFL) & O_ACCMODE, O_RDONLY);
    CHECK_EQ("write end's access mode", fcntl(fd[1], F_GETFL) & O_ACCMODE, O_WRONLY);
    char buffer[70000];
    CHECK_EQ("write", write(fd[1], "hello world", 11), 11);
    int waiting;
    CHECK_OK("FIONREAD", ioctl(fd[0], FIONREAD, &waiting));
    CHECK_EQ("bytes waiting", waiting, 11);
    CHECK_EQ("partial read", read(fd[0], buffer, 5), 5);
    CHECK_EQ("the rest, although more was asked", read(fd[0], buffer, 100), 6);
    CHECK("bytes", memcmp(buffer, " world", 6) == 0);
    CHECK_EQ("read of nothing", read(fd[0], buffer, 0), 0);
    CHECK_EQ("write of nothing", write(fd[1], buffer, 0), 0);
    CHECK_ERR("read of the write end", read(fd[1], buffer, 1), EBADF);
    CHECK_ERR("write to the read end", write(fd[0], buffer, 1), EBADF);
    CHECK_ERR("lseek", lseek(fd[0], 0, SEEK_SET), ESPIPE);
    CHECK_ERR("pread", pread(fd[0], buffer, 1, 0), ESPIPE);
    CHECK_ERR("ftruncate", ftruncate(fd[1], 0), EINVAL);
    struct stat st;
    CHECK_OK("fstat", fstat(fd[0], &st));
    CHECK("is a FIFO", S_ISFIFO(st.st_mode));
    CHECK_EQ("mode", st.st_mode & 0777, 0600);
    CHECK_EQ("size", st.st_size, 0);
    struct stat other;
    NEED(fstat(fd[1], &other));
    CHECK("both ends are one file", st.st_ino == other.st_ino && st.st_dev == other.st_dev);

    NEED(fcntl(fd[0], F_SETFL, O_NONBLOCK));
    CHECK_ERR("empty, O_NONBLOCK", read(fd[0], buffer, 1), EAGAIN);
    CHECK("the other end is not changed", !(fcntl(fd[1], F_GETFL) & O_NONBLOCK));
    NEED(fcntl(fd[1], F_SETFL, O_NONBLOCK));
    long total = 0, got;
    while ((got = write(fd[1], buffer, 4096)) > 0)
        total += got;
    CHECK_EQ("full, O_NONBLOCK: errno", errno, EAGAIN);
    CHECK_EQ("capacity", total, 65536);
    CHECK_ERR("one more byte", write(fd[1], buffer, 1), EAGAIN);
    CHECK_EQ("room is made", read(fd[0], buffer, 4096), 4096);
    CHECK_EQ("a large write is partial", write(fd[1], buffer, 10000), 4096);
    CHECK_EQ("all is read", read(fd[0], buffer, sizeof buffer), 65536);
    CHECK_ERR("empty again", read(fd[0], buffer, 1), EAGAIN);

    struct iovec parts[3] = {{"one ", 4}, {"", 0}, {"two", 3}};
    CHECK_EQ("writev", writev(fd[1], parts, 3), 7);
    char a[2], b[10];
    struct iovec into[2] = {{a, 2}, {b, 10}};
    CHECK_EQ("readv", readv(fd[0], into, 2), 7);
    CHECK("scattered", memcmp(a, "on", 2) == 0 && memcmp(b, "e two", 5) == 0);

    // End of file only when all write ends are gone.
    int copy = NEED(dup(fd[1]));
    NEED(close(fd[1]));
    CHECK_ERR("a duplicate is still open", read(fd[0], buffer, 1), EAGAIN);
    NEED(write(copy, "last", 4));
    NEED(close(copy));
    CHECK_EQ("what was written", read(fd[0], buffer, 10), 4);
    CHECK_EQ("end of file", read(fd[0], buffer, 10), 0);
    CHECK_EQ("again", read(fd[0], buffer, 10), 0);
    NEED(close(fd[0]));

    NEED(pipe(fd));
    NEED(close(fd[0]));
    handle(SIGPIPE, SIG_IGN, 0);
    CHECK_ERR("no reader, SIGPIPE ignored", write(fd[1], "x", 1), EPIPE);
    handle(SIGPIPE, on_pipe, 0);
    CHECK_ERR("no reader, SIGPIPE handled", write(fd[1], "x", 1), EPIPE);
    CHECK_EQ("handler ran", broken, 1);
    CHECK_EQ("no reader, default", reap(SPAWN({
                 signal(SIGPIPE, SIG_DFL);
                 NEED(write(fd[1], "x", 1));
             })),
             128 + SIGPIPE);
    NEED(close(fd[1]));

    CHECK_OK("pipe2", pipe2(fd, O_CLOEXEC | O_NONBLOCK));
    CHECK("FD_CLOEXEC", fcntl(fd[0], F_GETFD) == FD_CLOEXEC && fcntl(fd[1], F_GETFD) == FD_CLOEXEC);
    CHECK("O_NONBLOCK", (fcntl(fd[0], F_GETFL) & O_NONBLOCK) && (fcntl(fd[1], F_GETFL) & O_NONBLOCK));
    CHECK_ERR("unknown flag", pipe2(fd, O_APPEND), EINVAL);
    CHECK_ERR("bad pointer", pipe((int *)8), EFAULT);
    NEED(write(fd[1], "keep", 4));
    CHECK_ERR("read into a bad address", read(fd[0], (void *)8, 4), EFAULT);
    CHECK_ERR("write from a bad address", write(fd[1], (void *)8, 4), EFAULT);
    CHECK_EQ("nothing was lost", read(fd[0], buffer, 10), 4);
    DONE();
}
