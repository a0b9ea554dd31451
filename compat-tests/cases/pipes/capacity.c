// F_GETPIPE_SZ and F_SETPIPE_SZ. fcntl(2) "Changing the capacity of a pipe".

#include "../check.h"

#include <sys/ioctl.h>

int main(void)
{
    int fd[2];
    NEED(pipe2(fd, O_NONBLOCK));
    static char bytes[300000];
    CHECK_EQ("default", fcntl(fd[0], F_GETPIPE_SZ), 65536);
    CHECK_EQ("smaller", fcntl(fd[1], F_SETPIPE_SZ, 4096), 4096);
    CHECK_EQ("both ends", fcntl(fd[0], F_GETPIPE_SZ), 4096);
    CHECK_EQ("what fits", write(fd[1], bytes, 10000), 4096);
    CHECK_EQ("rounded up to a power of two of pages", fcntl(fd[1], F_SETPIPE_SZ, 5000), 8192);
    CHECK_EQ("content is kept", read(fd[0], bytes, 10000), 4096);
    CHECK_EQ("larger", fcntl(fd[1], F_SETPIPE_SZ, 262144), 262144);
    CHECK_EQ("what fits now", write(fd[1], bytes, sizeof bytes), 262144);
    CHECK_ERR("smaller than what is in it", fcntl(fd[1], F_SETPIPE_SZ, 4096), EBUSY);
    int waiting = 0;
    NEED(ioctl(fd[0], FIONREAD, &waiting));
    CHECK_EQ("nothing was lost", waiting, 262144);
    CHECK_EQ("all is read", read(fd[0], bytes, sizeof bytes), 262144);
    CHECK_EQ("a megabyte is allowed", fcntl(fd[1], F_SETPIPE_SZ, 1048576), 1048576);
    CHECK_ERR("not of a file", fcntl(open("file", O_RDWR | O_CREAT, 0600), F_GETPIPE_SZ), EBADF);
    CHECK_EQ("zero is a page", fcntl(fd[1], F_SETPIPE_SZ, 0), 4096);
    DONE();
}
