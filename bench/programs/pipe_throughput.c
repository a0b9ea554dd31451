// MiB per second through one pipe between two processes, in writes and reads of 64 KiB.

#include "bench.h"

enum { CHUNK = 65536, CHUNKS = 8192 };

int main(void)
{
    static char chunk[CHUNK];
    int fd[2];
    need(pipe(fd), "pipe");
    pid_t pid = need(fork(), "fork");
    if (pid == 0) {
        close(fd[0]);
        memset(chunk, 5, CHUNK);
        for (int n = 0; n < CHUNKS; n++)
            for (size_t done = 0; done < CHUNK;)
                done += need(write(fd[1], chunk + done, CHUNK - done), "write");
        _exit(0);
    }
    close(fd[1]);
    double start = now_ns();
    long total = 0, got;
    while ((got = need(read(fd[0], chunk, CHUNK), "read")) > 0)
        total += got;
    double took = now_ns() - start;
    int status;
    need(waitpid(pid, &status, 0), "waitpid");
    if (status != 0 || total != (long)CHUNK * CHUNKS)
        return 1;
    printf("%f\n", total / 1048576.0 / (took / 1e9));
    return 0;
}
