// Randomness is never the same on the two sides of a fork, nor in two runs: getrandom, AT_RANDOM after exec, stack and
// mmap addresses after exec. getrandom(2), getauxval(3), personality(2).

#include "../check.h"

#include <sys/auxv.h>
#include <sys/random.h>

int main(int argc, char **argv)
{
    if (argc == 2) {
        int fd = atoi(argv[1]);
        void *addresses[2] = {&fd, (void *)main};
        NEED(write(fd, (void *)getauxval(AT_RANDOM), 16));
        NEED(write(fd, addresses, sizeof addresses));
        return 0;
    }
    unsigned char a[32], b[32], c[32];
    CHECK_EQ("getrandom", getrandom(a, 32, 0), 32);
    CHECK_EQ("getrandom again", getrandom(b, 32, GRND_NONBLOCK), 32);
    CHECK("differs", memcmp(a, b, 32) != 0);
    CHECK_ERR("unknown flag", getrandom(a, 32, 0x100), EINVAL);
    CHECK_ERR("bad pointer", getrandom((void *)8, 32, 0), EFAULT);
    CHECK_EQ("nothing", getrandom(a, 0, 0), 0);
    unsigned char large[5000] = {0};
    CHECK_EQ("more than a page", getrandom(large, sizeof large, 0), sizeof large);
    int zeros = 0;
    for (int n = 0; n < 5000; n++)
        zeros += large[n] == 0;
    CHECK("looks random", zeros < 100);
    int fd[2];
    NEED(pipe(fd));
    for (int round = 0; round < 4; round++) {
        pid_t pid = SPAWN({
            NEED(getrandom(c, 32, 0));
            NEED(write(fd[1], c, 32));
        });
        NEED(getrandom(a, 32, 0));
        NEED(read(fd[0], b, 32));
        CHECK("parent and child differ", memcmp(a, b, 32) != 0);
        reap(pid);
        if (round > 0)
            CHECK("and one child from the other", memcmp(b, large + 32 * (round - 1), 32) != 0);
        memcpy(large + 32 * round, b, 32);
    }
    char number[8];
    snprintf(number, sizeof number, "%d", fd[1]);
    struct {
        unsigned char random[16];
        void *addresses[2];
    } runs[3];
    for (int n = 0; n < 3; n++) {
        pid_t pid = SPAWN(execl(argv[0], argv[0], number, NULL));
        CHECK_EQ("run", reap(pid), 0);
        NEED(read(fd[0], &runs[n], sizeof runs[n]) == sizeof runs[n] ? 0 : -1);
    }
    CHECK("AT_RANDOM differs from run to run", memcmp(runs[0].random, runs[1].random, 16) && memcmp(runs[1].random, runs[2].random, 16));
    CHECK("the stack's address differs", runs[0].addresses[0] != runs[1].addresses[0] || runs[1].addresses[0] != runs[2].addresses[0]);
    CHECK("the program's address differs", runs[0].addresses[1] != runs[1].addresses[1] || runs[1].addresses[1] != runs[2].addresses[1]);
    DONE();
}
