// RLIMIT_AS bounds all mappings, RLIMIT_DATA private writable ones, brk among them. getrlimit(2), mmap(2), mprotect(2),
// mremap(2), brk(2).

#include "../check.h"

#include <sys/resource.h>
#include <sys/syscall.h>

#define MIB (1L << 20)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static void limit(int which, long bytes)
{
    NEED(setrlimit(which, &(struct rlimit){bytes, bytes}));
}

static void *map(void *at, long length, int prot, int flags)
{
    return mmap(at, length, prot, flags, -1, 0);
}

static void data(void)
{
    char *reserved = map(NULL, 128 * MIB, PROT_NONE, ANON);
    NEED(reserved == MAP_FAILED ? -1 : 0);
    limit(RLIMIT_DATA, 64 * MIB);
    CHECK_ERR("too much", (long)map(NULL, 128 * MIB, PROT_READ | PROT_WRITE, ANON), ENOMEM);
    CHECK("to be read only", map(NULL, 128 * MIB, PROT_READ, ANON) != MAP_FAILED);
    CHECK("shared", map(NULL, 128 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS) != MAP_FAILED);
    char *half = map(NULL, 32 * MIB, PROT_READ | PROT_WRITE, ANON);
    CHECK("half of it", half != MAP_FAILED);
    CHECK_ERR("and too much more", (long)map(NULL, 40 * MIB, PROT_READ | PROT_WRITE, ANON), ENOMEM);
    CHECK("in place of the half", map(half, 32 * MIB, PROT_READ | PROT_WRITE, ANON | MAP_FIXED) == half);
    CHECK_ERR("made writable", mprotect(reserved, 128 * MIB, PROT_READ | PROT_WRITE), ENOMEM);
    CHECK_OK("some of it", mprotect(reserved, MIB, PROT_READ | PROT_WRITE));
    CHECK_OK("made readable", mprotect(reserved, 128 * MIB, PROT_READ));
    CHECK_ERR("grown", (long)mremap(half, 32 * MIB, 100 * MIB, MREMAP_MAYMOVE), ENOMEM);
    char *end = (char *)syscall(SYS_brk, 0);
    CHECK("brk", (char *)syscall(SYS_brk, end + 60 * MIB) == end);
    CHECK("a little", (char *)syscall(SYS_brk, end + MIB) == end + MIB);
    NEED(munmap(half, 32 * MIB));
    CHECK("after munmap", map(NULL, 40 * MIB, PROT_READ | PROT_WRITE, ANON) != MAP_FAILED);
}

static void space(void)
{
    char *block = map(NULL, 64 * MIB, PROT_NONE, ANON);
    NEED(block == MAP_FAILED ? -1 : 0);
    limit(RLIMIT_AS, 256 * MIB);
    CHECK_ERR("too much", (long)map(NULL, 256 * MIB, PROT_NONE, ANON), ENOMEM);
    CHECK_ERR("shared", (long)map(NULL, 256 * MIB, PROT_READ, MAP_SHARED | MAP_ANONYMOUS), ENOMEM);
    CHECK_OK("rights are free", mprotect(block, 64 * MIB, PROT_READ | PROT_WRITE));
    CHECK("in its place", map(block, 64 * MIB, PROT_READ, ANON | MAP_FIXED) == block);
    CHECK_ERR("grown", (long)mremap(block, 64 * MIB, 300 * MIB, MREMAP_MAYMOVE), ENOMEM);
    char *end = (char *)syscall(SYS_brk, 0);
    CHECK("brk", (char *)syscall(SYS_brk, end + 256 * MIB) == end);
    CHECK("malloc", malloc(256 * MIB) == NULL && errno == ENOMEM);
    // What would not fit is no program.
    limit(RLIMIT_AS, 64 * 1024);
    CHECK_EQ("exec", reap(SPAWN(execl("/bin/true", "true", NULL); _exit(7))) != 0, 1);
}

int main(void)
{
    IN_CHILD("RLIMIT_DATA", data());
    IN_CHILD("RLIMIT_AS", space());
    IN_CHILD("a soft limit of 0 stands for the hard one", {
        NEED(setrlimit(RLIMIT_DATA, &(struct rlimit){0, 64 * MIB}));
        CHECK("within", map(NULL, 16 * MIB, PROT_READ | PROT_WRITE, ANON) != MAP_FAILED);
        CHECK_ERR("beyond", (long)map(NULL, 80 * MIB, PROT_READ | PROT_WRITE, ANON), ENOMEM);
    });
    DONE();
}
