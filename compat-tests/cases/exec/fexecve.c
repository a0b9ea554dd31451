// fexecve and execveat: by descriptor, relative to a folder, with AT_EMPTY_PATH and AT_SYMLINK_NOFOLLOW.
// fexecve(3), execveat(2).

#include "../check.h"

#include <sys/syscall.h>

static long at(int fd, const char *path, char **args, int flags)
{
    return syscall(SYS_execveat, fd, path, args, environ, flags);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        say("again, with %s", argv[1]);
        return 44;
    }
    char *args[] = {"name", "argument", NULL};
    int fd = NEED(open(argv[0], O_RDONLY | O_CLOEXEC));
    int path_fd = NEED(open(argv[0], O_PATH));
    CHECK_EQ("fexecve", reap(SPAWN(fexecve(fd, args, environ))), 44);
    CHECK_EQ("of an O_PATH descriptor", reap(SPAWN(fexecve(path_fd, args, environ))), 44);
    CHECK_EQ("AT_EMPTY_PATH", reap(SPAWN(at(fd, "", args, AT_EMPTY_PATH))), 44);
    CHECK_EQ("an absolute path needs no folder", reap(SPAWN(at(-1, argv[0], args, 0))), 44);
    int bin = NEED(open("/bin", O_RDONLY | O_DIRECTORY));
    char *sh[] = {"sh", "-c", "exit 3", NULL};
    CHECK_EQ("relative to a folder", reap(SPAWN(at(bin, "sh", sh, 0))), 3);
    char through[64];
    snprintf(through, sizeof through, "/proc/self/fd/%d/sh", bin);
    CHECK_EQ("through a folder's descriptor", reap(SPAWN(execve(through, sh, environ))), 3);
    CHECK_OK("open through it", close(open(through, O_RDONLY)));
    snprintf(through, sizeof through, "/dev/fd/%d/", bin);
    CHECK_OK("open the folder itself", close(open(through, O_RDONLY | O_DIRECTORY)));
    snprintf(through, sizeof through, "/dev/fd/%d/sh", fd);
    CHECK_ERR("through what is no folder", open(through, O_RDONLY), ENOTDIR);
    CHECK_ERR("no AT_EMPTY_PATH", at(fd, "", args, 0), ENOENT);
    CHECK_ERR("not a folder", at(fd, "x", args, 0), ENOTDIR);
    CHECK_ERR("bad descriptor", at(99, "x", args, 0), EBADF);
    CHECK_ERR("unknown flag", at(AT_FDCWD, argv[0], args, 0x4000000), EINVAL);
    NEED(symlink(argv[0], "link"));
    CHECK_ERR("AT_SYMLINK_NOFOLLOW", at(AT_FDCWD, "link", args, AT_SYMLINK_NOFOLLOW), ELOOP);
    int link_fd = NEED(open("link", O_PATH | O_NOFOLLOW));
    CHECK_ERR("the link itself", at(link_fd, "", args, AT_EMPTY_PATH), ELOOP);
    CHECK_ERR("the working directory", at(AT_FDCWD, "", args, AT_EMPTY_PATH), EACCES);
    CHECK_ERR("a folder", at(bin, "", args, AT_EMPTY_PATH), EACCES);
    CHECK_EQ("AT_EMPTY_PATH with a path", reap(SPAWN(at(bin, "sh", sh, AT_EMPTY_PATH))), 3);
    CHECK_EQ("AT_SYMLINK_NOFOLLOW of no link", reap(SPAWN(at(AT_FDCWD, argv[0], args, AT_SYMLINK_NOFOLLOW))), 44);
    int pipes[2];
    NEED(pipe(pipes));
    CHECK_ERR("a pipe", at(pipes[0], "", args, AT_EMPTY_PATH), EACCES);
    CHECK_ERR("in a pipe", at(pipes[0], "x", args, 0), ENOTDIR);
    CHECK_EQ("a link is followed", reap(SPAWN(at(AT_FDCWD, "link", args, 0))), 44);
    NEED(unlink("link"));
    // A script by descriptor is opened by its interpreter through /dev/fd.
    put("script", "#!/bin/sh\necho script $1; exit 6\n");
    NEED(chmod("script", 0755));
    int script = NEED(open("script", O_RDONLY));
    CHECK_EQ("a script", reap(SPAWN(fexecve(script, args, environ))), 6);
    NEED(fcntl(script, F_SETFD, FD_CLOEXEC));
    CHECK_EQ("a script by a descriptor that closes", reap(SPAWN({
                 fexecve(script, args, environ);
                 CHECK_EQ("child: ENOENT", errno, ENOENT);
                 _exit(7);
             })),
             7);
    // A memfd holds a program that has no name at all.
    int memory = NEED(memfd_create("program", MFD_CLOEXEC));
    char block[65536];
    for (ssize_t got; (got = NEED(read(fd, block, sizeof block))) > 0;)
        NEED(write(memory, block, got));
    CHECK_EQ("a memfd", reap(SPAWN(fexecve(memory, args, environ))), 44);
    // The program is replaced in place while its old file is gone.
    CHECK_EQ("an unlinked file", reap(SPAWN({
                 int copy = NEED(open("copy", O_RDWR | O_CREAT, 0755));
                 NEED(lseek(memory, 0, SEEK_SET));
                 for (ssize_t got; (got = NEED(read(memory, block, sizeof block))) > 0;)
                     NEED(write(copy, block, got));
                 NEED(close(copy));
                 copy = NEED(open("copy", O_RDONLY));
                 NEED(unlink("copy"));
                 fexecve(copy, args, environ);
             })),
             44);
    DONE();
}
