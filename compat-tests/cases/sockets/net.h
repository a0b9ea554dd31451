// Shared by the cases about sockets.
#pragma once

#include "../check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

static inline struct sockaddr_in loopback(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static inline int port_of(int fd)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    NEED(getsockname(fd, (struct sockaddr *)&address, &length));
    return ntohs(address.sin_port);
}

// A TCP socket that listens on a free port of 127.0.0.1.
__attribute__((unused)) static int listening(int backlog)
{
    int fd = NEED(socket(AF_INET, SOCK_STREAM, 0));
    struct sockaddr_in any = loopback(0);
    NEED(bind(fd, (struct sockaddr *)&any, sizeof any));
    NEED(listen(fd, backlog));
    return fd;
}

__attribute__((unused)) static int connected(int port)
{
    int fd = NEED(socket(AF_INET, SOCK_STREAM, 0));
    struct sockaddr_in address = loopback(port);
    NEED(connect(fd, (struct sockaddr *)&address, sizeof address));
    return fd;
}

// Accepts the connection of this client. Others on this machine may knock at a port that was theirs a moment ago.
__attribute__((unused)) static int accepted_from(int fd, int client)
{
    for (;;) {
        struct sockaddr_in peer;
        socklen_t length = sizeof peer;
        int server = NEED(accept(fd, (struct sockaddr *)&peer, &length));
        if (ntohs(peer.sin_port) == port_of(client))
            return server;
        NEED(close(server));
    }
}

__attribute__((unused)) static struct sockaddr_un named(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path);
    return address;
}

// What poll says of this descriptor just now.
__attribute__((unused)) static int ready(int fd, int events)
{
    struct pollfd poll_fd = {.fd = fd, .events = events};
    NEED(poll(&poll_fd, 1, 0));
    return poll_fd.revents;
}

// The same, once something is there, or after two seconds.
__attribute__((unused)) static int ready_soon(int fd, int events)
{
    struct pollfd poll_fd = {.fd = fd, .events = events};
    NEED(poll(&poll_fd, 1, 2000));
    return poll_fd.revents;
}
