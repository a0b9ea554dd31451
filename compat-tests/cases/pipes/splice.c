// splice, tee and vmsplice between pipes and files. splice(2), tee(2), vmsplice(2).

#include "../check.h"

#include <sys/uio.h>

int main(void)
{
    int a[2], b[2];
    char text[64] = "";
    NEED(pipe(a));
    NEED(pipe(b));
    put("in", "0123456789abcdef");
    int in = NEED(open("in", O_RDONLY)), out = NEED(open("out", O_RDWR | O_CREAT, 0644));
    CHECK_EQ("file to pipe", splice(in, NULL, a[1], NULL, 6, 0), 6);
    CHECK_EQ("the file's offset moved", lseek(in, 0, SEEK_CUR), 6);
    loff_t at = 10;
    CHECK_EQ("from an offset", splice(in, &at, a[1], NULL, 100, 0), 6);
    CHECK_EQ("which moved", at, 16);
    CHECK_EQ("and not the file's", lseek(in, 0, SEEK_CUR), 6);
    CHECK_EQ("tee", tee(a[0], b[1], 100, 0), 12);
    CHECK_EQ("the copy", read(b[0], text, sizeof text), 12);
    CHECK("its bytes", memcmp(text, "012345abcdef", 12) == 0);
    CHECK_EQ("pipe to pipe", splice(a[0], NULL, b[1], NULL, 4, 0), 4);
    CHECK_EQ("pipe to file", splice(a[0], NULL, out, NULL, 100, 0), 8);
    at = 20;
    CHECK_EQ("to an offset", splice(b[0], NULL, out, &at, 4, 0), 4);
    NEED(pread(out, text, 24, 0));
    CHECK("the file", memcmp(text, "45abcdef\0\0\0\0\0\0\0\0\0\0\0\0" "0123", 24) == 0);
    CHECK_EQ("its offset", lseek(out, 0, SEEK_CUR), 8);
    CHECK_ERR("empty, SPLICE_F_NONBLOCK", splice(a[0], NULL, out, NULL, 1, SPLICE_F_NONBLOCK), EAGAIN);
    CHECK_ERR("no pipe", splice(in, NULL, out, NULL, 1, 0), EINVAL);
    at = 0;
    CHECK_ERR("an offset for a pipe", splice(a[0], &at, out, NULL, 1, 0), ESPIPE);
    CHECK_ERR("tee of a file", tee(in, b[1], 1, 0), EINVAL);
    CHECK_ERR("bad descriptor", splice(99, NULL, a[1], NULL, 1, 0), EBADF);
    struct iovec parts[2] = {{"vm", 2}, {"splice", 6}};
    CHECK_EQ("vmsplice", vmsplice(a[1], parts, 2, 0), 8);
    CHECK_EQ("read", read(a[0], text, sizeof text), 8);
    CHECK("its bytes", memcmp(text, "vmsplice", 8) == 0);
    CHECK_EQ("end of the file", (lseek(in, 0, SEEK_END), splice(in, NULL, a[1], NULL, 5, 0)), 0);
    NEED(close(a[1]));
    CHECK_EQ("no writer", splice(a[0], NULL, out, NULL, 5, 0), 0);
    DONE();
}
