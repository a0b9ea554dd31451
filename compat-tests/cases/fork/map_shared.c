// MAP_SHARED memory, anonymous or of a file, is one memory for parent and children; MAP_PRIVATE is not.
// POSIX mmap(), fork(); madvise(2) for MADV_DONTFORK and MADV_WIPEONFORK.

#include "../check.h"

int main(void)
{
    int *anon = shared(8192);
    anon[0] = 1;
    IN_CHILD("anonymous", {
        CHECK_EQ("child: reads", anon[0], 1);
        anon[0] = 2;
        anon[2047] = 3;
        IN_CHILD("child: its child", anon[1] = 4);
    });
    CHECK_EQ("written by the child", anon[0], 2);
    CHECK_EQ("on a page first touched by the child", anon[2047], 3);
    CHECK_EQ("written by the grandchild", anon[1], 4);

    int *counter = anon + 100;
    pid_t pids[6];
    for (int n = 0; n < 6; n++)
        pids[n] = SPAWN(for (int i = 0; i < 20000; i++) __atomic_add_fetch(counter, 1, __ATOMIC_SEQ_CST));
    for (int n = 0; n < 6; n++)
        NEED(reap(pids[n]) ? -1 : 0);
    CHECK_EQ("atomic increments by six processes", *counter, 120000);

    int fd = NEED(open("file", O_RDWR | O_CREAT, 0644));
    NEED(ftruncate(fd, 8192));
    char *file = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *private = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    strcpy(file, "parent");
    CHECK_STR("a private mapping sees the file until written", private, "parent");
    IN_CHILD("file", {
        CHECK_STR("child: reads", file, "parent");
        strcpy(file, "child");
        strcpy(private + 4096, "private");
        CHECK_STR("child: private page is its own", private + 4096, "private");
    });
    CHECK_STR("file mapping written by the child", file, "child");
    CHECK_STR("private mapping is not", private + 4096, "");
    char text[6];
    CHECK_EQ("pread", pread(fd, text, 6, 0), 6);
    CHECK_STR("read(2) sees what was stored", text, "child");
    NEED(pwrite(fd, "written", 8, 0));
    CHECK_STR("the mapping sees what was written", file, "written");

    // A child maps by itself: the same pages.
    IN_CHILD("mapped anew", {
        int again = NEED(open("file", O_RDWR));
        char *own = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, again, 0);
        CHECK_STR("child: reads", own, "written");
        strcpy(own + 100, "from another mapping");
    });
    CHECK_STR("seen here", file + 100, "from another mapping");

    // Unmapping in a child, or its death, takes nothing away.
    IN_CHILD("munmap", NEED(munmap(anon, 8192)));
    CHECK_EQ("still mapped here", anon[0], 2);
    CHECK_EQ("a killed child", reap(SPAWN({
                 anon[5] = 55;
                 raise(SIGKILL);
             })),
             128 + SIGKILL);
    CHECK_EQ("left its last write", anon[5], 55);

    // Flags of single ranges.
    char *pages = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(pages, 9, 3 * 4096);
    NEED(madvise(pages, 4096, MADV_WIPEONFORK));
    NEED(madvise(pages + 4096, 4096, MADV_DONTFORK));
    IN_CHILD("MADV_WIPEONFORK", {
        CHECK_EQ("child: wiped", pages[0], 0);
        CHECK_EQ("child: not wiped", pages[2 * 4096], 9);
    });
    CHECK_EQ("MADV_DONTFORK: the page is missing in the child",
             reap(SPAWN(_exit(*(volatile char *)(pages + 4096)))), 128 + SIGSEGV);
    CHECK_EQ("and kept here", pages[0] + pages[4096], 18);
    DONE();
}
