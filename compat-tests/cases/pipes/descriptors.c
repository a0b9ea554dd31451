// dup, dup2, dup3, fcntl and close_range on descriptors. POSIX dup(), fcntl(); dup(2), close_range(2).

#include "../check.h"

#include <sys/resource.h>
#include <sys/syscall.h>

static int open_count(void)
{
    int count = 0;
    for (int fd = 0; fd < 100; fd++)
        count += fcntl(fd, F_GETFD) != -1;
    return count;
}

int main(void)
{
    CHECK_EQ("three are open at the start", open_count(), 3);
    int fd = NEED(open("file", O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    CHECK_EQ("open takes the lowest", fd, 3);
    int copy = CHECK_OK("dup", dup(fd));
    CHECK_EQ("the lowest", copy, 4);
    CHECK_EQ("dup drops FD_CLOEXEC", fcntl(copy, F_GETFD), 0);
    NEED(write(fd, "abc", 3));
    CHECK_EQ("one offset", lseek(copy, 0, SEEK_CUR), 3);
    NEED(fcntl(copy, F_SETFL, O_APPEND));
    CHECK("one set of status flags", fcntl(fd, F_GETFL) & O_APPEND);
    CHECK_EQ("dup2", dup2(fd, 30), 30);
    CHECK_EQ("dup2 of the same", dup2(fd, fd), fd);
    CHECK_EQ("which keeps FD_CLOEXEC", fcntl(fd, F_GETFD), FD_CLOEXEC);
    CHECK_ERR("dup2 of a closed one", dup2(77, 30), EBADF);
    CHECK_OK("leaves the target", fcntl(30, F_GETFD));
    CHECK_ERR("dup2 of a closed one onto itself", dup2(77, 77), EBADF);
    CHECK_ERR("dup2 to a negative number", dup2(fd, -1), EBADF);
    int pipes[2];
    NEED(pipe(pipes));
    CHECK_EQ("dup2 closes the target", dup2(fd, pipes[1]), pipes[1]);
    char byte;
    CHECK_EQ("so the pipe ends", read(pipes[0], &byte, 1), 0);
    CHECK_EQ("dup3 with O_CLOEXEC", dup3(fd, 31, O_CLOEXEC), 31);
    CHECK_EQ("has it", fcntl(31, F_GETFD), FD_CLOEXEC);
    CHECK_ERR("dup3 of the same", dup3(fd, fd, 0), EINVAL);
    CHECK_ERR("dup3: unknown flag", dup3(fd, 32, O_NONBLOCK), EINVAL);
    CHECK_EQ("F_DUPFD: from 50 on", fcntl(fd, F_DUPFD, 50), 50);
    CHECK_EQ("F_DUPFD: the next", fcntl(fd, F_DUPFD, 50), 51);
    CHECK_EQ("F_DUPFD_CLOEXEC", fcntl(fd, F_DUPFD_CLOEXEC, 60), 60);
    CHECK_EQ("has it", fcntl(60, F_GETFD), FD_CLOEXEC);
    CHECK_ERR("F_DUPFD: negative", fcntl(fd, F_DUPFD, -1), EINVAL);
    CHECK_ERR("F_DUPFD: beyond the limit", fcntl(fd, F_DUPFD, 100000000), EINVAL);
    CHECK_ERR("fcntl: unknown command", fcntl(fd, 7777), EINVAL);
    CHECK_ERR("fcntl of a closed one", fcntl(99, F_GETFD), EBADF);
    // F_SETFL changes only the flags that it may.
    NEED(fcntl(fd, F_SETFL, O_NONBLOCK | O_WRONLY | O_CREAT | O_EXCL));
    CHECK_EQ("F_SETFL", fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK | O_APPEND | O_CREAT | O_EXCL), O_RDWR | O_NONBLOCK);
    CHECK_EQ("F_SETFD takes one bit", (fcntl(fd, F_SETFD, 0xff), fcntl(fd, F_GETFD)), FD_CLOEXEC);
    CHECK_OK("close", close(fd));
    CHECK_ERR("close again", close(fd), EBADF);
    CHECK_EQ("the lowest is used again", dup(copy), 3);
    CHECK_OK("the file is open by its copies", write(copy, "d", 1));

    CHECK_OK("close_range", syscall(SYS_close_range, 50, 60, 0));
    CHECK_ERR("closed", fcntl(51, F_GETFD), EBADF);
    CHECK_OK("close_range, CLOEXEC", syscall(SYS_close_range, 30, 31, 4));
    CHECK_EQ("marked", fcntl(30, F_GETFD), FD_CLOEXEC);
    CHECK_ERR("close_range: backwards", syscall(SYS_close_range, 9, 8, 0), EINVAL);
    CHECK_OK("close_range: all the rest", syscall(SYS_close_range, 3, ~0u, 0));
    CHECK_EQ("three are left", open_count(), 3);

    NEED(setrlimit(RLIMIT_NOFILE, &(struct rlimit){20, 30}));
    int last = -1, next;
    while ((next = open("file", O_RDONLY)) != -1)
        last = next;
    CHECK_EQ("EMFILE", errno, EMFILE);
    CHECK_EQ("the last one", last, 19);
    CHECK_ERR("dup at the limit", dup(0), EMFILE);
    CHECK_ERR("pipe at the limit", pipe(pipes), EMFILE);
    CHECK_ERR("dup2 beyond the limit", dup2(0, 20), EBADF);
    NEED(close(19));
    CHECK_ERR("pipe with one left", pipe(pipes), EMFILE);
    CHECK_EQ("that one is not lost", dup(0), 19);
    DONE();
}
