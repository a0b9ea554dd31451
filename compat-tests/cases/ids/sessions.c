// Process groups and sessions: who may change what. POSIX setpgid(), setsid(), getsid(), getpgid().

#include "../check.h"

int main(void)
{
    pid_t self = getpid();
    CHECK_EQ("getpgid of itself", getpgid(0), getpgrp());
    CHECK_EQ("getpgid by pid", getpgid(self), getpgrp());
    CHECK_EQ("getsid", getsid(0), getsid(self));
    CHECK_ERR("getpgid: no such process", getpgid(99999999), ESRCH);
    CHECK_ERR("getsid: no such process", getsid(99999999), ESRCH);
    CHECK_ERR("getpgid: negative", getpgid(-1), ESRCH);
    CHECK_ERR("setpgid: negative group", setpgid(0, -1), EINVAL);
    CHECK_ERR("setpgid: not a child", setpgid(getppid(), 0), ESRCH);
    CHECK_ERR("setpgid: no such process", setpgid(99999999, 0), ESRCH);

    int up[2], down[2];
    NEED(pipe(up));
    NEED(pipe(down));
    IN_CHILD("a session of its own", {
        pid_t me = getpid(), group = getpgrp();
        CHECK("child: its parent's group", group == getpgid(getppid()));
        CHECK_EQ("child: setsid", setsid(), me);
        CHECK_EQ("child: session", getsid(0), me);
        CHECK_EQ("child: group", getpgrp(), me);
        CHECK_ERR("child: setsid again", setsid(), EPERM);
        CHECK_ERR("child: setpgid of a session leader", setpgid(0, 0), EPERM);
        pid_t first = SPAWN({
            CHECK_EQ("grandchild: session", getsid(0), me);
            CHECK_OK("grandchild: setpgid", setpgid(0, 0));
            CHECK_EQ("grandchild: leads", getpgrp(), getpid());
            tell(up[1]);
            await(down[0]);
        });
        await(up[0]);
        CHECK_EQ("child: sees its group", getpgid(first), first);
        pid_t second = SPAWN({
            CHECK_OK("grandchild: joins another's group", setpgid(0, first));
            CHECK_EQ("grandchild: group", getpgrp(), first);
            CHECK_ERR("grandchild: a group of another session", setpgid(0, group), EPERM);
            CHECK_ERR("grandchild: no such group", setpgid(0, 99999999), EPERM);
            CHECK_OK("grandchild: back to the session's group", setpgid(0, me));
        });
        CHECK_EQ("child: second", reap(second), 0);
        tell(down[1]);
        CHECK_EQ("child: first", reap(first), 0);
        CHECK_ERR("child: a group without members", setpgid(0, first), EPERM);
    });
    // The parent may set a child's group until the child execs.
    pid_t pid = SPAWN({
        await(down[0]);
        CHECK_EQ("child: moved by its parent", getpgrp(), getpid());
        NEED(dup2(up[1], 1));
        execlp("sh", "sh", "-c", "printf .; exec sleep 100", NULL);
    });
    CHECK_OK("setpgid of a child", setpgid(pid, pid));
    tell(down[1]);
    await(up[0]);
    CHECK_ERR("setpgid of a child that has exec'd", setpgid(pid, 0), EACCES);
    NEED(kill(pid, SIGKILL));
    CHECK_EQ("killed", reap(pid), 128 + SIGKILL);
    pid = SPAWN({
        NEED(setsid());
        tell(up[1]);
        await(down[0]);
    });
    await(up[0]);
    CHECK_ERR("setpgid of a child in another session", setpgid(pid, pid), EPERM);
    CHECK_EQ("getsid of a child", getsid(pid), pid);
    tell(down[1]);
    reap(pid);
    // A group outlives its leader.
    pid_t leader = SPAWN(NEED(setpgid(0, 0)); await(down[0]));
    NEED(setpgid(leader, leader));
    pid_t member = SPAWN(for (;;) pause());
    NEED(setpgid(member, leader));
    tell(down[1]);
    reap(leader);
    CHECK_EQ("the member's group", getpgid(member), leader);
    CHECK_OK("can be signalled", kill(-leader, SIGTERM));
    CHECK_EQ("ended", reap(member), 128 + SIGTERM);
    DONE();
}
