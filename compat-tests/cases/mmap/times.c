// The times of a file that is written through a shared mapping come forward at the latest with msync; reading and private
// mappings leave them. POSIX mmap(): "The last data modification and last file status change timestamps … shall be marked".

#include "../check.h"

enum { PAGE = 4096 };

static struct stat seen;

static bool forward(int fd)
{
    struct stat now;
    NEED(fstat(fd, &now));
    bool later = now.st_mtim.tv_sec > seen.st_mtim.tv_sec ||
                 (now.st_mtim.tv_sec == seen.st_mtim.tv_sec && now.st_mtim.tv_nsec > seen.st_mtim.tv_nsec);
    bool both = now.st_ctim.tv_sec > seen.st_ctim.tv_sec ||
                (now.st_ctim.tv_sec == seen.st_ctim.tv_sec && now.st_ctim.tv_nsec > seen.st_ctim.tv_nsec);
    seen = now;
    return later && both;
}

int main(void)
{
    int fd = NEED(open("file", O_RDWR | O_CREAT, 0644));
    NEED(ftruncate(fd, 2 * PAGE));
    NEED(fstat(fd, &seen));
    sleep_ms(50);
    char *map = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    NEED(map == MAP_FAILED ? -1 : 0);
    CHECK("mapping it is no change", !forward(fd));
    CHECK_EQ("reading it", map[100], 0);
    NEED(msync(map, 2 * PAGE, MS_SYNC));
    CHECK("is none", !forward(fd));
    map[0] = 'x';
    NEED(msync(map, 2 * PAGE, MS_SYNC));
    CHECK("a store is one", forward(fd));
    sleep_ms(50);
    IN_CHILD("a child's store", map[PAGE] = 'y'; NEED(msync(map, 2 * PAGE, MS_SYNC)));
    CHECK("is one too", forward(fd));
    sleep_ms(50);
    struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    NEED(futimens(fd, old));
    struct stat now;
    NEED(fstat(fd, &now));
    CHECK_EQ("set times stay", now.st_mtime, 1000);
    NEED(munmap(map, 2 * PAGE));
    NEED(fstat(fd, &seen));
    CHECK_EQ("after the mapping is gone", seen.st_mtime, 1000);

    map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    sleep_ms(50);
    map[1] = 'z';
    NEED(msync(map, PAGE, MS_SYNC));
    CHECK("a private store is no change", !forward(fd));
    CHECK_EQ("write", pwrite(fd, "w", 1, 0), 1);
    CHECK("is one", forward(fd));
    NEED(close(fd));
    NEED(unlink("file"));
    DONE();
}
