// A process of 256 MiB forks: the child reads what was there at the fork, unmaps and protects parts of it, writes some, and
// the parent sees none of that. A private mapping of a file keeps what was written to it. POSIX fork(), munmap(), mprotect().
// timeout: 60

#include "../check.h"

enum { PAGE = 4096, PAGES = 65536, STEP = 61 };

static unsigned char *memory;

static int mark(int page) { return page * 7 % 251 + 1; }

// Whether a sample of pages is as it was, but for these.
static int whole(int from, int to)
{
    for (int page = 0; page < PAGES; page += STEP)
        if ((page < from || page >= to) && memory[(size_t)page * PAGE + page % PAGE] != mark(page))
            return 0;
    return 1;
}

int main(void)
{
    memory = mmap(NULL, (size_t)PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    NEED(memory == MAP_FAILED ? -1 : 0);
    for (int page = 0; page < PAGES; page++)
        memory[(size_t)page * PAGE + page % PAGE] = mark(page);

    put("file", "of the file");
    int fd = NEED(open("file", O_RDONLY));
    char *private = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    NEED(private == MAP_FAILED ? -1 : 0);
    private[0] = 'O';

    IN_CHILD("a child of a large process", {
        CHECK("child: it has all of it", whole(0, 0));
        memset(memory + 1000ul * PAGE, 9, 500ul * PAGE);
        NEED(munmap(memory + 2000ul * PAGE, 1000ul * PAGE));
        NEED(mprotect(memory + 4000ul * PAGE, 1000ul * PAGE, PROT_READ));
        CHECK("child: a page that may only be read", memory[4026ul * PAGE + 4026 % PAGE] == mark(4026));
        CHECK_STR("child: what was written to a private mapping", private, "Of the file");
        private[1] = 'F';
        IN_CHILD("child: its child", {
            CHECK_EQ("grandchild: what the child wrote", memory[1499ul * PAGE], 9);
            CHECK("grandchild: what the first wrote", memory[60000ul * PAGE + 60000 % PAGE] == mark(60000));
            CHECK_STR("grandchild: both wrote", private, "OF the file");
        });
    });
    CHECK("the parent's memory is as it was", whole(0, 0));
    CHECK_STR("its private mapping too", private, "Of the file");

    // The parent writes and unmaps while the child has read nothing yet.
    int down[2];
    NEED(pipe(down));
    pid_t pid = SPAWN({
        await(down[0]);
        CHECK("child: its memory is that of the fork", whole(0, 0));
    });
    memset(memory, 3, 3000ul * PAGE);
    NEED(munmap(memory + 3000ul * PAGE, 20000ul * PAGE));
    tell(down[1]);
    CHECK_EQ("a parent that writes and unmaps", reap(pid), 0);
    CHECK("and keeps the rest", memory[(size_t)(STEP * 1000) * PAGE + STEP * 1000 % PAGE] == mark(STEP * 1000));
    DONE();
}
