// posix_spawn with file actions and attributes; the error of a failed exec is the function's result.
// POSIX posix_spawn(), posix_spawn_file_actions_addopen(), posix_spawnattr_setflags().

#include "../check.h"

#include <spawn.h>

static int shell(const char *script, posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes)
{
    pid_t pid;
    char *argv[] = {"sh", "-c", (char *)script, NULL};
    int error = posix_spawn(&pid, "/bin/sh", actions, attributes, argv, environ);
    return error ? -error : reap(pid);
}

int main(void)
{
    pid_t pid;
    char *argv[] = {"none", NULL};
    CHECK_RET("ENOENT is returned", posix_spawn(&pid, "./none", NULL, NULL, argv, environ), ENOENT);
    CHECK_ERR("and no child is left", wait(NULL), ECHILD);
    CHECK_RET("posix_spawnp: ENOENT", posix_spawnp(&pid, "no-such-program", NULL, NULL, argv, environ), ENOENT);
    put("plain", "text");
    CHECK_RET("EACCES", posix_spawn(&pid, "./plain", NULL, NULL, argv, environ), EACCES);
    CHECK_EQ("exit status", shell("exit 17", NULL, NULL), 17);
    CHECK_EQ("signal", shell("kill -KILL $$", NULL, NULL), 128 + SIGKILL);
    char *true_argv[] = {"true", NULL};
    CHECK_RET("posix_spawnp finds in PATH", posix_spawnp(&pid, "true", NULL, NULL, true_argv, environ), 0);
    CHECK_EQ("its status", reap(pid), 0);

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 7, "out", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&actions, 7, 1);
    posix_spawn_file_actions_addclose(&actions, 7);
    CHECK_EQ("open, dup2, close", shell("echo to stdout; test ! -e /dev/fd/7", &actions, NULL), 0);
    CHECK_STR("the file", get("out"), "to stdout\n");
    CHECK_ERR("nothing is changed here", fcntl(7, F_GETFD), EBADF);
    posix_spawn_file_actions_destroy(&actions);

    NEED(mkdir("sub", 0755));
    put("sub/here", "");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addchdir_np(&actions, "sub");
    CHECK_EQ("chdir", shell("test -e here", &actions, NULL), 0);
    posix_spawn_file_actions_addopen(&actions, 9, "not/there", O_RDONLY, 0);
    CHECK_EQ("a failing action is the result", shell("exit 0", &actions, NULL), -ENOENT);
    posix_spawn_file_actions_destroy(&actions);

    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t set = set_of(SIGUSR1);
    handle(SIGUSR2, SIG_IGN, 0);
    posix_spawnattr_setsigmask(&attributes, &set);
    sigset_t defaults = set_of(SIGUSR2);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    CHECK_EQ("SETSIGMASK: blocked USR1 does not kill", shell("kill -USR1 $$; exit 4", NULL, &attributes), 4);
    CHECK_EQ("SETSIGDEF: ignored USR2 kills again", shell("kill -USR2 $$; exit 4", NULL, &attributes), 128 + SIGUSR2);
    CHECK_EQ("without it, it stays ignored", shell("kill -USR2 $$; exit 4", NULL, NULL), 4);
    char *sleep_argv[] = {"sleep", "20", NULL};
    CHECK_RET("SETPGROUP", posix_spawnp(&pid, "sleep", NULL, &attributes, sleep_argv, environ), 0);
    CHECK_EQ("a group of its own", getpgid(pid), pid);
    CHECK_EQ("which can be killed", kill(-pid, SIGTERM), 0);
    CHECK_EQ("status", reap(pid), 128 + SIGTERM);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    CHECK_RET("SETSID", posix_spawnp(&pid, "sleep", NULL, &attributes, sleep_argv, environ), 0);
    CHECK_EQ("a session of its own", getsid(pid), pid);
    NEED(kill(pid, SIGKILL));
    CHECK_EQ("killed", reap(pid), 128 + SIGKILL);
    int wrong = 0;
    for (int n = 0; n < 20; n++) {
        char script[16];
        snprintf(script, sizeof script, "exit %d", n);
        wrong += shell(script, NULL, NULL) != n;
    }
    CHECK_EQ("twenty in turn", wrong, 0);
    DONE();
}
