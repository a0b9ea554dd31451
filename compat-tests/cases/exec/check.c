// AT_EXECVE_CHECK: whether a file could be executed, without executing it. execveat(2).
// linux: 6.14

#include "../check.h"

#include <sys/syscall.h>

#ifndef AT_EXECVE_CHECK
#define AT_EXECVE_CHECK 0x10000
#endif

static long would(const char *path)
{
    char *args[] = {"name", NULL};
    return syscall(SYS_execveat, AT_FDCWD, path, args, environ, AT_EXECVE_CHECK);
}

int main(void)
{
    drop_root();
    CHECK_EQ("a program", would("/bin/sh"), 0);
    NEED(chdir("/tmp"));
    char name[] = "check-XXXXXX";
    int fd = NEED(mkstemp(name));
    NEED(write(fd, "text", 4));
    CHECK_ERR("no right to execute", would(name), EACCES);
    NEED(fchmod(fd, 0700));
    NEED(close(fd));
    CHECK_EQ("what is in the file is not looked at", would(name), 0);
    char *args[] = {"name", NULL};
    fd = NEED(open(name, O_RDONLY));
    CHECK_EQ("by descriptor", syscall(SYS_execveat, fd, "", args, environ, AT_EMPTY_PATH | AT_EXECVE_CHECK), 0);
    NEED(close(fd));
    NEED(unlink(name));
    CHECK_ERR("nothing there", would(name), ENOENT);
    CHECK_ERR("a folder", would("/tmp"), EACCES);
    CHECK_ERR("bad arguments", syscall(SYS_execveat, AT_FDCWD, "/bin/sh", 8l, environ, AT_EXECVE_CHECK), EFAULT);
    CHECK_ERR("another flag", syscall(SYS_execveat, AT_FDCWD, "/bin/sh", args, environ, AT_EXECVE_CHECK | 0x4000000), EINVAL);
    CHECK_EQ("signals and memory are as they were", reap(SPAWN(would("/bin/true"); _exit(9))), 9);
    DONE();
}
