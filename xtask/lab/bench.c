/*
 * Small figures of one system, by its own clock; in the lab with --icount a nanosecond is an instruction. The same static
 * program runs in a Linux guest, and with domains for processes. Each line is a name and a median.
 *
 *   offshoot-lab-bench FIGURES...   calls, forks, big-forks, pipes: what is named
 *   offshoot-lab-bench watched N    N forks with rests between them
 *   offshoot-lab-bench trips N      N round trips through pipes
 *   offshoot-lab-bench members N    as many children alive at once as there can be, up to N
 *   offshoot-lab-bench until CMD... nanoseconds from the start of a command to its first output, or to its end
 *
 * With `guest` before the rest it is the first process of a guest: it prints to Xen's console, and switches the guest off.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST 64
#define MIB (1 << 20)

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void show(const char *name, double *samples, int count) {
    qsort(samples, count, sizeof *samples, by_size);
    printf("%s %.0f\n", name, samples[count / 2]);
    fflush(stdout);
}

/* Time for whoever makes shells ready, or reclaims what the last child left. */
static void rest(void) { usleep(getenv("LAB_REST") ? atoi(getenv("LAB_REST")) : 150000); }

static void calls(void) {
    double samples[11];
    for (int s = 0; s < 11; s++) {
        double start = now();
        for (int i = 0; i < 1000; i++) syscall(SYS_getppid);
        samples[s] = (now() - start) / 1000;
    }
    show("getppid", samples, 11);
}

static char *touched(size_t bytes) {
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) fail("mmap");
    memset(memory, 1, bytes);
    return memory;
}

/* The whole of fork, exit and wait, and the parent's part of it: how long fork itself takes. */
static void forks(const char *size, size_t bytes, int count) {
    char *memory = touched(bytes), name[64];
    double whole[MOST], pause[MOST];
    for (int s = 0; s < count; s++) {
        rest();
        double start = now();
        pid_t pid = fork();
        double middle = now();
        if (pid == 0) _exit(0);
        if (pid < 0 || waitpid(pid, NULL, 0) != pid) fail("fork");
        whole[s] = now() - start;
        pause[s] = middle - start;
        memset(memory, s, bytes);
    }
    munmap(memory, bytes);
    snprintf(name, sizeof name, "fork-exit-wait-%s", size);
    show(name, whole, count);
    snprintf(name, sizeof name, "fork-call-%s", size);
    show(name, pause, count);
}

/* Trips of a byte to a child and back, so often timed, so many each time. */
static void round_trips(int times, int trips) {
    int there[2], back[2];
    char byte = 0;
    double samples[MOST];
    if (pipe(there) || pipe(back)) fail("pipe");
    rest();
    pid_t pid = fork();
    if (pid == 0) {
        close(there[1]);
        while (read(there[0], &byte, 1) == 1) if (write(back[1], &byte, 1) != 1) _exit(1);
        _exit(0);
    }
    /* What a fork leaves to be done later is done. */
    rest();
    for (int s = 0; s < times; s++) {
        double start = now();
        for (int i = 0; i < trips; i++)
            if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1) fail("round trip");
        samples[s] = (now() - start) / trips;
    }
    show("pipe-round-trip", samples, times);
    close(there[1]);
    waitpid(pid, NULL, 0);
}

/* Nanoseconds for each 64 KiB. */
static void stream(void) {
    enum { WRITE = 65536, WRITES = 64 };
    int there[2], back[2];
    static char block[WRITE];
    double samples[7];
    if (pipe(there) || pipe(back)) fail("pipe");
    memset(block, 1, sizeof block);
    rest();
    pid_t pid = fork();
    if (pid == 0) {
        close(there[1]);
        size_t got = 0;
        for (ssize_t n; (n = read(there[0], block, WRITE)) > 0;)
            if ((got += n) == (size_t)WRITE * WRITES) {
                got = 0;
                if (write(back[1], block, 1) != 1) _exit(1);
            }
        _exit(0);
    }
    rest();
    for (int s = 0; s < 7; s++) {
        double start = now();
        for (int i = 0; i < WRITES; i++) if (write(there[1], block, WRITE) != WRITE) fail("write");
        if (read(back[0], block, 1) != 1) fail("read");
        samples[s] = (now() - start) / WRITES;
    }
    show("pipe-64KiB", samples, 7);
    close(there[1]);
    waitpid(pid, NULL, 0);
}

