// Microseconds for one byte there and back through two pipes between two processes.

#include "bench.h"

enum { WARM = 2000, ROUNDS = 40000 };

int main(void)
{
    int there[2], back[2];
    char byte = 1;
    need(pipe(there), "pipe");
    need(pipe(back), "pipe");
    pid_t pid = need(fork(), "fork");
    if (pid == 0) {
        close(there[1]);
        close(back[0]);
        while (read(there[0], &byte, 1) == 1)
            need(write(back[1], &byte, 1), "write");
        _exit(0);
    }
    close(there[0]);
    close(back[1]);
    double start = 0;
    for (int n = -WARM; n < ROUNDS; n++) {
        if (n == 0)
            start = now_ns();
        need(write(there[1], &byte, 1), "write");
        if (read(back[0], &byte, 1) != 1)
            return 1;
    }
    double took = now_ns() - start;
    close(there[1]);
    int status;
    need(waitpid(pid, &status, 0), "waitpid");
    printf("%f\n", took / ROUNDS / 1000);
    return status != 0;
}
