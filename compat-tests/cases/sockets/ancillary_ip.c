// What a datagram tells of its way, and what its sender asks for, as ancillary data. RFC 3542 sections 4, 6.2, 6.3, 6.5;
// ip(7), ipv6(7), cmsg(3).

#include "net.h"

struct item {
    int level, type;
    const void *data;
    size_t size;
};

static struct sockaddr_in6 to6;
static struct sockaddr_in to4;

// Sends one byte with these control messages.
static ssize_t send_with(int fd, void *to, socklen_t length, const struct item *items, int count)
{
    union {
        char space[512];
        struct cmsghdr align;
    } control = {0};
    struct iovec part = {"x", 1};
    struct msghdr message = {.msg_name = to, .msg_namelen = length, .msg_iov = &part, .msg_iovlen = 1};
    message.msg_control = control.space;
    message.msg_controllen = sizeof control;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    size_t used = 0;
    for (int n = 0; n < count; n++) {
        *header = (struct cmsghdr){.cmsg_level = items[n].level, .cmsg_type = items[n].type, .cmsg_len = CMSG_LEN(items[n].size)};
        memcpy(CMSG_DATA(header), items[n].data, items[n].size);
        used += CMSG_SPACE(items[n].size);
        header = CMSG_NXTHDR(&message, header);
    }
    message.msg_controllen = used;
    return sendmsg(fd, &message, 0);
}

static ssize_t send6(int fd, const struct item *items, int count)
{
    return send_with(fd, &to6, sizeof to6, items, count);
}

// The number in the message of this kind of the next datagram; -1 if there is none.
static int told(int fd, int level, int type)
{
    union {
        char space[512];
        struct cmsghdr align;
    } control;
    char byte;
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control};
    NEED(recvmsg(fd, &message, 0));
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != level || header->cmsg_type != type)
            continue;
        int number = 0;
        size_t size = header->cmsg_len - CMSG_LEN(0);
        memcpy(&number, CMSG_DATA(header), size < sizeof number ? size : sizeof number);
        return number;
    }
    return -1;
}

static void version6(void)
{
    int receiver = NEED(socket(AF_INET6, SOCK_DGRAM, 0)), sender = NEED(socket(AF_INET6, SOCK_DGRAM, 0)), on = 1;
    to6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    socklen_t length = sizeof to6;
    NEED(bind(receiver, (struct sockaddr *)&to6, sizeof to6));
    NEED(getsockname(receiver, (struct sockaddr *)&to6, &length));
    send6(sender, NULL, 0);
    CHECK_EQ("nothing is told unasked", told(receiver, IPPROTO_IPV6, IPV6_HOPLIMIT), -1);
    CHECK_OK("IPV6_RECVHOPLIMIT", setsockopt(receiver, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &on, sizeof on));
    CHECK_OK("IPV6_RECVTCLASS", setsockopt(receiver, IPPROTO_IPV6, IPV6_RECVTCLASS, &on, sizeof on));
    send6(sender, NULL, 0);
    CHECK_EQ("the default hop limit", told(receiver, IPPROTO_IPV6, IPV6_HOPLIMIT), 64);
    int hops = 7, class = 0x20, usual = -1;
    struct item items[] = {
        {IPPROTO_IPV6, IPV6_HOPLIMIT, &hops, sizeof hops},
        {IPPROTO_IPV6, IPV6_TCLASS, &class, sizeof class},
    };
    CHECK_EQ("both are asked for", send6(sender, items, 2), 1);
    CHECK_EQ("the hop limit comes", told(receiver, IPPROTO_IPV6, IPV6_HOPLIMIT), 7);
    send6(sender, items, 2);
    CHECK_EQ("the class comes", told(receiver, IPPROTO_IPV6, IPV6_TCLASS), 0x20);
    send6(sender, NULL, 0);
    CHECK_EQ("for one datagram only", told(receiver, IPPROTO_IPV6, IPV6_HOPLIMIT), 64);
    items[0].data = &usual;
    CHECK_EQ("-1", send6(sender, items, 1), 1);
    CHECK_EQ("is the default", told(receiver, IPPROTO_IPV6, IPV6_HOPLIMIT), 64);
    hops = 256;
    items[0].data = &hops;
    CHECK_ERR("a hop limit above 255", send6(sender, items, 1), EINVAL);
    class = 256;
    CHECK_ERR("a class above 255", send6(sender, items + 1, 1), EINVAL);
    hops = 7;
    items[0].size = 3;
    CHECK_ERR("a hop limit of another size", send6(sender, items, 1), EINVAL);
    items[0].size = 8;
    CHECK_ERR("a longer one", send6(sender, items, 1), EINVAL);
    struct item unknown[] = {{IPPROTO_IPV6, 4711, &hops, sizeof hops}};
    CHECK_ERR("a kind that there is not", send6(sender, unknown, 1), EINVAL);
    struct item of_others[] = {{IPPROTO_IP, IP_TTL, &hops, sizeof hops}, {4711, 1, &hops, sizeof hops}};
    CHECK_EQ("of a level that nobody knows", send6(sender, of_others + 1, 1), 1);
    CHECK_EQ("it says nothing", told(receiver, IPPROTO_IPV6, IPV6_HOPLIMIT), 64);
    NEED(close(receiver));
    NEED(close(sender));
}

static void version4(void)
{
    int receiver = NEED(socket(AF_INET, SOCK_DGRAM, 0)), sender = NEED(socket(AF_INET, SOCK_DGRAM, 0)), on = 1;
    to4 = loopback(0);
    NEED(bind(receiver, (struct sockaddr *)&to4, sizeof to4));
    to4 = loopback(port_of(receiver));
    NEED(setsockopt(receiver, IPPROTO_IP, IP_RECVTTL, &on, sizeof on));
    NEED(setsockopt(receiver, IPPROTO_IP, IP_RECVTOS, &on, sizeof on));
    int ttl = 9, tos = 0x10;
    struct item items[] = {{IPPROTO_IP, IP_TTL, &ttl, sizeof ttl}, {IPPROTO_IP, IP_TOS, &tos, sizeof tos}};
    CHECK_EQ("time to live and service", send_with(sender, &to4, sizeof to4, items, 2), 1);
    CHECK_EQ("IP_TTL", told(receiver, IPPROTO_IP, IP_TTL), 9);
    send_with(sender, &to4, sizeof to4, items, 2);
    CHECK_EQ("IP_TOS", told(receiver, IPPROTO_IP, IP_TOS), 0x10);
    ttl = 0;
    CHECK_ERR("no time to live", send_with(sender, &to4, sizeof to4, items, 1), EINVAL);
    ttl = 256;
    CHECK_ERR("too long a time", send_with(sender, &to4, sizeof to4, items, 1), EINVAL);
    struct item rights[] = {{SOL_SOCKET, SCM_RIGHTS, &receiver, sizeof receiver}};
    CHECK_EQ("descriptors are overlooked", send_with(sender, &to4, sizeof to4, rights, 1), 1);
    CHECK_EQ("and none comes", told(receiver, SOL_SOCKET, SCM_RIGHTS), -1);
    struct item unknown[] = {{SOL_SOCKET, 4711, &ttl, sizeof ttl}};
    CHECK_ERR("an unknown kind of SOL_SOCKET", send_with(sender, &to4, sizeof to4, unknown, 1), EINVAL);
}

int main(void)
{
    version6();
    version4();
    DONE();
}
