// Unflushed stdio output is duplicated by fork, and _exit drops it. POSIX fork(), 2.5.1 "Interaction of File Descriptors
// and Standard I/O Streams".

#include "../check.h"

int main(void)
{
    static char buffer[4096];
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    printf("once buffered, twice written\n");
    pid_t pid = NEED(fork());
    if (pid == 0) {
        printf("the child's own line\n");
        exit(0);
    }
    CHECK_EQ("child that exits", reap(pid), 0);
    pid = NEED(fork());
    if (pid == 0) {
        printf("never seen\n");
        _exit(0);
    }
    CHECK_EQ("child that leaves by _exit", reap(pid), 0);
    fflush(stdout);

    // A stream that both read: the description's offset is common, the buffers are not.
    put("lines", "one\ntwo\nthree\n");
    FILE *stream = fopen("lines", "r");
    char line[64];
    setvbuf(stream, NULL, _IONBF, 0);
    CHECK("first line", fgets(line, sizeof line, stream) != NULL);
    IN_CHILD("child reads on", {
        CHECK("child: second line", fgets(line, sizeof line, stream) != NULL);
        CHECK_STR("child: text", line, "two\n");
    });
    CHECK("third line", fgets(line, sizeof line, stream) != NULL);
    CHECK_STR("text", line, "three\n");

    FILE *pipe = popen("read word; echo got $word; exit 3", "w");
    fprintf(pipe, "something\n");
    CHECK_EQ("pclose", WEXITSTATUS(pclose(pipe)), 3);
    CHECK_EQ("system", WEXITSTATUS(system("exit 9")), 9);
    CHECK_EQ("system of a killed shell", WTERMSIG(system("kill -TERM $$")), SIGTERM);
    return check_failures ? 1 : 0;
}
