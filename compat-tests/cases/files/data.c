// Reading and writing at offsets, vectors, holes, fallocate, sendfile, copy_file_range. POSIX pread(), readv(), lseek();
// lseek(2), fallocate(2), sendfile(2), copy_file_range(2), preadv2(2).

#include "../check.h"

#include <limits.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

int main(void)
{
    int fd = NEED(open("file", O_RDWR | O_CREAT, 0644));
    char text[64] = "";
    CHECK_EQ("write", write(fd, "0123456789", 10), 10);
    CHECK_EQ("pread", pread(fd, text, 4, 3), 4);
    CHECK("pread: bytes", memcmp(text, "3456", 4) == 0);
    CHECK_EQ("pwrite", pwrite(fd, "AB", 2, 1), 2);
    CHECK_EQ("the offset stays", lseek(fd, 0, SEEK_CUR), 10);
    CHECK_EQ("read at the end", read(fd, text, 10), 0);
    CHECK_EQ("pread beyond the end", pread(fd, text, 10, 100), 0);
    CHECK_ERR("pread: negative offset", pread(fd, text, 1, -1), EINVAL);
    CHECK_EQ("SEEK_SET", lseek(fd, 2, SEEK_SET), 2);
    CHECK_EQ("SEEK_CUR", lseek(fd, -1, SEEK_CUR), 1);
    CHECK_EQ("SEEK_END", lseek(fd, -3, SEEK_END), 7);
    CHECK_ERR("before the start", lseek(fd, -8, SEEK_CUR), EINVAL);
    CHECK_ERR("unknown whence", lseek(fd, 0, 99), EINVAL);
    CHECK_EQ("beyond the end", lseek(fd, 100000, SEEK_SET), 100000);
    CHECK_EQ("does not grow the file", pread(fd, text, 1, 50), 0);
    NEED(write(fd, "far", 3));
    CHECK_EQ("a write there does", lseek(fd, 0, SEEK_END), 100003);
    CHECK_EQ("the hole reads as zeros", (pread(fd, text, 1, 5000), text[0]), 0);
    CHECK_EQ("SEEK_DATA at data", lseek(fd, 0, SEEK_DATA), 0);
    CHECK("SEEK_HOLE", lseek(fd, 0, SEEK_HOLE) >= 10);
    CHECK_ERR("SEEK_DATA beyond the end", lseek(fd, 200000, SEEK_DATA), ENXIO);
    CHECK_EQ("SEEK_HOLE finds at least the end", lseek(fd, 100001, SEEK_HOLE), 100003);

    struct iovec out[3] = {{"one", 3}, {NULL, 0}, {"three", 5}};
    NEED(ftruncate(fd, 0));
    NEED(lseek(fd, 0, SEEK_SET));
    CHECK_EQ("writev", writev(fd, out, 3), 8);
    char a[4] = "", b[8] = "";
    struct iovec in[2] = {{a, 3}, {b, 7}};
    CHECK_EQ("preadv", preadv(fd, in, 2, 0), 8);
    CHECK_STR("first part", a, "one");
    CHECK_STR("second part", b, "three");
    CHECK_EQ("pwritev", pwritev(fd, out, 1, 5), 3);
    CHECK_EQ("preadv2 without flags", preadv2(fd, in, 2, 0, 0), 8);
    CHECK_EQ("preadv2 at the offset", (lseek(fd, 4, SEEK_SET), preadv2(fd, in, 2, -1, 0)), 4);
    CHECK_EQ("pwritev2 RWF_APPEND", pwritev2(fd, out, 1, 0, RWF_APPEND), 3);
    CHECK_EQ("which appended", lseek(fd, 0, SEEK_END), 11);
    CHECK_ERR("preadv2: unknown flag", preadv2(fd, in, 2, 0, 0x10000), EOPNOTSUPP);
    CHECK_ERR("readv: too many parts", readv(fd, in, IOV_MAX + 1), EINVAL);
    CHECK_EQ("readv: none", readv(fd, in, 0), 0);
    struct iovec negative = {text, (size_t)-1};
    CHECK_ERR("readv: negative length", readv(fd, &negative, 1), EINVAL);
    CHECK_ERR("readv: bad vector", readv(fd, (void *)8, 1), EFAULT);
    CHECK_ERR("read into a bad address", pread(fd, (void *)8, 4, 0), EFAULT);
    CHECK_EQ("half of a vector can be written", pwritev(fd, (struct iovec[2]){{"ok", 2}, {(void *)8, 5}}, 2, 0), 2);

    NEED(ftruncate(fd, 0));
    CHECK_OK("posix_fallocate", posix_fallocate(fd, 0, 8192) ? -1 : 0);
    struct stat st;
    NEED(fstat(fd, &st));
    CHECK("allocated", st.st_size == 8192 && st.st_blocks * 512 >= 8192);
    CHECK_OK("FALLOC_FL_KEEP_SIZE", fallocate(fd, FALLOC_FL_KEEP_SIZE, 8192, 4096));
    NEED(fstat(fd, &st));
    CHECK_EQ("size is kept", st.st_size, 8192);
    NEED(pwrite(fd, "data", 4, 4096));
    CHECK_OK("FALLOC_FL_PUNCH_HOLE", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 4096));
    CHECK_EQ("a hole is zeros", (pread(fd, text, 4, 4096), text[0]), 0);
    CHECK_ERR("length 0", fallocate(fd, 0, 0, 0), EINVAL);
    CHECK_ERR("read-only", fallocate(open("file", O_RDONLY), 0, 0, 10), EBADF);

    put("source", "the quick brown fox");
    int from = NEED(open("source", O_RDONLY)), to = NEED(open("target", O_RDWR | O_CREAT, 0644));
    off_t at = 4;
    CHECK_EQ("sendfile from an offset", sendfile(to, from, &at, 5), 5);
    CHECK_EQ("moves it", at, 9);
    CHECK_EQ("not the file's", lseek(from, 0, SEEK_CUR), 0);
    CHECK_EQ("sendfile", sendfile(to, from, NULL, 100), 19);
    CHECK_EQ("at the end", sendfile(to, from, NULL, 100), 0);
    CHECK_STR("both", get("target"), "quickthe quick brown fox");
    int pipes[2];
    NEED(pipe(pipes));
    at = 0;
    CHECK_EQ("sendfile to a pipe", sendfile(pipes[1], from, &at, 3), 3);
    CHECK_ERR("sendfile from a pipe", sendfile(to, pipes[0], NULL, 3), EINVAL);
    loff_t in_at = 10, out_at = 0;
    CHECK_EQ("copy_file_range", copy_file_range(from, &in_at, to, &out_at, 5, 0), 5);
    CHECK("moves both", in_at == 15 && out_at == 5);
    CHECK_STR("copied", get("target"), "brownthe quick brown fox");
    CHECK_ERR("copy_file_range: flags", copy_file_range(from, &in_at, to, &out_at, 5, 1), EINVAL);
    CHECK_ERR("copy_file_range: to read-only", copy_file_range(from, &in_at, from, &out_at, 5, 0), EBADF);
    CHECK_OK("fdatasync", fdatasync(to));
    CHECK_OK("sync_file_range", sync_file_range(to, 0, 0, SYNC_FILE_RANGE_WRITE));
    CHECK_RET("posix_fadvise", posix_fadvise(to, 0, 0, POSIX_FADV_SEQUENTIAL), 0);
    CHECK_RET("posix_fadvise of a pipe", posix_fadvise(pipes[0], 0, 0, POSIX_FADV_NORMAL), ESPIPE);
    CHECK_ERR("fsync of a pipe", fsync(pipes[0]), EINVAL);
    // Large content in odd pieces.
    static unsigned char big[300000], back[300000];
    for (size_t n = 0; n < sizeof big; n++)
        big[n] = (unsigned char)(n * 31 + n / 256);
    int large = NEED(open("large", O_RDWR | O_CREAT, 0600));
    for (size_t n = 0; n < sizeof big;) {
        size_t piece = n % 7919 + 1;
        if (piece > sizeof big - n)
            piece = sizeof big - n;
        NEED(write(large, big + n, piece) == (ssize_t)piece ? 0 : -1);
        n += piece;
    }
    CHECK_EQ("read back at once", pread(large, back, sizeof back, 0), sizeof back);
    CHECK("the same bytes", memcmp(big, back, sizeof big) == 0);
    DONE();
}
