/*
 * Processes that sleep long enough to rest, each until something else wakes it. All of them find their memory as it was.
 *
 *   offshoot-lab-rests SECONDS   says `asleep` when they sleep, for so long, and at the end `all woke`
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGES = 300, WORDS = 512 };
/* Fresh in each process, and what all of them have of their parent. */
static uint64_t own[PAGES][WORDS], common[PAGES][WORDS];

/* What is in a word: pages that are full, half full, nearly empty and empty take turns. */
static uint64_t word(uint64_t seed, int page, int at) {
    uint64_t value = seed << 40 | (uint64_t)page << 20 | at | 1;
    switch (page % 4) {
    case 0: return value;
    case 1: return at % 2 ? value : 0;
    case 2: return at % 100 == page % 100 ? value : 0;
    default: return 0;
    }
}

static void fill(uint64_t seed, uint64_t pages[PAGES][WORDS]) {
    for (int page = 0; page < PAGES; page++)
        for (int at = 0; at < WORDS; at++)
            pages[page][at] = word(seed, page, at);
}

static int is_right(uint64_t seed, uint64_t pages[PAGES][WORDS]) {
    for (int page = 0; page < PAGES; page++)
        for (int at = 0; at < WORDS; at++)
            if (pages[page][at] != word(seed, page, at))
                return 0;
    return 1;
}

static unsigned seconds;
static int *shared;
static volatile sig_atomic_t told;

static void tell(int signal) { told = signal; }

static int took_a_byte(int fd) {
    char byte = 0;
    return read(fd, &byte, 1) == 1 && byte == 'x';
}

/* A child that has all of its parent's memory, half of it for the first time. */
static int child_is_right(uint64_t seed, unsigned later) {
    int status = -1;
    pid_t pid = fork();
    if (pid == 0) {
        sleep(later);
        _exit(!is_right(1, common) || !is_right(seed, own));
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static int by_time(int fd) { return (void)fd, sleep(seconds) == 0; }
static int by_end_of_poll(int fd) {
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    return poll(&poll_fd, 1, seconds * 1000) == 0;
}
static int by_pipe(int fd) { return took_a_byte(fd); }
static int by_poll(int fd) {
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    return poll(&poll_fd, 1, -1) == 1 && took_a_byte(fd);
}
static int by_signal(int fd) { return (void)fd, pause() == -1 && errno == EINTR && told == SIGUSR1; }
static int by_alarm(int fd) { return (void)fd, alarm(seconds), pause() == -1 && told == SIGALRM; }
static int by_futex(int fd) {
    (void)fd;
    while (__atomic_load_n(shared, __ATOMIC_SEQ_CST) == 0)
        syscall(SYS_futex, shared, FUTEX_WAIT, 0, NULL, NULL, 0);
    return 1;
}
static int by_child(int fd) { return (void)fd, child_is_right(2, seconds); }
static int by_continue(int fd) { return (void)fd, sleep(seconds) == 0; }
static int by_kill(int fd) { return (void)fd, pause(), 0; }
static int then_fork(int fd) { return took_a_byte(fd) && child_is_right(2, 0) && child_is_right(2, 0); }
static int then_exec(int fd) { return took_a_byte(fd) && execl("/bin/busybox", "busybox", "true", NULL) == 0; }
static int twice(int fd) {
    (void)fd;
    for (int i = 0; i < 2; i++)
        if (sleep(seconds) != 0 || !is_right(2, own))
            return 0;
    return 1;
}

static const struct {
    const char *name;
    int (*wait)(int fd);
    int signal;
    int status;
} KINDS[] = {
    {"time", by_time, 0, 0},
    {"poll's end", by_end_of_poll, 0, 0},
    {"pipe", by_pipe, 'x', 0},
    {"poll", by_poll, 'x', 0},
    {"signal", by_signal, SIGUSR1, 0},
    {"alarm", by_alarm, 0, 0},
    {"futex", by_futex, 0, 0},
    {"child", by_child, 0, 0},
    {"continue", by_continue, SIGCONT, 0},
    {"kill", by_kill, SIGKILL, SIGKILL},
    {"term", by_kill, SIGTERM, SIGTERM},
    {"fork after it", then_fork, 'x', 0},
    {"exec after it", then_exec, 'x', 0},
    {"time, twice", twice, 0, 0},
};
enum { COUNT = sizeof KINDS / sizeof *KINDS };

static int fail(const char *what) {
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    return 1;
}

int main(int argc, char **argv) {
    int wrong = 0, fds[COUNT];
    pid_t pids[COUNT];
    setvbuf(stdout, NULL, _IOLBF, 0);
    seconds = argc == 2 ? atoi(argv[1]) : 0;
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (seconds == 0 || shared == MAP_FAILED)
        return fail("offshoot-lab-rests SECONDS");
    signal(SIGUSR1, tell);
    signal(SIGALRM, tell);
    fill(1, common);
    for (int i = 0; i < COUNT; i++) {
        int ends[2];
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0 || (i % 2 && pipe(ends) != 0))
            return fail("no pipe");
        pids[i] = fork();
        if (pids[i] < 0)
            return fail("no fork");
        if (pids[i] == 0) {
            fill(2, own);
            int good = KINDS[i].wait(ends[0]);
            _exit(!good || !is_right(2, own) || !is_right(1, common));
        }
        fds[i] = ends[1];
        if (KINDS[i].signal == SIGCONT)
            kill(pids[i], SIGSTOP);
    }
    puts("asleep");
    sleep(seconds);
    wrong |= !is_right(1, common);
    __atomic_store_n(shared, 1, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, shared, FUTEX_WAKE, 1, NULL, NULL, 0);
    for (int i = 0; i < COUNT; i++)
        if (KINDS[i].signal == 'x' ? write(fds[i], "x", 1) != 1 : KINDS[i].signal && kill(pids[i], KINDS[i].signal))
            return fail(KINDS[i].name);
    for (int i = 0; i < COUNT; i++) {
        int status = -1;
        if (waitpid(pids[i], &status, 0) != pids[i] || status != KINDS[i].status) {
            printf("wrong: %s ended with %#x\n", KINDS[i].name, status);
            wrong = 1;
        }
    }
    if (!wrong)
        puts("all woke");
    return wrong;
}
