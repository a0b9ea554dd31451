// The signal lines of /proc/PID/status, proc(5): blocked, ignored, caught and pending signals, of oneself and as others see
// them; what fork and exec change of them.
#include "../check.h"

static unsigned long long line(pid_t pid, const char *name)
{
    char path[64], key[32];
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    snprintf(key, sizeof key, "\n%s:\t", name);
    const char *found = strstr(get(path), key);
    return found ? strtoull(found + strlen(key), NULL, 16) : ~0ull;
}

static bool in(pid_t pid, const char *name, int signo)
{
    return line(pid, name) >> (signo - 1) & 1;
}

static void on_signal(int signo)
{
    (void)signo;
}

int main(int argc, char **argv)
{
    pid_t me = getpid();
    if (argc > 1) {
        CHECK("exec: ignored stays ignored", in(me, "SigIgn", SIGHUP));
        CHECK("exec: caught becomes default", !in(me, "SigCgt", SIGUSR1) && !in(me, "SigIgn", SIGUSR1));
        CHECK("exec: blocked stays blocked", in(me, "SigBlk", SIGUSR2));
        CHECK("exec: pending stays pending", in(me, "ShdPnd", SIGUSR2));
        DONE();
    }
    CHECK("nothing of SIGUSR1 at first", !in(me, "SigBlk", SIGUSR1) && !in(me, "SigIgn", SIGUSR1) &&
                                             !in(me, "SigCgt", SIGUSR1) && !in(me, "ShdPnd", SIGUSR1));
    NEED(signal(SIGHUP, SIG_IGN) == SIG_ERR ? -1 : 0);
    CHECK("SigIgn", in(me, "SigIgn", SIGHUP));
    CHECK("ignored is not caught", !in(me, "SigCgt", SIGHUP));
    handle(SIGUSR1, on_signal, 0);
    CHECK("SigCgt", in(me, "SigCgt", SIGUSR1));
    block(SIGUSR2);
    CHECK("SigBlk", in(me, "SigBlk", SIGUSR2));
    CHECK("not pending yet", !in(me, "ShdPnd", SIGUSR2));
    NEED(kill(me, SIGUSR2));
    CHECK("ShdPnd", in(me, "ShdPnd", SIGUSR2));
    CHECK("not the thread's", !in(me, "SigPnd", SIGUSR2));
    block(SIGALRM);
    NEED(raise(SIGALRM));
    CHECK("SigPnd after raise", in(me, "SigPnd", SIGALRM));
    CHECK("SIGKILL is never blocked", !in(me, "SigBlk", SIGKILL));
    IN_CHILD("a child", {
        pid_t self = getpid();
        CHECK("inherits what is ignored", in(self, "SigIgn", SIGHUP));
        CHECK("inherits what is caught", in(self, "SigCgt", SIGUSR1));
        CHECK("inherits what is blocked", in(self, "SigBlk", SIGUSR2));
        CHECK("inherits nothing pending", !in(self, "ShdPnd", SIGUSR2) && !in(self, "SigPnd", SIGALRM));
        CHECK("sees its parent's", in(getppid(), "ShdPnd", SIGUSR2) && in(getppid(), "SigCgt", SIGUSR1));
    });
    int ready[2];
    NEED(pipe(ready));
    pid_t child = SPAWN({
        unblock(SIGUSR2);
        block(SIGTERM);
        tell(ready[1]);
        pause();
    });
    await(ready[0]);
    CHECK("a child's, as its parent sees it", in(child, "SigBlk", SIGTERM) && !in(child, "SigBlk", SIGUSR2));
    NEED(kill(child, SIGTERM));
    while (!in(child, "ShdPnd", SIGTERM))
        sleep_ms(2);
    NEED(kill(child, SIGKILL));
    CHECK_EQ("ended", reap(child), 128 + SIGKILL);
    NEED(execl("/proc/self/exe", argv[0], "again", NULL));
    DONE();
}
