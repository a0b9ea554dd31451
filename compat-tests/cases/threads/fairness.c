// Threads that wake go before one that never sleeps: nobody that polls a lock holds up those that wait for it, or for the
// clock, by a time slice each. sched(7): SCHED_OTHER is fair; POSIX pthread_mutex_unlock().
// libs: -lpthread

#include "../check.h"

#include <pthread.h>
#include <semaphore.h>

enum { THREADS = 300 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static sem_t arrived;
static int ended;
static volatile int naps;

static void *waits(void *arg)
{
    sem_post(&arrived);
    pthread_mutex_lock(&lock);
    ended++;
    pthread_mutex_unlock(&lock);
    return arg;
}

static void *naps_often(void *arg)
{
    for (int n = 0; n < 100; n++) {
        sleep_ms(1);
        naps++;
    }
    return arg;
}

int main(void)
{
    NEED(sem_init(&arrived, 0, 0));
    pthread_attr_t detached;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    pthread_mutex_lock(&lock);
    for (int n = 0; n < THREADS; n++) {
        pthread_t thread;
        NEED(pthread_create(&thread, &detached, waits, NULL) == 0 ? 0 : -1);
        NEED(sem_wait(&arrived));
    }
    long start = now_ms();
    pthread_mutex_unlock(&lock);
    int seen;
    do {
        pthread_mutex_lock(&lock);
        seen = ended;
        pthread_mutex_unlock(&lock);
    } while (seen != THREADS);
    CHECK("three hundred take a lock that one polls", now_ms() - start < 3000);

    pthread_t napping;
    CHECK_RET("pthread_create", pthread_create(&napping, NULL, naps_often, NULL), 0);
    start = now_ms();
    while (naps < 100)
        ;
    CHECK("a hundred naps beside one that spins", now_ms() - start < 1000);
    CHECK_RET("pthread_join", pthread_join(napping, NULL), 0);
    DONE();
}
