// A transfer's buffer that reaches beyond what a program can own is EFAULT, however little of it would be moved; what is
// wrong with the descriptor or the offset comes first. read(2), readv(2), sendto(2).

#include "../check.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define KERNEL ((void *)0xffff800000000000)
#define END ((char *)0x7ffffffff000)
#define HUGE (1L << 48)

int main(void)
{
    put("file", "text");
    int file = NEED(open("file", O_RDWR)), writer = NEED(open("file", O_WRONLY)), folder = NEED(open(".", O_RDONLY));
    int zero = NEED(open("/dev/zero", O_RDWR)), null = NEED(open("/dev/null", O_RDWR)), pipes[2], pair[2];
    NEED(pipe(pipes));
    NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    char bytes[16];
    const struct {
        const char *name;
        int in, out;
    } files[] = {{"file", file, file}, {"zero", zero, zero}, {"null", null, null}, {"pipe", pipes[0], pipes[1]}, {"socket", pair[0], pair[0]}};
    for (int n = 0; n < 5; n++) {
        say("%s", files[n].name);
        CHECK_ERR("read beyond", read(files[n].in, bytes, HUGE), EFAULT);
        CHECK_ERR("read: all of it beyond", read(files[n].in, KERNEL, 1), EFAULT);
        CHECK_ERR("read of nothing beyond", read(files[n].in, KERNEL, 0), EFAULT);
        CHECK_ERR("write beyond", write(files[n].out, bytes, HUGE), EFAULT);
        CHECK_ERR("write of the greatest length", write(files[n].out, bytes, -1), EFAULT);
        struct iovec two[] = {{bytes, 1}, {bytes, HUGE}}, empty[] = {{bytes, 1}, {KERNEL, 0}}, negative[] = {{bytes, -1}, {KERNEL, 1}};
        CHECK_ERR("readv beyond", readv(files[n].in, two, 2), EFAULT);
        CHECK_ERR("writev beyond", writev(files[n].out, two, 2), EFAULT);
        CHECK_ERR("an empty element beyond", writev(files[n].out, empty, 2), EFAULT);
        CHECK_ERR("a negative length", writev(files[n].out, negative, 2), EINVAL);
        CHECK_EQ("no elements", readv(files[n].in, two, 0), 0);
    }
    CHECK_EQ("the file is as it was", pread(file, bytes, 16, 0), 4);
    CHECK_ERR("pread", pread(file, bytes, HUGE, 0), EFAULT);
    CHECK_ERR("pwrite", pwrite(file, bytes, HUGE, 0), EFAULT);
    CHECK_ERR("preadv", preadv(file, &(struct iovec){KERNEL, 1}, 1, 0), EFAULT);
    CHECK_ERR("getdents64", syscall(SYS_getdents64, folder, KERNEL, 1000), EFAULT);

    // What comes first.
    CHECK_ERR("not open for reading", read(writer, KERNEL, 1), EBADF);
    CHECK_ERR("not open for reading, a vector", readv(writer, &(struct iovec){bytes, -1}, 1), EBADF);
    CHECK_ERR("not open for writing", write(pipes[0], KERNEL, 1), EBADF);
    CHECK_ERR("a closed descriptor", read(99, KERNEL, 1), EBADF);
    CHECK_ERR("a folder", read(folder, KERNEL, 1), EFAULT);
    CHECK_ERR("a negative offset", pread(99, KERNEL, 1, -1), EINVAL);
    CHECK_ERR("a negative offset, a vector", preadv(99, &(struct iovec){KERNEL, 1}, 1, -1), EINVAL);
    CHECK_ERR("no place in a pipe", pread(pipes[0], KERNEL, 1, 0), ESPIPE);
    CHECK_ERR("no place in a pipe, a vector", pwritev(pipes[1], &(struct iovec){KERNEL, 1}, 1, 0), ESPIPE);
    CHECK_ERR("too many elements", writev(file, KERNEL, 2000), EINVAL);

    // Sockets look at the buffer before the descriptor.
    CHECK_ERR("send", send(99, KERNEL, 1, 0), EFAULT);
    CHECK_ERR("recv", recv(99, KERNEL, 1, 0), EFAULT);
    CHECK_ERR("send to a file", send(file, bytes, 1, 0), ENOTSOCK);
    CHECK_ERR("recv beyond", recv(pair[0], KERNEL, 0, MSG_DONTWAIT), EFAULT);
    struct iovec two[] = {{bytes, 1}, {bytes, HUGE}};
    struct msghdr message = {.msg_iov = two, .msg_iovlen = 2};
    CHECK_ERR("sendmsg beyond", sendmsg(pair[0], &message, MSG_DONTWAIT), EFAULT);
    CHECK_ERR("recvmsg beyond", recvmsg(pair[0], &message, MSG_DONTWAIT), EFAULT);

    // The last bytes that a program could own.
    CHECK_EQ("up to the end", read(null, END - 10, 10), 0);
    CHECK_ERR("one further", read(null, END - 10, 11), EFAULT);
    CHECK_EQ("nothing at the end", read(null, END, 0), 0);
    CHECK_ERR("nothing behind it", read(null, END + 1, 0), EFAULT);
    CHECK_EQ("nothing at a bad address", write(pipes[1], (void *)8, 0), 0);
    DONE();
}
