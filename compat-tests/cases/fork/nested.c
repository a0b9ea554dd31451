// Children of children, five deep: each level has its parent's memory of that moment, and its own writes.
// POSIX fork().

#include "../check.h"

static int path[6];

static int descend(int depth)
{
    path[depth] = depth * 11;
    if (depth == 5) {
        int sum = 0;
        for (int n = 0; n <= 5; n++)
            sum += path[n];
        CHECK_EQ("the deepest sees every level's write", sum, 165);
        return check_failures ? 200 : 5;
    }
    pid_t parent = getpid();
    pid_t pid = NEED(fork());
    if (pid == 0) {
        if (getppid() != parent)
            _exit(201);
        _exit(descend(depth + 1));
    }
    int status = reap(pid);
    // The level below wrote its entry in its own copy.
    CHECK_EQ("the level below left no trace", path[depth + 1], 0);
    say("level %d: child ended with %d", depth, status);
    return status == depth + 1 || status == 5 ? status : 202;
}

// A tree of 2^5 - 1 processes that count themselves in shared memory.
static void grow(int depth, int *count)
{
    __atomic_add_fetch(count, 1, __ATOMIC_SEQ_CST);
    if (depth == 4)
        return;
    pid_t pids[2];
    for (int n = 0; n < 2; n++) {
        pids[n] = NEED(fork());
        if (pids[n] == 0) {
            grow(depth + 1, count);
            _exit(0);
        }
    }
    for (int n = 0; n < 2; n++)
        NEED(reap(pids[n]) ? -1 : 0);
}

int main(void)
{
    CHECK_EQ("five deep", descend(0), 5);
    int *count = shared(4096);
    grow(0, count);
    CHECK_EQ("a tree of processes", *count, 31);

    // fork in a loop in which the children go on too: 2^4 processes.
    int *total = shared(4096);
    pid_t first = getpid();
    for (int n = 0; n < 4; n++)
        NEED(fork());
    __atomic_add_fetch(total, 1, __ATOMIC_SEQ_CST);
    while (wait(NULL) != -1)
        ;
    if (getpid() != first)
        _exit(0);
    CHECK_EQ("doubling four times", *total, 16);
    DONE();
}
