// Many connections at once, more clients than one accept can take, in both address families. POSIX listen(), accept().
// timeout: 60

#include "net.h"

enum { CLIENTS = 64 };

int main(void)
{
    int fd = listening(CLIENTS), port = port_of(fd);
    int clients[CLIENTS], wrong = 0;
    for (int n = 0; n < CLIENTS; n++)
        clients[n] = connected(port);
    for (int n = 0; n < CLIENTS; n++)
        NEED(send(clients[n], &n, sizeof n, 0));
    for (int n = 0; n < CLIENTS; n++) {
        int server = NEED(accept(fd, NULL, NULL)), number = -1;
        NEED(recv(server, &number, sizeof number, MSG_WAITALL));
        wrong += number != n;
        NEED(close(server));
    }
    CHECK_EQ("accepted in the order of connecting", wrong, 0);
    for (int n = 0; n < CLIENTS; n++)
        NEED(close(clients[n]));
    // A thousand short connections, client in another process.
    pid_t pid = SPAWN(for (int n = 0; n < 1000; n++) {
        int client = connected(port);
        char byte;
        NEED(recv(client, &byte, 1, 0) == 1 ? 0 : -1);
        NEED(close(client));
    });
    for (int n = 0; n < 1000; n++) {
        int server = NEED(accept(fd, NULL, NULL));
        NEED(send(server, "x", 1, 0));
        NEED(close(server));
    }
    CHECK_EQ("a thousand short connections", reap(pid), 0);
    // Dropped by the client before accept: accept still gives it, and it is at its end.
    int client = connected(port);
    NEED(send(client, "bye", 3, 0));
    NEED(close(client));
    int server = CHECK_OK("accept of a closed one", accept(fd, NULL, NULL));
    char text[8];
    CHECK_EQ("its bytes", recv(server, text, 8, MSG_WAITALL), 3);
    CHECK_EQ("its end", recv(server, text, 8, 0), 0);

    int six = socket(AF_INET6, SOCK_STREAM, 0);
    if (six == -1) {
        CHECK_EQ("no IPv6 here", errno, EAFNOSUPPORT);
        DONE();
    }
    DONE();
}
