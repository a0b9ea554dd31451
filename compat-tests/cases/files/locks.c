// Record locks between processes (with deadlock detection), open-file-description locks and flock.
// POSIX fcntl() F_SETLK; fcntl(2) "Open file description locks", flock(2).

#include "../check.h"

#include <sys/file.h>

static int fd;

static long lock(int handle, int command, int type, off_t start, off_t length)
{
    struct flock wanted = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
    return fcntl(handle, command, &wanted);
}

static void seen(const char *name, off_t start, off_t length, int type, off_t from, off_t size, pid_t owner)
{
    struct flock found = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
    NEED(fcntl(fd, F_GETLK, &found));
    CHECK(name, found.l_type == type && (type == F_UNLCK || (found.l_start == from && found.l_len == size && found.l_pid == owner)));
}

int main(void)
{
    int to_child[2], to_parent[2];
    NEED(pipe(to_child));
    NEED(pipe(to_parent));
    fd = NEED(open("file", O_RDWR | O_CREAT, 0644));
    pid_t self = getpid();
    CHECK_OK("write lock of 10..19", lock(fd, F_SETLK, F_WRLCK, 10, 10));
    CHECK_OK("read lock of 30 to the end", lock(fd, F_SETLK, F_RDLCK, 30, 0));
    seen("own locks are not in the way", 0, 0, F_UNLCK, 0, 0, 0);
    IN_CHILD("another process", {
        seen("child: 10..19", 0, 0, F_WRLCK, 10, 10, self);
        seen("child: 25..40", 25, 15, F_RDLCK, 30, 0, self);
        seen("child: 20..29 is free", 20, 10, F_UNLCK, 0, 0, 0);
        CHECK_ERR("child: write", lock(fd, F_SETLK, F_WRLCK, 15, 1), EAGAIN);
        CHECK_ERR("child: read", lock(fd, F_SETLK, F_RDLCK, 15, 1), EAGAIN);
        CHECK_OK("child: read where it is read", lock(fd, F_SETLK, F_RDLCK, 100, 1));
        CHECK_ERR("child: write where it is read", lock(fd, F_SETLK, F_WRLCK, 100, 1), EAGAIN);
    });
    // Splitting and merging.
    CHECK_OK("unlock the middle", lock(fd, F_SETLK, F_UNLCK, 13, 3));
    IN_CHILD("after the split", {
        seen("child: first part", 0, 14, F_WRLCK, 10, 3, self);
        seen("child: the middle", 13, 3, F_UNLCK, 0, 0, 0);
        seen("child: last part", 14, 6, F_WRLCK, 16, 4, self);
    });
    NEED(lock(fd, F_SETLK, F_WRLCK, 13, 3));
    IN_CHILD("after the merge", seen("child: one again", 0, 20, F_WRLCK, 10, 10, self));
    NEED(lock(fd, F_SETLK, F_RDLCK, 10, 10));
    IN_CHILD("after the downgrade", CHECK_OK("child: read", lock(fd, F_SETLK, F_RDLCK, 10, 10)));
    struct flock bad = {.l_type = 9, .l_whence = SEEK_SET};
    CHECK_ERR("unknown type", fcntl(fd, F_SETLK, &bad), EINVAL);
    CHECK_ERR("write lock, read-only descriptor", lock(open("file", O_RDONLY), F_SETLK, F_WRLCK, 0, 1), EBADF);
    CHECK_ERR("negative start", lock(fd, F_SETLK, F_WRLCK, -1, 1), EINVAL);
    struct flock from_end = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 50, .l_len = -10};
    CHECK_OK("negative length", fcntl(fd, F_SETLK, &from_end));
    IN_CHILD("which means before", seen("child: 40..49", 40, 10, F_WRLCK, 40, 10, self));
    // Closing any descriptor of the file drops all.
    int copy = NEED(open("file", O_RDONLY));
    NEED(close(copy));
    IN_CHILD("closed", seen("child: all free", 0, 0, F_UNLCK, 0, 0, 0));

    // F_SETLKW waits, also for a holder that dies.
    pid_t pid = SPAWN({
        NEED(lock(fd, F_SETLK, F_WRLCK, 0, 1));
        tell(to_parent[1]);
        sleep_ms(20);
        raise(SIGKILL);
    });
    await(to_parent[0]);
    CHECK_OK("waits until the holder dies", lock(fd, F_SETLKW, F_WRLCK, 0, 1));
    reap(pid);
    // Deadlock: each has what the other wants.
    pid = SPAWN({
        NEED(lock(fd, F_SETLK, F_WRLCK, 100, 1));
        tell(to_parent[1]);
        CHECK_OK("child: waits for 0", lock(fd, F_SETLKW, F_WRLCK, 0, 1));
    });
    await(to_parent[0]);
    sleep_ms(30);
    CHECK_ERR("deadlock", lock(fd, F_SETLKW, F_WRLCK, 100, 1), EDEADLK);
    NEED(lock(fd, F_SETLK, F_UNLCK, 0, 0));
    CHECK_EQ("the other goes on", reap(pid), 0);

    // Open file description locks.
    int other = NEED(open("file", O_RDWR));
    CHECK_OK("OFD lock", lock(fd, F_OFD_SETLK, F_WRLCK, 0, 10));
    CHECK_ERR("another description of this process", lock(other, F_OFD_SETLK, F_WRLCK, 5, 1), EAGAIN);
    struct flock query = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
    NEED(fcntl(other, F_OFD_GETLK, &query));
    CHECK("F_OFD_GETLK", query.l_type == F_WRLCK && query.l_pid == -1);
    IN_CHILD("inherited", {
        CHECK_OK("child: the same description", lock(fd, F_OFD_SETLK, F_WRLCK, 0, 10));
        NEED(close(fd));
    });
    CHECK_ERR("a close elsewhere does not drop it", lock(other, F_OFD_SETLK, F_WRLCK, 5, 1), EAGAIN);
    CHECK_ERR("classic locks respect it", lock(other, F_SETLK, F_WRLCK, 5, 1), EAGAIN);
    copy = NEED(dup(fd));
    NEED(close(fd));
    CHECK_ERR("a duplicate keeps it", lock(other, F_OFD_SETLK, F_WRLCK, 5, 1), EAGAIN);
    NEED(close(copy));
    CHECK_OK("the last close drops it", lock(other, F_OFD_SETLK, F_WRLCK, 5, 1));
    query.l_pid = 5;
    CHECK_ERR("l_pid must be 0", fcntl(other, F_OFD_SETLK, &query), EINVAL);

    int first = NEED(open("flock", O_RDWR | O_CREAT, 0644)), second = NEED(open("flock", O_RDWR));
    CHECK_OK("LOCK_SH", flock(first, LOCK_SH));
    CHECK_OK("LOCK_SH beside it", flock(second, LOCK_SH | LOCK_NB));
    CHECK_ERR("LOCK_EX beside it", flock(second, LOCK_EX | LOCK_NB), EAGAIN);
    NEED(flock(second, LOCK_UN));
    CHECK_OK("upgrade", flock(first, LOCK_EX | LOCK_NB));
    CHECK_ERR("LOCK_SH beside LOCK_EX", flock(second, LOCK_SH | LOCK_NB), EAGAIN);
    CHECK_ERR("unknown operation", flock(first, 77), EINVAL);
    CHECK_ERR("bad descriptor", flock(99, LOCK_SH), EBADF);
    pid = SPAWN({
        NEED(close(first));
        int own = NEED(open("flock", O_RDWR));
        tell(to_parent[1]);
        CHECK_OK("child: waits", flock(own, LOCK_EX));
    });
    await(to_parent[0]);
    sleep_ms(10);
    NEED(close(first));
    CHECK_EQ("the last close lets the waiter in", reap(pid), 0);

    // Many processes, one lock, one counter.
    put("counter", "0");
    pid_t pids[5];
    for (int n = 0; n < 5; n++)
        pids[n] = SPAWN({
            int own = NEED(open("counter", O_RDWR));
            for (int i = 0; i < 40; i++) {
                char text[16] = "";
                NEED(lock(own, F_SETLKW, F_WRLCK, 0, 0));
                NEED(pread(own, text, 15, 0));
                int length = snprintf(text, sizeof text, "%d", atoi(text) + 1);
                NEED(pwrite(own, text, length, 0));
                NEED(lock(own, F_SETLK, F_UNLCK, 0, 0));
            }
        });
    for (int n = 0; n < 5; n++)
        NEED(reap(pids[n]) ? -1 : 0);
    CHECK_STR("five processes counted", get("counter"), "200");
    DONE();
}
