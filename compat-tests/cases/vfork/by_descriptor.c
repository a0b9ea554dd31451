// A vfork child executes what has no name any more, or never had one, through descriptors that exec closes.
// vfork(2), fexecve(3), memfd_create(2).

#include "../check.h"

static char chunk[65536];

static void copy(int from, int to)
{
    NEED(lseek(from, 0, SEEK_SET));
    for (ssize_t got; (got = NEED(read(from, chunk, sizeof chunk))) > 0;)
        NEED(write(to, chunk, got) == got ? 0 : -1);
}

static int run(int fd)
{
    static char *args[] = {"name", "argument", NULL};
    pid_t pid = NEED(vfork());
    if (pid == 0) {
        fexecve(fd, args, environ);
        _exit(99);
    }
    return reap(pid);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        CHECK_STR("arguments", argv[1], "argument");
        CHECK_ERR("its descriptor is closed", fcntl(3, F_GETFD), EBADF);
        return 45;
    }
    int self = NEED(open(argv[0], O_RDONLY | O_CLOEXEC));
    CHECK_EQ("a file", run(self), 45);
    int memory = NEED(memfd_create("program", MFD_CLOEXEC));
    copy(self, memory);
    CHECK_EQ("a memfd", run(memory), 45);
    int unlinked = NEED(open("copy", O_RDWR | O_CREAT | O_CLOEXEC, 0755));
    copy(self, unlinked);
    NEED(close(unlinked));
    unlinked = NEED(open("copy", O_RDONLY | O_CLOEXEC));
    NEED(unlink("copy"));
    CHECK_EQ("an unlinked file", run(unlinked), 45);
    for (int n = 0; n < 20; n++)
        if (run(memory) != 45)
            CHECK("twenty times", false);
    CHECK_OK("the parent has it still", fcntl(memory, F_GETFD));
    CHECK_EQ("and can write to it when nobody runs it", pwrite(memory, "x", 1, 0), 1);
    CHECK_EQ("which ruins the program", run(memory), 99);
    DONE();
}
