// Mutexes, condition variables, read-write locks, barriers, semaphores and spin locks between threads.
// POSIX pthread_mutex_lock(), pthread_cond_timedwait(), pthread_rwlock_rdlock(), pthread_barrier_wait(), sem_wait().
// timeout: 60

#include "../check.h"

#include <pthread.h>
#include <semaphore.h>

enum { THREADS = 8, ROUNDS = 20000 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER, cond2 = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_barrier_t barrier;
static pthread_spinlock_t spin;
static sem_t semaphore;
static long counter, readers, most_readers, waiting, serial, phases_wrong;
static int turn;

static void *count(void *unused)
{
    for (int n = 0; n < ROUNDS; n++) {
        pthread_mutex_lock(&mutex);
        counter++;
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

static void *count_spinning(void *unused)
{
    for (int n = 0; n < 2000; n++) {
        pthread_spin_lock(&spin);
        counter++;
        pthread_spin_unlock(&spin);
    }
    return NULL;
}

static void *ping(void *self)
{
    int me = (int)(intptr_t)self;
    for (int n = 0; n < 1000; n++) {
        pthread_mutex_lock(&mutex);
        while (turn != me)
            pthread_cond_wait(me ? &cond : &cond2, &mutex);
        turn = !me;
        counter++;
        pthread_cond_signal(me ? &cond2 : &cond);
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

static void *wait_for_all(void *unused)
{
    pthread_mutex_lock(&mutex);
    waiting++;
    pthread_cond_signal(&cond2);
    while (turn != 77)
        pthread_cond_wait(&cond, &mutex);
    counter++;
    pthread_mutex_unlock(&mutex);
    return NULL;
}

static void *read_locked(void *unused)
{
    pthread_rwlock_rdlock(&rwlock);
    long now = __atomic_add_fetch(&readers, 1, __ATOMIC_SEQ_CST);
    pthread_barrier_wait(&barrier);
    if (now > __atomic_load_n(&most_readers, __ATOMIC_SEQ_CST))
        __atomic_store_n(&most_readers, now, __ATOMIC_SEQ_CST);
    __atomic_sub_fetch(&readers, 1, __ATOMIC_SEQ_CST);
    pthread_rwlock_unlock(&rwlock);
    for (int n = 0; n < 200; n++) {
        pthread_rwlock_wrlock(&rwlock);
        counter++;
        pthread_rwlock_unlock(&rwlock);
    }
    return NULL;
}

static void *meet(void *unused)
{
    for (int n = 0; n < 50; n++) {
        __atomic_add_fetch(&counter, 1, __ATOMIC_SEQ_CST);
        if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
            __atomic_add_fetch(&serial, 1, __ATOMIC_SEQ_CST);
        if (__atomic_load_n(&counter, __ATOMIC_SEQ_CST) < (n + 1) * THREADS)
            __atomic_add_fetch(&phases_wrong, 1, __ATOMIC_SEQ_CST);
        pthread_barrier_wait(&barrier);
    }
    return NULL;
}

static void *take(void *unused)
{
    sem_wait(&semaphore);
    __atomic_add_fetch(&counter, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void *die_holding(void *robust)
{
    pthread_mutex_lock(robust);
    return NULL;
}

static void all(void *(*function)(void *))
{
    pthread_t threads[THREADS];
    counter = 0;
    for (long n = 0; n < THREADS; n++)
        NEED(-pthread_create(&threads[n], NULL, function, (void *)n));
    for (int n = 0; n < THREADS; n++)
        NEED(-pthread_join(threads[n], NULL));
}

static struct timespec in_ms(clockid_t clock, long ms)
{
    struct timespec at;
    NEED(clock_gettime(clock, &at));
    at.tv_nsec += ms * 1000000;
    at.tv_sec += at.tv_nsec / 1000000000;
    at.tv_nsec %= 1000000000;
    return at;
}

int main(void)
{
    all(count);
    CHECK_EQ("mutex", counter, THREADS * ROUNDS);
    pthread_spin_init(&spin, 0);
    all(count_spinning);
    CHECK_EQ("spin lock", counter, THREADS * 2000);
    pthread_t a, b;
    counter = 0;
    NEED(-pthread_create(&a, NULL, ping, (void *)0));
    NEED(-pthread_create(&b, NULL, ping, (void *)1));
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    CHECK_EQ("two take turns", counter, 2000);

    pthread_t threads[THREADS];
    counter = 0;
    for (int n = 0; n < THREADS; n++)
        NEED(-pthread_create(&threads[n], NULL, wait_for_all, NULL));
    pthread_mutex_lock(&mutex);
    while (waiting < THREADS)
        pthread_cond_wait(&cond2, &mutex);
    turn = 77;
    pthread_cond_broadcast(&cond);
    pthread_mutex_unlock(&mutex);
    for (int n = 0; n < THREADS; n++)
        pthread_join(threads[n], NULL);
    CHECK_EQ("broadcast wakes all", counter, THREADS);
    struct timespec at = in_ms(CLOCK_REALTIME, 20);
    pthread_mutex_lock(&mutex);
    long before = now_ms();
    CHECK_RET("pthread_cond_timedwait", pthread_cond_timedwait(&cond, &mutex, &at), ETIMEDOUT);
    CHECK("after that time", now_ms() - before >= 18);
    at = in_ms(CLOCK_MONOTONIC, 10);
    CHECK_RET("by the monotonic clock", pthread_cond_clockwait(&cond, &mutex, CLOCK_MONOTONIC, &at), ETIMEDOUT);
    CHECK_RET("trylock of a held one", pthread_mutex_trylock(&mutex), EBUSY);
    at = in_ms(CLOCK_REALTIME, 10);
    CHECK_RET("pthread_mutex_timedlock", pthread_mutex_timedlock(&mutex, &at), ETIMEDOUT);
    pthread_mutex_unlock(&mutex);

    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_t other;
    pthread_mutex_init(&other, &attributes);
    CHECK_RET("recursive: once", pthread_mutex_lock(&other), 0);
    CHECK_RET("recursive: twice", pthread_mutex_lock(&other), 0);
    pthread_mutex_unlock(&other);
    CHECK_RET("recursive: unlocked", pthread_mutex_unlock(&other), 0);
    CHECK_RET("recursive: once too often", pthread_mutex_unlock(&other), EPERM);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_init(&other, &attributes);
    pthread_mutex_lock(&other);
    CHECK_RET("error-checking: twice", pthread_mutex_lock(&other), EDEADLK);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_NORMAL);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&other, &attributes);
    NEED(-pthread_create(&a, NULL, die_holding, &other));
    pthread_join(a, NULL);
    CHECK_RET("robust: its owner ended", pthread_mutex_lock(&other), EOWNERDEAD);
    CHECK_RET("robust: mended", pthread_mutex_consistent(&other), 0);
    pthread_mutex_unlock(&other);
    CHECK_RET("robust: as before", pthread_mutex_lock(&other), 0);
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
    pthread_mutex_init(&mutex, &attributes);
    all(count);
    CHECK_EQ("mutex with priority inheritance", counter, THREADS * ROUNDS);

    pthread_barrier_init(&barrier, NULL, THREADS);
    all(read_locked);
    CHECK_EQ("all readers at once", most_readers, THREADS);
    CHECK_EQ("writers one at a time", counter, THREADS * 200);
    pthread_rwlock_wrlock(&rwlock);
    CHECK_RET("tryrdlock of a written one", pthread_rwlock_tryrdlock(&rwlock), EBUSY);
    pthread_rwlock_unlock(&rwlock);
    all(meet);
    CHECK_EQ("barrier: one serial thread a round", serial, 50);
    CHECK_EQ("barrier: nobody ahead", phases_wrong, 0);
    sem_init(&semaphore, 0, 0);
    counter = 0;
    for (int n = 0; n < THREADS; n++)
        NEED(-pthread_create(&threads[n], NULL, take, NULL));
    sleep_ms(10);
    CHECK_EQ("semaphore: none passes", counter, 0);
    for (int n = 0; n < THREADS; n++)
        sem_post(&semaphore);
    for (int n = 0; n < THREADS; n++)
        pthread_join(threads[n], NULL);
    CHECK_EQ("semaphore: all passed", counter, THREADS);
    CHECK_ERR("sem_trywait", sem_trywait(&semaphore), EAGAIN);
    at = in_ms(CLOCK_REALTIME, 10);
    CHECK_ERR("sem_timedwait", sem_timedwait(&semaphore, &at), ETIMEDOUT);
    DONE();
}
