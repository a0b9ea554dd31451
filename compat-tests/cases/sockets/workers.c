// A listening socket that four forked workers inherit, as a pre-forking server has it: every connection is served once,
// every worker serves, and a killed worker takes nothing with it. POSIX fork(), accept().
// timeout: 60

#include "net.h"

#include <sys/epoll.h>

enum { WORKERS = 4, CONNECTIONS = 200 };

static void serve(int fd, int *served, bool with_epoll)
{
    int set = -1;
    if (with_epoll) {
        NEED(fcntl(fd, F_SETFL, O_NONBLOCK));
        set = NEED(epoll_create1(0));
        struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.fd = fd};
        NEED(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event));
    }
    for (;;) {
        if (set != -1) {
            struct epoll_event event;
            NEED(epoll_wait(set, &event, 1, -1));
        }
        int client = accept(fd, NULL, NULL);
        if (client == -1) {
            NEED(errno == EAGAIN ? 0 : -1);
            continue;
        }
        int number;
        if (recv(client, &number, sizeof number, MSG_WAITALL) == sizeof number) {
            __atomic_add_fetch(served, 1, __ATOMIC_SEQ_CST);
            number = -number;
            // A moment of work, so that others get their turn.
            sleep_ms(1);
            NEED(send(client, &number, sizeof number, 0));
        }
        NEED(close(client));
    }
}

static void run(const char *name, bool with_epoll)
{
    int fd = listening(128), port = port_of(fd);
    int *served = shared(4096);
    pid_t workers[WORKERS];
    for (int n = 0; n < WORKERS; n++)
        workers[n] = SPAWN(serve(fd, served + n, with_epoll));
    NEED(close(fd));
    say("%s", name);
    int wrong = 0;
    for (int n = 1; n <= CONNECTIONS / 4; n++) {
        int clients[4];
        for (int i = 0; i < 4; i++)
            clients[i] = connected(port);
        for (int i = 0; i < 4; i++)
            NEED(send(clients[i], &n, sizeof n, 0));
        for (int i = 0; i < 4; i++) {
            int answer = 0;
            NEED(recv(clients[i], &answer, sizeof answer, MSG_WAITALL));
            wrong += answer != -n;
            NEED(close(clients[i]));
        }
    }
    CHECK_EQ("every answer is right", wrong, 0);
    CHECK_EQ("each was served once", served[0] + served[1] + served[2] + served[3], CONNECTIONS);
    int idle = 0;
    for (int n = 0; n < WORKERS; n++)
        idle += served[n] == 0;
    CHECK_EQ("every worker served", idle, 0);
    // One is killed: the others go on.
    NEED(kill(workers[0], SIGKILL));
    CHECK_EQ("killed", reap(workers[0]), 128 + SIGKILL);
    for (int n = 1; n <= 20; n++) {
        int client = connected(port), answer = 0;
        NEED(send(client, &n, sizeof n, 0));
        NEED(recv(client, &answer, sizeof answer, MSG_WAITALL));
        wrong += answer != -n;
        NEED(close(client));
    }
    CHECK_EQ("served by the three others", wrong, 0);
    for (int n = 1; n < WORKERS; n++) {
        NEED(kill(workers[n], SIGTERM));
        CHECK_EQ("ended", reap(workers[n]), 128 + SIGTERM);
    }
    int client = NEED(socket(AF_INET, SOCK_STREAM, 0));
    struct sockaddr_in address = loopback(port);
    CHECK_ERR("the last holder's end closes the port", connect(client, (struct sockaddr *)&address, sizeof address), ECONNREFUSED);
    NEED(close(client));
}

int main(void)
{
    run("blocking accept", false);
    run("epoll with EPOLLEXCLUSIVE", true);

    // A connection accepted before fork is shared; it ends when both have closed it.
    int fd = listening(5);
    int client = connected(port_of(fd)), server = accepted_from(fd, client);
    pid_t pid = SPAWN({
        NEED(send(server, "child", 5, 0));
        for (;;)
            pause();
    });
    char text[8] = "";
    CHECK_EQ("the child's bytes", recv(client, text, 5, MSG_WAITALL), 5);
    NEED(close(server));
    CHECK_EQ("open in the child", ready(client, POLLIN), 0);
    NEED(kill(pid, SIGKILL));
    reap(pid);
    CHECK_EQ("closed by its end", recv(client, text, 1, 0), 0);
    DONE();
}
