// What an epoll instance watches is an open file description, whoever holds it: an instance that several processes hold
// reports what any of them added, each edge and each one-shot once, and forgets a file when the last of them has closed it.
// epoll(7), epoll_ctl(2), unix(7).

#include "../check.h"

#include <spawn.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>

extern char **environ;

static struct epoll_event got[8];

static int add(int epoll, int fd, uint32_t events, uint64_t data)
{
    struct epoll_event event = {.events = events, .data.u64 = data};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static int change(int epoll, int fd, uint32_t events, uint64_t data)
{
    struct epoll_event event = {.events = events, .data.u64 = data};
    return epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event);
}

// Two pairs: what is written to `tell` the other process reads.
struct turns {
    int there[2], back[2];
};

static struct turns turns(void)
{
    struct turns t;
    NEED(pipe(t.there));
    NEED(pipe(t.back));
    return t;
}

// A child watches a pipe of its own, which its parent never held.
static void of_a_child(void)
{
    int epoll = NEED(epoll_create1(0));
    struct turns t = turns();
    pid_t child = SPAWN({
        int own[2];
        NEED(pipe(own));
        NEED(add(epoll, own[0], EPOLLIN, 71));
        tell(t.back[1]);
        await(t.there[0]);
        NEED(write(own[1], "x", 1));
        await(t.there[0]);
        NEED(close(own[0]));
        NEED(close(own[1]));
        tell(t.back[1]);
        await(t.there[0]);
    });
    await(t.back[0]);
    CHECK_EQ("nothing yet", epoll_wait(epoll, got, 8, 0), 0);
    tell(t.there[1]);
    CHECK_EQ("a file of the child's only", epoll_wait(epoll, got, 8, 5000), 1);
    CHECK_EQ("with what it said", got[0].data.u64, 71);
    CHECK_EQ("as long as it is so", epoll_wait(epoll, got, 8, 0), 1);
    tell(t.there[1]);
    await(t.back[0]);
    CHECK_EQ("until the child closes it", epoll_wait(epoll, got, 8, 0), 0);
    tell(t.there[1]);
    CHECK_EQ("the child", reap(child), 0);
    NEED(close(epoll));
}

// Who waits hears of what is added meanwhile.
static void meanwhile(void)
{
    int epoll = NEED(epoll_create1(0));
    int pipes[2];
    NEED(pipe(pipes));
    NEED(write(pipes[1], "x", 1));
    pid_t child = SPAWN({
        usleep(50000);
        NEED(add(epoll, pipes[0], EPOLLIN, 5));
    });
    CHECK_EQ("a wait ends", epoll_wait(epoll, got, 8, 20000), 1);
    CHECK_EQ("the child", reap(child), 0);
    CHECK_EQ("it stays when the child has ended", epoll_wait(epoll, got, 8, 0), 1);
    pid_t changer = SPAWN(NEED(change(epoll, pipes[0], EPOLLIN, 9)));
    CHECK_EQ("the changer", reap(changer), 0);
    CHECK_EQ("changed", epoll_wait(epoll, got, 8, 0), 1);
    CHECK_EQ("by the child", got[0].data.u64, 9);
    CHECK_OK("removed", epoll_ctl(epoll, EPOLL_CTL_DEL, pipes[0], NULL));
    CHECK_EQ("nothing is left", epoll_wait(epoll, got, 8, 0), 0);
    NEED(close(epoll));
    NEED(close(pipes[0]));
    NEED(close(pipes[1]));
}

