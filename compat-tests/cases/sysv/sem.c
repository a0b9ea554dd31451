// System V semaphores, as POSIX semget(), semop(), semctl() and semop(2) say: sets, all or nothing, waiting for a value and
// for zero, timeouts, signals, SEM_UNDO, removal under waiters, and the answers to bad arguments.
#include "../check.h"

#include <sys/ipc.h>
#include <sys/sem.h>

union semun {
    int val;
    struct semid_ds *buf;
    unsigned short *array;
};

static int op(int id, int num, int by, int flags)
{
    struct sembuf one = {.sem_num = num, .sem_op = by, .sem_flg = flags};
    return semop(id, &one, 1);
}

static int value(int id, int num)
{
    return semctl(id, num, GETVAL);
}

static void until(int id, int num, int cmd, int count)
{
    while (semctl(id, num, cmd) != count)
        sleep_ms(2);
}

static void sets(void)
{
    key_t key = 0x4f460000 + getpid();
    CHECK_ERR("no set without IPC_CREAT", semget(key, 1, 0600), ENOENT);
    int id = NEED(semget(key, 3, IPC_CREAT | 0600));
    CHECK_EQ("found by its key", semget(key, 0, 0), id);
    CHECK_ERR("more than it has", semget(key, 4, 0), EINVAL);
    CHECK_ERR("IPC_EXCL", semget(key, 3, IPC_CREAT | IPC_EXCL), EEXIST);
    CHECK_ERR("a set of none", semget(IPC_PRIVATE, 0, 0600), EINVAL);
    CHECK_ERR("a set of too many", semget(IPC_PRIVATE, 1000000, 0600), EINVAL);
    unsigned short all[3] = {5, 6, 7};
    CHECK_OK("SETALL", semctl(id, 0, SETALL, (union semun){.array = all}));
    CHECK_OK("SETVAL", semctl(id, 1, SETVAL, (union semun){.val = 9}));
    memset(all, 0, sizeof all);
    CHECK_OK("GETALL", semctl(id, 0, GETALL, (union semun){.array = all}));
    CHECK("the values", all[0] == 5 && all[1] == 9 && all[2] == 7);
    CHECK_EQ("GETPID tells who set it", semctl(id, 1, GETPID), getpid());
    CHECK_ERR("SETVAL beyond SEMVMX", semctl(id, 0, SETVAL, (union semun){.val = 40000}), ERANGE);
    CHECK_ERR("SETVAL below zero", semctl(id, 0, SETVAL, (union semun){.val = -1}), ERANGE);
    CHECK_ERR("no such semaphore", semctl(id, 3, GETVAL), EINVAL);
    struct semid_ds ds;
    CHECK_OK("IPC_STAT", semctl(id, 0, IPC_STAT, (union semun){.buf = &ds}));
    CHECK_EQ("sem_nsems", ds.sem_nsems, 3);
    CHECK_EQ("sem_otime before the first operation", ds.sem_otime, 0);
    NEED(op(id, 0, 1, 0));
    NEED(semctl(id, 0, IPC_STAT, (union semun){.buf = &ds}));
    CHECK("sem_otime after it", labs(time(NULL) - ds.sem_otime) <= 2);
    CHECK_OK("IPC_RMID", semctl(id, 0, IPC_RMID));
    CHECK_ERR("gone", semctl(id, 0, GETVAL), EINVAL);
}

