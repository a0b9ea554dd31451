// Pseudo-terminals: canonical input, echo, raw mode, window size, controlling terminal, signals from the keyboard,
// hang-up, job control. POSIX General Terminal Interface; pty(7), tty_ioctl(4), termios(3).
// timeout: 60
// order: any

#include "../check.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

static volatile sig_atomic_t signal_seen;

static void note(int signo)
{
    signal_seen = signo;
}

static int master, slave;
static char text[512];

static const char *from(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    memset(text, 0, sizeof text);
    if (poll(&poll_fd, 1, 2000) != 1)
        return "(nothing)";
    ssize_t got = read(fd, text, sizeof text - 1);
    return got == -1 ? errno_name(errno) : text;
}

// What the master reads up to `end`: an echo and the output after it may come in pieces.
static const char *echo_to(const char *end)
{
    static char all[sizeof text];
    all[0] = 0;
    size_t length = 0, tail = strlen(end);
    while (length < tail || strcmp(all + length - tail, end) != 0) {
        const char *piece = from(master);
        if (strcmp(piece, "(nothing)") == 0 || length + strlen(piece) >= sizeof all)
            break;
        strcpy(all + length, piece);
        length += strlen(piece);
    }
    return all;
}

static void put_text(int fd, const char *what)
{
    NEED(write(fd, what, strlen(what)));
}

static void open_pair(void)
{
    master = NEED(posix_openpt(O_RDWR | O_NOCTTY));
    NEED(grantpt(master));
    NEED(unlockpt(master));
    slave = NEED(open(ptsname(master), O_RDWR | O_NOCTTY));
}

