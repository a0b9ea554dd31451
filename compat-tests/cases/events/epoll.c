// epoll: level and edge triggering, one-shot, nesting, duplicates, closing, what is refused. epoll(7), epoll_ctl(2).

#include "../check.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

static int set;

static long control(int operation, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.u64 = 0x100000000 + fd};
    return epoll_ctl(set, operation, fd, &event);
}

static int wait_ms(int ms, struct epoll_event *events)
{
    return NEED(epoll_wait(set, events, 8, ms));
}

static uint32_t one(void)
{
    struct epoll_event events[8];
    return wait_ms(0, events) == 1 ? events[0].events : 0;
}

static volatile sig_atomic_t calls;

static void on_signal(int signo)
{
    calls++;
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    struct epoll_event events[8];
    char byte;
    set = CHECK_OK("epoll_create1", epoll_create1(EPOLL_CLOEXEC));
    CHECK_EQ("EPOLL_CLOEXEC", fcntl(set, F_GETFD), FD_CLOEXEC);
    int fd[2], other[2];
    NEED(pipe(fd));
    NEED(pipe(other));
    CHECK_OK("ADD", control(EPOLL_CTL_ADD, fd[0], EPOLLIN));
    CHECK_ERR("ADD twice", control(EPOLL_CTL_ADD, fd[0], EPOLLIN), EEXIST);
    CHECK_EQ("nothing", wait_ms(0, events), 0);
    NEED(write(fd[1], "ab", 2));
    CHECK_EQ("one", wait_ms(0, events), 1);
    CHECK("its data", events[0].data.u64 == 0x100000000UL + fd[0] && events[0].events == EPOLLIN);
    CHECK_EQ("level: again", wait_ms(0, events), 1);
    NEED(read(fd[0], &byte, 1));
    CHECK_EQ("level: as long as there is something", one(), EPOLLIN);
    NEED(read(fd[0], &byte, 1));
    CHECK_EQ("level: no longer", one(), 0);

    CHECK_OK("MOD to edge", control(EPOLL_CTL_MOD, fd[0], EPOLLIN | EPOLLET));
    NEED(write(fd[1], "a", 1));
    CHECK_EQ("edge: once", one(), EPOLLIN);
    CHECK_EQ("edge: not again", one(), 0);
    NEED(write(fd[1], "b", 1));
    CHECK_EQ("edge: new bytes", one(), EPOLLIN);
    CHECK_OK("MOD re-arms", control(EPOLL_CTL_MOD, fd[0], EPOLLIN | EPOLLET));
    CHECK_EQ("edge: by MOD", one(), EPOLLIN);
    CHECK_OK("one-shot", control(EPOLL_CTL_MOD, fd[0], EPOLLIN | EPOLLONESHOT));
    CHECK_EQ("one-shot: once", one(), EPOLLIN);
    NEED(write(fd[1], "c", 1));
    CHECK_EQ("one-shot: silent", one(), 0);
    CHECK_OK("one-shot: MOD", control(EPOLL_CTL_MOD, fd[0], EPOLLIN | EPOLLONESHOT));
    CHECK_EQ("one-shot: again", one(), EPOLLIN);
    CHECK_OK("DEL", control(EPOLL_CTL_DEL, fd[0], 0));
    CHECK_EQ("silent", one(), 0);
    CHECK_ERR("DEL twice", control(EPOLL_CTL_DEL, fd[0], 0), ENOENT);
    CHECK_ERR("MOD of none", control(EPOLL_CTL_MOD, fd[0], EPOLLIN), ENOENT);

    // EPOLLHUP comes unasked; EPOLLERR on the write end.
    NEED(control(EPOLL_CTL_ADD, other[0], 0));
    NEED(close(other[1]));
    CHECK_EQ("EPOLLHUP", one(), EPOLLHUP);
    NEED(control(EPOLL_CTL_DEL, other[0], 0));
    NEED(close(other[0]));
    NEED(pipe(other));
    NEED(control(EPOLL_CTL_ADD, other[1], EPOLLOUT));
    CHECK_EQ("EPOLLOUT", one(), EPOLLOUT);
    NEED(close(other[0]));
    CHECK_EQ("EPOLLERR", one(), EPOLLOUT | EPOLLERR);
    NEED(close(other[1]));
    CHECK_EQ("closing takes it out", one(), 0);
    // But not while a duplicate lives.
    NEED(pipe(other));
    NEED(control(EPOLL_CTL_ADD, other[0], EPOLLIN));
    int copy = NEED(dup(other[0]));
    NEED(write(other[1], "x", 1));
    NEED(close(other[0]));
    CHECK_EQ("a duplicate keeps it", one(), EPOLLIN);
    NEED(close(copy));
    CHECK_EQ("its close takes it out", one(), 0);
    // Two registrations of one description by two numbers.
    NEED(pipe(other));
    copy = NEED(dup(other[0]));
    NEED(control(EPOLL_CTL_ADD, other[0], EPOLLIN));
    CHECK_OK("a duplicate may be added beside it", control(EPOLL_CTL_ADD, copy, EPOLLIN));
    NEED(write(other[1], "x", 1));
    CHECK_EQ("both are reported", wait_ms(0, events), 2);
    NEED(control(EPOLL_CTL_DEL, copy, 0));
    NEED(control(EPOLL_CTL_DEL, other[0], 0));

    int pair[2];
    NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    NEED(control(EPOLL_CTL_ADD, pair[0], EPOLLIN | EPOLLOUT | EPOLLRDHUP));
    CHECK_EQ("socket: writable", one(), EPOLLOUT);
    NEED(write(pair[1], "x", 1));
    CHECK_EQ("socket: both", one(), EPOLLIN | EPOLLOUT);
    NEED(shutdown(pair[1], SHUT_WR));
    CHECK_EQ("EPOLLRDHUP", one(), EPOLLIN | EPOLLOUT | EPOLLRDHUP);
    NEED(close(pair[1]));
    CHECK("EPOLLHUP", one() & EPOLLHUP);
    NEED(close(pair[0]));

    // A set in a set.
    int outer = NEED(epoll_create1(0)), counter = NEED(eventfd(0, 0));
    NEED(control(EPOLL_CTL_ADD, counter, EPOLLIN));
    struct epoll_event event = {.events = EPOLLIN, .data.fd = set};
    CHECK_OK("nested", epoll_ctl(outer, EPOLL_CTL_ADD, set, &event));
    CHECK_EQ("nested: nothing", NEED(epoll_wait(outer, events, 8, 0)), 0);
    NEED(eventfd_write(counter, 1));
    CHECK_EQ("nested: ready", NEED(epoll_wait(outer, events, 8, 0)), 1);
    CHECK_ERR("itself", epoll_ctl(set, EPOLL_CTL_ADD, set, &event), EINVAL);
    event.data.fd = outer;
    CHECK_ERR("a circle", epoll_ctl(set, EPOLL_CTL_ADD, outer, &event), ELOOP);
    CHECK_ERR("a regular file", control(EPOLL_CTL_ADD, NEED(open("file", O_RDWR | O_CREAT, 0600)), EPOLLIN), EPERM);
    CHECK_ERR("a closed descriptor", control(EPOLL_CTL_ADD, 99, EPOLLIN), EBADF);
    CHECK_ERR("not a set", epoll_ctl(counter, EPOLL_CTL_ADD, fd[0], &event), EINVAL);
    CHECK_ERR("unknown operation", control(77, fd[0], EPOLLIN), EINVAL);
    CHECK_ERR("no room", epoll_wait(set, events, 0, 0), EINVAL);
    CHECK_ERR("bad pointer", epoll_wait(set, (void *)8, 8, 0), EFAULT);
    CHECK_ERR("EPOLLEXCLUSIVE with MOD", control(EPOLL_CTL_MOD, counter, EPOLLIN | EPOLLEXCLUSIVE), EINVAL);
    CHECK_ERR("epoll_create of 0", epoll_create(0), EINVAL);

    // Waiting: for another process, for a time.
    NEED(eventfd_read(counter, &(eventfd_t){0}));
    long before = now_ms();
    CHECK_EQ("time is up", wait_ms(20, events), 0);
    CHECK("after that time", now_ms() - before >= 19);
    pid_t pid = SPAWN({
        sleep_ms(20);
        NEED(eventfd_write(counter, 1));
    });
    CHECK_EQ("woken by a child", wait_ms(5000, events), 1);
    reap(pid);
    // Many at once come in turns, no one is starved.
    int many[20];
    NEED(control(EPOLL_CTL_DEL, counter, 0));
    int seen[20] = {0};
    for (int n = 0; n < 20; n++) {
        many[n] = NEED(eventfd(1, 0));
        event = (struct epoll_event){.events = EPOLLIN, .data.u32 = n};
        NEED(epoll_ctl(set, EPOLL_CTL_ADD, many[n], &event));
    }
    for (int round = 0; round < 10; round++)
        for (int n = wait_ms(0, events) - 1; n >= 0; n--)
            seen[events[n].data.u32]++;
    int starved = 0;
    for (int n = 0; n < 20; n++)
        starved += seen[n] == 0;
    CHECK_EQ("eight at a time, none is starved", starved, 0);
    // In a child the inherited set shows the same objects.
    IN_CHILD("inherited", CHECK_EQ("child: ready", wait_ms(0, events), 8));
    for (int n = 0; n < 20; n++)
        NEED(close(many[n]));
    // epoll_pwait changes the mask for its time.
    handle(SIGUSR1, on_signal, 0);
    block(SIGUSR1);
    raise(SIGUSR1);
    sigset_t none = set_of(0);
    CHECK_ERR("epoll_pwait lets a pending signal in", epoll_pwait(set, events, 8, 1000, &none), EINTR);
    CHECK_EQ("the handler ran", calls, 1);
    DONE();
}
