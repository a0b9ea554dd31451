// RLIMIT_FSIZE, wherever a file could grow: up to the limit, then EFBIG with SIGXFSZ. setrlimit(2), write(2), truncate(2),
// fallocate(2), sendfile(2), copy_file_range(2), splice(2).

#include "../check.h"

#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

static volatile int signals;

static void count(int signo)
{
    (void)signo;
    signals++;
}

// The call fails with EFBIG, and with a signal.
#define TOO_LONG(name, call)                                                                                           \
    ({                                                                                                                 \
        int before_ = signals;                                                                                         \
        CHECK_ERR(name, call, EFBIG);                                                                                  \
        CHECK_EQ(name ": SIGXFSZ", signals - before_, 1);                                                              \
    })

static long size_of(int fd)
{
    struct stat st;
    NEED(fstat(fd, &st));
    return st.st_size;
}

int main(void)
{
    handle(SIGXFSZ, count, 0);
    char bytes[3000] = "";
    int large = NEED(open("large", O_RDWR | O_CREAT, 0600));
    NEED(write(large, bytes, 3000));
    struct rlimit limit;
    NEED(getrlimit(RLIMIT_FSIZE, &limit));
    limit.rlim_cur = 1000;
    NEED(setrlimit(RLIMIT_FSIZE, &limit));
    int fd = NEED(open("file", O_RDWR | O_CREAT, 0600));
    struct iovec two[] = {{bytes, 600}, {bytes, 600}};
    CHECK_EQ("writev: what fits", writev(fd, two, 2), 1000);
    TOO_LONG("writev", writev(fd, two, 2));
    CHECK_EQ("nothing is always written", write(fd, bytes, 0), 0);
    CHECK_EQ("pwrite: what fits", pwrite(fd, bytes, 10, 995), 5);
    TOO_LONG("pwrite at the limit", pwrite(fd, bytes, 10, 1000));
    TOO_LONG("pwrite beyond it", pwrite(fd, bytes, 10, 5000));
    CHECK_EQ("pwrite within", pwrite(fd, bytes, 10, 0), 10);
    TOO_LONG("ftruncate", ftruncate(fd, 1001));
    CHECK_OK("ftruncate to the limit", ftruncate(fd, 1000));
    TOO_LONG("truncate", truncate("file", 1001));
    CHECK_OK("truncate to the limit", truncate("file", 1000));
    TOO_LONG("fallocate", fallocate(fd, 0, 0, 1001));
    CHECK_OK("fallocate to the limit", fallocate(fd, 0, 0, 1000));
    CHECK_EQ("the size", size_of(fd), 1000);
    int end = NEED(open("file", O_WRONLY | O_APPEND));
    TOO_LONG("at the end", write(end, bytes, 1));
    NEED(ftruncate(fd, 990));
    CHECK_EQ("at the end: what fits", write(end, bytes, 100), 10);
    // A file that is too long already may be written to below the limit and cut, but not grow.
    CHECK_EQ("a long file: below", pwrite(large, bytes, 100, 950), 50);
    TOO_LONG("a long file: above", pwrite(large, bytes, 100, 2000));
    CHECK_OK("a long file: shorter, yet too long", ftruncate(large, 2500));
    CHECK_OK("a long file: by name", truncate("large", 2000));
    CHECK_OK("a long file: as it is", ftruncate(large, 2000));
    TOO_LONG("a long file: longer", ftruncate(large, 2001));
    CHECK_OK("a long file: fallocate within", fallocate(large, 0, 0, 1500));
    // An offset that two processes share.
    NEED(lseek(fd, 900, SEEK_SET));
    IN_CHILD("a shared offset", {
        CHECK_EQ("child: what fits", write(fd, bytes, 200), 100);
        TOO_LONG("child: no more", write(fd, bytes, 200));
    });
    TOO_LONG("after the child", write(fd, bytes, 200));
    // Bytes that come from other files.
    NEED(ftruncate(fd, 0));
    NEED(lseek(fd, 0, SEEK_SET));
    CHECK_EQ("copy_file_range: what fits", copy_file_range(large, &(loff_t){0}, fd, NULL, 1500, 0), 1000);
    TOO_LONG("copy_file_range", copy_file_range(large, &(loff_t){0}, fd, NULL, 1500, 0));
    NEED(lseek(fd, 700, SEEK_SET));
    CHECK_EQ("sendfile: what fits", sendfile(fd, large, &(off_t){0}, 300), 300);
    TOO_LONG("sendfile", sendfile(fd, large, &(off_t){0}, 300));
    int pipes[2];
    NEED(pipe(pipes));
    NEED(write(pipes[1], bytes, 100));
    TOO_LONG("splice", splice(pipes[0], NULL, fd, NULL, 100, 0));
    NEED(lseek(fd, 0, SEEK_SET));
    CHECK_EQ("splice below", splice(pipes[0], NULL, fd, NULL, 100, 0), 100);
    // What is no regular file has no such limit.
    CHECK_EQ("a pipe", write(pipes[1], bytes, 2000), 2000);
    CHECK_EQ("a device", write(NEED(open("/dev/null", O_WRONLY)), bytes, 3000), 3000);
    limit.rlim_cur = 0;
    NEED(setrlimit(RLIMIT_FSIZE, &limit));
    TOO_LONG("a limit of nothing", pwrite(fd, bytes, 1, 0));
    DONE();
}
