// `#!` scripts: the interpreter gets its one optional argument, the script's path, then the arguments.
// execve(2) "Interpreter scripts".

#include "../check.h"

static void script(const char *name, const char *text)
{
    put(name, text);
    NEED(chmod(name, 0755));
}

static void run(const char *name, const char *one)
{
    pid_t pid = SPAWN({
        execl(name, "argv0 is dropped", one, "two", NULL);
        say("exec failed: %s", errno_name(errno));
        _exit(126);
    });
    say("%s ended with %d", name, reap(pid));
}

int main(int argc, char **argv)
{
    if (argc > 3) {
        for (int n = 1; n < argc; n++)
            say("  argument %d: %s", n, argv[n]);
        return argc;
    }
    char line[4200];
    script("plain", "#!/bin/sh\necho \"$0: $# $1 $2\"; exit 5\n");
    run("./plain", "one");
    script("blank", "#!  /bin/sh  \necho \"blanks $1\"\n");
    run("./blank", "one");
    script("option", "#!/bin/sh -e\nfalse\nexit 9\n");
    run("./option", "one");
    snprintf(line, sizeof line, "#!%s all of this  is one\n", argv[0]);
    if (strlen(line) < 250)
        script("argument", line);
    run("./argument", "one");
    script("without-newline", "#!/bin/sh");
    run("./without-newline", "one");
    // A script as the interpreter of a script.
    script("outer", "#!./inner middle\nnot read\n");
    script("inner", "#!/bin/sh\necho \"inner: $*\"\n");
    run("./outer", "one");
    // Five levels are allowed, more are not.
    for (int n = 1; n <= 6; n++) {
        char name[16];
        snprintf(name, sizeof name, "level%d", n);
        snprintf(line, sizeof line, "#!./level%d\n", n - 1);
        script(name, line);
    }
    script("level0", "#!/bin/sh\necho reached\n");
    run("./level3", "one");
    run("./level4", "one");
    run("./level5", "one");
    // execvp runs a file without `#!` through sh.
    script("no-line", "echo \"through sh: $1\"\n");
    pid_t pid = SPAWN(execlp("./no-line", "no-line", "x", NULL));
    CHECK_EQ("execlp of text", reap(pid), 0);
    // By symbolic link, the path is the link's.
    NEED(symlink("plain", "link"));
    run("./link", "one");
    NEED(unlink("argument"));
    DONE();
}
