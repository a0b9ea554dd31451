// kill: to one process, to groups, to all; errors; raise and tgkill. POSIX kill(); kill(2), tgkill(2).

#include "../check.h"

#include <sys/syscall.h>

static volatile sig_atomic_t calls;

static void count(int signo)
{
    calls++;
}

static int ready[2];

static pid_t member(pid_t group)
{
    pid_t pid = SPAWN({
        NEED(setpgid(0, group));
        signal(SIGUSR1, SIG_DFL);
        tell(ready[1]);
        for (;;)
            pause();
    });
    await(ready[0]);
    return pid;
}

int main(void)
{
    NEED(pipe(ready));
    handle(SIGUSR1, count, 0);
    CHECK_OK("kill of itself", kill(getpid(), SIGUSR1));
    CHECK_EQ("delivered before kill returns", calls, 1);
    CHECK_OK("raise", raise(SIGUSR1));
    CHECK_EQ("delivered before raise returns", calls, 2);
    CHECK_OK("tgkill", syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1));
    CHECK_OK("tkill", syscall(SYS_tkill, gettid(), SIGUSR1));
    CHECK_EQ("both delivered", calls, 4);
    CHECK_OK("signal 0", kill(getpid(), 0));
    CHECK_ERR("unknown signal", kill(getpid(), 65), EINVAL);
    CHECK_ERR("negative signal", kill(getpid(), -1), EINVAL);
    CHECK_ERR("no such process", kill(99999999, 0), ESRCH);
    CHECK_ERR("no such group", kill(-99999999, 0), ESRCH);
    CHECK_ERR("tgkill: another process's thread", syscall(SYS_tgkill, getppid(), gettid(), 0), ESRCH);
    CHECK_ERR("tgkill: bad id", syscall(SYS_tgkill, 0, gettid(), 0), EINVAL);
    CHECK_ERR("tkill: bad id", syscall(SYS_tkill, -1, 0), EINVAL);

    pid_t first = member(0), second = member(first), other = member(0);
    CHECK_OK("group: signal 0", kill(-first, 0));
    CHECK_OK("group", kill(-first, SIGUSR1));
    CHECK_EQ("its leader", reap(first), 128 + SIGUSR1);
    CHECK_EQ("its other member", reap(second), 128 + SIGUSR1);
    CHECK_EQ("not another group", waitpid(other, NULL, WNOHANG), 0);
    CHECK_ERR("the group is gone", kill(-first, 0), ESRCH);
    NEED(kill(other, SIGKILL));
    CHECK_EQ("killed", reap(other), 128 + SIGKILL);

    // 0 means the own group, the sender included.
    IN_CHILD("kill(0)", {
        NEED(setpgid(0, 0));
        handle(SIGUSR1, count, 0);
        calls = 0;
        pid_t sibling = SPAWN({
            signal(SIGUSR1, SIG_DFL);
            tell(ready[1]);
            for (;;)
                pause();
        });
        await(ready[0]);
        CHECK_OK("child: kill(0)", kill(0, SIGUSR1));
        CHECK_EQ("child: the sender too", calls, 1);
        CHECK_EQ("child: the other too", reap(sibling), 128 + SIGUSR1);
        CHECK_OK("child: killpg", killpg(0, SIGUSR1));
        CHECK_EQ("child: again", calls, 2);
    });
    CHECK_EQ("not the parent's group", calls, 4);

    // A stopped process is continued by SIGCONT even if it blocks it.
    pid_t pid = SPAWN({
        block(SIGCONT);
        tell(ready[1]);
        for (int n = 0; n < 500 && !is_pending(SIGCONT); n++)
            sleep_ms(2);
        _exit(is_pending(SIGCONT) ? 7 : 8);
    });
    await(ready[0]);
    int status;
    NEED(kill(pid, SIGSTOP));
    NEED(waitpid(pid, &status, WUNTRACED));
    NEED(kill(pid, SIGCONT));
    CHECK_EQ("SIGCONT continues and pends", reap(pid), 7);
    // SIGSTOP cannot be blocked, and stop signals drop a pending SIGCONT and the other way round.
    block(SIGTSTP);
    raise(SIGTSTP);
    CHECK("SIGTSTP pending", is_pending(SIGTSTP));
    raise(SIGCONT);
    CHECK("SIGCONT drops it", !is_pending(SIGTSTP));
    // Permission.
    pid_t target = member(0);
    IN_CHILD("as an ordinary user", {
        bool was_root = geteuid() == 0;
        drop_root();
        if (was_root)
            CHECK_ERR("child: another user's process", kill(target, 0), EPERM);
        else
            say("ok child: another user's process");
    });
    NEED(kill(target, SIGKILL));
    reap(target);
    DONE();
}
