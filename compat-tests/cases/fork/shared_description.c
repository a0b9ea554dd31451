// After fork both descriptors refer to one open file description: offset and status flags are common, the descriptor's
// own flag is not. POSIX fork(), open(); fcntl(2) "F_SETFL".

#include "../check.h"

#include <sys/file.h>

int main(void)
{
    int fd = NEED(open("file", O_RDWR | O_CREAT, 0644));
    NEED(write(fd, "0123456789", 10));
    NEED(lseek(fd, 2, SEEK_SET));

    IN_CHILD("child reads", {
        char two[2];
        CHECK_EQ("child: read", read(fd, two, 2), 2);
        CHECK("child: at the parent's offset", memcmp(two, "23", 2) == 0);
    });
    CHECK_EQ("the parent's offset moved", lseek(fd, 0, SEEK_CUR), 4);
    IN_CHILD("child seeks", CHECK_EQ("child: lseek", lseek(fd, 7, SEEK_SET), 7));
    char byte;
    CHECK_EQ("read after the child's seek", read(fd, &byte, 1), 1);
    CHECK_EQ("byte at 7", byte, '7');

    int down[2], up[2];
    NEED(pipe(down));
    NEED(pipe(up));
    pid_t pid = SPAWN({
        await(down[0]);
        CHECK_EQ("child: sees the parent's seek", lseek(fd, 0, SEEK_CUR), 1);
        CHECK("child: sees O_APPEND", fcntl(fd, F_GETFL) & O_APPEND);
        NEED(write(fd, "ab", 2));
        NEED(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK));
        NEED(fcntl(fd, F_SETFD, FD_CLOEXEC));
        tell(up[1]);
        await(down[0]);
    });
    NEED(lseek(fd, 1, SEEK_SET));
    NEED(fcntl(fd, F_SETFL, O_APPEND));
    tell(down[1]);
    await(up[0]);
    CHECK("O_NONBLOCK set by the child is seen", fcntl(fd, F_GETFL) & O_NONBLOCK);
    CHECK_EQ("FD_CLOEXEC set by the child is not", fcntl(fd, F_GETFD), 0);
    CHECK_EQ("appended by the child", lseek(fd, 0, SEEK_CUR), 12);
    tell(down[1]);
    CHECK_EQ("child", reap(pid), 0);

    // Many writers through one description: no record is lost or overwritten, even without O_APPEND.
    int log = NEED(open("log", O_WRONLY | O_CREAT, 0644));
    pid_t writers[4];
    for (int n = 0; n < 4; n++)
        writers[n] = SPAWN({
            char record[16];
            memset(record, 'A' + n, 15);
            record[15] = '\n';
            for (int i = 0; i < 200; i++)
                NEED(write(log, record, 16) == 16 ? 0 : -1);
        });
    for (int n = 0; n < 4; n++)
        CHECK_EQ("writer", reap(writers[n]), 0);
    CHECK_EQ("common offset", lseek(log, 0, SEEK_CUR), 4 * 200 * 16);
    const char *text = get("log");
    int counts[4] = {0}, torn = 0;
    for (int at = 0; at < 4 * 200 * 16; at += 16) {
        for (int i = 1; i < 15; i++)
            torn += text[at + i] != text[at];
        if (text[at] >= 'A' && text[at] <= 'D')
            counts[text[at] - 'A']++;
    }
    CHECK_EQ("no torn record", torn, 0);
    for (int n = 0; n < 4; n++)
        CHECK_EQ("records of one writer", counts[n], 200);
    NEED(unlink("log"));

    // Closing in the child closes nothing here; a descriptor of the child's own is its own.
    IN_CHILD("child closes", {
        NEED(close(fd));
        CHECK_ERR("child: closed", fcntl(fd, F_GETFD), EBADF);
        CHECK_EQ("child: lowest free", open("file", O_RDONLY), fd);
        NEED(lseek(fd, 5, SEEK_SET));
    });
    CHECK_EQ("still open here", lseek(fd, 0, SEEK_CUR), 12);
    // dup in the child shares, open anew does not.
    IN_CHILD("child dups", {
        int copy = NEED(dup(fd));
        NEED(lseek(copy, 3, SEEK_SET));
    });
    CHECK_EQ("offset moved through the child's dup", lseek(fd, 0, SEEK_CUR), 3);
    // The description outlives the process that opened it.
    int gone[2];
    NEED(pipe(gone));
    pid = SPAWN({
        pid_t grandchild = NEED(fork());
        if (grandchild == 0) {
            await(down[0]);
            char one;
            CHECK_EQ("grandchild: reads on", read(fd, &one, 1), 1);
            CHECK_EQ("grandchild: byte", one, '3');
            tell(gone[1]);
            CHILD_DONE();
        }
    });
    CHECK_EQ("middle process", reap(pid), 0);
    tell(down[1]);
    await(gone[0]);
    CHECK_EQ("offset moved by the grandchild", lseek(fd, 0, SEEK_CUR), 4);
    DONE();
}
