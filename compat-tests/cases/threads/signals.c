// Signals and threads: masks are each thread's own, a process-directed signal goes to one that does not block it,
// pthread_kill to the one named, synchronous ones to the one that faults. POSIX pthread_sigmask(), pthread_kill().

#include "../check.h"

#include <pthread.h>
#include <setjmp.h>

static _Thread_local volatile int mine;
static _Thread_local sigjmp_buf back;
static volatile int total, go;

static void note(int signo)
{
    mine++;
    __atomic_add_fetch(&total, 1, __ATOMIC_SEQ_CST);
}

static void fault(int signo)
{
    siglongjmp(back, 1);
}

static void *listen(void *blocking)
{
    if (blocking) {
        sigset_t set = set_of(SIGUSR1);
        pthread_sigmask(SIG_BLOCK, &set, NULL);
    }
    __atomic_add_fetch(&go, 1, __ATOMIC_SEQ_CST);
    while (go < 100)
        sleep_ms(1);
    return (void *)(intptr_t)mine;
}

static void *faulting(void *seed)
{
    int caught = 0;
    for (int n = 0; n < 50; n++)
        if (sigsetjmp(back, 1) == 0)
            *(volatile char *)(8 + (uintptr_t)seed) = 1;
        else
            caught++;
    return (void *)(intptr_t)caught;
}

static void *take(void *unused)
{
    sigset_t set = set_of(SIGUSR2);
    int signo = 0;
    __atomic_add_fetch(&go, 1, __ATOMIC_SEQ_CST);
    sigwait(&set, &signo);
    return (void *)(intptr_t)signo;
}

int main(void)
{
    handle(SIGUSR1, note, SA_RESTART);
    sigset_t set = set_of(SIGUSR1);
    pthread_t threads[4];
    void *result;
    NEED(-pthread_create(&threads[0], NULL, listen, NULL));
    NEED(-pthread_create(&threads[1], NULL, listen, (void *)1));
    while (go < 2)
        sleep_ms(1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    NEED(kill(getpid(), SIGUSR1));
    for (int n = 0; total < 1 && n < 2000; n++)
        sleep_ms(1);
    CHECK_EQ("delivered once", total, 1);
    CHECK_EQ("not to a thread that blocks it", mine, 0);
    CHECK_RET("pthread_kill to one that blocks it", pthread_kill(threads[1], SIGUSR1), 0);
    sleep_ms(10);
    CHECK_EQ("stays pending there", total, 1);
    CHECK("and is not pending here", !is_pending(SIGUSR1));
    CHECK_RET("pthread_kill", pthread_kill(threads[0], SIGUSR1), 0);
    for (int n = 0; total < 2 && n < 2000; n++)
        sleep_ms(1);
    go = 100;
    NEED(-pthread_join(threads[0], &result));
    CHECK_EQ("both went to the first", (intptr_t)result, 2);
    NEED(-pthread_join(threads[1], &result));
    CHECK_EQ("none to the second", (intptr_t)result, 0);
    CHECK_EQ("pending with an ended thread is gone", total, 2);
    // All block it: it is pending for the process, and the first to unblock gets it.
    NEED(kill(getpid(), SIGUSR1));
    CHECK("pending", is_pending(SIGUSR1));
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    CHECK_EQ("here", mine, 1);
    // A new thread has its maker's mask.
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    go = 0;
    NEED(-pthread_create(&threads[0], NULL, listen, NULL));
    while (go < 1)
        sleep_ms(1);
    pthread_kill(threads[0], SIGUSR1);
    sleep_ms(10);
    go = 100;
    NEED(-pthread_join(threads[0], &result));
    CHECK_EQ("the mask is inherited", (intptr_t)result, 0);

    handle(SIGSEGV, fault, 0);
    for (long n = 0; n < 4; n++)
        NEED(-pthread_create(&threads[n], NULL, faulting, (void *)n));
    for (int n = 0; n < 4; n++) {
        NEED(-pthread_join(threads[n], &result));
        CHECK_EQ("faults stay in their thread", (intptr_t)result, 50);
    }
    // sigwait in one thread, the signal from another.
    block(SIGUSR2);
    go = 0;
    NEED(-pthread_create(&threads[0], NULL, take, NULL));
    while (go < 1)
        sleep_ms(1);
    sleep_ms(5);
    NEED(kill(getpid(), SIGUSR2));
    NEED(-pthread_join(threads[0], &result));
    CHECK_EQ("sigwait takes a process-directed signal", (intptr_t)result, SIGUSR2);
    // A fatal signal ends all threads.
    CHECK_EQ("a fatal signal in one thread", reap(SPAWN({
                 NEED(-pthread_create(&threads[0], NULL, listen, NULL));
                 signal(SIGTERM, SIG_DFL);
                 pthread_kill(threads[0], SIGTERM);
                 sleep_ms(100000);
             })),
             128 + SIGTERM);
    DONE();
}
