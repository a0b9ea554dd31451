// Settings of a terminal that are fixed for everyone: TIOCGLCKTRMIOS and TIOCSLCKTRMIOS, ioctl_tty(2).

#include "../check.h"

#include <sys/ioctl.h>
#include <termios.h>

// The kernel's structure: the C library's has more characters.
struct settings {
    uint32_t input, output, control, local;
    uint8_t line, characters[19];
};

// True if echo and the interrupt character stay as they are while they are fixed, and the rest can be changed.
static bool stays(int master, int slave)
{
    struct settings fixed = {.local = ECHO}, told, none = {0};
    struct termios mode, now;
    fixed.characters[VINTR] = 1;
    NEED(ioctl(slave, TIOCSLCKTRMIOS, &fixed));
    NEED(ioctl(master, TIOCGLCKTRMIOS, &told));
    NEED(tcgetattr(slave, &mode));
    mode.c_lflag &= ~(ECHO | ICANON);
    mode.c_cc[VINTR] = 7;
    mode.c_cc[VQUIT] = 8;
    NEED(tcsetattr(slave, TCSANOW, &mode));
    NEED(tcgetattr(slave, &now));
    bool kept = memcmp(&fixed, &told, sizeof fixed) == 0 && (now.c_lflag & ECHO) && !(now.c_lflag & ICANON)
                && now.c_cc[VINTR] == 3 && now.c_cc[VQUIT] == 8;
    NEED(ioctl(slave, TIOCSLCKTRMIOS, &none));
    NEED(tcsetattr(slave, TCSANOW, &mode));
    NEED(tcgetattr(slave, &now));
    return kept && !(now.c_lflag & ECHO) && now.c_cc[VINTR] == 7;
}

int main(void)
{
    int master = NEED(posix_openpt(O_RDWR | O_NOCTTY));
    NEED(unlockpt(master));
    int slave = NEED(open(ptsname(master), O_RDWR | O_NOCTTY));
    struct settings fixed, none = {0};
    memset(&fixed, 0xff, sizeof fixed);
    CHECK_OK("what is fixed", ioctl(slave, TIOCGLCKTRMIOS, &fixed));
    CHECK("nothing at first", memcmp(&fixed, &none, sizeof fixed) == 0);
    CHECK("what the superuser fixes stays", geteuid() != 0 || stays(master, slave));
    drop_root();
    CHECK_ERR("an ordinary user", ioctl(slave, TIOCSLCKTRMIOS, &fixed), EPERM);
    CHECK_ERR("nowhere", ioctl(slave, TIOCGLCKTRMIOS, NULL), EFAULT);
    DONE();
}