// One-shot and edge: of two who look one has the report.
static void once(uint32_t how, const char *name)
{
    int epoll = NEED(epoll_create1(0));
    int pipes[2];
    NEED(pipe(pipes));
    NEED(add(epoll, pipes[0], EPOLLIN | how, 3));
    struct turns t = turns();
    pid_t child = SPAWN({
        await(t.there[0]);
        int n = epoll_wait(epoll, got, 8, 0);
        NEED(write(t.back[1], &(char){n}, 1));
        await(t.there[0]);
        n = epoll_wait(epoll, got, 8, 5000);
        NEED(write(t.back[1], &(char){n}, 1));
    });
    char theirs;
    NEED(write(pipes[1], "x", 1));
    CHECK_EQ(name, epoll_wait(epoll, got, 8, 0), 1);
    CHECK_EQ("not twice", epoll_wait(epoll, got, 8, 0), 0);
    tell(t.there[1]);
    NEED(read(t.back[0], &theirs, 1));
    CHECK_EQ("not to another either", theirs, 0);
    if (how == EPOLLONESHOT)
        NEED(change(epoll, pipes[0], EPOLLIN | how, 3));
    else
        NEED(write(pipes[1], "x", 1));
    tell(t.there[1]);
    NEED(read(t.back[0], &theirs, 1));
    CHECK_EQ("to another, the next", theirs, 1);
    CHECK_EQ("which is then no news here", epoll_wait(epoll, got, 8, 0), 0);
    CHECK_EQ("the child", reap(child), 0);
    NEED(close(epoll));
    NEED(close(pipes[0]));
    NEED(close(pipes[1]));
}

// A file that one process has closed is watched for it as long as another holds it.
static void closed_here(void)
{
    int epoll = NEED(epoll_create1(0));
    int event = NEED(eventfd(1, 0));
    NEED(add(epoll, event, EPOLLIN, 4));
    struct turns t = turns();
    pid_t child = SPAWN(await(t.there[0]));
    NEED(close(event));
    CHECK_EQ("closed, and open in the child", epoll_wait(epoll, got, 8, 0), 1);
    tell(t.there[1]);
    CHECK_EQ("the child", reap(child), 0);
    CHECK_EQ("closed everywhere", epoll_wait(epoll, got, 8, 0), 0);
    int next = NEED(eventfd(1, 0));
    CHECK_EQ("a new file of the same number", next, event);
    CHECK_EQ("is not watched", epoll_wait(epoll, got, 8, 0), 0);
    CHECK_OK("and can be", add(epoll, next, EPOLLIN, 6));
    CHECK_EQ("then it is", epoll_wait(epoll, got, 8, 0), 1);
    NEED(close(next));
    NEED(close(epoll));
}

// A child's close of what it inherited removes nothing.
static void closed_there(void)
{
    int epoll = NEED(epoll_create1(0));
    int event = NEED(eventfd(1, 0));
    NEED(add(epoll, event, EPOLLIN, 4));
    pid_t child = SPAWN({
        NEED(close(event));
        CHECK_EQ("a child without the file", epoll_wait(epoll, got, 8, 0), 1);
        NEED(close(epoll));
    });
    CHECK_EQ("the child", reap(child), 0);
    CHECK_EQ("its parent", epoll_wait(epoll, got, 8, 0), 1);
    NEED(close(event));
    NEED(close(epoll));
}

// An instance among what is watched.
static void nested(void)
{
    int outer = NEED(epoll_create1(0));
    int event = NEED(eventfd(0, 0));
    struct turns t = turns();
    pid_t child = SPAWN({
        int inner = NEED(epoll_create1(0));
        NEED(add(inner, event, EPOLLIN, 1));
        NEED(add(outer, inner, EPOLLIN, 2));
        tell(t.back[1]);
        await(t.there[0]);
    });
    await(t.back[0]);
    CHECK_EQ("not ready", epoll_wait(outer, got, 8, 0), 0);
    NEED(eventfd_write(event, 1));
    CHECK_EQ("ready through an instance of the child's", epoll_wait(outer, got, 8, 5000), 1);
    CHECK_EQ("as it said", got[0].data.u64, 2);
    tell(t.there[1]);
    CHECK_EQ("the child", reap(child), 0);
    CHECK_EQ("gone with it", epoll_wait(outer, got, 8, 0), 0);
    NEED(close(event));
    NEED(close(outer));
}

