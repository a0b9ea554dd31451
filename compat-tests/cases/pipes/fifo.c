// FIFOs: opening waits for the other side, O_NONBLOCK does not; several openers; names can go while ends stay open.
// POSIX mkfifo(), open(); fifo(7).

#include "../check.h"

#include <poll.h>

int main(void)
{
    CHECK_OK("mkfifo", mkfifo("fifo", 0640));
    CHECK_ERR("exists", mkfifo("fifo", 0640), EEXIST);
    CHECK_ERR("no folder", mkfifo("none/fifo", 0640), ENOENT);
    struct stat st;
    NEED(stat("fifo", &st));
    CHECK("type and mode", S_ISFIFO(st.st_mode) && (st.st_mode & 0777) == 0640);
    CHECK_ERR("O_WRONLY | O_NONBLOCK without a reader", open("fifo", O_WRONLY | O_NONBLOCK), ENXIO);
    int reader = CHECK_OK("O_RDONLY | O_NONBLOCK", open("fifo", O_RDONLY | O_NONBLOCK));
    char text[64] = "";
    CHECK_EQ("no writer: end of file", read(reader, text, 10), 0);
    int writer = CHECK_OK("now a writer can open", open("fifo", O_WRONLY | O_NONBLOCK));
    CHECK_ERR("a writer, nothing written", read(reader, text, 10), EAGAIN);
    NEED(write(writer, "abc", 3));
    CHECK_EQ("read", read(reader, text, 10), 3);
    NEED(close(writer));
    CHECK_EQ("writer gone: end of file", read(reader, text, 10), 0);
    struct pollfd poll_fd = {.fd = reader, .events = POLLIN};
    poll(&poll_fd, 1, 0);
    CHECK_EQ("POLLHUP", poll_fd.revents, POLLHUP);
    writer = NEED(open("fifo", O_WRONLY));
    poll(&poll_fd, 1, 0);
    CHECK_EQ("a new writer ends that", poll_fd.revents, 0);
    NEED(close(writer));
    NEED(close(reader));

    // Blocking opens meet.
    pid_t pid = SPAWN({
        sleep_ms(20);
        int out = NEED(open("fifo", O_WRONLY));
        NEED(write(out, "from the child", 14));
    });
    long before = now_ms();
    reader = CHECK_OK("open waits for a writer", open("fifo", O_RDONLY));
    CHECK("it waited", now_ms() - before >= 15);
    CHECK_EQ("read", read(reader, text, sizeof text), 14);
    CHECK_EQ("end of file", read(reader, text, sizeof text), 0);
    reap(pid);
    NEED(close(reader));
    pid = SPAWN({
        sleep_ms(20);
        int in = NEED(open("fifo", O_RDONLY));
        CHECK_EQ("child: read", read(in, text, sizeof text), 5);
    });
    writer = CHECK_OK("open waits for a reader", open("fifo", O_WRONLY));
    NEED(write(writer, "hello", 5));
    NEED(close(writer));
    CHECK_EQ("child", reap(pid), 0);

    // O_RDWR never waits, and is its own other side.
    int both = CHECK_OK("O_RDWR", open("fifo", O_RDWR));
    NEED(write(both, "self", 4));
    CHECK_EQ("read back", read(both, text, sizeof text), 4);
    NEED(unlink("fifo"));
    NEED(write(both, "x", 1));
    CHECK_EQ("works without its name", read(both, text, sizeof text), 1);
    CHECK_ERR("the name is gone", open("fifo", O_RDWR), ENOENT);
    NEED(close(both));
    // Data left behind does not survive the last close.
    NEED(mknod("fifo", S_IFIFO | 0600, 0));
    both = NEED(open("fifo", O_RDWR));
    NEED(write(both, "lost", 4));
    NEED(close(both));
    reader = NEED(open("fifo", O_RDONLY | O_NONBLOCK));
    CHECK_EQ("empty after the last close", read(reader, text, sizeof text), 0);
    // Many rounds between two processes.
    NEED(mkfifo("back", 0600));
    pid = SPAWN({
        int in = NEED(open("fifo", O_RDONLY));
        int out = NEED(open("back", O_WRONLY));
        int number;
        while (read(in, &number, sizeof number) == sizeof number) {
            number *= 2;
            NEED(write(out, &number, sizeof number));
        }
    });
    writer = NEED(open("fifo", O_WRONLY));
    int in = NEED(open("back", O_RDONLY)), wrong = 0;
    for (int n = 0; n < 500; n++) {
        int answer = -1;
        NEED(write(writer, &n, sizeof n));
        NEED(read(in, &answer, sizeof answer));
        wrong += answer != 2 * n;
    }
    CHECK_EQ("five hundred rounds", wrong, 0);
    NEED(close(writer));
    CHECK_EQ("other process", reap(pid), 0);
    DONE();
}
