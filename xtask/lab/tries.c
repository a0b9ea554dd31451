/*
 * A program that goes on when a fork fails, for the tests in which something is short.
 *
 *   offshoot-lab-tries rounds MS PAGES   forks every so many ms; the child touches so many pages and sends a byte to its
 *                                        parent. Says how each round went
 *   offshoot-lab-tries peers N           N children, one after the other, each of which wakes its parent
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
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

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc == 4 && strcmp(argv[1], "rounds") == 0) {
        for (long n = 0;;) {
            if (round_of(atol(argv[3]), 0) == 0)
                printf("round %ld\n", ++n);
            usleep(atol(argv[2]) * 1000);
        }
    }
    if (argc == 3 && strcmp(argv[1], "peers") == 0) {
        long most = atol(argv[2]);
        for (long n = 0; n < most; n++)
            if (round_of(1, 3000) != 0)
                return 1;
        printf("%ld peers\n", most);
        return 0;
    }
    errno = EINVAL;
    return fail("offshoot-lab-tries");
}
