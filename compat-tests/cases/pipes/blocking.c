// Who waits and who is woken: readers by data and by the last writer's end, writers by room and by the last reader's end;
// the same through death. POSIX read(), write().

#include "../check.h"

#include <pthread.h>

static void *write_later(void *fd)
{
    sleep_ms(20);
    tell(*(int *)fd);
    return NULL;
}

int main(void)
{
    int fd[2];
    char byte, block_of[65536] = "";
    signal(SIGPIPE, SIG_IGN);
    NEED(pipe(fd));
    long before = now_ms();
    pid_t pid = SPAWN({
        sleep_ms(20);
        tell(fd[1]);
    });
    CHECK_EQ("read waits for a child's write", read(fd[0], &byte, 1), 1);
    CHECK("it waited", now_ms() - before >= 15);
    reap(pid);
    pthread_t thread;
    NEED(-pthread_create(&thread, NULL, write_later, &fd[1]));
    CHECK_EQ("read waits for a thread's write", read(fd[0], &byte, 1), 1);
    pthread_join(thread, NULL);

    pid = SPAWN({
        NEED(close(fd[0]));
        sleep_ms(20);
        raise(SIGKILL);
    });
    NEED(close(fd[1]));
    CHECK_EQ("read ends when the last writer is killed", read(fd[0], &byte, 1), 0);
    reap(pid);
    NEED(close(fd[0]));

    NEED(pipe(fd));
    NEED(write(fd[1], block_of, 65536));
    pid = SPAWN({
        sleep_ms(20);
        NEED(read(fd[0], block_of, 40000));
    });
    CHECK_EQ("write waits for room", write(fd[1], block_of, 30000), 30000);
    reap(pid);
    CHECK_EQ("then read", read(fd[0], block_of, 65536), 55536);
    NEED(write(fd[1], block_of, 65536));
    pid = SPAWN({
        NEED(close(fd[1]));
        sleep_ms(20);
        raise(SIGKILL);
    });
    NEED(close(fd[0]));
    CHECK_ERR("write ends when the last reader is killed", write(fd[1], "x", 1), EPIPE);
    reap(pid);
    NEED(close(fd[1]));

    // Interrupted in the middle, a write says how much it wrote.
    NEED(pipe(fd));
    pid = SPAWN({
        NEED(close(fd[0]));
        signal(SIGPIPE, SIG_IGN);
        ssize_t wrote = write(fd[1], malloc(1 << 20), 1 << 20);
        CHECK("child: partial", wrote > 0 && wrote < 1 << 20);
    });
    NEED(read(fd[0], block_of, 1000));
    sleep_ms(20);
    NEED(close(fd[0]));
    CHECK_EQ("a reader that leaves", reap(pid), 0);
    NEED(close(fd[1]));

    // A long chain: 20 processes, each adding its letter.
    int in[2];
    NEED(pipe(in));
    int first = in[1], last = in[0];
    pid_t chain[20];
    for (int n = 0; n < 20; n++) {
        int next[2];
        NEED(pipe(next));
        chain[n] = SPAWN({
            NEED(close(first));
            NEED(close(next[0]));
            char line[64];
            ssize_t got;
            while ((got = NEED(read(last, line, sizeof line - 1))) > 0) {
                line[got] = 'a' + n;
                NEED(write(next[1], line, got + 1));
            }
        });
        NEED(close(last));
        NEED(close(next[1]));
        last = next[0];
    }
    for (int n = 0; n < 5; n++) {
        NEED(write(first, ">", 1));
        char line[64] = "";
        NEED(read(last, line, sizeof line - 1));
        CHECK_STR("through twenty processes", line, ">abcdefghijklmnopqrst");
    }
    NEED(close(first));
    CHECK_EQ("end of file comes through", read(last, &byte, 1), 0);
    for (int n = 0; n < 20; n++)
        NEED(reap(chain[n]) ? -1 : 0);
    say("ok all ended");
    DONE();
}
