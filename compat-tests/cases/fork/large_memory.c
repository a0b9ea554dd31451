// 64 MiB written before the fork, rewritten by the child and by the parent: neither sees the other's bytes.
// POSIX fork(); fork(2) "copy-on-write".
// timeout: 60

#include "../check.h"

enum { SIZE = 64 << 20, PAGE = 4096 };

static unsigned long sum(const unsigned char *memory)
{
    unsigned long total = 0;
    for (long at = 0; at < SIZE; at += PAGE)
        total += memory[at] + memory[at + PAGE - 1];
    return total;
}

static void fill(unsigned char *memory, int seed)
{
    for (long at = 0; at < SIZE; at += PAGE)
        memory[at] = memory[at + PAGE - 1] = (unsigned char)(at / PAGE + seed);
}

int main(void)
{
    unsigned char *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    NEED(memory == MAP_FAILED ? -1 : 0);
    unsigned char *readonly = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    readonly[5] = 5;
    NEED(mprotect(readonly, PAGE, PROT_READ));
    fill(memory, 1);
    unsigned long before = sum(memory);

    IN_CHILD("a child that writes all", {
        CHECK_EQ("child: reads the parent's bytes", sum(memory), before);
        fill(memory, 100);
        CHECK("child: its own bytes", memory[PAGE] == 101 && memory[2 * PAGE - 1] == 101);
        CHECK_EQ("child: read-only page", readonly[5], 5);
        // A protection changed here is changed here only.
        NEED(mprotect(readonly, PAGE, PROT_READ | PROT_WRITE));
        readonly[5] = 6;
        NEED(munmap(memory + SIZE / 2, SIZE / 2));
    });
    CHECK_EQ("the parent's bytes", sum(memory), before);
    CHECK_EQ("the parent's read-only page", readonly[5], 5);
    IN_CHILD("write to the read-only page", {
        signal(SIGSEGV, SIG_DFL);
        CHECK_EQ("child's child: killed", reap(SPAWN(*(volatile char *)(readonly + 5) = 1)), 128 + SIGSEGV);
    });

    int down[2], up[2];
    NEED(pipe(down));
    NEED(pipe(up));
    pid_t pid = SPAWN({
        tell(up[1]);
        await(down[0]);
        CHECK_EQ("child: its bytes are as at fork", sum(memory), before);
    });
    await(up[0]);
    fill(memory, 50);
    tell(down[1]);
    CHECK_EQ("a parent that writes all", reap(pid), 0);

    // Three generations, each of which writes a third.
    fill(memory, 1);
    IN_CHILD("generations", {
        memset(memory, 2, SIZE / 3);
        IN_CHILD("child: its child", {
            memset(memory + SIZE / 3, 3, SIZE / 3);
            CHECK_EQ("grandchild: first third", memory[10], 2);
            CHECK_EQ("grandchild: second third", memory[SIZE / 3 + 10], 3);
            CHECK_EQ("grandchild: last third", memory[SIZE / PAGE / 2 * PAGE + SIZE / 4], (unsigned char)((SIZE / PAGE / 2 * PAGE + SIZE / 4) / PAGE + 1));
        });
        CHECK_EQ("child: second third is untouched", memory[(SIZE / 3 / PAGE + 1) * PAGE], (unsigned char)(SIZE / 3 / PAGE + 2));
    });
    CHECK_EQ("nothing came through", sum(memory), before);
    DONE();
}
