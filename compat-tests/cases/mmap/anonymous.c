// Anonymous memory: placement, protection, holes, splitting, moving, growing, madvise, brk. POSIX mmap(), munmap(),
// mprotect(); mmap(2), mremap(2), madvise(2), brk(2), mincore(2).
// build: dynamic, musl

#include "../check.h"

#include <sys/syscall.h>

enum { PAGE = 4096 };

static char *map(size_t pages)
{
    char *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    NEED(memory == MAP_FAILED ? -1 : 0);
    return memory;
}

// Whether a byte can be read or written, without a fault: the kernel looks.
static bool readable(const char *at)
{
    static int fd[2] = {-1, -1};
    if (fd[0] == -1)
        NEED(pipe(fd));
    char byte;
    if (write(fd[1], at, 1) != 1)
        return false;
    NEED(read(fd[0], &byte, 1));
    return true;
}

int main(void)
{
    char *memory = map(10);
    int zeros = 0;
    for (int n = 0; n < 10 * PAGE; n++)
        zeros += memory[n] == 0;
    CHECK_EQ("zeroed", zeros, 10 * PAGE);
    CHECK_EQ("page-aligned", (uintptr_t)memory % PAGE, 0);
    memset(memory, 5, 10 * PAGE);
    CHECK_OK("a hole in the middle", munmap(memory + 3 * PAGE, 2 * PAGE));
    CHECK("before it", readable(memory + 3 * PAGE - 1));
    CHECK("in it", !readable(memory + 3 * PAGE) && !readable(memory + 5 * PAGE - 1));
    CHECK("after it", readable(memory + 5 * PAGE));
    CHECK_OK("munmap over holes", munmap(memory + 2 * PAGE, 5 * PAGE));
    CHECK("rest", !readable(memory + 6 * PAGE) && memory[7 * PAGE] == 5);
    CHECK_OK("munmap of nothing", munmap(memory + 2 * PAGE, PAGE));
    char *fixed = mmap(memory + 2 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    CHECK("MAP_FIXED", fixed == memory + 2 * PAGE && fixed[0] == 0);
    memory[7 * PAGE] = 7;
    fixed = mmap(memory + 7 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    CHECK("MAP_FIXED replaces", fixed[0] == 0);
    CHECK_ERR("MAP_FIXED_NOREPLACE over something",
              (long)mmap(memory + 6 * PAGE, 2 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
    fixed = mmap(memory + 5 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    CHECK("MAP_FIXED_NOREPLACE in a hole", fixed == memory + 5 * PAGE);
    char *hinted = mmap(memory + 7 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK("a hint that is taken is no order", hinted != memory + 7 * PAGE && hinted != MAP_FAILED);
    char *low = mmap((void *)0x10000000, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK("a hint that is free is taken", low == (void *)0x10000000);
    char *below = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    CHECK("MAP_32BIT", (uintptr_t)below < 0x80000000);

    char *three = map(3);
    memset(three, 1, 3 * PAGE);
    CHECK_OK("mprotect of the middle", mprotect(three + PAGE, PAGE, PROT_NONE));
    CHECK("which is closed", !readable(three + PAGE) && readable(three) && readable(three + 2 * PAGE));
    CHECK_OK("mprotect back", mprotect(three, 3 * PAGE, PROT_READ | PROT_WRITE));
    CHECK_EQ("the bytes are kept", three[PAGE], 1);
    NEED(munmap(three + PAGE, PAGE));
    CHECK_ERR("mprotect over a hole", mprotect(three, 3 * PAGE, PROT_READ), ENOMEM);
    CHECK_ERR("mprotect: not aligned", syscall(SYS_mprotect, three + 1, PAGE, PROT_READ), EINVAL);
    CHECK_OK("mprotect: length 0", mprotect(three, 0, PROT_READ));

    CHECK_ERR("length 0", (long)mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), EINVAL);
    CHECK_ERR("neither private nor shared", (long)mmap(NULL, PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0), EINVAL);
    CHECK_ERR("MAP_FIXED, not aligned", (long)mmap(memory + 1, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), EINVAL);
    CHECK_ERR("too much", (long)mmap(NULL, 1UL << 62, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
    CHECK_ERR("munmap: not aligned", munmap(memory + 1, PAGE), EINVAL);
    CHECK_ERR("munmap: length 0", munmap(memory, 0), EINVAL);
    CHECK_ERR("no file", (long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, -1, 0), EBADF);

    char *moved = map(4);
    strcpy(moved, "start");
    strcpy(moved + 3 * PAGE, "fourth");
    CHECK("mremap: smaller", mremap(moved, 4 * PAGE, 2 * PAGE, 0) == moved);
    CHECK("the rest is gone", !readable(moved + 3 * PAGE));
    char *grown = mremap(moved, 2 * PAGE, 1000 * PAGE, MREMAP_MAYMOVE);
    CHECK("mremap: larger", grown != MAP_FAILED);
    CHECK_STR("its bytes", grown, "start");
    CHECK_EQ("new pages are zero", grown[999 * PAGE], 0);
    char *target = map(2);
    char *there = mremap(grown, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target);
    CHECK("MREMAP_FIXED", there == target);
    CHECK_STR("moved there", target, "start");
    CHECK("and away", !readable(grown) && readable(grown + 2 * PAGE));
    NEED(munmap(grown, 1000 * PAGE));
    char *wall = map(3);
    NEED(munmap(wall + PAGE, PAGE));
    NEED(mmap(wall + PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED ? -1 : 0);
    CHECK_ERR("no room and not allowed to move", (long)mremap(wall, PAGE, 3 * PAGE, 0), ENOMEM);
    CHECK_ERR("mremap of nothing", (long)mremap((void *)0x20000000, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EFAULT);
    CHECK_ERR("mremap: not aligned", (long)mremap(wall + 1, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EINVAL);
    CHECK_ERR("mremap: unknown flag", (long)mremap(wall, PAGE, PAGE, 64), EINVAL);

    char *advised = map(4);
    memset(advised, 9, 4 * PAGE);
    CHECK_OK("MADV_DONTNEED", madvise(advised + PAGE, 2 * PAGE, MADV_DONTNEED));
    CHECK("zeros again", advised[0] == 9 && advised[PAGE] == 0 && advised[2 * PAGE] == 0 && advised[3 * PAGE] == 9);
    CHECK_OK("MADV_WILLNEED", madvise(advised, 4 * PAGE, MADV_WILLNEED));
    CHECK_OK("MADV_SEQUENTIAL", madvise(advised, 4 * PAGE, MADV_SEQUENTIAL));
    CHECK_ERR("unknown advice", madvise(advised, PAGE, 999), EINVAL);
    CHECK_ERR("not aligned", madvise(advised + 1, PAGE, MADV_NORMAL), EINVAL);
    unsigned char resident[4];
    CHECK_OK("mincore", mincore(advised, 4 * PAGE, resident));
    CHECK("touched pages are there", (resident[0] & 1) && (resident[3] & 1));
    NEED(munmap(advised, PAGE));
    CHECK_ERR("mincore of a hole", mincore(advised, PAGE, resident), ENOMEM);
    CHECK_OK("mlock", mlock(advised + PAGE, PAGE));
    CHECK_OK("munlock", munlock(advised + PAGE, PAGE));
    CHECK_OK("msync", msync(advised + PAGE, PAGE, MS_ASYNC));
    CHECK_ERR("msync: both flags", msync(advised + PAGE, PAGE, MS_ASYNC | MS_SYNC), EINVAL);
    CHECK_ERR("msync of a hole", msync(advised, PAGE, MS_SYNC), ENOMEM);

    char *end = (char *)syscall(SYS_brk, 0);
    char *more = (char *)syscall(SYS_brk, end + 5 * PAGE);
    CHECK("brk grows", more == end + 5 * PAGE);
    end[0] = more[-1] = 3;
    CHECK("brk shrinks", (char *)syscall(SYS_brk, end) == end);
    CHECK("brk again: zeros", (char *)syscall(SYS_brk, end + 5 * PAGE) == more && more[-1] == 0);
    CHECK("an impossible brk changes nothing", (char *)syscall(SYS_brk, 8) == more);
    syscall(SYS_brk, end);

    // Code that is written and then executed.
    unsigned char *code = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(code, "\xb8\x2a\x00\x00\x00\xc3", 6);
    NEED(mprotect(code, PAGE, PROT_READ | PROT_EXEC));
    CHECK_EQ("generated code runs", ((int (*)(void))code)(), 42);
    // Generated code that makes a system call: mov $39,%eax; syscall; ret
    NEED(mprotect(code, PAGE, PROT_READ | PROT_WRITE));
    memcpy(code, "\xb8\x27\x00\x00\x00\x0f\x05\xc3", 8);
    NEED(mprotect(code, PAGE, PROT_READ | PROT_EXEC));
    for (int n = 0; n < 3; n++)
        CHECK_EQ("generated code calls getpid", ((int (*)(void))code)(), getpid());
    DONE();
}
