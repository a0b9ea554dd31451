// What every C case uses to say what it saw. A line is `ok NAME` or `not ok NAME: …`, written at once with write(2), so
// that a forked child never prints a line of its parent's again. The difference between a native and a hosted run is
// then the name of the clause that does not hold.
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int check_failures;

__attribute__((format(printf, 1, 2), unused)) static void say(const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(line, sizeof line - 1, format, args);
    va_end(args);
    if (length > (int)sizeof line - 2)
        length = sizeof line - 2;
    line[length++] = '\n';
    int saved = errno;
    if (write(1, line, length) != length)
        _exit(99);
    errno = saved;
}

__attribute__((unused)) static const char *errno_name(int error)
{
    static const char *const names[] = {
        [0] = "success",           [EPERM] = "EPERM",         [ENOENT] = "ENOENT",     [ESRCH] = "ESRCH",
        [EINTR] = "EINTR",         [EIO] = "EIO",             [ENXIO] = "ENXIO",       [E2BIG] = "E2BIG",
        [ENOEXEC] = "ENOEXEC",     [EBADF] = "EBADF",         [ECHILD] = "ECHILD",     [EAGAIN] = "EAGAIN",
        [ENOMEM] = "ENOMEM",       [EACCES] = "EACCES",       [EFAULT] = "EFAULT",     [EBUSY] = "EBUSY",
        [EEXIST] = "EEXIST",       [EXDEV] = "EXDEV",         [ENODEV] = "ENODEV",     [ENOTDIR] = "ENOTDIR",
        [EISDIR] = "EISDIR",       [EINVAL] = "EINVAL",       [ENFILE] = "ENFILE",     [EMFILE] = "EMFILE",
        [ENOTTY] = "ENOTTY",       [ETXTBSY] = "ETXTBSY",     [EFBIG] = "EFBIG",       [ENOSPC] = "ENOSPC",
        [ESPIPE] = "ESPIPE",       [EROFS] = "EROFS",         [EMLINK] = "EMLINK",     [EPIPE] = "EPIPE",
        [EDOM] = "EDOM",           [ERANGE] = "ERANGE",       [EDEADLK] = "EDEADLK",   [ENAMETOOLONG] = "ENAMETOOLONG",
        [ENOSYS] = "ENOSYS",       [ENOTEMPTY] = "ENOTEMPTY", [ELOOP] = "ELOOP",       [ENODATA] = "ENODATA",
        [EOVERFLOW] = "EOVERFLOW", [ENOTSOCK] = "ENOTSOCK",   [EMSGSIZE] = "EMSGSIZE", [EOPNOTSUPP] = "EOPNOTSUPP",
        [EADDRINUSE] = "EADDRINUSE", [ENOTCONN] = "ENOTCONN", [EISCONN] = "EISCONN",   [ECONNREFUSED] = "ECONNREFUSED",
        [ECONNRESET] = "ECONNRESET", [ETIMEDOUT] = "ETIMEDOUT", [EALREADY] = "EALREADY", [EINPROGRESS] = "EINPROGRESS",
        [ECANCELED] = "ECANCELED", [EOWNERDEAD] = "EOWNERDEAD", [EPROTONOSUPPORT] = "EPROTONOSUPPORT",
        [EAFNOSUPPORT] = "EAFNOSUPPORT", [ENOPROTOOPT] = "ENOPROTOOPT", [EDESTADDRREQ] = "EDESTADDRREQ",
        [EPROTOTYPE] = "EPROTOTYPE", [EADDRNOTAVAIL] = "EADDRNOTAVAIL", [ENOTRECOVERABLE] = "ENOTRECOVERABLE",
    };
    const char *name = error >= 0 && error < (int)(sizeof names / sizeof *names) ? names[error] : NULL;
    return name ? name : "another errno";
}

__attribute__((unused)) static bool check_true(const char *name, bool holds, const char *text, int line)
{
    int error = errno;
    if (holds) {
        say("ok %s", name);
    } else {
        say("not ok %s: %s", name, text);
        dprintf(2, "line %d: errno %s\n", line, errno_name(error));
        check_failures++;
    }
    return holds;
}

