// A hundred children one after another, sixty at once, all reaped with their own status; pids are unique.
// POSIX fork(), wait().
// timeout: 60

#include "../check.h"

enum { AT_ONCE = 60, IN_TURN = 100 };

int main(void)
{
    int wrong = 0;
    for (int n = 0; n < IN_TURN; n++)
        wrong += reap(SPAWN(_exit(n))) != n;
    CHECK_EQ("one hundred in turn", wrong, 0);

    int start[2], ready[2];
    NEED(pipe(start));
    NEED(pipe(ready));
    pid_t pids[AT_ONCE];
    for (int n = 0; n < AT_ONCE; n++)
        pids[n] = SPAWN({
            NEED(close(start[1]));
            tell(ready[1]);
            char byte;
            NEED(read(start[0], &byte, 1));
            _exit(n + 100);
        });
    for (int n = 0; n < AT_ONCE; n++)
        await(ready[0]);
    say("sixty are alive");
    int doubles = 0;
    for (int n = 0; n < AT_ONCE; n++)
        for (int m = 0; m < n; m++)
            doubles += pids[n] == pids[m];
    CHECK_EQ("pids are unique", doubles, 0);
    NEED(close(start[1]));
    int seen[AT_ONCE] = {0};
    for (int left = AT_ONCE; left > 0; left--) {
        int status;
        pid_t pid = NEED(wait(&status));
        for (int n = 0; n < AT_ONCE; n++)
            if (pids[n] == pid)
                seen[n] += WIFEXITED(status) && WEXITSTATUS(status) == n + 100;
    }
    int complete = 0;
    for (int n = 0; n < AT_ONCE; n++)
        complete += seen[n] == 1;
    CHECK_EQ("each once, with its status", complete, AT_ONCE);
    CHECK_ERR("none left", wait(NULL), ECHILD);
    CHECK_ERR("a reaped child is no process", kill(pids[0], 0), ESRCH);
    DONE();
}
