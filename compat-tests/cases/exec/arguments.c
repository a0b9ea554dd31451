// argv and envp reach the new image byte for byte; the pid stays. POSIX exec; execve(2).
// build: dynamic, static, musl

#include "../check.h"

static int second(int argc, char **argv)
{
    say("argc %d", argc);
    for (int n = 0; n < argc; n++)
        if (strlen(argv[n]) < 100)
            say("argv[%d] = \"%s\"", n, argv[n]);
        else
            say("argv[%d] is long: %zu", n, strlen(argv[n]));
    for (char **entry = environ; *entry; entry++)
        if (strlen(*entry) < 100)
            say("env \"%s\"", *entry);
        else
            say("env is long: %zu", strlen(*entry));
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1 || argc == 0 || strcmp(argv[0], "renamed") == 0 || argv[0][0] == 0)
        return second(argc, argv);
    char *self = argv[0];
    char *nothing[] = {NULL};

    IN_CHILD("several, one empty, one with blanks", {
        char *args[] = {"any name", "a", "", "b c", "\xff\x01 bytes", NULL};
        char *env[] = {"A=1", "B=", "no equals sign", "A=2", NULL};
        execve(self, args, env);
    });
    IN_CHILD("argv[0] alone, no environment", {
        char *args[] = {"renamed", NULL};
        execve(self, args, nothing);
    });
    IN_CHILD("a long argument and a long variable", {
        // The kernel takes a single string of up to 128 KiB.
        char *text = malloc(131072);
        memset(text, 'x', 131071);
        text[131071] = 0;
        char *variable = malloc(100001);
        memset(variable, 'y', 100000);
        variable[100000] = 0;
        variable[1] = '=';
        char *args[] = {"x", text, "after", NULL};
        char *env[] = {variable, "LAST=1", NULL};
        execve(self, args, env);
    });
    IN_CHILD("a string that is too long", {
        char *text = malloc(131073);
        memset(text, 'x', 131072);
        text[131072] = 0;
        char *args[] = {"x", text, NULL};
        CHECK_ERR("child: E2BIG", execve(self, args, nothing), E2BIG);
        CHECK("child: goes on", getpid() > 0);
    });
    IN_CHILD("ten thousand arguments", {
        char **args = calloc(10002, sizeof *args);
        for (int n = 0; n < 10000; n++)
            args[n] = "argument";
        char *script[] = {"sh", "-c", "echo $#", NULL};
        memcpy(args, script, sizeof script - sizeof *script);
        execve("/bin/sh", args, nothing);
    });
    IN_CHILD("more than the stack allows", {
        // A quarter of the stack limit (8 MiB here) is the most for both together.
        char *text = malloc(131072);
        memset(text, 'x', 131071);
        text[131071] = 0;
        char *args[101] = {"x"};
        for (int n = 1; n < 100; n++)
            args[n] = text;
        CHECK_ERR("child: E2BIG", execve(self, args, nothing), E2BIG);
    });
    int up[2];
    NEED(pipe(up));
    pid_t pid = SPAWN({
        NEED(dup2(up[1], 1));
        execlp("sh", "sh", "-c", "echo $$ $PPID", NULL);
    });
    char text[64] = "", want[64];
    NEED(read(up[0], text, sizeof text - 1));
    snprintf(want, sizeof want, "%d %d\n", pid, getpid());
    CHECK("pid and parent are kept by exec", strcmp(text, want) == 0);
    CHECK_EQ("status", reap(pid), 0);
    DONE();
}