__attribute__((unused)) static bool check_equal(const char *name, long got, long want, int line)
{
    if (got == want) {
        say("ok %s", name);
        return true;
    }
    int error = errno;
    say("not ok %s: got %ld, want %ld", name, got, want);
    dprintf(2, "line %d: errno %s\n", line, errno_name(error));
    check_failures++;
    return false;
}

__attribute__((unused)) static bool check_text(const char *name, const char *got, const char *want, int line)
{
    if (strcmp(got, want) == 0) {
        say("ok %s", name);
        return true;
    }
    say("not ok %s: got \"%s\", want \"%s\"", name, got, want);
    dprintf(2, "line %d\n", line);
    check_failures++;
    return false;
}

__attribute__((unused)) static bool check_error(const char *name, long result, int error, int want, int line)
{
    if (result == -1 && error == want) {
        say("ok %s", name);
        return true;
    }
    say("not ok %s: got %ld with %s, want %s", name, result, result == -1 ? errno_name(error) : "no error",
        errno_name(want));
    dprintf(2, "line %d\n", line);
    check_failures++;
    return false;
}

__attribute__((unused)) static bool check_returned(const char *name, int error, int want, int line)
{
    if (error == want) {
        say("ok %s", name);
        return true;
    }
    say("not ok %s: returned %s, want %s", name, errno_name(error), errno_name(want));
    dprintf(2, "line %d\n", line);
    check_failures++;
    return false;
}

__attribute__((unused)) static long check_result(const char *name, long result, int line)
{
    if (result != -1) {
        say("ok %s", name);
    } else {
        say("not ok %s: failed with %s", name, errno_name(errno));
        dprintf(2, "line %d\n", line);
        check_failures++;
    }
    return result;
}

__attribute__((unused)) static long check_needed(long result, const char *text, int line)
{
    if (result == -1) {
        say("not ok %s: %s", text, errno_name(errno));
        dprintf(2, "line %d: the case cannot go on\n", line);
        _exit(98);
    }
    return result;
}

// The condition holds.
#define CHECK(name, condition) check_true(name, condition, #condition, __LINE__)
// Two numbers are equal.
#define CHECK_EQ(name, got, want) check_equal(name, (long)(got), (long)(want), __LINE__)
// Two texts are equal.
#define CHECK_STR(name, got, want) check_text(name, got, want, __LINE__)
// The call fails with this errno.
#define CHECK_ERR(name, call, want)                                                                                    \
    ({                                                                                                                 \
        errno = 0;                                                                                                     \
        long result_ = (long)(call);                                                                                   \
        check_error(name, result_, errno, want, __LINE__);                                                             \
    })
// The function returns this errno itself, as pthread functions do.
#define CHECK_RET(name, call, want)                                                                                    \
    ({                                                                                                                 \
        int result_ = (call);                                                                                          \
        check_returned(name, result_, want, __LINE__);                                                                 \
    })
// The call does not fail; its value.
#define CHECK_OK(name, call) check_result(name, (long)(call), __LINE__)
// Preparation: nothing is printed unless it fails, and then the case ends.
#define NEED(call) check_needed((long)(call), #call, __LINE__)

// The exit status of a case.
#define DONE() return check_failures ? 1 : 0
// The same, from a child that has checked something.
#define CHILD_DONE() _exit(check_failures ? 1 : 0)

