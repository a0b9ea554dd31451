// The status word of wait: exit codes, signals, cores, stops and continues; WNOHANG; which children are waited for.
// POSIX wait(), waitpid(); wait(2).

#include "../check.h"

#include <sys/resource.h>

int main(void)
{
    int status;
    CHECK_ERR("no children", waitpid(-1, &status, 0), ECHILD);
    CHECK_ERR("no children, WNOHANG", waitpid(-1, &status, WNOHANG), ECHILD);
    CHECK_ERR("not a child", waitpid(1, &status, 0), ECHILD);
    CHECK_ERR("no such group", waitpid(-99999, &status, 0), ECHILD);
    CHECK_ERR("unknown option", waitpid(-1, &status, 0x800), EINVAL);

    int codes[] = {0, 1, 127, 128, 255, 256, 257, -1};
    for (unsigned n = 0; n < sizeof codes / sizeof *codes; n++) {
        pid_t pid = SPAWN(_exit(codes[n]));
        CHECK_EQ("waitpid", waitpid(pid, &status, 0), pid);
        CHECK("exited", WIFEXITED(status) && !WIFSIGNALED(status) && !WIFSTOPPED(status));
        CHECK_EQ("the low eight bits", WEXITSTATUS(status), codes[n] & 255);
    }
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    int signals[] = {SIGHUP, SIGINT, SIGKILL, SIGUSR1, SIGPIPE, SIGALRM, SIGTERM, SIGABRT, SIGSEGV, SIGVTALRM, SIGRTMIN + 1};
    for (unsigned n = 0; n < sizeof signals / sizeof *signals; n++) {
        pid_t pid = SPAWN({
            signal(signals[n], SIG_DFL);
            kill(getpid(), signals[n]);
            pause();
        });
        NEED(waitpid(pid, &status, 0));
        CHECK("signalled", WIFSIGNALED(status) && !WIFEXITED(status));
        CHECK_EQ("by", WTERMSIG(status), signals[n]);
        CHECK_EQ("raw status", status & ~0x80, signals[n]);
    }

    int hold[2];
    NEED(pipe(hold));
    pid_t pid = SPAWN(await(hold[0]));
    status = 0x5555;
    CHECK_EQ("WNOHANG: still running", waitpid(pid, &status, WNOHANG), 0);
    CHECK_EQ("and the status is not written", status, 0x5555);
    tell(hold[1]);
    CHECK_EQ("then it ends", reap(pid), 0);
    CHECK_ERR("reaped once only", waitpid(pid, NULL, 0), ECHILD);

    // Stops and continues, in a group of its own: its parent in the same session keeps it from being an orphaned one,
    // in which SIGTSTP would do nothing.
    pid = SPAWN(for (;;) pause());
    NEED(setpgid(pid, pid));
    NEED(kill(pid, SIGSTOP));
    CHECK_EQ("WUNTRACED", waitpid(pid, &status, WUNTRACED), pid);
    CHECK("stopped", WIFSTOPPED(status) && !WIFEXITED(status) && !WIFSIGNALED(status));
    CHECK_EQ("by SIGSTOP", WSTOPSIG(status), SIGSTOP);
    CHECK_EQ("a stop is reported once", waitpid(pid, &status, WUNTRACED | WNOHANG), 0);
    NEED(kill(pid, SIGCONT));
    CHECK_EQ("WCONTINUED", waitpid(pid, &status, WCONTINUED), pid);
    CHECK("continued", WIFCONTINUED(status));
    CHECK_EQ("0xffff", status, 0xffff);
    CHECK_EQ("a continue is reported once", waitpid(pid, &status, WCONTINUED | WNOHANG), 0);
    NEED(kill(pid, SIGTSTP));
    NEED(waitpid(pid, &status, WUNTRACED));
    CHECK_EQ("by SIGTSTP", WSTOPSIG(status), SIGTSTP);
    NEED(kill(pid, SIGTERM));
    sleep_ms(10);
    CHECK_EQ("SIGTERM waits while stopped", waitpid(pid, &status, WNOHANG), 0);
    NEED(kill(pid, SIGKILL));
    CHECK_EQ("SIGKILL does not", reap(pid), 128 + SIGKILL);

    // By process group.
    pid_t first = SPAWN(await(hold[0]));
    NEED(setpgid(first, first));
    pid_t second = SPAWN(_exit(2));
    CHECK_EQ("own group: 0", waitpid(0, &status, 0), second);
    CHECK_EQ("other group: not ready", waitpid(-first, &status, WNOHANG), 0);
    CHECK_ERR("own group is empty", waitpid(0, &status, 0), ECHILD);
    tell(hold[1]);
    CHECK_EQ("other group", waitpid(-first, &status, 0), first);

    // EINTR, and a status pointer of NULL.
    pid = SPAWN(_exit(0));
    CHECK_EQ("NULL status", waitpid(pid, NULL, 0), pid);
    // The order of reaping is free; each exactly once.
    pid_t pids[10];
    for (int n = 0; n < 10; n++)
        pids[n] = SPAWN(_exit(n));
    for (int n = 9; n >= 0; n--)
        CHECK_EQ("in any order", reap(pids[n]), n);
    pid = SPAWN(_exit(0));
    sleep_ms(10);
    CHECK_ERR("bad status pointer", waitpid(pid, (int *)8, 0), EFAULT);
    DONE();
}
