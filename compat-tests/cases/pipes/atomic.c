// Writes of up to PIPE_BUF bytes are atomic: records of eight writers never mix. POSIX write(), <limits.h> PIPE_BUF.
// timeout: 60

#include "../check.h"

#include <limits.h>

enum { WRITERS = 8, RECORDS = 60 };

static void writers(int fd, int size, pid_t *pids)
{
    for (int n = 0; n < WRITERS; n++)
        pids[n] = SPAWN({
            char record[PIPE_BUF];
            memset(record, 'A' + n, size);
            for (int i = 0; i < RECORDS; i++)
                NEED(write(fd, record, size) == size ? 0 : -1);
        });
}

int main(void)
{
    CHECK_EQ("PIPE_BUF", PIPE_BUF, 4096);
    int sizes[] = {1, 100, 4095, 4096};
    for (int round = 0; round < 4; round++) {
        int size = sizes[round], fd[2];
        pid_t pids[WRITERS];
        NEED(pipe(fd));
        writers(fd[1], size, pids);
        NEED(close(fd[1]));
        int counts[WRITERS] = {0}, torn = 0, filled = 0;
        char record[PIPE_BUF];
        ssize_t got;
        while ((got = NEED(read(fd[0], record + filled, size - filled))) > 0) {
            filled += got;
            if (filled < size)
                continue;
            for (int n = 1; n < size; n++)
                torn += record[n] != record[0];
            counts[record[0] - 'A']++;
            filled = 0;
        }
        CHECK_EQ("size", size, sizes[round]);
        CHECK_EQ("no record is torn", torn, 0);
        int complete = 0;
        for (int n = 0; n < WRITERS; n++) {
            complete += counts[n] == RECORDS;
            NEED(reap(pids[n]) ? -1 : 0);
        }
        CHECK_EQ("every writer's records are there", complete, WRITERS);
        NEED(close(fd[0]));
    }

    // With O_NONBLOCK, a record of up to PIPE_BUF bytes is written whole or not at all.
    int fd[2];
    NEED(pipe2(fd, O_NONBLOCK));
    char block_of[65536] = "";
    CHECK_EQ("all but 100 bytes", write(fd[1], block_of, 65536 - 4096), 65536 - 4096);
    CHECK_EQ("nearly full", write(fd[1], block_of, 3000), 3000);
    CHECK_ERR("a record that does not fit", write(fd[1], block_of, 4096), EAGAIN);
    NEED(close(fd[0]));
    NEED(close(fd[1]));

    // Larger writes of one writer arrive whole, in order, past any capacity.
    NEED(pipe(fd));
    pid_t pid = SPAWN({
        NEED(close(fd[0]));
        static unsigned int numbers[1 << 18];
        for (int n = 0; n < 1 << 18; n++)
            numbers[n] = n;
        CHECK_EQ("child: one large write", write(fd[1], numbers, sizeof numbers), sizeof numbers);
    });
    NEED(close(fd[1]));
    unsigned int expected = 0, wrong = 0, part[1000];
    size_t have = 0;
    ssize_t got;
    while ((got = NEED(read(fd[0], (char *)part + have, sizeof part - have))) > 0) {
        have += got;
        for (size_t n = 0; n < have / 4; n++)
            wrong += part[n] != expected++;
        memmove(part, (char *)part + have / 4 * 4, have % 4);
        have %= 4;
    }
    CHECK_EQ("1 MiB in order", wrong, 0);
    CHECK_EQ("all of it", expected, 1 << 18);
    CHECK_EQ("writer", reap(pid), 0);

    // Several readers: each byte is read once.
    NEED(pipe(fd));
    int *sum = shared(4096);
    pid_t readers[4];
    for (int n = 0; n < 4; n++)
        readers[n] = SPAWN({
            NEED(close(fd[1]));
            unsigned char bytes[37];
            ssize_t count;
            while ((count = NEED(read(fd[0], bytes, sizeof bytes))) > 0)
                __atomic_add_fetch(sum, count, __ATOMIC_SEQ_CST);
        });
    for (int n = 0; n < 1000; n++)
        NEED(write(fd[1], block_of, 100) == 100 ? 0 : -1);
    NEED(close(fd[1]));
    for (int n = 0; n < 4; n++)
        NEED(reap(readers[n]) ? -1 : 0);
    CHECK_EQ("four readers, each byte once", *sum, 100000);
    DONE();
}
