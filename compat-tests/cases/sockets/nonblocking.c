// Non-blocking connect, accept, send and receive, and their readiness. POSIX connect(), accept(); tcp(7).

#include "net.h"

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    int fd = listening(10), port = port_of(fd);
    NEED(fcntl(fd, F_SETFL, O_NONBLOCK));
    CHECK_ERR("accept: nobody", accept(fd, NULL, NULL), EAGAIN);
    int client = NEED(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    CHECK_EQ("SOCK_CLOEXEC", fcntl(client, F_GETFD), FD_CLOEXEC);
    struct sockaddr_in address = loopback(port);
    int result = connect(client, (struct sockaddr *)&address, sizeof address);
    CHECK("connect: done or in progress", result == 0 || errno == EINPROGRESS);
    CHECK_EQ("writable once connected", ready_soon(client, POLLOUT), POLLOUT);
    int error = -1;
    socklen_t length = sizeof error;
    NEED(getsockopt(client, SOL_SOCKET, SO_ERROR, &error, &length));
    CHECK_EQ("SO_ERROR", error, 0);
    CHECK_EQ("acceptable", ready_soon(fd, POLLIN), POLLIN);
    int server = CHECK_OK("accept", accept(fd, NULL, NULL));
    CHECK("O_NONBLOCK is not inherited", !(fcntl(server, F_GETFL) & O_NONBLOCK));
    CHECK_ERR("nobody else", accept(fd, NULL, NULL), EAGAIN);

    static char block_of[65536];
    long total = 0, got;
    while ((got = send(client, block_of, sizeof block_of, 0)) > 0)
        total += got;
    CHECK_EQ("the buffers fill", errno, EAGAIN);
    CHECK("with something", total >= 65536);
    CHECK_EQ("not writable", ready(client, POLLOUT), 0);
    long received = 0;
    while (received < total) {
        got = NEED(recv(server, block_of, sizeof block_of, 0));
        received += got;
    }
    CHECK("all arrives", received == total);
    CHECK_EQ("writable again", ready_soon(client, POLLOUT), POLLOUT);
    // A blocking sender waits for a slow reader.
    pid_t pid = SPAWN({
        NEED(close(server));
        NEED(fcntl(client, F_SETFL, 0));
        for (int n = 0; n < 200; n++) {
            memset(block_of, n, sizeof block_of);
            NEED(send(client, block_of, sizeof block_of, 0) == sizeof block_of ? 0 : -1);
        }
    });
    NEED(close(client));
    long at = 0, wrong = 0;
    while ((got = NEED(recv(server, block_of, 30011, 0))) > 0)
        for (long n = 0; n < got; n++, at++)
            wrong += (unsigned char)block_of[n] != (at / 65536) % 256;
    CHECK_EQ("13 MB in order", wrong, 0);
    CHECK_EQ("all of it", at, 200 * 65536);
    CHECK_EQ("sender", reap(pid), 0);
    NEED(close(server));

    // Refused, seen by poll.
    NEED(close(fd));
    client = NEED(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    result = connect(client, (struct sockaddr *)&address, sizeof address);
    if (result == -1 && errno == EINPROGRESS) {
        CHECK("POLLERR", ready_soon(client, POLLOUT) & (POLLERR | POLLHUP));
        length = sizeof error;
        NEED(getsockopt(client, SOL_SOCKET, SO_ERROR, &error, &length));
        CHECK_EQ("ECONNREFUSED", error, ECONNREFUSED);
    } else {
        say("ok POLLERR");
        CHECK_EQ("ECONNREFUSED", errno, ECONNREFUSED);
    }
    // Time limits on blocking calls.
    fd = listening(5);
    client = connected(port_of(fd));
    struct timeval limit = {.tv_usec = 30000};
    NEED(setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit));
    long before = now_ms();
    CHECK_ERR("SO_RCVTIMEO", recv(client, block_of, 1, 0), EAGAIN);
    CHECK("after that time", now_ms() - before >= 29);
    NEED(setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit));
    while (send(client, block_of, sizeof block_of, 0) > 0)
        ;
    CHECK_EQ("SO_SNDTIMEO", errno, EAGAIN);
    DONE();
}
