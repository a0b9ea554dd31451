// UDP over the loopback: message bounds, addresses, connected sockets, truncation. POSIX sendto(), recvfrom(); udp(7).

#include "net.h"

int main(void)
{
    int a = CHECK_OK("socket", socket(AF_INET, SOCK_DGRAM, 0)), b = NEED(socket(AF_INET, SOCK_DGRAM, 0));
    struct sockaddr_in address = loopback(0), from;
    NEED(bind(a, (struct sockaddr *)&address, sizeof address));
    struct sockaddr_in to = loopback(port_of(a));
    CHECK_EQ("sendto", sendto(b, "one", 3, 0, (struct sockaddr *)&to, sizeof to), 3);
    CHECK_EQ("an empty message", sendto(b, "", 0, 0, (struct sockaddr *)&to, sizeof to), 0);
    CHECK_EQ("another", sendto(b, "three", 5, 0, (struct sockaddr *)&to, sizeof to), 5);
    char text[70000];
    socklen_t length = sizeof from;
    CHECK_EQ("recvfrom", recvfrom(a, text, 100, 0, (struct sockaddr *)&from, &length), 3);
    CHECK("its sender", ntohs(from.sin_port) == port_of(b) && from.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
    CHECK_EQ("the empty one", recv(a, text, 100, 0), 0);
    CHECK_EQ("cut", recv(a, text, 2, 0), 2);
    CHECK_ERR("the rest is gone", recv(a, text, 100, MSG_DONTWAIT), EAGAIN);
    NEED(sendto(b, "truncate", 8, 0, (struct sockaddr *)&to, sizeof to));
    CHECK_EQ("MSG_PEEK", recv(a, text, 100, MSG_PEEK), 8);
    CHECK_EQ("MSG_TRUNC tells the true length", recv(a, text, 3, MSG_TRUNC), 8);
    CHECK_ERR("no address", send(b, "x", 1, 0), EDESTADDRREQ);
    CHECK_ERR("too long", sendto(b, text, 65536, 0, (struct sockaddr *)&to, sizeof to), EMSGSIZE);
    memset(text, 'z', sizeof text);
    CHECK_EQ("60000 bytes", sendto(b, text, 60000, 0, (struct sockaddr *)&to, sizeof to), 60000);
    CHECK_EQ("arrive in one piece", recv(a, text, sizeof text, 0), 60000);

    CHECK_OK("connect", connect(b, (struct sockaddr *)&to, sizeof to));
    CHECK_EQ("send", send(b, "connected", 9, 0), 9);
    CHECK_EQ("received", recv(a, text, 100, 0), 9);
    length = sizeof from;
    CHECK_OK("getpeername", getpeername(b, (struct sockaddr *)&from, &length));
    CHECK_EQ("peer", ntohs(from.sin_port), port_of(a));
    int c = NEED(socket(AF_INET, SOCK_DGRAM, 0));
    struct sockaddr_in to_b = loopback(port_of(b));
    NEED(sendto(c, "stranger", 8, 0, (struct sockaddr *)&to_b, sizeof to_b));
    CHECK_ERR("a connected socket hears its peer only", recv(b, text, 100, MSG_DONTWAIT), EAGAIN);
    struct sockaddr_in unspecified = {.sin_family = AF_UNSPEC};
    CHECK_OK("disconnect", connect(b, (struct sockaddr *)&unspecified, sizeof unspecified));
    CHECK_ERR("no peer", send(b, "x", 1, 0), EDESTADDRREQ);
    // Nobody there: a connected socket learns it.
    NEED(connect(c, (struct sockaddr *)&to, sizeof to));
    NEED(close(a));
    NEED(send(c, "x", 1, 0));
    ready_soon(c, POLLIN);
    CHECK_ERR("ECONNREFUSED", recv(c, text, 1, 0), ECONNREFUSED);
    // recvmsg and sendmsg with parts; recvmmsg.
    a = NEED(socket(AF_INET, SOCK_DGRAM, 0));
    address = loopback(0);
    NEED(bind(a, (struct sockaddr *)&address, sizeof address));
    to = loopback(port_of(a));
    struct iovec parts[2] = {{"he", 2}, {"llo", 3}};
    struct msghdr message = {.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = parts, .msg_iovlen = 2};
    CHECK_EQ("sendmsg", sendmsg(b, &message, 0), 5);
    char first[3] = "", second[3] = "";
    struct iovec into[2] = {{first, 2}, {second, 2}};
    message = (struct msghdr){.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = into, .msg_iovlen = 2};
    CHECK_EQ("recvmsg", recvmsg(a, &message, 0), 4);
    CHECK("MSG_TRUNC is told", message.msg_flags & MSG_TRUNC);
    CHECK_STR("first part", first, "he");
    CHECK_STR("second part", second, "ll");
    struct mmsghdr many[3] = {0};
    for (int n = 0; n < 3; n++)
        many[n].msg_hdr = (struct msghdr){.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = parts, .msg_iovlen = n % 2 + 1};
    CHECK_EQ("sendmmsg", sendmmsg(b, many, 3, 0), 3);
    struct iovec buffers[4] = {{text, 10}, {text + 10, 10}, {text + 20, 10}, {text + 30, 10}};
    struct mmsghdr got[4] = {0};
    for (int n = 0; n < 4; n++)
        got[n].msg_hdr = (struct msghdr){.msg_iov = &buffers[n], .msg_iovlen = 1};
    CHECK_EQ("recvmmsg", recvmmsg(a, got, 4, MSG_DONTWAIT, NULL), 3);
    CHECK("lengths", got[0].msg_len == 2 && got[1].msg_len == 5 && got[2].msg_len == 2);
    // Between processes.
    pid_t pid = SPAWN(for (int n = 0; n < 50; n++) NEED(sendto(b, &n, sizeof n, 0, (struct sockaddr *)&to, sizeof to)));
    int wrong = 0;
    for (int n = 0; n < 50; n++) {
        int number = -1;
        NEED(recv(a, &number, sizeof number, 0));
        wrong += number != n;
    }
    CHECK_EQ("fifty from a child, in order", wrong, 0);
    reap(pid);
    DONE();
}
