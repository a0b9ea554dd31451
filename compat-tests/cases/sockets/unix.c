// Unix sockets: stream, datagram and seqpacket; path names, abstract names, unnamed pairs. POSIX socketpair(); unix(7).

#include "net.h"

#include <stddef.h>
#include <sys/ioctl.h>

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    char text[100] = "";
    int pair[2];
    CHECK_OK("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    NEED(write(pair[0], "one", 3));
    NEED(write(pair[0], "two", 3));
    CHECK_EQ("a stream has no bounds", read(pair[1], text, 100), 6);
    NEED(write(pair[1], "back", 4));
    int waiting = 0;
    NEED(ioctl(pair[0], FIONREAD, &waiting));
    CHECK_EQ("FIONREAD", waiting, 4);
    CHECK_EQ("both ways", read(pair[0], text, 100), 4);
    IN_CHILD("after fork", NEED(write(pair[1], "child", 5)));
    CHECK_EQ("from the child", read(pair[0], text, 100), 5);
    NEED(shutdown(pair[0], SHUT_WR));
    CHECK_EQ("half closed", read(pair[1], text, 1), 0);
    CHECK_EQ("the other way", write(pair[1], "x", 1), 1);
    NEED(close(pair[1]));
    CHECK_EQ("what was sent before the close", read(pair[0], text, 10), 1);
    CHECK_EQ("end of file", read(pair[0], text, 1), 0);
    NEED(close(pair[0]));
    NEED(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair));
    CHECK_ERR("empty", read(pair[0], text, 1), EAGAIN);
    NEED(write(pair[0], "unread", 6));
    NEED(close(pair[1]));
    CHECK_ERR("closed with unread bytes", read(pair[0], text, 1), ECONNRESET);
    CHECK_ERR("EPIPE", write(pair[0], "x", 1), EPIPE);

    CHECK_OK("datagram pair", socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
    NEED(write(pair[0], "one", 3));
    NEED(write(pair[0], "", 0));
    NEED(write(pair[0], "three", 5));
    CHECK_EQ("first message", read(pair[1], text, 100), 3);
    CHECK_EQ("empty message", recv(pair[1], text, 100, 0), 0);
    CHECK_EQ("cut message", recv(pair[1], text, 2, MSG_TRUNC), 5);
    CHECK_ERR("none left", recv(pair[1], text, 2, MSG_DONTWAIT), EAGAIN);
    CHECK_OK("seqpacket pair", socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
    NEED(send(pair[0], "one", 3, 0));
    NEED(send(pair[0], "three", 5, 0));
    CHECK_EQ("message bounds", read(pair[1], text, 100), 3);
    CHECK_EQ("next", read(pair[1], text, 100), 5);
    NEED(close(pair[0]));
    CHECK_EQ("end of file", read(pair[1], text, 100), 0);
    CHECK_ERR("unknown type", socketpair(AF_UNIX, 77, 0, pair), EINVAL);
    CHECK_ERR("no such family for pairs", socketpair(AF_INET, SOCK_STREAM, 0, pair), EOPNOTSUPP);

    // By path.
    struct sockaddr_un address = named("socket");
    int fd = NEED(socket(AF_UNIX, SOCK_STREAM, 0));
    CHECK_OK("bind", bind(fd, (struct sockaddr *)&address, sizeof address));
    struct stat st;
    NEED(lstat("socket", &st));
    CHECK("a socket in the folder", S_ISSOCK(st.st_mode));
    CHECK_ERR("open of it", open("socket", O_RDWR), ENXIO);
    int client = NEED(socket(AF_UNIX, SOCK_STREAM, 0));
    CHECK_ERR("not yet listening", connect(client, (struct sockaddr *)&address, sizeof address), ECONNREFUSED);
    NEED(listen(fd, 2));
    CHECK_OK("connect", connect(client, (struct sockaddr *)&address, sizeof address));
    int server = CHECK_OK("accept", accept(fd, NULL, NULL));
    NEED(write(client, "by path", 7));
    CHECK_EQ("read", read(server, text, 100), 7);
    struct sockaddr_un peer;
    socklen_t length = sizeof peer;
    NEED(getpeername(client, (struct sockaddr *)&peer, &length));
    CHECK("peer's name", strcmp(peer.sun_path, "socket") == 0 && length == offsetof(struct sockaddr_un, sun_path) + 7);
    length = sizeof peer;
    NEED(getpeername(server, (struct sockaddr *)&peer, &length));
    CHECK_EQ("an unnamed peer", length, sizeof(sa_family_t));
    int other = NEED(socket(AF_UNIX, SOCK_STREAM, 0));
    CHECK_ERR("EADDRINUSE", bind(other, (struct sockaddr *)&address, sizeof address), EADDRINUSE);
    int datagram = NEED(socket(AF_UNIX, SOCK_DGRAM, 0));
    CHECK_ERR("EPROTOTYPE", connect(datagram, (struct sockaddr *)&address, sizeof address), EPROTOTYPE);
    struct sockaddr_un none = named("none");
    CHECK_ERR("no such name", connect(other, (struct sockaddr *)&none, sizeof none), ENOENT);
    put("file", "");
    none = named("file");
    CHECK_ERR("a file", connect(other, (struct sockaddr *)&none, sizeof none), ECONNREFUSED);
    NEED(unlink("socket"));
    CHECK_ERR("the name is gone", connect(other, (struct sockaddr *)&address, sizeof address), ENOENT);
    NEED(write(client, "on", 2));
    CHECK_EQ("connections stay", read(server, text, 100), 2);
    // The backlog is full: a non-blocking connect says so.
    int full = NEED(socket(AF_UNIX, SOCK_STREAM, 0));
    struct sockaddr_un full_name = named("full");
    NEED(bind(full, (struct sockaddr *)&full_name, sizeof full_name));
    NEED(listen(full, 0));
    int first = NEED(socket(AF_UNIX, SOCK_STREAM, 0)), second = NEED(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
    NEED(connect(first, (struct sockaddr *)&full_name, sizeof full_name));
    CHECK_ERR("a full backlog", connect(second, (struct sockaddr *)&full_name, sizeof full_name), EAGAIN);
    NEED(accept(full, NULL, NULL));
    CHECK_OK("room again", connect(second, (struct sockaddr *)&full_name, sizeof full_name));

    // Abstract names live outside the tree, and end with their socket.
    struct sockaddr_un abstract = {.sun_family = AF_UNIX};
    int size = offsetof(struct sockaddr_un, sun_path) + 1 +
               snprintf(abstract.sun_path + 1, sizeof abstract.sun_path - 1, "compat-%d", getpid());
    fd = NEED(socket(AF_UNIX, SOCK_STREAM, 0));
    CHECK_OK("abstract: bind", bind(fd, (struct sockaddr *)&abstract, size));
    NEED(listen(fd, 5));
    IN_CHILD("abstract: from a child", {
        int own = NEED(socket(AF_UNIX, SOCK_STREAM, 0));
        CHECK_OK("child: connect", connect(own, (struct sockaddr *)&abstract, size));
        NEED(write(own, "hello", 5));
    });
    server = NEED(accept(fd, NULL, NULL));
    CHECK_EQ("abstract: read", read(server, text, 100), 5);
    other = NEED(socket(AF_UNIX, SOCK_STREAM, 0));
    CHECK_ERR("abstract: in use", bind(other, (struct sockaddr *)&abstract, size), EADDRINUSE);
    NEED(close(fd));
    CHECK_OK("abstract: free again", bind(other, (struct sockaddr *)&abstract, size));
    struct sockaddr_un automatic = {.sun_family = AF_UNIX};
    fd = NEED(socket(AF_UNIX, SOCK_DGRAM, 0));
    CHECK_OK("autobind", bind(fd, (struct sockaddr *)&automatic, sizeof(sa_family_t)));
    length = sizeof automatic;
    NEED(getsockname(fd, (struct sockaddr *)&automatic, &length));
    CHECK_EQ("an abstract name of five digits", length, sizeof(sa_family_t) + 6);

    // Datagrams by name, in both directions.
    struct sockaddr_un left = named("left"), right = named("right");
    int l = NEED(socket(AF_UNIX, SOCK_DGRAM, 0)), r = NEED(socket(AF_UNIX, SOCK_DGRAM, 0));
    NEED(bind(l, (struct sockaddr *)&left, sizeof left));
    NEED(bind(r, (struct sockaddr *)&right, sizeof right));
    CHECK_EQ("sendto", sendto(l, "message", 7, 0, (struct sockaddr *)&right, sizeof right), 7);
    length = sizeof peer;
    CHECK_EQ("recvfrom", recvfrom(r, text, 100, 0, (struct sockaddr *)&peer, &length), 7);
    CHECK_STR("from", peer.sun_path, "left");
    NEED(close(l));
    CHECK_ERR("nobody there", sendto(r, "x", 1, 0, (struct sockaddr *)&left, sizeof left), ECONNREFUSED);
    DONE();
}
