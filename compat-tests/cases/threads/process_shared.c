// Synchronisation between processes: mutex, condition variable, barrier and semaphore in shared memory, robust mutexes
// whose owner is killed, named semaphores and shared memory objects. POSIX pthread_mutexattr_setpshared(), sem_open(),
// shm_open().
// timeout: 60

#include "../check.h"

#include <pthread.h>
#include <semaphore.h>

struct together {
    pthread_mutex_t mutex, robust;
    pthread_cond_t cond;
    pthread_barrier_t barrier;
    pthread_rwlock_t rwlock;
    sem_t semaphore;
    long counter, turn, serial;
};

enum { CHILDREN = 4 };

int main(void)
{
    struct together *all = shared(sizeof *all);
    pthread_mutexattr_t mutex_attributes;
    pthread_mutexattr_init(&mutex_attributes);
    pthread_mutexattr_setpshared(&mutex_attributes, PTHREAD_PROCESS_SHARED);
    NEED(-pthread_mutex_init(&all->mutex, &mutex_attributes));
    pthread_mutexattr_setrobust(&mutex_attributes, PTHREAD_MUTEX_ROBUST);
    NEED(-pthread_mutex_init(&all->robust, &mutex_attributes));
    pthread_condattr_t cond_attributes;
    pthread_condattr_init(&cond_attributes);
    pthread_condattr_setpshared(&cond_attributes, PTHREAD_PROCESS_SHARED);
    NEED(-pthread_cond_init(&all->cond, &cond_attributes));
    pthread_barrierattr_t barrier_attributes;
    pthread_barrierattr_init(&barrier_attributes);
    pthread_barrierattr_setpshared(&barrier_attributes, PTHREAD_PROCESS_SHARED);
    NEED(-pthread_barrier_init(&all->barrier, &barrier_attributes, CHILDREN));
    NEED(sem_init(&all->semaphore, 1, 0));

    pid_t pids[CHILDREN];
    for (int n = 0; n < CHILDREN; n++)
        pids[n] = SPAWN(for (int i = 0; i < 5000; i++) {
            pthread_mutex_lock(&all->mutex);
            all->counter++;
            pthread_mutex_unlock(&all->mutex);
        });
    for (int n = 0; n < CHILDREN; n++)
        CHECK_EQ("child", reap(pids[n]), 0);
    CHECK_EQ("mutex", all->counter, CHILDREN * 5000);

    for (int n = 0; n < CHILDREN; n++)
        pids[n] = SPAWN(for (int i = 0; i < 100; i++) {
            pthread_mutex_lock(&all->mutex);
            while (all->turn % CHILDREN != n)
                pthread_cond_wait(&all->cond, &all->mutex);
            all->turn++;
            pthread_cond_broadcast(&all->cond);
            pthread_mutex_unlock(&all->mutex);
        });
    for (int n = 0; n < CHILDREN; n++)
        CHECK_EQ("child", reap(pids[n]), 0);
    CHECK_EQ("condition variable: in turns", all->turn, CHILDREN * 100);

    for (int n = 0; n < CHILDREN; n++)
        pids[n] = SPAWN(for (int i = 0; i < 50; i++) {
            if (pthread_barrier_wait(&all->barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
                __atomic_add_fetch(&all->serial, 1, __ATOMIC_SEQ_CST);
        });
    for (int n = 0; n < CHILDREN; n++)
        CHECK_EQ("child", reap(pids[n]), 0);
    CHECK_EQ("barrier", all->serial, 50);

    all->counter = 0;
    for (int n = 0; n < CHILDREN; n++)
        pids[n] = SPAWN({
            NEED(sem_wait(&all->semaphore));
            __atomic_add_fetch(&all->counter, 1, __ATOMIC_SEQ_CST);
        });
    sleep_ms(20);
    CHECK_EQ("semaphore: all wait", all->counter, 0);
    for (int n = 0; n < CHILDREN; n++)
        NEED(sem_post(&all->semaphore));
    for (int n = 0; n < CHILDREN; n++)
        CHECK_EQ("child", reap(pids[n]), 0);
    CHECK_EQ("semaphore: all passed", all->counter, CHILDREN);

    // The owner of a robust mutex is killed.
    pid_t pid = SPAWN({
        pthread_mutex_lock(&all->robust);
        raise(SIGKILL);
    });
    reap(pid);
    CHECK_RET("robust: EOWNERDEAD", pthread_mutex_lock(&all->robust), EOWNERDEAD);
    pthread_mutex_consistent(&all->robust);
    pthread_mutex_unlock(&all->robust);
    int ready[2];
    NEED(pipe(ready));
    pid = SPAWN({
        pthread_mutex_lock(&all->robust);
        tell(ready[1]);
        sleep_ms(30);
        raise(SIGKILL);
    });
    await(ready[0]);
    CHECK_RET("robust: a waiter is woken by the death", pthread_mutex_lock(&all->robust), EOWNERDEAD);
    pthread_mutex_consistent(&all->robust);
    pthread_mutex_unlock(&all->robust);
    reap(pid);

    // Named semaphores and shared memory.
    char name[64];
    snprintf(name, sizeof name, "/compat-%d", getpid());
    CHECK("sem_open: none", sem_open(name, 0) == SEM_FAILED && errno == ENOENT);
    sem_t *named = sem_open(name, O_CREAT | O_EXCL, 0600, 1);
    CHECK("sem_open", named != SEM_FAILED);
    CHECK("sem_open: exists", sem_open(name, O_CREAT | O_EXCL, 0600, 1) == SEM_FAILED && errno == EEXIST);
    pid = SPAWN({
        sem_t *own = sem_open(name, 0);
        CHECK("child: sem_open", own != SEM_FAILED);
        NEED(sem_wait(own));
        sleep_ms(20);
        NEED(sem_post(own));
    });
    CHECK_EQ("child", reap(pid), 0);
    int value;
    NEED(sem_getvalue(named, &value));
    CHECK_EQ("sem_getvalue", value, 1);
    CHECK_OK("sem_unlink", sem_unlink(name));
    CHECK_ERR("sem_unlink: gone", sem_unlink(name), ENOENT);
    CHECK_OK("still usable", sem_wait(named));
    NEED(sem_close(named));

    int fd = CHECK_OK("shm_open", shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600));
    CHECK_OK("its size", ftruncate(fd, 4096));
    char *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    pid = SPAWN({
        int own = NEED(shm_open(name, O_RDWR, 0));
        char *there = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, own, 0);
        strcpy(there, "from the child");
    });
    CHECK_EQ("child", reap(pid), 0);
    CHECK_STR("shared by name", memory, "from the child");
    CHECK_OK("shm_unlink", shm_unlink(name));
    CHECK_ERR("gone", shm_open(name, O_RDWR, 0), ENOENT);
    DONE();
}
