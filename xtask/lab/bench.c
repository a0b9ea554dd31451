/* Small figures of one system, by its own clock; in the lab with --icount a nanosecond is an instruction. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}

static void show(const char *name, double total, int times) { printf("%s %.0f\n", name, total / times); }

static void forks(const char *name, int times) {
    double start = now();
    for (int i = 0; i < times; i++) {
        pid_t pid = fork();
        if (pid == 0) _exit(0);
        if (pid < 0 || waitpid(pid, NULL, 0) != pid) exit(1);
    }
    show(name, now() - start, times);
}

static void touch(size_t bytes) {
    char *memory = malloc(bytes);
    if (!memory) exit(1);
    memset(memory, 1, bytes);
}

static void round_trips(int times) {
    int there[2], back[2];
    char byte = 0;
    if (pipe(there) || pipe(back)) exit(1);
    pid_t pid = fork();
    if (pid == 0) {
        close(there[1]);
        while (read(there[0], &byte, 1) == 1) if (write(back[1], &byte, 1) != 1) _exit(1);
        _exit(0);
    }
    double start = now();
    for (int i = 0; i < times; i++) if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1) exit(1);
    show("pipe-round-trip", now() - start, times);
    close(there[1]);
    waitpid(pid, NULL, 0);
}

int main(void) {
    double start = now();
    for (int i = 0; i < 10000; i++) syscall(SYS_getppid);
    show("getppid", now() - start, 10000);
    touch(1 << 20);
    forks("fork-exit-wait-1MiB", 20);
    round_trips(200);
    touch(16 << 20);
    forks("fork-exit-wait-17MiB", 5);
    return 0;
}
