// rename, link, symlink, unlink, mkdir, rmdir and their errors. POSIX; rename(2) with RENAME_NOREPLACE and
// RENAME_EXCHANGE.

#include "../check.h"

static const char *names(void)
{
    static char text[256];
    text[0] = 0;
    for (char name = 'a'; name <= 'z'; name++) {
        char path[2] = {name};
        struct stat st;
        if (lstat(path, &st) == 0)
            strcat(text, path);
    }
    return text;
}

int main(void)
{
    struct stat st;
    put("a", "content of a");
    put("b", "content of b");
    CHECK_OK("rename over a file", rename("a", "b"));
    CHECK_STR("its content", get("b"), "content of a");
    CHECK_STR("names", names(), "b");
    CHECK_OK("onto itself", rename("b", "b"));
    CHECK_ERR("no source", rename("none", "c"), ENOENT);
    CHECK_ERR("no target folder", rename("b", "none/c"), ENOENT);
    NEED(mkdir("d", 0755));
    NEED(mkdir("e", 0755));
    CHECK_ERR("a file over a folder", rename("b", "d"), EISDIR);
    CHECK_ERR("a folder over a file", rename("d", "b"), ENOTDIR);
    put("d/x", "x");
    CHECK_ERR("over a folder that is not empty", rename("e", "d"), ENOTEMPTY);
    CHECK_ERR("into itself", rename("d", "d/inside"), EINVAL);
    CHECK_OK("over an empty folder", rename("d", "e"));
    CHECK_STR("what was inside", get("e/x"), "x");
    CHECK_ERR("`.`", rename(".", "f"), EBUSY);
    CHECK_ERR("a trailing slash on a file", rename("b", "f/"), ENOTDIR);
    put("f", "f");
    CHECK_ERR("RENAME_NOREPLACE", renameat2(AT_FDCWD, "b", AT_FDCWD, "f", RENAME_NOREPLACE), EEXIST);
    CHECK_OK("RENAME_EXCHANGE", renameat2(AT_FDCWD, "e", AT_FDCWD, "f", RENAME_EXCHANGE));
    CHECK_STR("exchanged", get("e"), "f");
    CHECK_STR("exchanged back", get("f/x"), "x");
    CHECK_ERR("both flags", renameat2(AT_FDCWD, "b", AT_FDCWD, "f", RENAME_EXCHANGE | RENAME_NOREPLACE), EINVAL);
    CHECK_ERR("RENAME_EXCHANGE without a target", renameat2(AT_FDCWD, "b", AT_FDCWD, "q", RENAME_EXCHANGE), ENOENT);

    CHECK_OK("link", link("b", "l"));
    NEED(stat("b", &st));
    CHECK_EQ("two names", st.st_nlink, 2);
    ino_t number = st.st_ino;
    NEED(stat("l", &st));
    CHECK("one file", st.st_ino == number);
    CHECK_OK("rename of two names of one file does nothing", rename("b", "l"));
    CHECK_STR("both are there", names(), "befl");
    CHECK_ERR("link: exists", link("b", "l"), EEXIST);
    CHECK_ERR("link of a folder", link("f", "g"), EPERM);
    CHECK_ERR("link: no source", link("none", "g"), ENOENT);
    int fd = NEED(open("l", O_RDWR));
    NEED(unlink("l"));
    NEED(fstat(fd, &st));
    CHECK_EQ("one name left", st.st_nlink, 1);
    NEED(unlink("b"));
    NEED(fstat(fd, &st));
    CHECK_EQ("none left", st.st_nlink, 0);
    CHECK_EQ("still readable", pread(fd, (char[20]){0}, 20, 0), 12);
    CHECK_EQ("and writable", pwrite(fd, "more", 4, 100), 4);
    CHECK_ERR("but not by name", open("b", O_RDONLY), ENOENT);
    IN_CHILD("an unlinked file after fork", CHECK_EQ("child: read", pread(fd, (char[4]){0}, 4, 100), 4));

    CHECK_OK("symlink", symlink("e", "s"));
    char target[8] = "";
    CHECK_EQ("readlink", readlink("s", target, sizeof target), 1);
    CHECK_STR("target", target, "e");
    CHECK_EQ("readlink cuts", (symlink("longer target", "t"), readlink("t", target, 4)), 4);
    CHECK_ERR("readlink of a file", readlink("e", target, 8), EINVAL);
    CHECK_ERR("readlink: size 0", readlink("s", target, 0), EINVAL);
    CHECK_ERR("symlink: exists", symlink("x", "s"), EEXIST);
    CHECK_ERR("symlink: empty target", symlink("", "u"), ENOENT);
    NEED(lstat("s", &st));
    CHECK("lstat: a link of one byte", S_ISLNK(st.st_mode) && st.st_size == 1);
    NEED(stat("s", &st));
    CHECK("stat: its target", S_ISREG(st.st_mode));
    CHECK_OK("link of a symbolic link", link("s", "u"));
    NEED(lstat("u", &st));
    CHECK("is a symbolic link", S_ISLNK(st.st_mode));
    CHECK_OK("linkat that follows", linkat(AT_FDCWD, "s", AT_FDCWD, "v", AT_SYMLINK_FOLLOW));
    NEED(lstat("v", &st));
    CHECK("is the file", S_ISREG(st.st_mode));
    CHECK_OK("unlink takes the link", unlink("s"));
    CHECK_STR("not its target", get("e"), "f");

    umask(027);
    CHECK_OK("mkdir", mkdir("m", 0777));
    NEED(stat("m", &st));
    CHECK_EQ("mode less umask", st.st_mode & 07777, 0750);
    CHECK_EQ("links of an empty folder", st.st_nlink >= 1, 1);
    CHECK_ERR("mkdir: exists", mkdir("m", 0777), EEXIST);
    CHECK_ERR("mkdir: exists as a file", mkdir("e", 0777), EEXIST);
    CHECK_ERR("mkdir: no parent", mkdir("none/x", 0777), ENOENT);
    CHECK_OK("mkdir with a slash", mkdir("m/n/", 0777));
    CHECK_ERR("rmdir: not empty", rmdir("m"), ENOTEMPTY);
    CHECK_ERR("rmdir of a file", rmdir("e"), ENOTDIR);
    CHECK_ERR("rmdir of `.`", rmdir("m/."), EINVAL);
    CHECK_ERR("rmdir of `..`", rmdir("m/n/.."), ENOTEMPTY);
    CHECK_ERR("unlink of a folder", unlink("m"), EISDIR);
    CHECK_OK("unlinkat AT_REMOVEDIR", unlinkat(AT_FDCWD, "m/n", AT_REMOVEDIR));
    CHECK_ERR("unlinkat: unknown flag", unlinkat(AT_FDCWD, "m", 0x8000), EINVAL);
    CHECK_OK("rmdir", rmdir("m"));
    CHECK_ERR("rmdir: gone", rmdir("m"), ENOENT);
    CHECK_STR("names at the end", names(), "eftuv");
    DONE();
}
