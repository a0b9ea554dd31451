// How processes want to be scheduled, as POSIX sched_setscheduler(), sched_setparam(), getpriority(), setpriority() and
// sched(7), ioprio_set(2) say: values of other processes, groups and users, inheritance, rights, and bad arguments.
#include "../check.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static int go[2];

static pid_t waiting_child(void)
{
    return SPAWN({
        char byte;
        NEED(read(go[0], &byte, 1));
    });
}

static void end(pid_t pid)
{
    NEED(kill(pid, SIGKILL));
    reap(pid);
}

static void nice_values(void)
{
    CHECK_EQ("at first", getpriority(PRIO_PROCESS, 0), 0);
    CHECK_OK("setpriority", setpriority(PRIO_PROCESS, 0, 5));
    CHECK_EQ("kept", getpriority(PRIO_PROCESS, 0), 5);
    CHECK_EQ("by pid", getpriority(PRIO_PROCESS, getpid()), 5);
    pid_t child = waiting_child();
    CHECK_EQ("a child inherits", getpriority(PRIO_PROCESS, child), 5);
    CHECK_OK("a child's can be set", setpriority(PRIO_PROCESS, child, 9));
    CHECK_EQ("is set", getpriority(PRIO_PROCESS, child), 9);
    CHECK_EQ("a group's is its best", getpriority(PRIO_PGRP, 0), 5);
    CHECK_OK("a group's can be set", setpriority(PRIO_PGRP, 0, 11));
    CHECK_EQ("all in it have it", getpriority(PRIO_PROCESS, child), 11);
    CHECK_OK("too high a value is the highest", setpriority(PRIO_PROCESS, child, 100));
    CHECK_EQ("which is 19", getpriority(PRIO_PROCESS, child), 19);
    end(child);
    CHECK_ERR("no such process", getpriority(PRIO_PROCESS, 4000000), ESRCH);
    CHECK_ERR("no such group", setpriority(PRIO_PGRP, 4000000, 3), ESRCH);
    CHECK_ERR("no such user", getpriority(PRIO_USER, 4000000), ESRCH);
    CHECK_ERR("no such kind", getpriority(7, 0), EINVAL);
    IN_CHILD("without rights", {
        // Natively the case may run as an ordinary user, whose parent is no other's.
        bool was_root = geteuid() == 0;
        drop_root();
        CHECK_ERR("lower is refused", setpriority(PRIO_PROCESS, 0, 1), EACCES);
        CHECK_OK("higher is not", setpriority(PRIO_PROCESS, 0, 15));
        if (was_root)
            CHECK_ERR("another user's is refused", setpriority(PRIO_PROCESS, getppid(), 19), EPERM);
        else
            say("ok another user's is refused");
        CHECK_EQ("another's can be read", getpriority(PRIO_PROCESS, getppid()), 11);
    });
}

static void policies(void)
{
    struct sched_param param = {0};
    CHECK_EQ("SCHED_OTHER at first", sched_getscheduler(0), SCHED_OTHER);
    CHECK_EQ("highest of SCHED_FIFO", sched_get_priority_max(SCHED_FIFO), 99);
    CHECK_EQ("lowest of SCHED_RR", sched_get_priority_min(SCHED_RR), 1);
    CHECK_ERR("no such policy", sched_get_priority_max(77), EINVAL);
    CHECK_ERR("setscheduler: no such policy", sched_setscheduler(0, 77, &param), EINVAL);
    CHECK_ERR("SCHED_FIFO needs a priority", sched_setscheduler(0, SCHED_FIFO, &param), EINVAL);
    CHECK_ERR("setparam: no such process", sched_setparam(4000000, &param), ESRCH);
    CHECK_ERR("getparam: a negative pid", sched_getparam(-1, &param), EINVAL);
    CHECK_ERR("getparam: nowhere to put it", syscall(SYS_sched_getparam, 0, NULL), EINVAL);
    CHECK_ERR("getparam: a bad address", syscall(SYS_sched_getparam, 0, 8), EFAULT);
    CHECK_ERR("SCHED_OTHER has no priority", sched_setparam(0, &(struct sched_param){5}), EINVAL);
    pid_t child = waiting_child();
    CHECK_OK("a child's policy can be set", sched_setscheduler(child, SCHED_BATCH, &param));
    CHECK_EQ("is set", sched_getscheduler(child), SCHED_BATCH);
    CHECK_EQ("and not the parent's", sched_getscheduler(0), SCHED_OTHER);
    CHECK_OK("its parameters can be set", sched_setparam(child, &param));
    end(child);
    IN_CHILD("reset on fork", {
        NEED(setpriority(PRIO_PROCESS, 0, 19));
        CHECK_OK("SCHED_RESET_ON_FORK", sched_setscheduler(0, SCHED_IDLE | SCHED_RESET_ON_FORK, &param));
        CHECK_EQ("is told", sched_getscheduler(0), SCHED_IDLE | SCHED_RESET_ON_FORK);
        IN_CHILD("a child of it", {
            CHECK_EQ("keeps a policy that is not of real time", sched_getscheduler(0), SCHED_IDLE);
            CHECK_EQ("and keeps a nice value above 0", getpriority(PRIO_PROCESS, 0), 19);
        });
    });
    struct timespec slice;
    CHECK_ERR("rr_get_interval: no such process", sched_rr_get_interval(4000000, &slice), ESRCH);
}

static void input_and_output(void)
{
    enum { WHO_PROCESS = 1, WHO_GROUP = 2, IDLE = 3 << 13 };
    CHECK_OK("ioprio_set", syscall(SYS_ioprio_set, WHO_PROCESS, 0, IDLE));
    CHECK_EQ("ioprio_get", syscall(SYS_ioprio_get, WHO_PROCESS, 0), IDLE);
    IN_CHILD("a child inherits it", CHECK_EQ("inherited", syscall(SYS_ioprio_get, WHO_PROCESS, 0), IDLE));
    CHECK_ERR("no such class", syscall(SYS_ioprio_set, WHO_PROCESS, 0, 5 << 13), EINVAL);
    CHECK_ERR("no such kind", syscall(SYS_ioprio_get, 9, 0), EINVAL);
    CHECK_ERR("no such process", syscall(SYS_ioprio_get, WHO_PROCESS, 4000000), ESRCH);
}

int main(void)
{
    NEED(pipe(go));
    NEED(setpgid(0, 0));
    policies();
    nice_values();
    input_and_output();
    DONE();
}
