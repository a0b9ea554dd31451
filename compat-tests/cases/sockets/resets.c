// The end of TCP connections: what is told of a reset, a close and a shutdown, to which call, and how often; what a refused
// connect leaves behind. tcp(7), POSIX connect(), recv(), send(), shutdown().

#include "net.h"

static int listener, port, client, server, pipes_seen;
static char text[64];

static void on_pipe(int signal)
{
    (void)signal;
    pipes_seen++;
}

static const char *result(long value)
{
    static char number[32];
    if (value < 0)
        return errno_name(errno);
    snprintf(number, sizeof number, "%ld", value);
    return number;
}

// Says what a call gave; a difference is in the line.
#define SEE(CALL) say("%s: %s", #CALL, result(CALL))

static int error_of(int fd)
{
    int error = -1;
    socklen_t length = sizeof error;
    NEED(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length));
    return error;
}

static int own_name(int fd)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    NEED(getsockname(fd, (struct sockaddr *)&address, &length));
    return (address.sin_port != 0) + (address.sin_addr.s_addr != 0) * 2;
}

static int peer(int fd)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    return getpeername(fd, (struct sockaddr *)&address, &length);
}

static void state(const char *who, int fd)
{
    sleep_ms(10);
    say("%s: poll %x", who, ready(fd, POLLIN | POLLOUT | POLLRDHUP));
}

static void begin(const char *what)
{
    say("== %s", what);
    pipes_seen = 0;
    client = connected(port);
    server = NEED(accept4(listener, NULL, NULL, SOCK_NONBLOCK));
    NEED(fcntl(client, F_SETFL, O_NONBLOCK));
}

static void end(void)
{
    say("SIGPIPE: %d", pipes_seen);
    close(client);
    close(server);
}

static void reset(int fd)
{
    NEED(setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger)));
    NEED(close(fd));
    sleep_ms(10);
}

static void resets(void)
{
    begin("reset: recv, then send");
    reset(server);
    state("client", client);
    SEE(peer(client));
    SEE(recv(client, text, 1, 0));
    state("client", client);
    SEE(recv(client, text, 1, 0));
    SEE(send(client, "x", 1, 0));
    SEE(send(client, "x", 1, 0));
    SEE(error_of(client));
    SEE(shutdown(client, SHUT_WR));
    end();
    begin("reset: send, then recv");
    reset(server);
    SEE(send(client, "x", 1, 0));
    state("client", client);
    SEE(send(client, "x", 1, 0));
    SEE(recv(client, text, 1, 0));
    end();
    begin("reset: SO_ERROR, then recv");
    reset(server);
    SEE(error_of(client));
    state("client", client);
    SEE(recv(client, text, 1, 0));
    SEE(send(client, "x", 1, MSG_NOSIGNAL));
    end();
    begin("reset behind data");
    SEE(send(server, "hello", 5, 0));
    reset(server);
    state("client", client);
    SEE(recv(client, text, 2, 0));
    SEE(recv(client, text, 20, 0));
    SEE(recv(client, text, 20, 0));
    SEE(recv(client, text, 20, 0));
    end();
    begin("closed with data unread");
    SEE(send(client, "x", 1, 0));
    SEE(send(server, "hello", 5, 0));
    sleep_ms(10);
    NEED(close(server));
    state("client", client);
    SEE(recv(client, text, 10, 0));
    SEE(recv(client, text, 1, 0));
    SEE(recv(client, text, 1, 0));
    end();
    begin("reset after the own end");
    SEE(shutdown(client, SHUT_WR));
    reset(server);
    state("client", client);
    SEE(send(client, "x", 1, 0));
    SEE(recv(client, text, 1, 0));
    end();
}

static void closes(void)
{
    begin("closed: send, then recv");
    NEED(close(server));
    state("client", client);
    SEE(send(client, "x", 1, 0));
    state("client", client);
    SEE(recv(client, text, 1, 0));
    SEE(recv(client, text, 1, 0));
    SEE(error_of(client));
    SEE(send(client, "x", 1, 0));
    state("client", client);
    end();
    begin("closed: send, send");
    NEED(close(server));
    SEE(recv(client, text, 1, 0));
    SEE(send(client, "x", 1, 0));
    sleep_ms(10);
    SEE(send(client, "x", 1, 0));
    SEE(send(client, "x", 1, 0));
    SEE(recv(client, text, 1, 0));
    SEE(error_of(client));
    end();
    begin("data, closed: send, then recv");
    SEE(send(server, "hello", 5, 0));
    NEED(close(server));
    SEE(send(client, "x", 1, 0));
    state("client", client);
    SEE(recv(client, text, 20, 0));
    SEE(recv(client, text, 20, 0));
    SEE(error_of(client));
    end();
    begin("half closed, then closed");
    SEE(shutdown(server, SHUT_WR));
    SEE(send(client, "x", 1, 0));
    SEE(recv(client, text, 1, 0));
    SEE(recv(server, text, 5, 0));
    NEED(close(server));
    state("client", client);
    SEE(send(client, "x", 1, 0));
    state("client", client);
    SEE(recv(client, text, 1, 0));
    SEE(send(client, "x", 1, 0));
    end();
}

