// The stack grows down to its limit; beyond it, SIGSEGV is delivered on the alternate stack. sigaltstack(2);
// getrlimit(2) RLIMIT_STACK.

#include "../check.h"

#include <pthread.h>
#include <setjmp.h>
#include <sys/resource.h>

static sigjmp_buf back;
static volatile int depth;
static char alternate[65536];
static volatile sig_atomic_t inside;

static void on_overflow(int signo)
{
    char here;
    inside = &here > alternate && &here < alternate + sizeof alternate;
    siglongjmp(back, 1);
}

static int dive(int wanted)
{
    volatile char frame[4096];
    memset((void *)frame, depth, sizeof frame);
    depth++;
    if (depth == wanted)
        return frame[7];
    return dive(wanted) + frame[0];
}

static void *in_thread(void *unused)
{
    depth = 0;
    dive(100);
    say("thread: 100 frames");
    return NULL;
}

int main(void)
{
    dive(1500);
    say("ok 6 MiB of stack");
    NEED(sigaltstack(&(stack_t){.ss_sp = alternate, .ss_size = sizeof alternate}, NULL));
    handle(SIGSEGV, on_overflow, SA_ONSTACK);
    for (int round = 0; round < 3; round++) {
        depth = inside = 0;
        if (sigsetjmp(back, 1) == 0)
            dive(1000000);
        CHECK_EQ("handler on the alternate stack", inside, 1);
        CHECK("the limit is 8 MiB", depth > 1500 && depth < 2100);
    }
    CHECK_EQ("without an alternate stack the process ends", reap(SPAWN({
                 stack_t none = {.ss_flags = SS_DISABLE};
                 NEED(sigaltstack(&none, NULL));
                 setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
                 depth = 0;
                 dive(1000000);
             })),
             128 + SIGSEGV);
    // The guard page of a thread's stack.
    pthread_t thread;
    NEED(-pthread_create(&thread, NULL, in_thread, NULL));
    pthread_join(thread, NULL);
    IN_CHILD("a child's stack grows too", {
        depth = 0;
        dive(1500);
        say("child: 6 MiB");
    });
    DONE();
}