/* Nothing but forks, each between two rests: for who watches the hypervisor meanwhile. */
static void watched(int count) {
    touched(MIB);
    for (int s = 0; s < count; s++) {
        rest();
        pid_t pid = fork();
        if (pid == 0) _exit(0);
        if (pid < 0 || waitpid(pid, NULL, 0) != pid) fail("fork");
    }
    rest();
}

/* Each child says that it runs; all of them wait until the pipe that nobody writes to ends. */
static void members(int most) {
    int said[2], end[2], alive = 0;
    char byte = 0;
    if (pipe(said) || pipe(end)) fail("pipe");
    for (int i = 0; i < most; i++) {
        pid_t pid = fork();
        if (pid < 0) {
            fprintf(stderr, "after %d: %s\n", alive, strerror(errno));
            break;
        }
        if (pid == 0) {
            close(end[1]);
            if (write(said[1], &byte, 1) != 1) _exit(1);
            if (read(end[0], &byte, 1) != 0) _exit(1);
            _exit(0);
        }
        if (read(said[0], &byte, 1) != 1) break;
        alive++;
    }
    printf("members %d\n", alive);
    fflush(stdout);
    close(end[1]);
    while (wait(NULL) > 0) alive--;
    if (alive > 0) exit(1);
}

static void until(char **command) {
    int out[2];
    char bytes[4096];
    if (pipe(out)) fail("pipe");
    double start = now();
    pid_t pid = fork();
    if (pid == 0) {
        dup2(out[1], 1);
        close(out[0]);
        close(out[1]);
        execvp(command[0], command);
        _exit(127);
    }
    close(out[1]);
    if (read(out[0], bytes, sizeof bytes) < 0) fail("read");
    printf("until %.0f\n", now() - start);
    while (read(out[0], bytes, sizeof bytes) > 0) {}
    int status;
    waitpid(pid, &status, 0);
    exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

static void switch_off(void) {
    puts("over");
    fflush(stdout);
    /* The console's other end takes its time. */
    sleep(1);
    reboot(RB_POWER_OFF);
}

static void be_init(void) {
    if (mount("dev", "/dev", "devtmpfs", 0, NULL)) reboot(RB_POWER_OFF);
    for (int fd = 0; fd < 3; fd++) close(fd);
    if (open("/dev/hvc0", O_RDWR) != 0 || dup(0) != 1 || dup(0) != 2) reboot(RB_POWER_OFF);
    atexit(switch_off);
}

int main(int argc, char **argv) {
    if (argc > 2 && !strcmp(argv[1], "until")) until(argv + 2);
    for (int i = 1; i < argc; i++) {
        const char *what = argv[i];
        if (!strcmp(what, "guest")) be_init();
        else if (!strcmp(what, "here")) puts("here");
        else if (!strcmp(what, "calls")) calls();
        else if (!strcmp(what, "forks")) forks("1MiB", MIB, 15);
        else if (!strcmp(what, "big-forks")) forks("64MiB", 64 * MIB, 5);
        else if (!strcmp(what, "small-pages")) prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
        else if (!strcmp(what, "pipes")) round_trips(9, 100), stream();
        else if (i + 1 < argc && !strcmp(what, "trips")) round_trips(1, atoi(argv[++i]));
        else if (i + 1 < argc && !strcmp(what, "watched")) watched(atoi(argv[++i]));
        else if (i + 1 < argc && !strcmp(what, "members")) members(atoi(argv[++i]));
        else fprintf(stderr, "what is %s?\n", what), exit(2);
    }
    return 0;
}
