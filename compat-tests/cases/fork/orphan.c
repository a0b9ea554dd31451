// A child whose parent ends gets a new parent: the nearest subreaper, else init. POSIX _exit(); prctl(2).
// order: any

#include "../check.h"

#include <sys/prctl.h>

int main(void)
{
    int up[2], down[2];
    NEED(pipe(up));
    NEED(pipe(down));

    // With a subreaper, the orphan becomes its child, and can be waited for.
    NEED(prctl(PR_SET_CHILD_SUBREAPER, 1));
    int is_reaper = 0;
    NEED(prctl(PR_GET_CHILD_SUBREAPER, &is_reaper));
    CHECK_EQ("PR_GET_CHILD_SUBREAPER", is_reaper, 1);
    pid_t self = getpid();
    pid_t middle = SPAWN({
        pid_t middle_pid = getpid();
        pid_t orphan = NEED(fork());
        if (orphan == 0) {
            await(down[0]);
            for (int n = 0; getppid() == middle_pid && n < 1000; n++)
                sleep_ms(1);
            CHECK_EQ("orphan: the subreaper is its parent", getppid(), self);
            tell(up[1]);
            _exit(check_failures ? 1 : 33);
        }
    });
    CHECK_EQ("middle process", reap(middle), 0);
    tell(down[1]);
    await(up[0]);
    int status;
    pid_t adopted = NEED(wait(&status));
    CHECK("an adopted child is waited for", adopted != middle && adopted > 0);
    CHECK_EQ("its status", WEXITSTATUS(status), 33);
    CHECK_ERR("then none is left", wait(NULL), ECHILD);

    // A parent-death signal.
    NEED(prctl(PR_SET_CHILD_SUBREAPER, 0));
    middle = SPAWN({
        pid_t child = NEED(fork());
        if (child == 0) {
            block(SIGUSR1);
            NEED(prctl(PR_SET_PDEATHSIG, SIGUSR1));
            int signo = 0;
            NEED(prctl(PR_GET_PDEATHSIG, &signo));
            CHECK_EQ("PR_GET_PDEATHSIG", signo, SIGUSR1);
            tell(down[1]);
            sigset_t set = set_of(SIGUSR1);
            struct timespec limit = {.tv_sec = 5};
            CHECK_EQ("orphan: the parent's death is a signal", sigtimedwait(&set, NULL, &limit), SIGUSR1);
            CHECK("orphan: has another parent", getppid() != self);
            tell(up[1]);
            _exit(0);
        }
        await(down[0]);
    });
    CHECK_EQ("second middle process", reap(middle), 0);
    await(up[0]);

    // Children of a process that ignores nothing and waits for nothing: its zombies go with it.
    middle = SPAWN({
        for (int n = 0; n < 5; n++)
            if (NEED(fork()) == 0)
                _exit(0);
        sleep_ms(20);
    });
    CHECK_EQ("a parent that leaves zombies", reap(middle), 0);
    CHECK_ERR("they are not ours", wait(NULL), ECHILD);
    DONE();
}