// Waits for a child; its exit code, or 128 + the signal that ended it.
__attribute__((unused)) static int reap(pid_t pid)
{
    int status;
    pid_t got;
    do
        got = waitpid(pid, &status, 0);
    while (got == -1 && errno == EINTR);
    NEED(got);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Runs the statement in a child, which then exits with 0 or, if a check in it failed, 1. The pid of the child.
#define SPAWN(...)                                                                                                     \
    ({                                                                                                                 \
        pid_t pid_ = NEED(fork());                                                                                     \
        if (pid_ == 0) {                                                                                               \
            check_failures = 0;                                                                                        \
            __VA_ARGS__;                                                                                               \
            CHILD_DONE();                                                                                              \
        }                                                                                                              \
        pid_;                                                                                                          \
    })

// Runs the statement in a child and waits; the child's checks count here.
#define IN_CHILD(name, ...) CHECK_EQ(name, reap(SPAWN(__VA_ARGS__)), 0)

__attribute__((unused)) static void sleep_ms(long ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    while (nanosleep(&left, &left) == -1 && errno == EINTR)
        ;
}

// Until a process has slept at three looks in a row, or ten seconds have passed: proc(5), stat.
__attribute__((unused)) static void until_asleep(pid_t pid)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    for (int looks = 0, asleep = 0; looks < 500 && asleep < 3; looks++) {
        char state = 0;
        FILE *stat = fopen(path, "r");
        if (stat && fscanf(stat, "%*d %*s %c", &state) != 1)
            state = 0;
        if (stat)
            fclose(stat);
        asleep = state == 'S' ? asleep + 1 : 0;
        sleep_ms(20);
    }
}

__attribute__((unused)) static long now_ms(void)
{
    struct timespec now;
    NEED(clock_gettime(CLOCK_MONOTONIC, &now));
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// One byte through a pipe: how parent and child take turns.
__attribute__((unused)) static void tell(int fd)
{
    NEED(write(fd, "!", 1) == 1 ? 0 : -1);
}

__attribute__((unused)) static void await(int fd)
{
    char byte;
    ssize_t got;
    do
        got = read(fd, &byte, 1);
    while (got == -1 && errno == EINTR);
    NEED(got == 1 ? 0 : -1);
}

// Memory that parent and children share.
__attribute__((unused)) static void *shared(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    NEED(memory == MAP_FAILED ? -1 : 0);
    return memory;
}

// Makes a file with this content.
__attribute__((unused)) static void put(const char *path, const char *text)
{
    int fd = NEED(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644));
    size_t length = strlen(text);
    NEED(write(fd, text, length) == (ssize_t)length ? 0 : -1);
    NEED(close(fd));
}

// The content of a small file, in a buffer that the next call uses again.
__attribute__((unused)) static const char *get(const char *path)
{
    static char text[65536];
    int fd = NEED(open(path, O_RDONLY));
    ssize_t total = 0, got;
    while ((got = NEED(read(fd, text + total, sizeof text - 1 - total))) > 0)
        total += got;
    text[total] = 0;
    NEED(close(fd));
    return text;
}

// Gives up root's powers for good, so that permissions are checked; an ordinary user has none to give up.
__attribute__((unused)) static void drop_root(void)
{
    if (geteuid() == 0) {
        NEED(setresgid(65534, 65534, 65534));
        NEED(setresuid(65534, 65534, 65534));
    }
}

// Installs a handler with these flags.
__attribute__((unused)) static void handle(int signo, void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    sigemptyset(&action.sa_mask);
    NEED(sigaction(signo, &action, NULL));
}

__attribute__((unused)) static void handle_info(int signo, void (*handler)(int, siginfo_t *, void *), int flags)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = flags | SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    NEED(sigaction(signo, &action, NULL));
}

__attribute__((unused)) static sigset_t set_of(int signo)
{
    sigset_t set;
    sigemptyset(&set);
    if (signo)
        sigaddset(&set, signo);
    return set;
}

__attribute__((unused)) static void block(int signo)
{
    sigset_t set = set_of(signo);
    NEED(sigprocmask(SIG_BLOCK, &set, NULL));
}

__attribute__((unused)) static void unblock(int signo)
{
    sigset_t set = set_of(signo);
    NEED(sigprocmask(SIG_UNBLOCK, &set, NULL));
}

__attribute__((unused)) static bool is_pending(int signo)
{
    sigset_t set;
    NEED(sigpending(&set));
    return sigismember(&set, signo);
}