static void operations(void)
{
    int id = NEED(semget(IPC_PRIVATE, 2, 0600));
    struct sembuf both[2] = {{.sem_num = 0, .sem_op = 1}, {.sem_num = 1, .sem_op = -1, .sem_flg = IPC_NOWAIT}};
    CHECK_ERR("one that cannot be done", semop(id, both, 2), EAGAIN);
    CHECK_EQ("undoes the others", value(id, 0), 0);
    CHECK_OK("waiting for zero that is there", op(id, 0, 0, 0));
    NEED(op(id, 0, 3, 0));
    CHECK_ERR("for zero that is not", op(id, 0, 0, IPC_NOWAIT), EAGAIN);
    CHECK_OK("taking", op(id, 0, -2, 0));
    CHECK_EQ("what is left", value(id, 0), 1);
    CHECK_ERR("beyond SEMVMX", op(id, 0, 32767, 0), ERANGE);
    CHECK_ERR("a number beyond the set", op(id, 2, 1, 0), EFBIG);
    CHECK_ERR("no operations", semop(id, both, 0), EINVAL);
    CHECK_ERR("too many", semop(id, both, 501), E2BIG);
    CHECK_ERR("a bad address", semop(id, (void *)8, 1), EFAULT);
    struct timespec soon = {.tv_nsec = 30000000}, wrong = {.tv_nsec = -1};
    struct sembuf take = {.sem_num = 1, .sem_op = -1};
    long before = now_ms();
    CHECK_ERR("semtimedop", semtimedop(id, &take, 1, &soon), EAGAIN);
    CHECK("took its time", now_ms() - before >= 29);
    CHECK_ERR("a bad time", semtimedop(id, &take, 1, &wrong), EINVAL);
    CHECK_EQ("nobody waits", semctl(id, 1, GETNCNT), 0);
    NEED(semctl(id, 0, IPC_RMID));
}

static void on_alarm(int signo)
{
    (void)signo;
}

static void waiting(void)
{
    int id = NEED(semget(IPC_PRIVATE, 2, 0600));
    pid_t taker = SPAWN(CHECK_OK("the child gets its two", op(id, 0, -2, 0)));
    until(id, 0, GETNCNT, 1);
    NEED(op(id, 0, 1, 0));
    CHECK_EQ("one is not enough", semctl(id, 0, GETNCNT), 1);
    NEED(op(id, 0, 1, 0));
    CHECK_EQ("the child went on", reap(taker), 0);
    CHECK_EQ("and took both", value(id, 0), 0);
    CHECK_EQ("GETPID tells who", semctl(id, 0, GETPID), taker);
    NEED(op(id, 1, 1, 0));
    pid_t zero = SPAWN(CHECK_OK("the child sees zero", op(id, 1, 0, 0)));
    until(id, 1, GETZCNT, 1);
    NEED(op(id, 1, -1, 0));
    CHECK_EQ("zero woke it", reap(zero), 0);
    IN_CHILD("signals", {
        handle(SIGALRM, on_alarm, SA_RESTART);
        alarm(1);
        CHECK_ERR("a handler ends it whatever SA_RESTART says", op(id, 0, -1, 0), EINTR);
        CHECK_EQ("and it waits no more", semctl(id, 0, GETNCNT), 0);
    });
    pid_t orphan = SPAWN(CHECK_ERR("removal ends waiting", op(id, 0, -1, 0), EIDRM));
    until(id, 0, GETNCNT, 1);
    NEED(semctl(id, 0, IPC_RMID));
    CHECK_EQ("with EIDRM", reap(orphan), 0);
}

static void undo(void)
{
    int id = NEED(semget(IPC_PRIVATE, 1, 0600));
    NEED(semctl(id, 0, SETVAL, (union semun){.val = 2}));
    IN_CHILD("a child takes with SEM_UNDO", {
        NEED(op(id, 0, -2, SEM_UNDO));
        CHECK_EQ("it is taken", value(id, 0), 0);
        IN_CHILD("adjustments are not inherited", CHECK_EQ("still taken", value(id, 0), 0));
        CHECK_EQ("its child's end undid nothing", value(id, 0), 0);
    });
    CHECK_EQ("its end gave them back", value(id, 0), 2);
    pid_t holder = SPAWN({
        NEED(op(id, 0, -1, SEM_UNDO));
        pause();
    });
    while (value(id, 0) != 1)
        sleep_ms(2);
    NEED(kill(holder, SIGKILL));
    reap(holder);
    CHECK_EQ("a killed one's, too", value(id, 0), 2);
    IN_CHILD("SETVAL clears adjustments", {
        NEED(op(id, 0, -1, SEM_UNDO));
        NEED(semctl(id, 0, SETVAL, (union semun){.val = 7}));
    });
    CHECK_EQ("nothing is given back", value(id, 0), 7);
    NEED(semctl(id, 0, IPC_RMID));
}

int main(void)
{
    sets();
    operations();
    waiting();
    undo();
    DONE();
}
