// Socket options that servers set: what getsockopt gives back. socket(7), tcp(7), POSIX getsockopt().

#include "net.h"

static int option(int fd, int level, int name)
{
    int value = -77;
    socklen_t length = sizeof value;
    NEED(getsockopt(fd, level, name, &value, &length));
    return value;
}

static void flag(int fd, int level, int name, const char *text)
{
    CHECK_EQ(text, option(fd, level, name), 0);
    NEED(setsockopt(fd, level, name, &(int){1}, sizeof(int)));
    CHECK_EQ(text, option(fd, level, name), 1);
    NEED(setsockopt(fd, level, name, &(int){0}, sizeof(int)));
    CHECK_EQ(text, option(fd, level, name), 0);
}

// What a family answers to a level that it does not know, or that is another protocol's.
static void unknown_levels(void)
{
    static const int levels[] = {9999, IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP, IPPROTO_UDP, 136, 270, -1, 255, 58};
    static const struct {
        const char *name;
        int family, type, protocol;
    } kinds[] = {
        {"TCP", AF_INET, SOCK_STREAM, 0},   {"UDP", AF_INET, SOCK_DGRAM, 0},   {"TCP over IPv6", AF_INET6, SOCK_STREAM, 0},
        {"UDP over IPv6", AF_INET6, SOCK_DGRAM, 0}, {"Unix", AF_UNIX, SOCK_STREAM, 0}, {"Unix datagrams", AF_UNIX, SOCK_DGRAM, 0},
        {"netlink", AF_NETLINK, SOCK_RAW, 0},
    };
    for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
        int fd = socket(kinds[kind].family, kinds[kind].type, kinds[kind].protocol);
        if (fd == -1)
            continue;
        for (size_t level = 0; level < sizeof levels / sizeof *levels; level++) {
            int value = 1;
            socklen_t length = sizeof value;
            int got = getsockopt(fd, levels[level], 777, &value, &length) == -1 ? errno : 0;
            int set = setsockopt(fd, levels[level], 777, &value, sizeof value) == -1 ? errno : 0;
            say("%s: level %d: %s, %s", kinds[kind].name, levels[level], errno_name(got), errno_name(set));
        }
        NEED(close(fd));
    }
}

