// Modes, owners, times and sizes; stat, statx, access. POSIX chmod(), chown(), utimensat(), access(); statx(2).

#include "../check.h"

#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

int main(void)
{
    struct stat st;
    put("file", "0123456789");
    CHECK_OK("chmod", chmod("file", 04751));
    NEED(stat("file", &st));
    CHECK_EQ("mode", st.st_mode & 07777, 04751);
    int fd = NEED(open("file", O_RDWR));
    CHECK_OK("fchmod", fchmod(fd, 0640));
    NEED(fstat(fd, &st));
    CHECK_EQ("fchmod: mode", st.st_mode & 07777, 0640);
    CHECK_OK("fchmodat", fchmodat(AT_FDCWD, "file", 0600, 0));
    CHECK_ERR("chmod: none", chmod("none", 0600), ENOENT);
    NEED(symlink("file", "link"));
    CHECK_OK("chmod follows", chmod("link", 0611));
    NEED(stat("file", &st));
    CHECK_EQ("the target's mode", st.st_mode & 07777, 0611);
    NEED(chmod("file", 0640));
    CHECK("owner", st.st_uid == geteuid() && st.st_gid == getegid());
    CHECK_EQ("size", st.st_size, 10);
    CHECK_EQ("names", st.st_nlink, 1);
    CHECK("blocks of 512", st.st_blocks > 0 && st.st_blocks < 100);
    CHECK("block size", st.st_blksize >= 512);
    CHECK_OK("chown to the owner", chown("file", getuid(), getgid()));
    CHECK_OK("chown of nothing", chown("file", -1, -1));
    CHECK_OK("lchown of a link", lchown("link", getuid(), -1));
    CHECK_ERR("chown: none", chown("none", 0, 0), ENOENT);

    struct timespec times[2] = {{.tv_sec = 1000000000, .tv_nsec = 123000000}, {.tv_sec = 1500000000, .tv_nsec = 456000000}};
    CHECK_OK("utimensat", utimensat(AT_FDCWD, "file", times, 0));
    NEED(stat("file", &st));
    CHECK("atime", st.st_atim.tv_sec == 1000000000 && st.st_atim.tv_nsec == 123000000);
    CHECK("mtime", st.st_mtim.tv_sec == 1500000000 && st.st_mtim.tv_nsec == 456000000);
    CHECK("ctime is now", st.st_ctim.tv_sec > 1500000000);
    times[0].tv_nsec = UTIME_OMIT;
    times[1].tv_nsec = UTIME_NOW;
    CHECK_OK("UTIME_OMIT, UTIME_NOW", futimens(fd, times));
    NEED(stat("file", &st));
    CHECK("atime is kept", st.st_atim.tv_sec == 1000000000);
    CHECK("mtime is now", st.st_mtim.tv_sec > 1600000000);
    times[0].tv_nsec = 1000000000;
    CHECK_ERR("bad nanoseconds", utimensat(AT_FDCWD, "file", times, 0), EINVAL);
    times[0] = times[1] = (struct timespec){.tv_sec = 77};
    CHECK_OK("a link's own times", utimensat(AT_FDCWD, "link", times, AT_SYMLINK_NOFOLLOW));
    NEED(lstat("link", &st));
    CHECK_EQ("are set", st.st_mtim.tv_sec, 77);
    NEED(stat("file", &st));
    CHECK("not its target's", st.st_mtim.tv_sec != 77);
    CHECK_OK("futimens before 1970", (times[0].tv_sec = -5, futimens(fd, times)));
    NEED(fstat(fd, &st));
    CHECK_EQ("-5", st.st_atim.tv_sec, -5);
    struct timespec before = {.tv_sec = 100};
    NEED(futimens(fd, (struct timespec[2]){before, before}));
    NEED(write(fd, "x", 1));
    NEED(fstat(fd, &st));
    CHECK("write sets mtime", st.st_mtim.tv_sec > 1600000000);

    CHECK_OK("truncate", truncate("file", 4));
    CHECK_STR("cut", get("file"), "x123");
    CHECK_OK("ftruncate", ftruncate(fd, 8));
    CHECK_EQ("longer, with zeros", read(NEED(open("file", O_RDONLY)), (char[20]){0}, 20), 8);
    CHECK_ERR("truncate: negative", truncate("file", -1), EINVAL);
    CHECK_ERR("ftruncate: read-only", ftruncate(open("file", O_RDONLY), 1), EINVAL);
    NEED(mkdir("dir", 0755));
    CHECK_ERR("truncate: folder", truncate("dir", 0), EISDIR);

    struct statx sx;
    CHECK_OK("statx", statx(AT_FDCWD, "file", 0, STATX_BASIC_STATS, &sx));
    CHECK("statx: mask", (sx.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS);
    CHECK("statx: as stat", (fstat(fd, &st), sx.stx_ino == st.st_ino && sx.stx_size == 8 && sx.stx_mode == st.st_mode));
    CHECK("statx: device", makedev(sx.stx_dev_major, sx.stx_dev_minor) == st.st_dev);
    CHECK_OK("statx AT_EMPTY_PATH", statx(fd, "", AT_EMPTY_PATH, STATX_SIZE, &sx));
    CHECK_EQ("its size", sx.stx_size, 8);
    CHECK_OK("statx of a link", statx(AT_FDCWD, "link", AT_SYMLINK_NOFOLLOW, STATX_TYPE, &sx));
    CHECK("is a link", S_ISLNK(sx.stx_mode));
    CHECK_ERR("statx: unknown flag", statx(AT_FDCWD, "file", 0x10000000, STATX_TYPE, &sx), EINVAL);
    CHECK_ERR("statx: reserved mask", statx(AT_FDCWD, "file", 0, 0x80000000, &sx), EINVAL);
    CHECK_ERR("fstatat: empty path", fstatat(fd, "", &st, 0), ENOENT);
    CHECK_ERR("stat through a file", stat("file/x", &st), ENOTDIR);
    struct statfs fs;
    CHECK_OK("statfs", statfs(".", &fs));
    CHECK("statfs: sizes", fs.f_bsize > 0 && fs.f_blocks >= fs.f_bfree && fs.f_namelen == 255);
    struct statvfs vfs;
    CHECK_OK("fstatvfs", fstatvfs(fd, &vfs));

    IN_CHILD("as an ordinary user", {
        NEED(chmod("file", 0400));
        NEED(chmod("dir", 0777));
        NEED(chmod(".", 0777));
        drop_root();
        umask(0);
        put("own", "x");
        NEED(chmod("own", 0400));
        CHECK_ERR("child: own file without write permission", open("own", O_WRONLY), EACCES);
        CHECK_OK("child: access R_OK", access("own", R_OK));
        CHECK_ERR("child: access W_OK", access("own", W_OK), EACCES);
        CHECK_ERR("child: access X_OK", access("own", X_OK), EACCES);
        CHECK_ERR("child: faccessat AT_EACCESS", faccessat(AT_FDCWD, "own", W_OK, AT_EACCESS), EACCES);
        CHECK_ERR("child: truncate", truncate("own", 0), EACCES);
        NEED(mkdir("closed", 0));
        CHECK_ERR("child: a folder that is closed", open("closed/x", O_RDONLY), EACCES);
        CHECK_ERR("child: cannot be listed", open("closed", O_RDONLY), EACCES);
        NEED(chmod("closed", 0500));
        CHECK_ERR("child: nothing can be made in it", open("closed/x", O_WRONLY | O_CREAT, 0600), EACCES);
        CHECK_ERR("child: a device cannot be made", mknod("device", S_IFCHR | 0600, makedev(1, 3)), EPERM);
        CHECK_OK("child: own file can be unlinked", unlink("own"));
        NEED(rmdir("closed"));
    });
    CHECK_OK("access F_OK", access("file", F_OK));
    CHECK_ERR("access: none", access("none", F_OK), ENOENT);
    CHECK_ERR("access: bad mode", access("file", 077), EINVAL);
    DONE();
}
