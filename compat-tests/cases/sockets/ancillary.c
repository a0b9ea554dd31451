// Descriptors and credentials through Unix sockets. unix(7) SCM_RIGHTS, SCM_CREDENTIALS, SO_PEERCRED, SO_PASSCRED.
// order: any

#include "net.h"

static ssize_t send_fds(int socket, const char *text, const int *fds, int count)
{
    char control[CMSG_SPACE(sizeof(int) * 10)] = "";
    struct iovec part = {(void *)text, strlen(text)};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(sizeof(int) * count)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int) * count)};
    memcpy(CMSG_DATA(header), fds, sizeof(int) * count);
    return sendmsg(socket, &message, 0);
}

static int flags_seen;

// How many came; -1 on failure.
static int receive_fds(int socket, char *text, size_t size, int *fds, int most, int flags)
{
    char control[CMSG_SPACE(sizeof(int) * 10)];
    struct iovec part = {text, size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(sizeof(int) * most)};
    memset(text, 0, size);
    if (recvmsg(socket, &message, flags) == -1)
        return -1;
    flags_seen = message.msg_flags;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
        return 0;
    int count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(fds, CMSG_DATA(header), count * sizeof(int));
    return count;
}

int main(void)
{
    int pair[2], fds[10], got[10], pipes[2];
    char text[64];
    NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    NEED(pipe(pipes));
    put("file", "0123456789");
    int file = NEED(open("file", O_RDWR));
    NEED(lseek(file, 3, SEEK_SET));

    // Within one process: a new descriptor of the same description.
    fds[0] = file;
    CHECK_EQ("send one", send_fds(pair[0], "a", fds, 1), 1);
    CHECK_EQ("receive one", receive_fds(pair[1], text, sizeof text, got, 10, 0), 1);
    CHECK_STR("and its byte", text, "a");
    CHECK("another number", got[0] != file);
    CHECK_EQ("the same description", lseek(got[0], 0, SEEK_CUR), 3);
    NEED(lseek(got[0], 5, SEEK_SET));
    CHECK_EQ("one offset", lseek(file, 0, SEEK_CUR), 5);
    CHECK_EQ("FD_CLOEXEC is not set", fcntl(got[0], F_GETFD), 0);
    NEED(close(got[0]));
    NEED(send_fds(pair[0], "b", fds, 1));
    NEED(receive_fds(pair[1], text, sizeof text, got, 10, MSG_CMSG_CLOEXEC));
    CHECK_EQ("MSG_CMSG_CLOEXEC", fcntl(got[0], F_GETFD), FD_CLOEXEC);
    NEED(close(got[0]));

    // To another process: a pipe, a file, a socket.
    int inner[2];
    NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, inner));
    pid_t pid = SPAWN({
        NEED(close(pipes[0]));
        NEED(close(pipes[1]));
        NEED(close(inner[0]));
        NEED(close(inner[1]));
        NEED(close(file));
        CHECK_EQ("child: three came", receive_fds(pair[1], text, sizeof text, got, 10, 0), 3);
        CHECK_STR("child: with the text", text, "three");
        NEED(write(got[0], "into the pipe", 13));
        char five[6] = "";
        CHECK_EQ("child: reads the file", read(got[1], five, 5), 5);
        CHECK_STR("child: at the sender's offset", five, "56789");
        NEED(write(got[2], "into the socket", 15));
    });
    fds[0] = pipes[1], fds[1] = file, fds[2] = inner[1];
    CHECK_EQ("send three", send_fds(pair[0], "three", fds, 3), 5);
    CHECK_EQ("child", reap(pid), 0);
    memset(text, 0, sizeof text);
    NEED(read(pipes[0], text, sizeof text));
    CHECK_STR("through the pipe", text, "into the pipe");
    CHECK_EQ("the file's offset moved", lseek(file, 0, SEEK_CUR), 10);
    memset(text, 0, sizeof text);
    NEED(read(inner[0], text, sizeof text));
    CHECK_STR("through the socket", text, "into the socket");

    // A descriptor in flight is open although nobody has it.
    int ends[2];
    NEED(pipe(ends));
    fds[0] = ends[1];
    NEED(send_fds(pair[0], "x", fds, 1));
    NEED(close(ends[1]));
    CHECK_EQ("no end of file while it is in flight", ready(ends[0], POLLIN), 0);
    NEED(receive_fds(pair[1], text, sizeof text, got, 10, 0));
    NEED(write(got[0], "alive", 5));
    CHECK_EQ("it works", read(ends[0], text, 10), 5);
    NEED(close(got[0]));
    CHECK_EQ("then the end", read(ends[0], text, 10), 0);
    NEED(close(ends[0]));
    // Read without room for it, it is closed.
    NEED(pipe(ends));
    fds[0] = ends[1];
    NEED(send_fds(pair[0], "x", fds, 1));
    NEED(close(ends[1]));
    CHECK_EQ("plain read", read(pair[1], text, 10), 1);
    CHECK_EQ("drops the descriptor", read(ends[0], text, 10), 0);
    NEED(send_fds(pair[0], "x", (int[]){file, file, file}, 3));
    CHECK("room for one: no more than that and its padding", receive_fds(pair[1], text, sizeof text, got, 1, 0) <= 2);
    CHECK("MSG_CTRUNC", flags_seen & MSG_CTRUNC);
    // Bytes of different messages with descriptors are not mixed.
    fds[0] = file;
    NEED(write(pair[0], "plain", 5));
    NEED(send_fds(pair[0], "with", fds, 1));
    NEED(write(pair[0], "after", 5));
    int count = receive_fds(pair[1], text, sizeof text, got, 10, 0);
    CHECK("bytes before the descriptor come with it or before", (count == 1 && strcmp(text, "plainwith") == 0) || (count == 0 && strcmp(text, "plain") == 0));
    NEED(fcntl(pair[1], F_SETFL, O_NONBLOCK));
    while (receive_fds(pair[1], text, sizeof text, got, 10, 0) >= 0)
        ;
    NEED(fcntl(pair[1], F_SETFL, 0));
    fds[0] = 99;
    CHECK_ERR("a bad descriptor", send_fds(pair[0], "x", fds, 1), EBADF);
    CHECK_EQ("nothing was sent", ready(pair[1], POLLIN), 0);

    // Credentials.
    struct ucred peer;
    socklen_t length = sizeof peer;
    CHECK_OK("SO_PEERCRED", getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &peer, &length));
    CHECK("of a pair: its maker", peer.pid == getpid() && peer.uid == geteuid() && peer.gid == getegid());
    struct sockaddr_un address = named("socket");
    int fd = NEED(socket(AF_UNIX, SOCK_STREAM, 0));
    NEED(bind(fd, (struct sockaddr *)&address, sizeof address));
    NEED(listen(fd, 5));
    pid = SPAWN({
        int own = NEED(socket(AF_UNIX, SOCK_STREAM, 0));
        NEED(connect(own, (struct sockaddr *)&address, sizeof address));
        length = sizeof peer;
        NEED(getsockopt(own, SOL_SOCKET, SO_PEERCRED, &peer, &length));
        CHECK_EQ("child: the listener's pid", peer.pid, getppid());
        await(own);
    });
    int server = NEED(accept(fd, NULL, NULL));
    length = sizeof peer;
    NEED(getsockopt(server, SOL_SOCKET, SO_PEERCRED, &peer, &length));
    CHECK_EQ("the connector's pid", peer.pid, pid);
    tell(server);
    CHECK_EQ("child", reap(pid), 0);

    NEED(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &(int){1}, sizeof(int)));
    pid = SPAWN(NEED(write(pair[0], "who", 3)));
    reap(pid);
    char control[CMSG_SPACE(sizeof peer)];
    struct iovec part = {text, sizeof text};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    CHECK_EQ("recvmsg", recvmsg(pair[1], &message, 0), 3);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    CHECK("SCM_CREDENTIALS", header && header->cmsg_type == SCM_CREDENTIALS);
    memcpy(&peer, CMSG_DATA(header), sizeof peer);
    CHECK("the writer", peer.pid == pid && peer.uid == geteuid());
    // Passing a listening socket: the receiver can accept.
    int tcp = listening(5), port = port_of(tcp);
    pid = SPAWN({
        NEED(close(tcp));
        NEED(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &(int){0}, sizeof(int)));
        CHECK_EQ("child: one came", receive_fds(pair[1], text, sizeof text, got, 10, 0), 1);
        int client = NEED(accept(got[0], NULL, NULL));
        NEED(write(client, "served", 6));
    });
    NEED(send_fds(pair[0], "l", &tcp, 1));
    NEED(close(tcp));
    int client = connected(port);
    memset(text, 0, sizeof text);
    NEED(recv(client, text, 6, MSG_WAITALL));
    CHECK_STR("a passed listener", text, "served");
    CHECK_EQ("child", reap(pid), 0);
    DONE();
}
