// exec many times in one process, each time a fresh image: no descriptor, no memory and no child is lost or gained.
// POSIX exec.
// timeout: 60

#include "../check.h"

int main(int argc, char **argv)
{
    int round = argc > 1 ? atoi(argv[1]) : 0;
    if (round == 0) {
        put("log", "");
        int fd = NEED(open("log", O_WRONLY | O_APPEND));
        NEED(dup2(fd, 9));
        NEED(close(fd));
        // A child from before the first exec is still a child after the last.
        pid_t pid = SPAWN(_exit(19));
        char text[16];
        snprintf(text, sizeof text, "%d", pid);
        setenv("CHILD", text, 1);
        snprintf(text, sizeof text, "%d", getpid());
        setenv("FIRST", text, 1);
    }
    char next[16];
    snprintf(next, sizeof next, "%d", round + 1);
    NEED(write(9, ".", 1));
    // Memory of the previous image must be gone: this much each time would not fit.
    char *memory = mmap(NULL, 8 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    NEED(memory == MAP_FAILED ? -1 : 0);
    memset(memory, round, 8 << 20);
    if (round < 50) {
        execl(argv[0], argv[0], next, NULL);
        _exit(97);
    }
    CHECK_EQ("every image wrote", lseek(9, 0, SEEK_CUR), 51);
    CHECK_EQ("one process all along", getpid(), atoi(getenv("FIRST")));
    CHECK_EQ("lowest free descriptor", open("log", O_RDONLY), 3);
    CHECK_EQ("the child of the first image", reap(atoi(getenv("CHILD"))), 19);
    CHECK_ERR("and no other", wait(NULL), ECHILD);
    DONE();
}
