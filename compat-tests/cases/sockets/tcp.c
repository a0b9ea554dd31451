// TCP over the loopback: addresses, connect, accept, shutdown, half close, end of file, resets, what is refused.
// POSIX socket(), bind(), listen(), accept(), connect(), shutdown(), getsockname(), getpeername(); tcp(7).

#include "net.h"

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    int fd = CHECK_OK("socket", socket(AF_INET, SOCK_STREAM, 0));
    struct sockaddr_in address = loopback(0), seen;
    socklen_t length = sizeof seen;
    char text[64] = "";
    CHECK_ERR("not connected: send", send(fd, "x", 1, 0), EPIPE);
    CHECK_ERR("not connected: recv", recv(fd, text, 1, 0), ENOTCONN);
    CHECK_ERR("not connected: getpeername", getpeername(fd, (struct sockaddr *)&seen, &length), ENOTCONN);
    CHECK_ERR("not listening: accept", accept(fd, NULL, NULL), EINVAL);
    CHECK_OK("bind", bind(fd, (struct sockaddr *)&address, sizeof address));
    CHECK_ERR("bind again", bind(fd, (struct sockaddr *)&address, sizeof address), EINVAL);
    int port = port_of(fd);
    CHECK("a free port was chosen", port > 0);
    CHECK_OK("listen", listen(fd, 5));
    int on;
    length = sizeof on;
    NEED(getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &length));
    CHECK_EQ("SO_ACCEPTCONN", on, 1);
    int other = NEED(socket(AF_INET, SOCK_STREAM, 0));
    address = loopback(port);
    CHECK_ERR("EADDRINUSE", bind(other, (struct sockaddr *)&address, sizeof address), EADDRINUSE);
    NEED(close(other));
    CHECK_EQ("nothing to accept", ready(fd, POLLIN), 0);

    int client = connected(port);
    CHECK_EQ("connected before accept", ready_soon(client, POLLOUT), POLLOUT);
    CHECK_EQ("send before accept", send(client, "early", 5, 0), 5);
    CHECK_EQ("something to accept", ready_soon(fd, POLLIN), POLLIN);
    length = sizeof seen;
    int server = CHECK_OK("accept", accept(fd, (struct sockaddr *)&seen, &length));
    CHECK("the client's address", seen.sin_family == AF_INET && ntohs(seen.sin_port) == port_of(client));
    CHECK_EQ("its length", length, sizeof seen);
    CHECK("loopback", seen.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
    length = sizeof seen;
    NEED(getpeername(client, (struct sockaddr *)&seen, &length));
    CHECK_EQ("the client's peer", ntohs(seen.sin_port), port);
    length = 4;
    NEED(getsockname(server, (struct sockaddr *)&seen, &length));
    CHECK_EQ("a short buffer: the full length is told", length, sizeof seen);
    CHECK_EQ("recv", recv(server, text, sizeof text, 0), 5);
    CHECK("bytes", memcmp(text, "early", 5) == 0);
    CHECK_EQ("write", write(server, "answer", 6), 6);
    CHECK_EQ("MSG_PEEK", recv(client, text, 3, MSG_PEEK), 3);
    CHECK_EQ("read", read(client, text, sizeof text), 6);
    CHECK_ERR("MSG_DONTWAIT", recv(client, text, 1, MSG_DONTWAIT), EAGAIN);
    CHECK_ERR("connect again", connect(client, (struct sockaddr *)&address, sizeof address), EISCONN);

    pid_t pid = SPAWN({
        NEED(send(server, "first ", 6, 0));
        sleep_ms(20);
        NEED(send(server, "second", 6, 0));
    });
    CHECK_EQ("MSG_WAITALL", recv(client, text, 12, MSG_WAITALL), 12);
    CHECK("all of it", memcmp(text, "first second", 12) == 0);
    reap(pid);

    // Half close.
    CHECK_OK("SHUT_WR", shutdown(client, SHUT_WR));
    CHECK_ERR("then no send", send(client, "x", 1, 0), EPIPE);
    CHECK("the peer sees RDHUP", ready_soon(server, POLLIN | POLLRDHUP) & POLLRDHUP);
    CHECK_EQ("end of file", recv(server, text, 1, 0), 0);
    CHECK_EQ("the other direction lives", send(server, "still", 5, 0), 5);
    CHECK_EQ("received", recv(client, text, sizeof text, 0), 5);
    NEED(close(server));
    CHECK_EQ("closed: end of file", recv(client, text, 1, 0), 0);
    CHECK("POLLHUP when both are closed", ready_soon(client, POLLIN) & POLLHUP);
    NEED(close(client));

    // A peer that closes with unread bytes resets.
    client = connected(port);
    server = NEED(accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
    CHECK_EQ("accept4: SOCK_CLOEXEC", fcntl(server, F_GETFD), FD_CLOEXEC);
    CHECK("accept4: SOCK_NONBLOCK", fcntl(server, F_GETFL) & O_NONBLOCK);
    CHECK_ERR("accept4: unknown flag", accept4(fd, NULL, NULL, 1), EINVAL);
    CHECK_ERR("nothing there", recv(server, text, 1, 0), EAGAIN);
    NEED(send(client, "unread", 6, 0));
    ready_soon(server, POLLIN);
    NEED(close(server));
    CHECK_ERR("ECONNRESET", recv(client, text, 1, 0), ECONNRESET);
    CHECK_EQ("once", recv(client, text, 1, 0), 0);
    CHECK_ERR("EPIPE", send(client, "x", 1, 0), EPIPE);
    NEED(close(client));
    // Writing to a closed peer: the first may go, then EPIPE and SIGPIPE.
    client = connected(port);
    server = NEED(accept(fd, NULL, NULL));
    NEED(close(server));
    ready_soon(client, POLLIN);
    CHECK_EQ("the first send goes", send(client, "x", 1, 0), 1);
    ready_soon(client, POLLERR);
    CHECK_EQ("without MSG_NOSIGNAL", reap(SPAWN({
                 signal(SIGPIPE, SIG_DFL);
                 send(client, "x", 1, 0);
                 send(client, "x", 1, 0);
             })),
             128 + SIGPIPE);
    CHECK_ERR("MSG_NOSIGNAL", send(client, "x", 1, MSG_NOSIGNAL), EPIPE);
    NEED(close(client));

    // SO_LINGER 0 resets.
    client = connected(port);
    server = NEED(accept(fd, NULL, NULL));
    NEED(setsockopt(client, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger)));
    NEED(close(client));
    ready_soon(server, POLLIN);
    CHECK_ERR("SO_LINGER 0", recv(server, text, 1, 0), ECONNRESET);
    NEED(close(server));

    NEED(close(fd));
    client = NEED(socket(AF_INET, SOCK_STREAM, 0));
    CHECK_ERR("ECONNREFUSED", connect(client, (struct sockaddr *)&address, sizeof address), ECONNREFUSED);
    CHECK_ERR("not connected: shutdown", shutdown(client, SHUT_RD), ENOTCONN);
    CHECK_ERR("a short address", connect(client, (struct sockaddr *)&address, 4), EINVAL);
    CHECK_ERR("bad pointer", connect(client, (void *)8, sizeof address), EFAULT);
    CHECK_ERR("not a socket", connect(open("/dev/null", O_RDWR), (struct sockaddr *)&address, sizeof address), ENOTSOCK);
    CHECK_ERR("unknown family", socket(99, SOCK_STREAM, 0), EAFNOSUPPORT);
    CHECK_ERR("unknown type", socket(AF_INET, 77, 0), EINVAL);
    CHECK_ERR("wrong protocol", socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), EPROTONOSUPPORT);
    address.sin_addr.s_addr = htonl(0x01020304);
    CHECK_ERR("not a local address", bind(client, (struct sockaddr *)&address, sizeof address), EADDRNOTAVAIL);
    DONE();
}
