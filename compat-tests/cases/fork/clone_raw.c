// clone(2) with the flags that need no shared memory: where the tid is stored, and another exit signal.
// clone(2): CLONE_PARENT_SETTID, CLONE_CHILD_SETTID, CLONE_PARENT, __WCLONE.
// order: any

#include "../check.h"

#include <linux/sched.h>
#include <sys/syscall.h>

static long raw_clone(unsigned long flags, pid_t *parent_tid, pid_t *child_tid)
{
    return syscall(SYS_clone, flags, NULL, parent_tid, child_tid, NULL);
}

int main(void)
{
    static pid_t parent_tid, child_tid;
    pid_t pid = NEED(raw_clone(CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD, &parent_tid, &child_tid));
    if (pid == 0) {
        CHECK_EQ("child: CLONE_CHILD_SETTID", child_tid, syscall(SYS_getpid));
        CHILD_DONE();
    }
    CHECK_EQ("CLONE_PARENT_SETTID", parent_tid, pid);
    CHECK_EQ("the child's store is the child's", child_tid, 0);
    CHECK_EQ("child", reap(pid), 0);

    // Without an exit signal the child is a "clone" child, which wait sees with __WCLONE or __WALL only.
    pid = NEED(raw_clone(0, NULL, NULL));
    if (pid == 0)
        _exit(5);
    sleep_ms(20);
    CHECK_ERR("waitpid without __WCLONE", waitpid(pid, NULL, WNOHANG), ECHILD);
    int status;
    CHECK_EQ("waitpid with __WCLONE", waitpid(pid, &status, __WCLONE), pid);
    CHECK_EQ("status", WEXITSTATUS(status), 5);
    block(SIGUSR1);
    pid = NEED(raw_clone(SIGUSR1, NULL, NULL));
    if (pid == 0)
        _exit(6);
    CHECK_EQ("waitpid with __WALL", waitpid(pid, &status, __WALL), pid);
    CHECK_EQ("status with __WALL", WEXITSTATUS(status), 6);

    block(SIGUSR2);
    pid = NEED(raw_clone(SIGUSR2, NULL, NULL));
    if (pid == 0)
        _exit(0);
    CHECK_EQ("reaped", waitpid(pid, NULL, __WALL), pid);
    CHECK("its exit signal came", is_pending(SIGUSR2));

    // clone3 with the same meaning.
    struct clone_args args = {.exit_signal = SIGCHLD, .flags = CLONE_PARENT_SETTID, .parent_tid = (uintptr_t)&parent_tid};
    pid = NEED(syscall(SYS_clone3, &args, sizeof args));
    if (pid == 0)
        _exit(8);
    CHECK_EQ("clone3: parent_tid", parent_tid, pid);
    CHECK_EQ("clone3: status", reap(pid), 8);
    CHECK_ERR("clone3: size too small", syscall(SYS_clone3, &args, 8), EINVAL);
    args.flags = CLONE_SIGHAND;
    CHECK_ERR("CLONE_SIGHAND needs CLONE_VM", syscall(SYS_clone3, &args, sizeof args), EINVAL);
    CHECK_ERR("clone: CLONE_THREAD needs CLONE_SIGHAND", raw_clone(CLONE_THREAD | SIGCHLD, NULL, NULL), EINVAL);
    CHECK_ERR("clone: CLONE_SIGHAND needs CLONE_VM", raw_clone(CLONE_SIGHAND | SIGCHLD, NULL, NULL), EINVAL);

    // CLONE_PARENT makes a sibling.
    int up[2];
    NEED(pipe(up));
    pid_t self = getpid();
    pid = SPAWN({
        pid_t sibling = NEED(raw_clone(CLONE_PARENT | SIGCHLD, NULL, NULL));
        if (sibling == 0) {
            bool right = syscall(SYS_getppid) == self;
            NEED(write(up[1], &right, 1));
            _exit(44);
        }
        CHECK_ERR("the maker of a sibling has no child", wait(NULL), ECHILD);
        _exit(check_failures ? 1 : 43);
    });
    bool right = false;
    NEED(read(up[0], &right, 1));
    CHECK("CLONE_PARENT: same parent", right);
    int first = WEXITSTATUS((NEED(wait(&status)), status)), second = WEXITSTATUS((NEED(wait(&status)), status));
    CHECK_EQ("both are reaped here", first + second, 87);
    DONE();
}