static void shutdowns(void)
{
    begin("SHUT_RD");
    SEE(shutdown(client, SHUT_RD));
    state("client", client);
    SEE(recv(client, text, 1, 0));
    SEE(send(server, "hello", 5, 0));
    sleep_ms(10);
    SEE(recv(client, text, 1, 0));
    SEE(recv(client, text, 9, 0));
    SEE(recv(client, text, 9, 0));
    SEE(send(client, "x", 1, 0));
    reset(server);
    SEE(recv(client, text, 9, 0));
    SEE(recv(client, text, 9, 0));
    end();
    begin("SHUT_RDWR, and the peer sends");
    SEE(shutdown(client, SHUT_RDWR));
    state("server", server);
    SEE(send(client, "x", 1, 0));
    SEE(recv(client, text, 1, 0));
    SEE(send(server, "x", 1, 0));
    state("server", server);
    state("client", client);
    SEE(send(server, "x", 1, 0));
    SEE(recv(server, text, 1, 0));
    SEE(recv(client, text, 1, 0));
    SEE(recv(client, text, 1, 0));
    end();
    begin("SHUT_WR on both sides");
    SEE(shutdown(client, SHUT_WR));
    SEE(peer(client));
    SEE(shutdown(server, SHUT_WR));
    state("client", client);
    state("server", server);
    SEE(recv(client, text, 1, 0));
    SEE(send(server, "x", 1, 0));
    SEE(peer(client));
    SEE(shutdown(client, SHUT_RD));
    NEED(close(server));
    SEE(recv(client, text, 1, 0));
    SEE(error_of(client));
    end();
}

static void refusals(void)
{
    struct sockaddr_in closed = loopback(0), other, foreign = loopback(0);
    foreign.sin_addr.s_addr = htonl(0x01020304);
    int fd = NEED(socket(AF_INET, SOCK_STREAM, 0));
    NEED(bind(fd, (struct sockaddr *)&closed, sizeof closed));
    closed = loopback(port_of(fd));
    NEED(close(fd));
#define TRY() connect(fd, (struct sockaddr *)&closed, sizeof closed)
    say("== refused");
    fd = NEED(socket(AF_INET, SOCK_STREAM, 0));
    SEE(TRY());
    SEE(own_name(fd));
    SEE(peer(fd));
    SEE(TRY());
    SEE(bind(fd, (struct sockaddr *)&foreign, sizeof foreign));
    other = loopback(0);
    SEE(bind(fd, (struct sockaddr *)&other, sizeof other));
    SEE(own_name(fd));
    SEE(TRY());
    SEE(own_name(fd));
    SEE(listen(fd, 1));
    SEE(peer(connected(port_of(fd))));
    NEED(close(fd));
    say("== refused, with a port of its own");
    fd = NEED(socket(AF_INET, SOCK_STREAM, 0));
    other = loopback(0);
    other.sin_addr.s_addr = 0;
    SEE(bind(fd, (struct sockaddr *)&other, sizeof other));
    other = loopback(port_of(fd));
    NEED(close(fd));
    fd = NEED(socket(AF_INET, SOCK_STREAM, 0));
    SEE(bind(fd, (struct sockaddr *)&other, sizeof other));
    SEE(TRY());
    SEE(port_of(fd) == ntohs(other.sin_port));
    SEE(bind(fd, (struct sockaddr *)&other, sizeof other));
    NEED(close(fd));
    say("== refused later");
    fd = NEED(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    SEE(TRY());
    say("poll %x", ready_soon(fd, POLLIN | POLLOUT | POLLRDHUP));
    SEE(own_name(fd));
    SEE(bind(fd, (struct sockaddr *)&foreign, sizeof foreign));
    SEE(TRY());
    SEE(own_name(fd));
    say("poll %x", ready(fd, POLLIN | POLLOUT | POLLRDHUP));
    SEE(recv(fd, text, 1, 0));
    SEE(TRY());
    ready_soon(fd, POLLIN);
    SEE(error_of(fd));
    SEE(send(fd, "x", 1, MSG_NOSIGNAL));
    SEE(recv(fd, text, 1, 0));
    say("poll %x", ready(fd, POLLIN | POLLOUT | POLLRDHUP));
    SEE(listen(fd, 1));
    SEE(TRY() == -1 && errno == ECONNABORTED);
    SEE(TRY());
    ready_soon(fd, POLLIN);
    SEE(send(fd, "x", 1, MSG_NOSIGNAL));
    SEE(send(fd, "x", 1, MSG_NOSIGNAL));
    NEED(close(fd));
}

int main(void)
{
    signal(SIGPIPE, on_pipe);
    listener = listening(5);
    port = port_of(listener);
    resets();
    closes();
    shutdowns();
    refusals();
    DONE();
}