int main(void)
{
    int fd = NEED(socket(AF_INET, SOCK_STREAM, 0));
    CHECK_EQ("SO_TYPE", option(fd, SOL_SOCKET, SO_TYPE), SOCK_STREAM);
    CHECK_EQ("SO_DOMAIN", option(fd, SOL_SOCKET, SO_DOMAIN), AF_INET);
    CHECK_EQ("SO_PROTOCOL", option(fd, SOL_SOCKET, SO_PROTOCOL), IPPROTO_TCP);
    CHECK_EQ("SO_ERROR", option(fd, SOL_SOCKET, SO_ERROR), 0);
    CHECK_EQ("SO_ACCEPTCONN", option(fd, SOL_SOCKET, SO_ACCEPTCONN), 0);
    flag(fd, SOL_SOCKET, SO_REUSEADDR, "SO_REUSEADDR");
    flag(fd, SOL_SOCKET, SO_REUSEPORT, "SO_REUSEPORT");
    flag(fd, SOL_SOCKET, SO_KEEPALIVE, "SO_KEEPALIVE");
    flag(fd, SOL_SOCKET, SO_BROADCAST, "SO_BROADCAST");
    flag(fd, IPPROTO_TCP, TCP_NODELAY, "TCP_NODELAY");
    flag(fd, IPPROTO_TCP, TCP_CORK, "TCP_CORK");
    NEED(setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &(int){77}, sizeof(int)));
    CHECK_EQ("TCP_KEEPIDLE", option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 77);
    NEED(setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &(int){1}, sizeof(int)));
    CHECK("TCP_DEFER_ACCEPT", option(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT) >= 1);
    struct linger linger;
    socklen_t length = sizeof linger;
    NEED(getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &length));
    CHECK("SO_LINGER is off", linger.l_onoff == 0);
    NEED(setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 5}, sizeof linger));
    NEED(getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &length));
    CHECK("SO_LINGER is set", linger.l_onoff == 1 && linger.l_linger == 5);
    NEED(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &(int){30000}, sizeof(int)));
    CHECK_EQ("SO_SNDBUF is doubled", option(fd, SOL_SOCKET, SO_SNDBUF), 60000);
    NEED(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){40000}, sizeof(int)));
    CHECK_EQ("SO_RCVBUF is doubled", option(fd, SOL_SOCKET, SO_RCVBUF), 80000);
    struct timeval limit = {.tv_sec = 3, .tv_usec = 500000}, seen;
    NEED(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit));
    length = sizeof seen;
    NEED(getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &seen, &length));
    CHECK("SO_RCVTIMEO", seen.tv_sec == 3 && seen.tv_usec == 500000);
    limit.tv_usec = 1000000;
    CHECK_ERR("SO_RCVTIMEO: bad", setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), EDOM);
    CHECK_ERR("unknown option", setsockopt(fd, SOL_SOCKET, 9999, &(int){1}, sizeof(int)), ENOPROTOOPT);
    CHECK_ERR("unknown level", getsockopt(fd, 9999, 1, &(int){1}, &length), EOPNOTSUPP);
    unknown_levels();
    CHECK_ERR("short value", setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &(int){1}, 2), EINVAL);
    CHECK_ERR("bad pointer", setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, (void *)8, sizeof(int)), EFAULT);
    CHECK_ERR("read-only option", setsockopt(fd, SOL_SOCKET, SO_TYPE, &(int){1}, sizeof(int)), ENOPROTOOPT);
    CHECK_ERR("not a socket", getsockopt(0, SOL_SOCKET, SO_TYPE, &(int){1}, &length), ENOTSOCK);
    length = 2;
    int value = 0;
    CHECK_OK("a short buffer", getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &length));
    CHECK_EQ("is filled as far as it goes", length, 2);

    // SO_REUSEADDR lets a server come back; SO_REUSEPORT lets several share a port.
    int first = NEED(socket(AF_INET, SOCK_STREAM, 0));
    NEED(setsockopt(first, SOL_SOCKET, SO_REUSEPORT, &(int){1}, sizeof(int)));
    struct sockaddr_in address = loopback(0);
    NEED(bind(first, (struct sockaddr *)&address, sizeof address));
    NEED(listen(first, 5));
    address = loopback(port_of(first));
    int second = NEED(socket(AF_INET, SOCK_STREAM, 0));
    CHECK_ERR("one without SO_REUSEPORT", bind(second, (struct sockaddr *)&address, sizeof address), EADDRINUSE);
    NEED(setsockopt(second, SOL_SOCKET, SO_REUSEPORT, &(int){1}, sizeof(int)));
    CHECK_OK("both with SO_REUSEPORT", bind(second, (struct sockaddr *)&address, sizeof address));
    CHECK_OK("both listen", listen(second, 5));
    int server = NEED(socket(AF_INET, SOCK_STREAM, 0));
    NEED(setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)));
    address = loopback(0);
    NEED(bind(server, (struct sockaddr *)&address, sizeof address));
    NEED(listen(server, 5));
    int port = port_of(server);
    int client = connected(port), accepted = NEED(accept(server, NULL, NULL));
    NEED(setsockopt(server, SOL_SOCKET, SO_KEEPALIVE, &(int){1}, sizeof(int)));
    NEED(close(accepted));
    NEED(close(server));
    server = NEED(socket(AF_INET, SOCK_STREAM, 0));
    NEED(setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)));
    address = loopback(port);
    CHECK_OK("SO_REUSEADDR: a server comes back", bind(server, (struct sockaddr *)&address, sizeof address));
    NEED(close(client));
    // Options of a listening socket pass to accepted ones.
    server = listening(5);
    NEED(setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)));
    client = connected(port_of(server));
    accepted = NEED(accept(server, NULL, NULL));
    CHECK_EQ("TCP_NODELAY is inherited by accept", option(accepted, IPPROTO_TCP, TCP_NODELAY), 1);
    DONE();
}
