// fork in a process with threads: only the caller exists in the child; atfork handlers run in their order; the child can
// make threads again. POSIX fork(), pthread_atfork().

#include "../check.h"

#include <pthread.h>

// Each fork adds 12 characters; there are fewer than thirty.
static char order[512];
static volatile int spinning = 1;
static volatile unsigned long spins;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local int mine;

#define HANDLER(name, text)                                                                                            \
    static void name(void)                                                                                             \
    {                                                                                                                  \
        strcat(order, text);                                                                                           \
    }
HANDLER(prepare1, "P1 ")
HANDLER(parent1, "A1 ")
HANDLER(child1, "C1 ")
HANDLER(prepare2, "P2 ")
HANDLER(parent2, "A2 ")
HANDLER(child2, "C2 ")

static void *spin(void *unused)
{
    while (spinning)
        spins++;
    return NULL;
}

static void *add(void *argument)
{
    mine = 1;
    for (int n = 0; n < 1000; n++) {
        pthread_mutex_lock(&lock);
        ++*(int *)argument;
        pthread_mutex_unlock(&lock);
    }
    return argument;
}

static void *fork_here(void *unused)
{
    mine = 77;
    pid_t pid = SPAWN({
        CHECK_EQ("child: the caller's TLS", mine, 77);
        CHECK_EQ("child: tid is the new pid", gettid(), getpid());
        unsigned long before = spins;
        sleep_ms(30);
        CHECK("child: the other thread does not run", spins == before);
        pthread_t threads[4];
        int count = 0;
        for (int n = 0; n < 4; n++)
            CHECK_RET("child: pthread_create", pthread_create(&threads[n], NULL, add, &count), 0);
        for (int n = 0; n < 4; n++) {
            void *result;
            CHECK_RET("child: pthread_join", pthread_join(threads[n], &result), 0);
            CHECK("child: result", result == &count);
        }
        CHECK_EQ("child: four threads counted", count, 4000);
        CHECK_EQ("child: TLS again", mine, 77);
    });
    CHECK_EQ("child of a thread", reap(pid), 0);
    return NULL;
}

int main(void)
{
    pthread_atfork(prepare1, parent1, child1);
    pthread_atfork(prepare2, parent2, child2);
    IN_CHILD("atfork in the child", CHECK_STR("child: order", order, "P2 P1 C1 C2 "));
    CHECK_STR("atfork in the parent", order, "P2 P1 A1 A2 ");

    pthread_t spinner, forker;
    NEED(-pthread_create(&spinner, NULL, spin, NULL));
    sleep_ms(5);
    NEED(-pthread_create(&forker, NULL, fork_here, NULL));
    pthread_join(forker, NULL);
    unsigned long before = spins;
    for (int looks = 0; looks < 500 && spins == before; looks++)
        sleep_ms(10);
    CHECK("the other thread runs on here", spins != before);
    // Forking again and again while another thread computes.
    int wrong = 0;
    for (int n = 0; n < 20; n++)
        wrong += reap(SPAWN(_exit(n))) != n;
    CHECK_EQ("twenty forks beside a busy thread", wrong, 0);
    spinning = 0;
    pthread_join(spinner, NULL);

    // A mutex that the caller holds is held in the child by its one thread.
    pthread_mutex_lock(&lock);
    IN_CHILD("a held mutex", {
        CHECK_RET("child: trylock", pthread_mutex_trylock(&lock), EBUSY);
        CHECK_RET("child: unlock", pthread_mutex_unlock(&lock), 0);
        CHECK_RET("child: lock again", pthread_mutex_lock(&lock), 0);
    });
    pthread_mutex_unlock(&lock);
    DONE();
}
