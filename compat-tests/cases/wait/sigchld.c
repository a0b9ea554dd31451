// SIGCHLD: its siginfo, SA_NOCLDSTOP, SA_NOCLDWAIT and SIG_IGN reap by themselves; wait interrupted by a signal.
// POSIX sigaction(), wait(); wait(2) "NOTES".

#include "../check.h"

static volatile sig_atomic_t count, code, child_status;
static volatile pid_t from;

static void on_child(int signo, siginfo_t *info, void *context)
{
    count++;
    code = info->si_code;
    child_status = info->si_status;
    from = info->si_pid;
}

static void on_alarm(int signo) {}

static void until(int wanted)
{
    for (int n = 0; count < wanted && n < 2000; n++)
        sleep_ms(1);
}

int main(void)
{
    handle_info(SIGCHLD, on_child, SA_RESTART);
    pid_t pid = SPAWN(_exit(31));
    until(1);
    CHECK_EQ("one signal", count, 1);
    CHECK_EQ("CLD_EXITED", code, CLD_EXITED);
    CHECK_EQ("si_status", child_status, 31);
    CHECK("si_pid", from == pid);
    CHECK_EQ("reaped", reap(pid), 31);
    count = 0;
    pid = SPAWN(for (;;) pause());
    NEED(kill(pid, SIGSTOP));
    until(1);
    CHECK_EQ("CLD_STOPPED", code, CLD_STOPPED);
    NEED(kill(pid, SIGCONT));
    until(2);
    CHECK_EQ("CLD_CONTINUED", code, CLD_CONTINUED);
    NEED(kill(pid, SIGKILL));
    until(3);
    CHECK_EQ("CLD_KILLED", code, CLD_KILLED);
    CHECK_EQ("si_status is the signal", child_status, SIGKILL);
    CHECK_EQ("killed", reap(pid), 128 + SIGKILL);

    handle_info(SIGCHLD, on_child, SA_NOCLDSTOP | SA_RESTART);
    count = 0;
    pid = SPAWN(for (;;) pause());
    NEED(kill(pid, SIGSTOP));
    NEED(waitpid(pid, NULL, WUNTRACED));
    NEED(kill(pid, SIGCONT));
    NEED(waitpid(pid, NULL, WCONTINUED));
    sleep_ms(10);
    CHECK_EQ("SA_NOCLDSTOP: no signal for stops", count, 0);
    NEED(kill(pid, SIGTERM));
    reap(pid);
    until(1);
    CHECK_EQ("but for the end", count, 1);

    // Nobody waits: children vanish, and wait blocks until all are gone.
    handle(SIGCHLD, SIG_IGN, 0);
    int hold[2];
    NEED(pipe(hold));
    for (int n = 0; n < 3; n++)
        SPAWN(await(hold[0]));
    CHECK_EQ("SIG_IGN: running children", waitpid(-1, NULL, WNOHANG), 0);
    for (int n = 0; n < 3; n++)
        tell(hold[1]);
    CHECK_ERR("SIG_IGN: wait blocks, then finds none", wait(NULL), ECHILD);
    count = 0;
    handle_info(SIGCHLD, on_child, SA_NOCLDWAIT | SA_RESTART);
    pid = SPAWN(_exit(0));
    CHECK_ERR("SA_NOCLDWAIT: none to reap", waitpid(pid, NULL, 0), ECHILD);
    CHECK_ERR("and no zombie", kill(pid, 0), ESRCH);

    // wait, interrupted by a handler with and without SA_RESTART.
    handle(SIGCHLD, SIG_DFL, 0);
    pid = SPAWN(await(hold[0]));
    handle(SIGALRM, on_alarm, 0);
    struct itimerspec soon = {.it_value = {.tv_nsec = 20000000}};
    timer_t timer;
    NEED(timer_create(CLOCK_MONOTONIC, &(struct sigevent){.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM}, &timer));
    NEED(timer_settime(timer, 0, &soon, NULL));
    CHECK_ERR("EINTR", waitpid(pid, NULL, 0), EINTR);
    handle(SIGALRM, on_alarm, SA_RESTART);
    NEED(timer_settime(timer, 0, &soon, NULL));
    pid_t other = SPAWN({
        sleep_ms(60);
        tell(hold[1]);
    });
    CHECK_EQ("SA_RESTART: wait goes on", waitpid(pid, NULL, 0), pid);
    reap(other);
    // Default disposition: no signal handler, zombies stay.
    pid = SPAWN(_exit(3));
    sleep_ms(20);
    CHECK_OK("a zombie is still a process", kill(pid, 0));
    CHECK_EQ("with a status", reap(pid), 3);
    DONE();
}
