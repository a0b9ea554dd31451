// System V shared memory, as POSIX shmget(), shmat(), shmdt(), shmctl() and shmat(2) say: keys, sizes, attachments that a
// fork inherits and an exit ends, removal with the last attachment, places, rights, and the answers to bad arguments.
#include "../check.h"

#include <sys/ipc.h>
#include <sys/shm.h>

static long attached(int id)
{
    struct shmid_ds ds;
    NEED(shmctl(id, IPC_STAT, &ds));
    return ds.shm_nattch;
}

static void keys(void)
{
    key_t key = 0x4f460000 + getpid();
    CHECK_ERR("no segment without IPC_CREAT", shmget(key, 100, 0600), ENOENT);
    int id = NEED(shmget(key, 10000, IPC_CREAT | 0640));
    CHECK_EQ("the same key gives the same segment", shmget(key, 0, 0), id);
    CHECK_EQ("a smaller size is fine", shmget(key, 10000, IPC_CREAT), id);
    CHECK_ERR("a larger size is not", shmget(key, 10001, 0), EINVAL);
    CHECK_ERR("IPC_EXCL", shmget(key, 100, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
    CHECK_ERR("a new segment needs a size", shmget(IPC_PRIVATE, 0, 0600), EINVAL);
    int a = NEED(shmget(IPC_PRIVATE, 1, 0600)), b = NEED(shmget(IPC_PRIVATE, 1, 0600));
    CHECK("private segments are each their own", a != b);
    struct shmid_ds ds;
    NEED(shmctl(id, IPC_STAT, &ds));
    CHECK_EQ("shm_segsz", ds.shm_segsz, 10000);
    CHECK_EQ("mode", ds.shm_perm.mode & 0777, 0640);
    CHECK_EQ("shm_cpid", ds.shm_cpid, getpid());
    CHECK_EQ("shm_lpid", ds.shm_lpid, 0);
    CHECK_EQ("shm_atime", ds.shm_atime, 0);
    CHECK_EQ("shm_nattch", ds.shm_nattch, 0);
    CHECK("shm_ctime", labs(time(NULL) - ds.shm_ctime) <= 2);
    ds.shm_perm.mode = 0600;
    CHECK_OK("IPC_SET", shmctl(id, IPC_SET, &ds));
    NEED(shmctl(id, IPC_STAT, &ds));
    CHECK_EQ("IPC_SET takes", ds.shm_perm.mode & 0777, 0600);
    CHECK_OK("IPC_RMID", shmctl(id, IPC_RMID, NULL));
    CHECK_ERR("a removed identifier", shmctl(id, IPC_STAT, &ds), EINVAL);
    CHECK_ERR("a removed key", shmget(key, 0, 0), ENOENT);
    NEED(shmctl(a, IPC_RMID, NULL));
    NEED(shmctl(b, IPC_RMID, NULL));
}

static void memory(void)
{
    int id = NEED(shmget(IPC_PRIVATE, 3 * 4096, 0600));
    int *one = shmat(id, NULL, 0), *two = shmat(id, NULL, 0);
    CHECK("two attachments at two places", one != (void *)-1 && two != (void *)-1 && one != two);
    CHECK_EQ("new memory is zero", one[2048], 0);
    one[2048] = 41;
    CHECK_EQ("both show the same", two[2048], 41);
    CHECK_EQ("two attachments count", attached(id), 2);
    IN_CHILD("a child inherits them", {
        CHECK_EQ("four with the child's", attached(id), 4);
        one[2048]++;
        CHECK_OK("the child detaches one", shmdt(two));
        CHECK_EQ("three are left", attached(id), 3);
    });
    CHECK_EQ("the child wrote to the same memory", one[2048], 42);
    CHECK_EQ("its exit ended its attachments", attached(id), 2);
    CHECK_OK("shmdt", shmdt(two));
    CHECK_ERR("shmdt twice", shmdt(two), EINVAL);
    CHECK_ERR("shmdt in the middle", shmdt((char *)one + 4096), EINVAL);
    CHECK_ERR("shmdt of unaligned", shmdt((char *)one + 1), EINVAL);
    CHECK_ERR("shmdt of other memory", shmdt(shared(4096)), EINVAL);
    NEED(munmap((char *)one + 4096, 4096));
    one[2048] = 7;
    CHECK_EQ("a hole does not detach", attached(id) >= 1, 1);
    CHECK_OK("shmdt takes what is left", shmdt(one));
    CHECK_EQ("none is left", attached(id), 0);
    int *again = shmat(id, NULL, SHM_RDONLY);
    CHECK_EQ("the content outlives attachments", again[2048], 7);
    CHECK_ERR("a read-only attachment cannot be made writable", mprotect(again, 4096, PROT_READ | PROT_WRITE), EACCES);
    CHECK_EQ("writing to it is SIGSEGV", reap(SPAWN(*again = 1)), 128 + SIGSEGV);
    NEED(shmctl(id, IPC_RMID, NULL));
    CHECK_EQ("a removed segment goes on while attached", again[2048], 7);
    struct shmid_ds ds;
    CHECK_OK("and can be looked at", shmctl(id, IPC_STAT, &ds));
    CHECK("marked for removal", ds.shm_perm.mode & SHM_DEST);
    NEED(shmdt(again));
    CHECK_ERR("the last shmdt ends it", shmctl(id, IPC_STAT, &ds), EINVAL);
    CHECK_ERR("nobody can attach to it any more", (long)shmat(id, NULL, 0), EINVAL);
}

static void places(void)
{
    int id = NEED(shmget(IPC_PRIVATE, 2 * 4096, 0600));
    char *room = mmap(NULL, 8 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK_ERR("a place in use", (long)shmat(id, room, 0), EINVAL);
    CHECK_ERR("an unaligned place", (long)shmat(id, room + 5, 0), EINVAL);
    CHECK_ERR("SHM_REMAP without a place", (long)shmat(id, NULL, SHM_REMAP), EINVAL);
    CHECK_EQ("SHM_REMAP takes a place in use", (long)shmat(id, room + 4096, SHM_REMAP), (long)room + 4096);
    NEED(shmdt(room + 4096));
    CHECK_EQ("SHM_RND rounds down", (long)shmat(id, room + 4096 + 77, SHM_RND), (long)room + 4096);
    strcpy(room + 4096, "there");
    CHECK_STR("it can be written", room + 4096, "there");
    NEED(shmdt(room + 4096));
    NEED(shmctl(id, IPC_RMID, NULL));
}

static void bad(void)
{
    struct shmid_ds ds;
    CHECK_ERR("shmat of no identifier", (long)shmat(-1, NULL, 0), EINVAL);
    CHECK_ERR("shmctl of no identifier", shmctl(-1, IPC_STAT, &ds), EINVAL);
    int id = NEED(shmget(IPC_PRIVATE, 4096, 0400));
    CHECK_ERR("an unknown command", shmctl(id, 4711, &ds), EINVAL);
    CHECK_ERR("a bad address for the status", shmctl(id, IPC_STAT, (void *)8), EFAULT);
    CHECK_ERR("a bad address for IPC_SET", shmctl(id, IPC_SET, (void *)8), EFAULT);
    IN_CHILD("another user", {
        // Natively the case may run as an ordinary user, whose segment it is.
        bool was_root = geteuid() == 0;
        drop_root();
        CHECK_ERR("has no right to attach", (long)shmat(id, NULL, 0), EACCES);
        if (was_root) {
            CHECK_ERR("has no right to look", shmctl(id, IPC_STAT, &ds), EACCES);
            CHECK_ERR("has no right to remove", shmctl(id, IPC_RMID, NULL), EPERM);
        } else {
            say("ok has no right to look");
            say("ok has no right to remove");
        }
    });
    NEED(shmctl(id, IPC_RMID, NULL));
}

int main(void)
{
    keys();
    memory();
    places();
    bad();
    DONE();
}
