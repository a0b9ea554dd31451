// The futex call itself: value check, time limits, wake counts, requeue, bitsets, private and shared. futex(2).

#include "../check.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>

static int word, other;

static long futex(int *at, int operation, int value, const void *timeout, int *second, int third)
{
    return syscall(SYS_futex, at, operation, value, timeout, second, third);
}

static void *wait_for_it(void *unused)
{
    while (futex(&word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0) == -1 && errno == EINTR)
        ;
    return NULL;
}

static void *wait_with_bits(void *bits)
{
    futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL, NULL, (int)(intptr_t)bits);
    return bits;
}

int main(void)
{
    CHECK_ERR("another value", futex(&word, FUTEX_WAIT, 1, NULL, NULL, 0), EAGAIN);
    struct timespec brief = {.tv_nsec = 20000000};
    long before = now_ms();
    CHECK_ERR("time is up", futex(&word, FUTEX_WAIT_PRIVATE, 0, &brief, NULL, 0), ETIMEDOUT);
    CHECK("after that time", now_ms() - before >= 19);
    CHECK_EQ("nobody to wake", futex(&word, FUTEX_WAKE_PRIVATE, 100, NULL, NULL, 0), 0);
    CHECK_ERR("not aligned", futex((int *)((char *)&word + 1), FUTEX_WAIT, 0, NULL, NULL, 0), EINVAL);
    CHECK_ERR("bad address", futex((int *)8, FUTEX_WAIT, 0, NULL, NULL, 0), EFAULT);
    CHECK_ERR("unknown operation", futex(&word, 77, 0, NULL, NULL, 0), ENOSYS);
    CHECK_ERR("an empty bitset", futex(&word, FUTEX_WAIT_BITSET, 0, NULL, NULL, 0), EINVAL);
    brief.tv_nsec = 1000000000;
    CHECK_ERR("bad time", futex(&word, FUTEX_WAIT, 0, &brief, NULL, 0), EINVAL);

    pthread_t threads[6];
    for (int n = 0; n < 6; n++)
        NEED(-pthread_create(&threads[n], NULL, wait_for_it, NULL));
    sleep_ms(30);
    CHECK_EQ("wake two", futex(&word, FUTEX_WAKE_PRIVATE, 2, NULL, NULL, 0), 2);
    CHECK_ERR("requeue: another value", futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)2, &other, 5), EAGAIN);
    CHECK_EQ("wake one, move two", futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)2, &other, 0), 3);
    CHECK_EQ("one is left", futex(&word, FUTEX_WAKE_PRIVATE, 100, NULL, NULL, 0), 1);
    CHECK_EQ("two were moved", futex(&other, FUTEX_WAKE_PRIVATE, 100, NULL, NULL, 0), 2);
    for (int n = 0; n < 6; n++)
        pthread_join(threads[n], NULL);

    NEED(-pthread_create(&threads[0], NULL, wait_with_bits, (void *)1));
    NEED(-pthread_create(&threads[1], NULL, wait_with_bits, (void *)2));
    sleep_ms(20);
    CHECK_EQ("by bits: none", futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 100, NULL, NULL, 4), 0);
    CHECK_EQ("by bits: one", futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 100, NULL, NULL, 2), 1);
    pthread_join(threads[1], NULL);
    CHECK_EQ("by bits: the other", futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 100, NULL, NULL, -1), 1);
    pthread_join(threads[0], NULL);
    NEED(-pthread_create(&threads[0], NULL, wait_for_it, NULL));
    sleep_ms(20);
    int operation = FUTEX_OP(FUTEX_OP_ADD, 5, FUTEX_OP_CMP_EQ, 0);
    CHECK_EQ("FUTEX_WAKE_OP", futex(&word, FUTEX_WAKE_OP_PRIVATE, 1, (void *)1, &other, operation), 1);
    CHECK_EQ("its addition", other, 5);
    pthread_join(threads[0], NULL);

    // Across processes, in shared memory; private ones do not meet.
    int *common = shared(4096), up[2];
    NEED(pipe(up));
    pid_t pid = SPAWN({
        tell(up[1]);
        CHECK_EQ("child: woken", futex(common, FUTEX_WAIT, 0, NULL, NULL, 0), 0);
    });
    await(up[0]);
    while (futex(common, FUTEX_WAKE, 1, NULL, NULL, 0) == 0)
        sleep_ms(1);
    CHECK_EQ("woken in the other process", reap(pid), 0);
    word = 0;
    struct timespec short_time = {.tv_nsec = 100000000};
    pid = SPAWN({
        tell(up[1]);
        CHECK_ERR("child: its own copy", futex(&word, FUTEX_WAIT, 0, &short_time, NULL, 0), ETIMEDOUT);
    });
    await(up[0]);
    sleep_ms(20);
    CHECK_EQ("private memory does not meet", futex(&word, FUTEX_WAKE, 100, NULL, NULL, 0), 0);
    CHECK_EQ("child", reap(pid), 0);
    // In a file mapping, at different addresses.
    int fd = NEED(open("file", O_RDWR | O_CREAT, 0600));
    NEED(ftruncate(fd, 8192));
    int *here = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    pid = SPAWN({
        int *there = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 4096);
        tell(up[1]);
        CHECK_EQ("child: woken", futex(there + 10, FUTEX_WAIT, 0, NULL, NULL, 0), 0);
    });
    await(up[0]);
    while (futex(here + 1024 + 10, FUTEX_WAKE, 1, NULL, NULL, 0) == 0)
        sleep_ms(1);
    CHECK_EQ("a file mapping at another address", reap(pid), 0);
    DONE();
}
