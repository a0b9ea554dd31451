// fork() returns 0 in the child and its pid in the parent, and each side has its own copy of the memory.
// POSIX fork(); fork(2).
// build: dynamic, static, static-pie, musl

#include "../check.h"

static int data = 1;
static int bss;
static _Thread_local int tls = 5;

int main(void)
{
    int stack = 10;
    int *heap = malloc(sizeof *heap);
    int *private = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *heap = 20;
    *private = 30;
    int up[2];
    NEED(pipe(up));

    pid_t parent = getpid();
    pid_t pid = NEED(fork());
    if (pid == 0) {
        CHECK("child: getpid differs", getpid() != parent);
        CHECK_EQ("child: getppid", getppid(), parent);
        CHECK_EQ("child: tid is pid", gettid(), getpid());
        CHECK("child: sees the parent's values", data == 1 && bss == 0 && stack == 10 && *heap == 20 && *private == 30);
        CHECK_EQ("child: TLS", tls, 5);
        data = bss = stack = *heap = *private = tls = 99;
        pid_t self = getpid();
        NEED(write(up[1], &self, sizeof self));
        _exit(check_failures ? 1 : 42);
    }
    pid_t told;
    CHECK_EQ("the child's report", read(up[0], &told, sizeof told), sizeof told);
    CHECK_EQ("fork returned the child's pid", told, pid);
    CHECK_EQ("exit status", reap(pid), 42);
    CHECK_EQ("data unchanged", data, 1);
    CHECK_EQ("bss unchanged", bss, 0);
    CHECK_EQ("stack unchanged", stack, 10);
    CHECK_EQ("heap unchanged", *heap, 20);
    CHECK_EQ("private mapping unchanged", *private, 30);
    CHECK_EQ("TLS unchanged", tls, 5);
    CHECK_ERR("no more children", wait(NULL), ECHILD);

    // What the parent writes after the fork is not the child's either.
    int down[2];
    NEED(pipe(down));
    pid = SPAWN({
        await(down[0]);
        CHECK_EQ("child: data as at fork", data, 1);
        CHECK_EQ("child: heap as at fork", *heap, 20);
        CHECK_EQ("child: private mapping as at fork", *private, 30);
    });
    data = *heap = *private = 1000;
    tell(down[1]);
    CHECK_EQ("second child", reap(pid), 0);

    // Randomness is not repeated on both sides: each has its own stack of getrandom.
    IN_CHILD("malloc works in a child", {
        char *block = malloc(3 << 20);
        CHECK("child: malloc", block != NULL);
        memset(block, 7, 3 << 20);
        CHECK_EQ("child: last byte", block[(3 << 20) - 1], 7);
        free(block);
    });
    DONE();
}
