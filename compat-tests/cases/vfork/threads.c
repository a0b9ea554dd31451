// Programs started from several threads at once, by posix_spawn and by system: each gets its own status and output.
// POSIX posix_spawn(), system(), popen().
// timeout: 60

#include "../check.h"

#include <pthread.h>
#include <spawn.h>

static void *spawn_some(void *number)
{
    intptr_t wrong = 0, me = (intptr_t)number;
    for (int n = 0; n < 8; n++) {
        char script[32];
        snprintf(script, sizeof script, "exit %d", (int)(me * 10 + n));
        char *argv[] = {"sh", "-c", script, NULL};
        pid_t pid;
        int status;
        if (posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, environ) != 0 || waitpid(pid, &status, 0) != pid)
            wrong++;
        else
            wrong += WEXITSTATUS(status) != me * 10 + n;
    }
    return (void *)wrong;
}

static void *read_some(void *number)
{
    intptr_t wrong = 0, me = (intptr_t)number;
    for (int n = 0; n < 5; n++) {
        char command[64], line[64] = "", want[64];
        snprintf(command, sizeof command, "echo %d-%d", (int)me, n);
        snprintf(want, sizeof want, "%d-%d\n", (int)me, n);
        FILE *stream = popen(command, "r");
        if (!stream || !fgets(line, sizeof line, stream))
            wrong++;
        wrong += strcmp(line, want) != 0;
        wrong += stream && pclose(stream) != 0;
    }
    return (void *)wrong;
}

int main(void)
{
    pthread_t threads[8];
    for (long n = 0; n < 8; n++)
        NEED(-pthread_create(&threads[n], NULL, n % 2 ? spawn_some : read_some, (void *)n));
    for (long n = 0; n < 8; n++) {
        void *wrong;
        NEED(-pthread_join(threads[n], &wrong));
        CHECK_EQ(n % 2 ? "posix_spawn in a thread" : "popen in a thread", (intptr_t)wrong, 0);
    }
    CHECK_ERR("no child is left", wait(NULL), ECHILD);
    DONE();
}