// Passed to a process that has nothing of what is watched.
static void passed(void)
{
    int sockets[2];
    NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
    struct turns t = turns();
    pid_t child = SPAWN({
        int epoll = NEED(epoll_create1(0));
        int event = NEED(eventfd(0, 0));
        NEED(add(epoll, event, EPOLLIN, 12));
        char room[CMSG_SPACE(sizeof epoll)];
        memset(room, 0, sizeof room);
        struct iovec byte = {"x", 1};
        struct msghdr message = {.msg_iov = &byte, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        *head = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof epoll), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(head), &epoll, sizeof epoll);
        NEED(sendmsg(sockets[1], &message, 0));
        NEED(close(epoll));
        await(t.there[0]);
        NEED(eventfd_write(event, 1));
        await(t.there[0]);
    });
    char room[CMSG_SPACE(sizeof(int))];
    char text[1];
    struct iovec byte = {text, 1};
    struct msghdr message = {.msg_iov = &byte, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    NEED(recvmsg(sockets[0], &message, 0));
    int epoll;
    memcpy(&epoll, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof epoll);
    CHECK_EQ("nothing yet", epoll_wait(epoll, got, 8, 0), 0);
    tell(t.there[1]);
    CHECK_EQ("it came with what it watches", epoll_wait(epoll, got, 8, 5000), 1);
    CHECK_EQ("and the words", got[0].data.u64, 12);
    char name[64] = "";
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", epoll);
    NEED(readlink(link, name, sizeof name - 1));
    CHECK_STR("its name", name, "anon_inode:[eventpoll]");
    tell(t.there[1]);
    CHECK_EQ("the child", reap(child), 0);
    CHECK_EQ("nothing is left", epoll_wait(epoll, got, 8, 0), 0);
    NEED(close(epoll));
}

// A program started anew goes on with it.
static void over_exec(const char *self)
{
    int epoll = NEED(epoll_create1(0));
    int event = NEED(eventfd(1, 0));
    NEED(add(epoll, event, EPOLLIN, 33));
    char number[16];
    snprintf(number, sizeof number, "%d", epoll);
    char *args[] = {(char *)self, number, NULL};
    pid_t spawned;
    NEED(-posix_spawn(&spawned, "/proc/self/exe", NULL, NULL, args, environ) ? -1 : 0);
    CHECK_EQ("a spawned program has it", reap(spawned), 33);
    pid_t child = SPAWN(NEED(execv("/proc/self/exe", args)));
    CHECK_EQ("a child that executes one", reap(child), 33);
    CHECK_EQ("and the parent still", epoll_wait(epoll, got, 8, 0), 1);
    NEED(close(event));
    NEED(close(epoll));
}

// More than fit one message between members.
static void many(void)
{
    enum { COUNT = 3000 };
    struct rlimit limit;
    NEED(getrlimit(RLIMIT_NOFILE, &limit));
    limit.rlim_cur = limit.rlim_max < COUNT + 100 ? limit.rlim_max : COUNT + 100;
    NEED(setrlimit(RLIMIT_NOFILE, &limit));
    int epoll = NEED(epoll_create1(0));
    int event = NEED(eventfd(0, 0));
    int last = -1;
    for (int i = 0; i < COUNT; i++) {
        last = NEED(dup(event));
        NEED(add(epoll, last, EPOLLIN | EPOLLONESHOT, i));
    }
    struct turns t = turns();
    pid_t child = SPAWN({
        await(t.there[0]);
        NEED(epoll_ctl(epoll, EPOLL_CTL_DEL, last, NULL));
        int found = 0;
        for (int n; found < 80 && (n = epoll_wait(epoll, got, 8, 0)) > 0;)
            found += n;
        CHECK_EQ("a part of them", found, 80);
    });
    NEED(eventfd_write(event, 1));
    tell(t.there[1]);
    CHECK_EQ("the child", reap(child), 0);
    int rest = 0;
    for (int n; (n = epoll_wait(epoll, got, 8, 0)) > 0;)
        rest += n;
    CHECK_EQ("the rest", rest, COUNT - 80 - 1);
}

int main(int argc, char **argv)
{
    if (argc == 2)
        return epoll_wait(atoi(argv[1]), got, 8, 0) == 1 ? (int)got[0].data.u64 : 0;
    of_a_child();
    meanwhile();
    once(EPOLLONESHOT, "one-shot");
    once(EPOLLET, "edge");
    closed_here();
    closed_there();
    nested();
    passed();
    over_exec(argv[0]);
    many();
    DONE();
}
