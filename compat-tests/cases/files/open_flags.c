// open's flags and what they refuse: O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_DIRECTORY, O_NOFOLLOW, O_PATH, O_TMPFILE.
// POSIX open(); open(2).

#include "../check.h"

// Paths that lead through a descriptor of the process.
static void by_descriptor(int dir)
{
    char path[80], other[80];
    int root = snprintf(path, sizeof path, "/proc/self/fd/%d/", dir);
    strcpy(other, path);
    strcpy(path + root, "inside");
    strcpy(other + root, "new");
    struct stat st;
    CHECK_OK("stat", stat(path, &st));
    CHECK_OK("open", open(path, O_RDONLY));
    CHECK_OK("O_CREAT", open(other, O_RDWR | O_CREAT | O_EXCL, 0600));
    CHECK_ERR("O_EXCL", open(other, O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
    CHECK_OK("unlink", unlink(other));
    CHECK_OK("rename", rename(path, other));
    CHECK_OK("link", link(other, path));
    CHECK_OK("unlink", unlink(other));
    CHECK_OK("symlink", symlink("target", other));
    CHECK_OK("rename over it", rename(path, other));
    CHECK_OK("back", rename(other, "dir/inside"));
    CHECK_OK("mkdir", mkdir(other, 0700));
    CHECK_OK("rmdir", rmdir(other));
    CHECK_OK("mkfifo", mkfifo(other, 0600));
    CHECK_OK("unlink", unlink(other));
    CHECK_ERR("not there", open(other, O_RDONLY), ENOENT);
    snprintf(path, sizeof path, "/dev/fd/%d/inside", open("file", O_RDONLY));
    CHECK_ERR("through a file", open(path, O_RDONLY), ENOTDIR);
    CHECK_ERR("through nothing", open("/proc/self/fd/99/x", O_RDONLY), ENOENT);
}

// A file without a name in `dir`, given one by its descriptor; one made with O_EXCL never gets any.
static void nameless(const char *dir, const char *name)
{
    int fd = CHECK_OK("O_TMPFILE", open(dir, O_TMPFILE | O_WRONLY, 0));
    struct stat st, named;
    NEED(fstat(fd, &st));
    CHECK("a file of that mode", S_ISREG(st.st_mode) && (st.st_mode & 07777) == 0 && st.st_size == 0);
    CHECK_EQ("write", write(fd, "by descriptor", 13), 13);
    CHECK_OK("fchmod", fchmod(fd, 0640));
    CHECK_OK("AT_EMPTY_PATH", linkat(fd, "", AT_FDCWD, name, AT_EMPTY_PATH));
    CHECK_OK("stat", stat(name, &named));
    CHECK("the same file", named.st_ino == st.st_ino && named.st_nlink == 1 && (named.st_mode & 07777) == 0640);
    CHECK_EQ("write on", write(fd, " and on", 7), 7);
    CHECK_STR("content", get(name), "by descriptor and on");
    CHECK_ERR("the name exists", linkat(fd, "", AT_FDCWD, name, AT_EMPTY_PATH), EEXIST);
    CHECK_OK("unlink", unlink(name));
    NEED(close(fd));
    fd = CHECK_OK("O_TMPFILE|O_EXCL", open(dir, O_TMPFILE | O_EXCL | O_RDWR, 0600));
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    CHECK_ERR("stays without a name", linkat(AT_FDCWD, path, AT_FDCWD, name, AT_SYMLINK_FOLLOW), ENOENT);
    CHECK_ERR("by descriptor too", linkat(fd, "", AT_FDCWD, name, AT_EMPTY_PATH), ENOENT);
    char *pages = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK("mmap", pages != MAP_FAILED);
    CHECK_OK("ftruncate", ftruncate(fd, 4096));
    pages[5] = 'x';
    char byte;
    CHECK_EQ("a mapping writes it", (pread(fd, &byte, 1, 5), byte), 'x');
    CHECK_OK("munmap", munmap(pages, 4096));
    NEED(close(fd));
}

int main(void)
{
    umask(022);
    CHECK_ERR("no such file", open("none", O_RDONLY), ENOENT);
    CHECK_ERR("no such folder", open("none/file", O_RDWR | O_CREAT, 0644), ENOENT);
    CHECK_ERR("empty name", open("", O_RDONLY), ENOENT);
    int fd = CHECK_OK("O_CREAT", open("file", O_WRONLY | O_CREAT, 0666));
    struct stat st;
    NEED(fstat(fd, &st));
    CHECK_EQ("mode less umask", st.st_mode & 07777, 0644);
    NEED(write(fd, "content", 7));
    char byte;
    CHECK_ERR("O_WRONLY does not read", read(fd, &byte, 1), EBADF);
    NEED(close(fd));
    CHECK_ERR("O_EXCL: exists", open("file", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
    fd = CHECK_OK("O_CREAT of an existing file", open("file", O_RDONLY | O_CREAT, 0600));
    NEED(fstat(fd, &st));
    CHECK("changes neither mode nor content", (st.st_mode & 0777) == 0644 && st.st_size == 7);
    CHECK_ERR("O_RDONLY does not write", write(fd, "x", 1), EBADF);
    NEED(close(fd));
    fd = CHECK_OK("a file without permissions", open("strict", O_RDWR | O_CREAT, 0));
    CHECK_EQ("is open for its creator", write(fd, "x", 1), 1);
    NEED(close(fd));
    fd = NEED(open("file", O_RDWR | O_TRUNC));
    NEED(fstat(fd, &st));
    CHECK_EQ("O_TRUNC", st.st_size, 0);
    NEED(close(fd));

    fd = NEED(open("append", O_RDWR | O_CREAT | O_APPEND, 0644));
    NEED(write(fd, "one", 3));
    NEED(lseek(fd, 0, SEEK_SET));
    NEED(write(fd, "two", 3));
    CHECK_EQ("O_APPEND: offset after", lseek(fd, 0, SEEK_CUR), 6);
    CHECK_EQ("pwrite appends too on Linux", pwrite(fd, "!", 1, 0), 1);
    CHECK_STR("O_APPEND", get("append"), "onetwo!");
    NEED(close(fd));

    NEED(mkdir("dir", 0755));
    CHECK_ERR("a folder for writing", open("dir", O_WRONLY), EISDIR);
    CHECK_ERR("a folder with O_CREAT", open("dir", O_RDONLY | O_CREAT, 0644), EISDIR);
    CHECK_ERR("O_DIRECTORY of a file", open("file", O_RDONLY | O_DIRECTORY), ENOTDIR);
    CHECK_ERR("a file as a folder", open("file/x", O_RDONLY), ENOTDIR);
    CHECK_ERR("a slash after a file", open("file/", O_RDONLY), ENOTDIR);
    fd = CHECK_OK("O_DIRECTORY", open("dir", O_RDONLY | O_DIRECTORY));
    CHECK_ERR("read of a folder", read(fd, &byte, 1), EISDIR);
    NEED(close(fd));
    NEED(symlink("file", "link"));
    NEED(symlink("nowhere", "dangling"));
    NEED(symlink("circle", "circle"));
    CHECK_ERR("O_NOFOLLOW", open("link", O_RDONLY | O_NOFOLLOW), ELOOP);
    CHECK_OK("a link is followed", open("link", O_RDONLY));
    CHECK_ERR("a dangling link", open("dangling", O_RDONLY), ENOENT);
    CHECK_ERR("a dangling link with O_EXCL", open("dangling", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
    CHECK_OK("a dangling link with O_CREAT makes the target", open("dangling", O_RDWR | O_CREAT, 0600));
    CHECK_OK("the target", access("nowhere", F_OK));
    CHECK_ERR("a circle", open("circle", O_RDONLY), ELOOP);
    char name[4200];
    memset(name, 'n', sizeof name);
    name[256] = 0;
    CHECK_ERR("256 bytes of name", open(name, O_RDONLY | O_CREAT, 0600), ENAMETOOLONG);
    name[255] = 0;
    CHECK_OK("255 bytes of name", open(name, O_RDONLY | O_CREAT, 0600));
    NEED(unlink(name));
    for (int n = 0; n < 4100; n += 2)
        memcpy(name + n, "./", 2);
    name[4100] = 0;
    CHECK_ERR("4100 bytes of path", open(name, O_RDONLY), ENAMETOOLONG);
    name[4094] = '.';
    name[4095] = 0;
    CHECK_OK("4095 bytes of path", open(name, O_RDONLY));

    fd = CHECK_OK("O_PATH", open("file", O_PATH));
    CHECK_ERR("O_PATH: read", read(fd, &byte, 1), EBADF);
    CHECK_ERR("O_PATH: fchmod", fchmod(fd, 0600), EBADF);
    CHECK_OK("O_PATH: fstat", fstat(fd, &st));
    CHECK_EQ("O_PATH: flags", fcntl(fd, F_GETFL), O_PATH);
    NEED(close(fd));
    fd = CHECK_OK("O_PATH | O_NOFOLLOW of a link", open("link", O_PATH | O_NOFOLLOW));
    NEED(fstat(fd, &st));
    CHECK("is the link", S_ISLNK(st.st_mode));
    char target[16] = "";
    CHECK_EQ("readlinkat with an empty path", readlinkat(fd, "", target, sizeof target), 4);
    NEED(close(fd));

    fd = open("dir", O_TMPFILE | O_RDWR, 0600);
    if (fd == -1 && errno == EOPNOTSUPP)
        fd = -1;
    if (CHECK("O_TMPFILE", fd != -1)) {
        NEED(write(fd, "temporary", 9));
        NEED(fstat(fd, &st));
        CHECK_EQ("O_TMPFILE: no name", st.st_nlink, 0);
        char path[64];
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        CHECK_OK("linkat gives it one", linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
        CHECK_STR("its content", get("named"), "temporary");
        NEED(fstat(fd, &st));
        CHECK_EQ("one name", st.st_nlink, 1);
        CHECK_OK("another name", linkat(AT_FDCWD, path, AT_FDCWD, "again", AT_SYMLINK_FOLLOW));
        NEED(unlink("named"));
        NEED(unlink("again"));
        CHECK_ERR("removed: none any more", linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW), ENOENT);
        CHECK_EQ("still there", pread(fd, path, 9, 0), 9);
        nameless("dir", "dir/named");
        nameless("/tmp", "/tmp/open_flags.named");
    }
    CHECK_ERR("O_TMPFILE for reading only", open("dir", O_TMPFILE | O_RDONLY, 0600), EINVAL);
    int dir = NEED(open("dir", O_RDONLY));
    CHECK_OK("openat", openat(dir, "inside", O_RDWR | O_CREAT, 0644));
    CHECK_OK("dir/inside", access("dir/inside", F_OK));
    by_descriptor(dir);
    CHECK_OK("openat of ..", openat(dir, "../file", O_RDONLY));
    CHECK_ERR("openat of a file", openat(fd, "x", O_RDONLY), ENOTDIR);
    CHECK_ERR("openat of a bad descriptor", openat(99, "x", O_RDONLY), EBADF);
    CHECK_OK("creat", creat("created", 0640));
    CHECK_EQ("unnamed file systems answer fsync", fsync(NEED(open("file", O_RDWR))), 0);
    DONE();
}
