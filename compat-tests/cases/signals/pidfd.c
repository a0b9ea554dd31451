// Signals through a pidfd, and through a folder of /proc in its place. pidfd_open(2), pidfd_send_signal(2).

#include "../check.h"

#include <sys/syscall.h>

static int came, code, value;

static void on_signal(int signo, siginfo_t *info, void *context)
{
    (void)context;
    came = signo;
    code = info->si_code;
    value = info->si_value.sival_int;
}

static long send(int fd, int signo, siginfo_t *info, unsigned flags)
{
    return syscall(SYS_pidfd_send_signal, fd, signo, info, flags);
}

int main(void)
{
    handle_info(SIGUSR1, on_signal, 0);
    int own = NEED(syscall(SYS_pidfd_open, getpid(), 0));
    CHECK_OK("to oneself", send(own, SIGUSR1, NULL, 0));
    CHECK_EQ("comes", came, SIGUSR1);
    CHECK_EQ("as of kill", code, SI_USER);
    siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_QUEUE};
    info.si_value.sival_int = 42;
    CHECK_OK("with a value", send(own, SIGUSR1, &info, 0));
    CHECK("which comes", code == SI_QUEUE && value == 42);
    info.si_signo = SIGUSR2;
    CHECK_ERR("of another signal", send(own, SIGUSR1, &info, 0), EINVAL);

    int folder = NEED(open("/proc/self", O_DIRECTORY | O_CLOEXEC));
    came = 0;
    CHECK_OK("through /proc/self", send(folder, SIGUSR1, NULL, 0));
    CHECK_EQ("comes too", came, SIGUSR1);
    CHECK_OK("signal 0", send(folder, 0, NULL, 0));
    CHECK_ERR("no such signal", send(folder, 99, NULL, 0), EINVAL);
    CHECK_ERR("flags", send(folder, 0, NULL, 64), EINVAL);

    pid_t pid = SPAWN(for (;;) pause());
    char path[64];
    snprintf(path, sizeof path, "/proc/%d", pid);
    int child = NEED(open(path, O_DIRECTORY | O_CLOEXEC));
    CHECK_OK("a child", send(child, SIGTERM, NULL, 0));
    CHECK_EQ("it ends", reap(pid), 128 + SIGTERM);
    CHECK_ERR("it is gone", send(child, 0, NULL, 0), ESRCH);

    int proc = NEED(open("/proc", O_DIRECTORY)), status = NEED(open("/proc/self/status", O_RDONLY)), root = NEED(open("/", O_DIRECTORY));
    CHECK_ERR("/proc itself", send(proc, 0, NULL, 0), EBADF);
    CHECK_ERR("a file in it", send(status, 0, NULL, 0), EBADF);
    CHECK_ERR("another folder", send(root, 0, NULL, 0), EBADF);
    CHECK_ERR("no descriptor", send(99, 0, NULL, 0), EBADF);
    DONE();
}
