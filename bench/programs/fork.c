// Microseconds of fork + _exit in the child + wait, with so many MiB touched before. fork MIB ROUNDS

#include "bench.h"

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    size_t size = strtoul(argv[1], NULL, 10) << 20;
    int rounds = atoi(argv[2]), warm = rounds / 10 + 3;
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return 1;
    memset(memory, 1, size);
    double start = 0;
    for (int n = -warm; n < rounds; n++) {
        if (n == 0)
            start = now_ns();
        pid_t pid = need(fork(), "fork");
        if (pid == 0)
            _exit(7);
        int status;
        need(waitpid(pid, &status, 0), "waitpid");
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 7)
            return 1;
        // The parent goes on using its memory, as a server does.
        memory[(size_t)(n + warm) * 4096 % size]++;
    }
    printf("%f\n", (now_ns() - start) / rounds / 1000);
    return 0;
}
