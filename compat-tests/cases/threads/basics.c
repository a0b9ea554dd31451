// Threads: creation, joining, detaching, identity, thread-local storage, cancellation, once, keys, many at once.
// POSIX pthread_create(), pthread_join(), pthread_cancel(), pthread_key_create().
// build: dynamic, static, musl

#include "../check.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

static _Thread_local int local = 7;
static int cleaned, destroyed, onces;
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void *twice(void *argument)
{
    local += (int)(intptr_t)argument;
    sched_yield();
    return (void *)(intptr_t)(local * 2);
}

static void clean(void *unused)
{
    __atomic_add_fetch(&cleaned, 1, __ATOMIC_SEQ_CST);
}

static void destroy(void *value)
{
    __atomic_add_fetch(&destroyed, (int)(intptr_t)value, __ATOMIC_SEQ_CST);
}

static void initialise(void)
{
    onces++;
}

static atomic_int ready;

// Starts a thread, and gives it a moment after it said that it is ready.
static pthread_t start(void *(*body)(void *), void *argument)
{
    pthread_t thread;
    ready = 0;
    NEED(-pthread_create(&thread, NULL, body, argument));
    while (!ready)
        sched_yield();
    sleep_ms(10);
    return thread;
}

static void *sleeper(void *unused)
{
    pthread_cleanup_push(clean, NULL);
    pthread_setspecific(key, (void *)10);
    ready = 1;
    sleep_ms(100000);
    pthread_cleanup_pop(0);
    return NULL;
}

static void *reader(void *fd)
{
    char byte;
    pthread_cleanup_push(clean, NULL);
    ready = 1;
    if (read(*(int *)fd, &byte, 1) != 1)
        abort();
    pthread_cleanup_pop(0);
    return NULL;
}

static void *computing(void *unused)
{
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
    ready = 1;
    for (;;)
        ;
}

static volatile int reached;

static void *deferring(void *unused)
{
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    ready = 1;
    sleep_ms(30);
    reached = 1;
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    pthread_testcancel();
    reached = 2;
    return NULL;
}

static void *initialising(void *unused)
{
    pthread_once(&once, initialise);
    return NULL;
}

static void *identity(void *tid)
{
    *(pid_t *)tid = gettid();
    return (void *)(intptr_t)getpid();
}

static void *leave_deep(void *unused)
{
    pthread_cleanup_push(clean, NULL);
    pthread_exit((void *)55);
    pthread_cleanup_pop(0);
}

int main(void)
{
    pthread_t threads[100];
    void *result;
    pthread_key_create(&key, destroy);
    for (long n = 0; n < 10; n++)
        CHECK_RET("pthread_create", pthread_create(&threads[n], NULL, twice, (void *)n), 0);
    for (long n = 0; n < 10; n++) {
        CHECK_RET("pthread_join", pthread_join(threads[n], &result), 0);
        CHECK_EQ("its result", (intptr_t)result, (7 + n) * 2);
    }
    CHECK_EQ("TLS of the first thread", local, 7);
    int sum = 0;
    for (long n = 0; n < 100; n++)
        NEED(-pthread_create(&threads[n], NULL, twice, (void *)n));
    for (long n = 0; n < 100; n++) {
        NEED(-pthread_join(threads[n], &result));
        sum += (int)(intptr_t)result;
    }
    CHECK_EQ("a hundred at once", sum, 2 * (700 + 4950));
    for (int n = 0; n < 500; n++) {
        NEED(-pthread_create(&threads[0], NULL, twice, NULL));
        NEED(-pthread_join(threads[0], NULL));
    }
    say("ok five hundred in turn");

    pid_t tid;
    NEED(-pthread_create(&threads[0], NULL, identity, &tid));
    NEED(-pthread_join(threads[0], &result));
    CHECK_EQ("one pid", (intptr_t)result, getpid());
    CHECK("another tid", tid != gettid() && tid > 0);
    CHECK_EQ("the first thread's tid is the pid", gettid(), getpid());

    threads[0] = start(sleeper, NULL);
    CHECK_RET("cancel of a sleeper", pthread_cancel(threads[0]), 0);
    NEED(-pthread_join(threads[0], &result));
    CHECK("PTHREAD_CANCELED", result == PTHREAD_CANCELED);
    CHECK_EQ("cleanup ran", cleaned, 1);
    CHECK_EQ("destructor ran", destroyed, 10);
    int fd[2];
    NEED(pipe(fd));
    threads[0] = start(reader, &fd[0]);
    pthread_cancel(threads[0]);
    NEED(-pthread_join(threads[0], &result));
    CHECK("cancel of a reader", result == PTHREAD_CANCELED && cleaned == 2);
    threads[0] = start(computing, NULL);
    pthread_cancel(threads[0]);
    NEED(-pthread_join(threads[0], &result));
    CHECK("asynchronous cancel of a computing thread", result == PTHREAD_CANCELED);
    threads[0] = start(deferring, NULL);
    pthread_cancel(threads[0]);
    NEED(-pthread_join(threads[0], &result));
    CHECK("a cancel that is held off", result == PTHREAD_CANCELED && reached == 1);
    NEED(-pthread_create(&threads[0], NULL, leave_deep, NULL));
    NEED(-pthread_join(threads[0], &result));
    CHECK("pthread_exit", (intptr_t)result == 55 && cleaned == 3);
    for (int n = 0; n < 8; n++)
        NEED(-pthread_create(&threads[n], NULL, initialising, NULL));
    for (int n = 0; n < 8; n++)
        pthread_join(threads[n], NULL);
    CHECK_EQ("pthread_once", onces, 1);

    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, 1 << 20);
    reached = 0;
    CHECK_RET("detached", pthread_create(&threads[0], &attributes, deferring, NULL), 0);
    for (int n = 0; reached != 2 && n < 2000; n++)
        sleep_ms(1);
    CHECK_EQ("it ran to its end", reached, 2);
    cpu_set_t cpus;
    CHECK_OK("sched_getaffinity", sched_getaffinity(0, sizeof cpus, &cpus));
    CHECK("at least one processor", CPU_COUNT(&cpus) >= 1);
    DONE();
}
