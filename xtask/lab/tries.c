/*
 * A program that goes on when a fork fails, for the tests in which something is short.
 *
 *   offshoot-lab-tries rounds MS PAGES   forks every so many ms; the child touches so many pages and sends a byte to its
 *                                        parent. Says how each round went
 *   offshoot-lab-tries steps             such a round for each line that comes in, with one page
 *   offshoot-lab-tries crowd N KIDS      so many rounds of forks one right after the other; each child sends a hundred records
 *   offshoot-lab-tries peers N           N children, one after the other, each of which wakes its parent
 *
 * and two of dom0's own:
 *
 *   offshoot-lab-tries eat SECONDS       processes that take all memory until they are killed for it, one after the other
 *   offshoot-lab-tries bound PID KIB     a process may map so many KiB more than it has; -1: as many as it likes
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int fail(const char *what) {
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    return 1;
}

/* A child that touches pages and sends a byte after a while. 0: it did; otherwise a line was printed. */
static int round_of(long pages, useconds_t rest) {
    int ends[2];
    if (pipe(ends) != 0) {
        printf("no pipe: %s\n", strerror(errno));
        return 1;
    }
    pid_t pid = fork();
    if (pid == 0) {
        char *memory = mmap(NULL, pages * 4096 + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED)
            _exit(3);
        for (long i = 0; i < pages; i++)
            memory[i * 4096] = 1;
        usleep(rest);
        _exit(write(ends[1], "x", 1) == 1 ? 0 : 4);
    }
    int error = errno, status = 0;
    close(ends[1]);
    char byte = 0;
    long got = pid > 0 ? read(ends[0], &byte, 1) : 0;
    close(ends[0]);
    if (pid < 0) {
        printf("no fork: %s\n", strerror(error));
        return 1;
    }
    if (waitpid(pid, &status, 0) != pid) {
        printf("wrong: no child\n");
        return 1;
    }
    if (status != 0) {
        printf("lost: a child ended with %#x\n", status);
        return 1;
    }
    if (got != 1)
        printf("wrong: a child that ended well sent nothing\n");
    return got != 1;
}

/* Children forked as fast as it goes, all of which write to one pipe. 0: all of them did. */
static int crowd(int kids) {
    enum { RECORDS = 100, SIZE = 100 };
    int ends[2], wrong = 0;
    pid_t pids[64];
    if (pipe(ends) != 0)
        return fail("pipe");
    for (int i = 0; i < kids; i++) {
        pids[i] = fork();
        if (pids[i] < 0)
            return fail("fork");
        if (pids[i] == 0) {
            char record[SIZE];
            memset(record, 'a' + i % 26, SIZE);
            for (int n = 0; n < RECORDS; n++)
                if (write(ends[1], record, SIZE) != SIZE)
                    _exit(4);
            _exit(0);
        }
    }
    close(ends[1]);
    char bytes[4096];
    long got, total = 0;
    while ((got = read(ends[0], bytes, sizeof bytes)) > 0)
        total += got;
    close(ends[0]);
    for (int i = 0; i < kids; i++) {
        int status = 0;
        if (waitpid(pids[i], &status, 0) != pids[i] || status != 0) {
            printf("lost: child %d ended with %#x\n", i, status);
            wrong = 1;
        }
    }
    if (total != (long)kids * RECORDS * SIZE) {
        printf("lost: %ld bytes came\n", total);
        wrong = 1;
    }
    return wrong;
}

/* The first to be killed for memory, which it takes. */
static void take_all(void) {
    int fd = open("/proc/self/oom_score_adj", O_WRONLY);
    if (fd < 0 || write(fd, "1000", 4) != 4)
        _exit(1);
    for (;;)
        if (mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0) == MAP_FAILED)
            pause();
}

static int eat(long seconds) {
    time_t end = time(NULL) + seconds;
    long killed = 0;
    while (time(NULL) < end) {
        int status = 0;
        pid_t pid = fork();
        if (pid == 0)
            take_all();
        if (pid < 0 || waitpid(pid, &status, 0) != pid)
            return fail("fork");
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
            return printf("it ended with %#x\n", status), 1;
        killed++;
    }
    printf("%ld were killed for memory\n", killed);
    return killed == 0;
}

static int bound(const char *pid, long more) {
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    char path[64];
    long pages;
    if (more >= 0) {
        snprintf(path, sizeof path, "/proc/%s/statm", pid);
        FILE *file = fopen(path, "r");
        if (!file || fscanf(file, "%ld", &pages) != 1)
            return fail(path);
        limit.rlim_cur = pages * 4096 + more * 1024;
    }
    return prlimit(atoi(pid), RLIMIT_AS, &limit, NULL) ? fail("prlimit") : 0;
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc == 4 && strcmp(argv[1], "rounds") == 0) {
        for (long n = 0;;) {
            if (round_of(atol(argv[3]), 0) == 0)
                printf("round %ld\n", ++n);
            usleep(atol(argv[2]) * 1000);
        }
    }
    if (argc == 2 && strcmp(argv[1], "steps") == 0) {
        char line[80];
        puts("round 0");
        for (long n = 0; fgets(line, sizeof line, stdin);)
            if (round_of(1, 0) == 0)
                printf("round %ld\n", ++n);
        return 0;
    }
    if (argc == 3 && strcmp(argv[1], "peers") == 0) {
        long most = atol(argv[2]);
        for (long n = 0; n < most; n++)
            if (round_of(1, 3000) != 0)
                return 1;
        printf("%ld peers\n", most);
        return 0;
    }
    if (argc == 4 && strcmp(argv[1], "crowd") == 0 && atoi(argv[3]) <= 64) {
        int wrong = 0;
        for (long n = atol(argv[2]); n > 0; n--)
            wrong |= crowd(atoi(argv[3]));
        return wrong;
    }
    if (argc == 3 && strcmp(argv[1], "eat") == 0)
        return eat(atol(argv[2]));
    if (argc == 4 && strcmp(argv[1], "bound") == 0)
        return bound(argv[2], atol(argv[3]));
    errno = EINVAL;
    return fail("offshoot-lab-tries");
}
