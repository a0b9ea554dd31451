// waitid: idtype, the siginfo it fills, WNOWAIT, WNOHANG with nothing to report, rusage; pidfd.
// POSIX waitid(); waitid(2), pidfd_open(2).

#include "../check.h"

#include <poll.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

int main(void)
{
    siginfo_t info;
    CHECK_ERR("no children", waitid(P_ALL, 0, &info, WEXITED), ECHILD);
    CHECK_ERR("no option", waitid(P_ALL, 0, &info, 0), EINVAL);
    CHECK_ERR("unknown idtype", waitid(77, 0, &info, WEXITED), EINVAL);

    pid_t pid = SPAWN(_exit(23));
    memset(&info, 0xff, sizeof info);
    CHECK_OK("P_PID, WNOWAIT", waitid(P_PID, pid, &info, WEXITED | WNOWAIT));
    CHECK("si_pid", info.si_pid == pid);
    CHECK_EQ("si_signo", info.si_signo, SIGCHLD);
    CHECK_EQ("si_code", info.si_code, CLD_EXITED);
    CHECK_EQ("si_status", info.si_status, 23);
    CHECK("si_uid", info.si_uid == getuid());
    CHECK_OK("again: it was left", waitid(P_ALL, 0, &info, WEXITED));
    CHECK_ERR("now it is gone", waitid(P_PID, pid, &info, WEXITED), ECHILD);

    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    pid = SPAWN(raise(SIGKILL));
    NEED(waitid(P_PID, pid, &info, WEXITED));
    CHECK_EQ("killed: si_code", info.si_code, CLD_KILLED);
    CHECK_EQ("killed: si_status", info.si_status, SIGKILL);

    pid = SPAWN(for (;;) pause());
    memset(&info, 0xff, sizeof info);
    CHECK_OK("WNOHANG, nothing yet", waitid(P_PID, pid, &info, WEXITED | WNOHANG));
    CHECK_EQ("si_signo is 0", info.si_signo, 0);
    CHECK_EQ("si_pid is 0", info.si_pid, 0);
    NEED(kill(pid, SIGSTOP));
    CHECK_OK("WSTOPPED", waitid(P_PID, pid, &info, WSTOPPED));
    CHECK_EQ("stopped: si_code", info.si_code, CLD_STOPPED);
    CHECK_EQ("stopped: si_status", info.si_status, SIGSTOP);
    NEED(kill(pid, SIGCONT));
    CHECK_OK("WCONTINUED, WNOWAIT", waitid(P_PID, pid, &info, WCONTINUED | WNOWAIT));
    CHECK_EQ("continued: si_code", info.si_code, CLD_CONTINUED);
    CHECK_EQ("continued: si_status", info.si_status, SIGCONT);
    CHECK_OK("WCONTINUED", waitid(P_PID, pid, &info, WCONTINUED));
    NEED(kill(pid, SIGTERM));
    CHECK_OK("P_PGID", waitid(P_PGID, getpgrp(), &info, WEXITED));
    CHECK_EQ("by SIGTERM", info.si_status, SIGTERM);

    // A pidfd becomes readable when the process ends, and names it for waitid.
    int hold[2];
    NEED(pipe(hold));
    pid = SPAWN({
        await(hold[0]);
        _exit(9);
    });
    int pidfd = NEED(syscall(SYS_pidfd_open, pid, 0));
    struct pollfd poll_fd = {.fd = pidfd, .events = POLLIN};
    CHECK_EQ("pidfd: not readable", poll(&poll_fd, 1, 0), 0);
    tell(hold[1]);
    CHECK_EQ("pidfd: readable", poll(&poll_fd, 1, 5000), 1);
    CHECK_OK("P_PIDFD", waitid(P_PIDFD, pidfd, &info, WEXITED));
    CHECK_EQ("P_PIDFD: status", info.si_status, 9);
    CHECK_ERR("pidfd_send_signal to the dead", syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0), ESRCH);
    CHECK_ERR("pidfd_open of the dead", syscall(SYS_pidfd_open, pid, 0), ESRCH);
    NEED(close(pidfd));

    // The times used by a reaped child.
    pid = SPAWN({
        long until = now_ms() + 60;
        while (now_ms() < until)
            ;
    });
    struct rusage usage;
    int status;
    CHECK_EQ("wait4", wait4(pid, &status, 0, &usage), pid);
    long used = usage.ru_utime.tv_usec + usage.ru_stime.tv_usec + 1000000 * (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec);
    CHECK("its time is reported", used >= 5000);
    CHECK("its memory is reported", usage.ru_maxrss > 0);
    NEED(getrusage(RUSAGE_CHILDREN, &usage));
    used = usage.ru_utime.tv_usec + usage.ru_stime.tv_usec + 1000000 * (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec);
    CHECK("and added to RUSAGE_CHILDREN", used >= 5000);
    DONE();
}