int main(void)
{
    master = CHECK_OK("posix_openpt", posix_openpt(O_RDWR | O_NOCTTY));
    CHECK_OK("grantpt", grantpt(master));
    CHECK_ERR("locked", open(ptsname(master), O_RDWR | O_NOCTTY), EIO);
    CHECK_OK("unlockpt", unlockpt(master));
    CHECK("ptsname", strncmp(ptsname(master), "/dev/pts/", 9) == 0);
    slave = CHECK_OK("the slave", open(ptsname(master), O_RDWR | O_NOCTTY));
    CHECK("isatty", isatty(slave) && isatty(master) && !isatty(1 + 100));
    CHECK("ttyname", strcmp(ttyname(slave), ptsname(master)) == 0);
    struct stat st;
    NEED(fstat(slave, &st));
    CHECK("a character device", S_ISCHR(st.st_mode));

    struct termios mode, raw;
    CHECK_OK("tcgetattr", tcgetattr(slave, &mode));
    CHECK("canonical with echo", (mode.c_lflag & (ICANON | ECHO | ISIG)) == (ICANON | ECHO | ISIG));
    CHECK("CR to NL, NL to CR NL", (mode.c_iflag & ICRNL) && (mode.c_oflag & (OPOST | ONLCR)) == (OPOST | ONLCR));
    CHECK("^C, ^D, ^Z", mode.c_cc[VINTR] == 3 && mode.c_cc[VEOF] == 4 && mode.c_cc[VSUSP] == 26);
    put_text(master, "hello");
    struct pollfd poll_fd = {.fd = slave, .events = POLLIN};
    CHECK_EQ("half a line is not yet read", poll(&poll_fd, 1, 20), 0);
    put_text(master, "\r");
    CHECK_STR("a line", from(slave), "hello\n");
    CHECK_STR("its echo", echo_to("\n"), "hello\r\n");
    put_text(slave, "out\n");
    CHECK_STR("output", echo_to("\n"), "out\r\n");
    put_text(master, "abc\177\177d\n");
    CHECK_STR("erase", from(slave), "ad\n");
    CHECK_STR("its echo", echo_to("\n"), "abc\b \b\b \bd\r\n");
    put_text(master, "gone\025kept\n");
    CHECK_STR("kill", from(slave), "kept\n");
    echo_to("\n");
    put_text(master, "two words\027x\n");
    CHECK_STR("word erase", from(slave), "two x\n");
    echo_to("\n");
    put_text(master, "one\ntwo\n");
    CHECK_STR("one line at a time", from(slave), "one\n");
    CHECK_STR("the next", from(slave), "two\n");
    echo_to("two\r\n");
    put_text(master, "part\004");
    CHECK_STR("^D ends a part", from(slave), "part");
    put_text(master, "\004");
    CHECK_STR("^D alone is the end of file", from(slave), "");
    echo_to("part");
    put_text(master, "long line\n");
    CHECK_EQ("a short read", read(slave, text, 4), 4);
    CHECK_STR("the rest of the line", from(slave), " line\n");
    echo_to("\n");
    put_text(master, "\001\n");
    CHECK_STR("a control character", from(slave), "\001\n");
    CHECK_STR("is echoed as ^A", echo_to("\n"), "^A\r\n");

    raw = mode;
    cfmakeraw(&raw);
    CHECK_OK("tcsetattr", tcsetattr(slave, TCSANOW, &raw));
    put_text(master, "x\r\003");
    CHECK_STR("raw: byte by byte, untouched", from(slave), "x\r\003");
    put_text(slave, "y\n");
    CHECK_STR("raw: no echo, no CR", echo_to("\n"), "y\n");
    raw.c_cc[VMIN] = 3;
    raw.c_cc[VTIME] = 0;
    NEED(tcsetattr(slave, TCSANOW, &raw));
    pid_t pid = SPAWN({
        put_text(master, "1");
        sleep_ms(20);
        put_text(master, "23");
    });
    CHECK_EQ("VMIN 3 waits for three", read(slave, text, 10), 3);
    reap(pid);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 1;
    NEED(tcsetattr(slave, TCSANOW, &raw));
    long before = now_ms();
    CHECK_EQ("VTIME 1: a tenth of a second", read(slave, text, 10), 0);
    CHECK("so long", now_ms() - before >= 90);
    NEED(tcsetattr(slave, TCSANOW, &mode));

    struct winsize size = {.ws_row = 25, .ws_col = 90}, seen;
    CHECK_OK("TIOCSWINSZ", ioctl(master, TIOCSWINSZ, &size));
    CHECK_OK("TIOCGWINSZ", ioctl(slave, TIOCGWINSZ, &seen));
    CHECK("the same size", seen.ws_row == 25 && seen.ws_col == 90);
    int waiting;
    put_text(master, "four\n");
    poll(&poll_fd, 1, 2000);
    CHECK_OK("FIONREAD", ioctl(slave, FIONREAD, &waiting));
    CHECK_EQ("a line waits", waiting, 5);
    CHECK_OK("tcflush", tcflush(slave, TCIFLUSH));
    NEED(ioctl(slave, FIONREAD, &waiting));
    CHECK_EQ("flushed", waiting, 0);
    echo_to("\n");
    CHECK_ERR("not a terminal", tcgetattr(open("file", O_RDWR | O_CREAT, 0600), &mode), ENOTTY);
    CHECK_ERR("no controlling terminal of ours", tcgetpgrp(slave), ENOTTY);

    // A session with this terminal.
    int up[2];
    NEED(pipe(up));
    pid = SPAWN({
        NEED(setsid());
        NEED(close(master));
        CHECK_OK("child: TIOCSCTTY", ioctl(slave, TIOCSCTTY, 0));
        CHECK_EQ("child: its session", tcgetsid(slave), getpid());
        CHECK_EQ("child: foreground group", tcgetpgrp(slave), getpid());
        CHECK_OK("child: /dev/tty", open("/dev/tty", O_RDWR));
        handle(SIGINT, note, 0);
        handle(SIGWINCH, note, 0);
        handle(SIGQUIT, note, 0);
        tell(up[1]);
        CHECK_ERR("child: ^C interrupts a read", read(slave, text, 10), EINTR);
        CHECK_EQ("child: SIGINT", signal_seen, SIGINT);
        tell(up[1]);
        CHECK_ERR("child: ^\\ interrupts a read", read(slave, text, 10), EINTR);
        CHECK_EQ("child: SIGQUIT", signal_seen, SIGQUIT);
        tell(up[1]);
        CHECK_ERR("child: a new size interrupts a read", read(slave, text, 10), EINTR);
        CHECK_EQ("child: SIGWINCH", signal_seen, SIGWINCH);

        // A background group that reads is stopped.
        pid_t background = SPAWN({
            NEED(setpgid(0, 0));
            NEED(read(slave, text, 1));
            _exit(9);
        });
        int status;
        NEED(waitpid(background, &status, WUNTRACED));
        CHECK("child: stopped by SIGTTIN", WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTIN);
        signal(SIGTTOU, SIG_IGN);
        CHECK_OK("child: tcsetpgrp", tcsetpgrp(slave, background));
        CHECK_EQ("child: foreground", tcgetpgrp(slave), background);
        tell(up[1]);
        NEED(kill(background, SIGCONT));
        CHECK_EQ("child: it reads on", reap(background), 9);
        NEED(tcsetpgrp(slave, getpid()));
        // ^Z stops the foreground group.
        background = SPAWN({
            NEED(setpgid(0, 0));
            for (;;)
                pause();
        });
        setpgid(background, background);
        NEED(tcsetpgrp(slave, background));
        tell(up[1]);
        NEED(waitpid(background, &status, WUNTRACED));
        CHECK("child: stopped by ^Z", WIFSTOPPED(status) && WSTOPSIG(status) == SIGTSTP);
        NEED(kill(background, SIGKILL));
        NEED(kill(background, SIGCONT));
        reap(background);
        NEED(tcsetpgrp(slave, getpid()));
        handle(SIGHUP, note, 0);
        tell(up[1]);
        for (int n = 0; signal_seen != SIGHUP && n < 2000; n++)
            sleep_ms(1);
        CHECK_EQ("child: hang-up", signal_seen, SIGHUP);
        CHECK_EQ("child: end of file after it", read(slave, text, 1), 0);
    });
    NEED(close(slave));
    await(up[0]);
    sleep_ms(20);
    put_text(master, "\003");
    await(up[0]);
    CHECK_STR("^C is echoed", echo_to("^C"), "^C");
    sleep_ms(20);
    put_text(master, "\034");
    await(up[0]);
    sleep_ms(20);
    size.ws_row = 40;
    NEED(ioctl(master, TIOCSWINSZ, &size));
    await(up[0]);
    put_text(master, "x\n");
    await(up[0]);
    sleep_ms(20);
    put_text(master, "\032");
    await(up[0]);
    NEED(close(master));
    CHECK_EQ("the session", reap(pid), 0);

    // The master after the last slave.
    open_pair();
    put_text(slave, "last");
    NEED(close(slave));
    CHECK_STR("what was written", from(master), "last");
    CHECK_ERR("then EIO", read(master, text, 1), EIO);
    DONE();
}
