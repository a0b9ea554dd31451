// Settings of a terminal that are fixed for everyone: TIOCGLCKTRMIOS and TIOCSLCKTRMIOS, ioctl_tty(2).

#include "../check.h"

#include <sys/ioctl.h>
#include <termios.h>

// The kernel's structure: the C library's has more characters.
struct settings {
    uint32_t input, output, control, local;
    uint8_t line, characters[19];
};

int main(void)
{
    int master = NEED(posix_openpt(O_RDWR | O_NOCTTY));
    NEED(unlockpt(master));
    int slave = NEED(open(ptsname(master), O_RDWR | O_NOCTTY));
    struct settings fixed, none = {0};
    memset(&fixed, 0xff, sizeof fixed);
    CHECK_OK("what is fixed", ioctl(slave, TIOCGLCKTRMIOS, &fixed));
    CHECK("nothing at first", memcmp(&fixed, &none, sizeof fixed) == 0);
    if (geteuid() == 0) {
        fixed = none;
        fixed.local = ECHO;
        fixed.characters[VINTR] = 1;
        CHECK_OK("fixing echo", ioctl(slave, TIOCSLCKTRMIOS, &fixed));
        struct settings told = none;
        CHECK_OK("the master knows", ioctl(master, TIOCGLCKTRMIOS, &told));
        CHECK("the same", memcmp(&fixed, &told, sizeof fixed) == 0);
        struct termios mode, now;
        NEED(tcgetattr(slave, &mode));
        mode.c_lflag &= ~(ECHO | ICANON);
        mode.c_cc[VINTR] = 7;
        mode.c_cc[VQUIT] = 8;
        CHECK_OK("a change", tcsetattr(slave, TCSANOW, &mode));
        NEED(tcgetattr(slave, &now));
        CHECK("echo stays", now.c_lflag & ECHO);
        CHECK("what is not fixed does not", !(now.c_lflag & ICANON));
        CHECK_EQ("a character stays", now.c_cc[VINTR], 3);
        CHECK_EQ("another does not", now.c_cc[VQUIT], 8);
        CHECK_OK("free again", ioctl(slave, TIOCSLCKTRMIOS, &none));
        CHECK_OK("a change", tcsetattr(slave, TCSANOW, &mode));
        NEED(tcgetattr(slave, &now));
        CHECK("echo goes", !(now.c_lflag & ECHO));
    }
    drop_root();
    CHECK_ERR("an ordinary user", ioctl(slave, TIOCSLCKTRMIOS, &fixed), EPERM);
    CHECK_ERR("nowhere", ioctl(slave, TIOCGLCKTRMIOS, NULL), EFAULT);
    DONE();
}
