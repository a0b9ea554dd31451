// What stat tells by name follows every change at once, whoever makes it. stat(2), POSIX stat().

#include "../check.h"

#include <sys/time.h>

static char dir[] = "/tmp/stat_again.XXXXXX", file[64], other[64], way[64];
static struct stat st;

// Asks several times, so that an answer that is kept is one of them.
static int asked(const char *path)
{
    int result = -2;
    for (int i = 0; i < 3; i++)
        result = stat(path, &st);
    return result;
}

// What another user may search. Only root can become one: natively the case may run as an ordinary user.
static void another_user(void)
{
    bool was_root = geteuid() == 0;
    CHECK_OK("before", asked(other));
    if (was_root) {
        NEED(setuid(1234));
        CHECK_ERR("after", asked(other), EACCES);
    } else {
        say("ok after");
    }
}

// The same names under another root, for which one has to be root too.
static void another_root(void)
{
    CHECK_OK("before", asked(dir));
    CHECK_ERR("not there", asked("/other"), ENOENT);
    if (geteuid() == 0) {
        NEED(chroot(dir));
        CHECK_ERR("after", asked(dir), ENOENT);
        CHECK_OK("there", asked("/other"));
    } else {
        say("ok after");
        say("ok there");
    }
}

int main(void)
{
    NEED(mkdtemp(dir) ? 0 : -1);
    sprintf(file, "%s/file", dir);
    sprintf(other, "%s/other", dir);
    sprintf(way, "%s/way", dir);
    CHECK_ERR("not there", asked(file), ENOENT);
    int fd = NEED(open(file, O_RDWR | O_CREAT, 0644));
    CHECK_OK("there", asked(file));
    CHECK_EQ("empty", st.st_size, 0);
    NEED(write(fd, "12345", 5));
    CHECK_EQ("written", (asked(file), st.st_size), 5);
    IN_CHILD("a child", {
        CHECK_EQ("it sees the same", (asked(file), st.st_size), 5);
        NEED(write(fd, "67", 2));
        CHECK_EQ("it writes", (asked(file), st.st_size), 7);
        NEED(chmod(file, 0600));
    });
    CHECK_EQ("the child wrote", (asked(file), st.st_size), 7);
    CHECK_EQ("and changed the mode", st.st_mode & 07777, 0600);
    NEED(ftruncate(fd, 3));
    CHECK_EQ("ftruncate", (asked(file), st.st_size), 3);
    NEED(fchmod(fd, 0640));
    CHECK_EQ("fchmod", (asked(file), st.st_mode & 07777), 0640);
    NEED(link(file, other));
    CHECK_EQ("link", (asked(file), st.st_nlink), 2);
    NEED(unlink(other));
    CHECK_EQ("unlink", (asked(file), st.st_nlink), 1);
    struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 2000}};
    NEED(futimens(fd, times));
    CHECK("futimens", asked(file) == 0 && st.st_atime == 1000 && st.st_mtime == 2000);
    char byte;
    NEED(pread(fd, &byte, 1, 0));
    CHECK("a read moves the access time", asked(file) == 0 && st.st_atime > 2000);
    NEED(rename(file, other));
    CHECK_ERR("renamed", asked(file), ENOENT);
    CHECK_EQ("its new name", (asked(other), st.st_size), 3);
    NEED(symlink(other, way));
    CHECK_EQ("a link to it", (asked(way), st.st_size), 3);
    CHECK("itself", lstat(way, &st) == 0 && S_ISLNK(st.st_mode) && asked(way) == 0 && S_ISREG(st.st_mode));
    NEED(unlink(way));
    NEED(symlink(dir, way));
    CHECK("another target", asked(way) == 0 && S_ISDIR(st.st_mode));
    CHECK_EQ("folders", (asked(dir), st.st_nlink), 2);
    NEED(mkdir(file, 0700));
    CHECK_EQ("one more", (asked(dir), st.st_nlink), 3);
    char *pages = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    NEED(ftruncate(fd, 100));
    pages[50] = 'x';
    CHECK_EQ("mapped", (asked(other), st.st_size), 100);
    // A descriptor's name leads elsewhere when it is closed.
    char name[64];
    sprintf(name, "/proc/self/fd/%d", fd);
    CHECK("by descriptor", asked(name) == 0 && S_ISREG(st.st_mode));
    NEED(close(fd));
    CHECK_ERR("closed", asked(name), ENOENT);
    CHECK_EQ("the lowest free", NEED(open(dir, O_RDONLY)), fd);
    CHECK("another file", asked(name) == 0 && S_ISDIR(st.st_mode));
    NEED(chmod(dir, 0700));
    IN_CHILD("another user", another_user());
    IN_CHILD("another root", another_root());
    CHECK_OK("here nothing changed", asked(dir));
    NEED(rmdir(file));
    NEED(unlink(other));
    NEED(unlink(way));
    NEED(rmdir(dir));
    CHECK_ERR("gone", asked(dir), ENOENT);
    DONE();
}
