// A file is not run while someone writes to it, and not written to while it runs. ETXTBSY of execve(2), open(2),
// truncate(2).

#include "../check.h"

static void copy_program(const char *from, const char *to)
{
    int in = NEED(open(from, O_RDONLY)), out = NEED(open(to, O_WRONLY | O_CREAT | O_TRUNC, 0755));
    char block[65536];
    for (ssize_t got; (got = NEED(read(in, block, sizeof block))) > 0;)
        NEED(write(out, block, got));
    NEED(close(in));
    NEED(close(out));
}

static int run(const char *path)
{
    return reap(SPAWN({
        execl(path, path, "run", NULL);
        _exit(errno);
    }));
}

int main(int argc, char **argv)
{
    if (argc >= 2 && strcmp(argv[1], "run") == 0)
        return 61;
    if (argc == 2 && strcmp(argv[1], "stay") == 0) {
        // A clone goes on running the program; its parent says so and ends.
        if (NEED(fork()) == 0) {
            tell(1);
            await(0);
            return 0;
        }
        return 0;
    }
    copy_program(argv[0], "program");
    CHECK_EQ("it runs", run("./program"), 61);
    int fd = NEED(open("program", O_RDWR));
    CHECK_EQ("open for writing", run("./program"), ETXTBSY);
    int again = NEED(dup(fd));
    NEED(close(fd));
    CHECK_EQ("still open by another descriptor", run("./program"), ETXTBSY);
    CHECK_EQ("held by a child", reap(SPAWN({
                 NEED(close(again));
                 execl("./program", "program", "run", NULL);
                 _exit(errno);
             })),
             ETXTBSY);
    NEED(close(again));
    CHECK_EQ("closed: it runs again", run("./program"), 61);
    fd = NEED(open("program", O_RDONLY));
    CHECK_EQ("open for reading: it runs", run("./program"), 61);
    NEED(close(fd));
    NEED(link("program", "other"));
    fd = NEED(open("other", O_WRONLY));
    CHECK_EQ("written to by another name", run("./program"), ETXTBSY);
    char *mapped = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, NEED(open("program", O_RDONLY)), 0);
    NEED(mapped == MAP_FAILED ? -1 : 0);
    NEED(close(fd));
    CHECK_EQ("a private mapping is no writer", run("./program"), 61);
    fd = NEED(open("other", O_RDWR));
    char *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    NEED(memory == MAP_FAILED ? -1 : 0);
    NEED(close(fd));
    CHECK_EQ("a shared mapping is one", run("./program"), ETXTBSY);
    NEED(munmap(memory, 4096));
    CHECK_EQ("until it is gone", run("./program"), 61);
    // Scripts, which no one may write to while they are started.
    put("script", "#!./program run\n");
    NEED(chmod("script", 0755));
    CHECK_EQ("a script runs", run("./script"), 61);
    fd = NEED(open("script", O_WRONLY | O_APPEND));
    CHECK_EQ("a script that is open for writing", run("./script"), ETXTBSY);
    NEED(close(fd));
    fd = NEED(open("program", O_WRONLY));
    CHECK_EQ("its interpreter is", run("./script"), ETXTBSY);
    NEED(close(fd));

    // The other way round.
    int to[2], from[2];
    NEED(pipe(to));
    NEED(pipe(from));
    int child = SPAWN({
        NEED(dup2(to[0], 0));
        NEED(dup2(from[1], 1));
        NEED(close(to[1]));
        execl("./program", "program", "stay", NULL);
    });
    await(from[0]);
    CHECK_EQ("the first to run it ended", reap(child), 0);
    CHECK_ERR("to write to what runs", open("program", O_WRONLY), ETXTBSY);
    CHECK_ERR("to write to it by another name", open("other", O_RDWR), ETXTBSY);
    CHECK_ERR("to create over it", open("program", O_WRONLY | O_CREAT | O_TRUNC, 0755), ETXTBSY);
    CHECK_ERR("to empty it", open("program", O_RDONLY | O_TRUNC), ETXTBSY);
    CHECK_ERR("to cut it", truncate("program", 10), ETXTBSY);
    struct stat st;
    NEED(stat("program", &st));
    CHECK("nothing of it was lost", st.st_size > 1000);
    fd = CHECK_OK("to read it", open("program", O_RDONLY));
    CHECK_OK("to change its mode", fchmod(fd, 0700));
    CHECK_EQ("to run it once more", run("./program"), 61);
    NEED(close(fd));
    CHECK_OK("to put another in its place", (copy_program(argv[0], "new"), rename("new", "program")));
    CHECK_ERR("the old one still runs", open("other", O_WRONLY), ETXTBSY);
    CHECK_OK("the new one does not", close(open("program", O_WRONLY)));
    tell(to[1]);
    NEED(close(from[1]));
    char byte;
    CHECK_EQ("it ends", read(from[0], &byte, 1), 0);
    CHECK_OK("to write to it now", close(open("other", O_WRONLY)));

    // Who may execute a file need not be able to read it.
    NEED(chmod("program", 0711));
    NEED(chmod(".", 0755));
    IN_CHILD("as an ordinary user", {
        drop_root();
        bool owner = st.st_uid == geteuid();
        CHECK("child: it cannot be read", owner || (open("program", O_RDONLY) == -1 && errno == EACCES));
        CHECK_EQ("child: but run", run("./program"), 61);
    });
    NEED(unlink("program"));
    NEED(unlink("other"));
    DONE();
}
