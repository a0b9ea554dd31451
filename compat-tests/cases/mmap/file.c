// File mappings, shared and private: coherence with read and write, the page at the end, beyond the end, protections,
// descriptors that are closed, truncation. POSIX mmap(), msync().

#include "../check.h"

#include <setjmp.h>

enum { PAGE = 4096 };

static sigjmp_buf back;

static void on_fault(int signo)
{
    siglongjmp(back, signo);
}

// The signal that a read at this address raises, or 0.
static int fault_of(const volatile char *at)
{
    int signo = sigsetjmp(back, 1);
    if (signo == 0)
        (void)*at;
    return signo;
}

int main(void)
{
    handle(SIGBUS, on_fault, 0);
    handle(SIGSEGV, on_fault, 0);
    int fd = NEED(open("file", O_RDWR | O_CREAT, 0644));
    NEED(write(fd, "hello", 5));
    char *shared_map = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK("MAP_SHARED", shared_map != MAP_FAILED);
    CHECK("content", memcmp(shared_map, "hello", 5) == 0);
    CHECK_EQ("zeros after the end, on its page", shared_map[100] + shared_map[PAGE - 1], 0);
    CHECK_EQ("SIGBUS beyond that page", fault_of(shared_map + PAGE), SIGBUS);
    shared_map[0] = 'H';
    shared_map[10] = 'x';
    CHECK_STR("stores are the file's", get("file"), "Hello");
    NEED(ftruncate(fd, 20));
    CHECK_EQ("the tail", pread(fd, (char[30]){0}, 30, 0), 20);
    NEED(ftruncate(fd, 2 * PAGE));
    CHECK_EQ("growth makes the page usable", fault_of(shared_map + PAGE), 0);
    strcpy(shared_map + PAGE, "second");
    char text[16] = "";
    NEED(pread(fd, text, 7, PAGE));
    CHECK_STR("read sees the store", text, "second");
    NEED(pwrite(fd, "SECOND", 6, PAGE));
    CHECK_STR("the mapping sees the write", shared_map + PAGE, "SECOND");
    CHECK_OK("msync", msync(shared_map, 2 * PAGE, MS_SYNC));
    NEED(ftruncate(fd, PAGE));
    CHECK_EQ("a cut takes the page away", fault_of(shared_map + PAGE), SIGBUS);
    NEED(ftruncate(fd, 2 * PAGE));
    CHECK_EQ("and grown again it is empty", shared_map[PAGE], 0);

    char *private_map = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    CHECK("MAP_PRIVATE", private_map[0] == 'H');
    private_map[0] = 'P';
    CHECK_EQ("a private store is not the file's", shared_map[0], 'H');
    shared_map[1] = 'E';
    CHECK_EQ("a copied page stays as it was", private_map[1], 'e');
    shared_map[PAGE] = 'S';
    CHECK_EQ("a page not yet copied follows", private_map[PAGE], 'S');

    char *second = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, PAGE);
    CHECK_EQ("at an offset", second[0], 'S');
    CHECK_EQ("read-only is read-only", (sigsetjmp(back, 1) ? 1 : (*(volatile char *)second = 1, 0)), 1);
    NEED(close(fd));
    shared_map[2] = 'L';
    CHECK_EQ("the mapping outlives the descriptor", get("file")[2], 'L');
    NEED(unlink("file"));
    shared_map[3] = 'Z';
    CHECK_EQ("and the name", second[0], 'S');

    int readonly = NEED((put("other", "read me"), open("other", O_RDONLY)));
    CHECK_ERR("shared, writable, of a read-only descriptor", (long)mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, readonly, 0), EACCES);
    char *copy = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, readonly, 0);
    CHECK("private, writable", copy != MAP_FAILED && (copy[0] = 'R') == 'R');
    char *view = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, readonly, 0);
    CHECK_ERR("mprotect does not give what open did not", mprotect(view, PAGE, PROT_READ | PROT_WRITE), EACCES);
    int writeonly = NEED(open("other", O_WRONLY));
    CHECK_ERR("a write-only descriptor", (long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, writeonly, 0), EACCES);
    CHECK_ERR("an offset that is not aligned", (long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, readonly, 100), EINVAL);
    int pipes[2];
    NEED(pipe(pipes));
    CHECK_ERR("a pipe", (long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, pipes[0], 0), ENODEV);
    CHECK_ERR("a folder", (long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, open(".", O_RDONLY), 0), ENODEV);
    int zero = NEED(open("/dev/zero", O_RDWR));
    char *zeros = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0);
    CHECK("/dev/zero is anonymous memory", zeros != MAP_FAILED && zeros[5] == 0);
    // A large file, all of it by mapping.
    int large = NEED(open("large", O_RDWR | O_CREAT, 0644));
    NEED(ftruncate(large, 4 << 20));
    int *numbers = mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, large, 0);
    for (int n = 0; n < 1 << 20; n++)
        numbers[n] = n;
    int wrong = 0, got[1024];
    for (int n = 0; n < 1 << 20; n += 1024) {
        NEED(read(large, got, sizeof got));
        wrong += got[0] != n || got[1023] != n + 1023;
    }
    CHECK_EQ("4 MiB by mapping, read back", wrong, 0);
    // Another process maps the same file and both see each other's stores at once.
    int to[2], from[2];
    NEED(pipe(to));
    NEED(pipe(from));
    pid_t pid = SPAWN({
        int own = NEED(open("large", O_RDWR));
        int *there = mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, own, 0);
        await(to[0]);
        CHECK_EQ("child: sees the store", there[77], -1);
        there[78] = -2;
        tell(from[1]);
    });
    numbers[77] = -1;
    tell(to[1]);
    await(from[0]);
    CHECK_EQ("the child's store", numbers[78], -2);
    CHECK_EQ("child", reap(pid), 0);
    DONE();
}
