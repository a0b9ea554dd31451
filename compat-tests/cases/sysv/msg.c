// System V message queues, as POSIX msgget(), msgsnd(), msgrcv(), msgctl() and msgop(2) say: order, types, truncation,
// limits, waiting on either side, removal under waiters, and the answers to bad arguments.
#include "../check.h"

#include <sys/ipc.h>
#include <sys/msg.h>

struct message {
    long type;
    char text[8192];
};

static int send(int id, long type, const char *text, int flags)
{
    struct message m = {.type = type};
    strcpy(m.text, text);
    return msgsnd(id, &m, strlen(text) + 1, flags);
}

static struct message got;

static long take(int id, long type, int flags)
{
    memset(&got, 0, sizeof got);
    return msgrcv(id, &got, sizeof got.text, type, flags);
}

static void order(void)
{
    int id = NEED(msgget(IPC_PRIVATE, 0600));
    CHECK_ERR("nothing there", take(id, 0, IPC_NOWAIT), ENOMSG);
    CHECK_OK("msgsnd", send(id, 5, "five", 0));
    NEED(send(id, 3, "three", 0));
    NEED(send(id, 9, "nine", 0));
    NEED(send(id, 3, "three again", 0));
    CHECK_EQ("by type: its length", take(id, 3, 0), 6);
    CHECK_STR("the first of the type", got.text, "three");
    NEED(take(id, -8, 0));
    CHECK_STR("the lowest type up to 8", got.text, "three again");
    NEED(take(id, 5, MSG_EXCEPT));
    CHECK_STR("any other type", got.text, "nine");
    CHECK_ERR("none of this type", take(id, 4, IPC_NOWAIT), ENOMSG);
    NEED(take(id, 0, 0));
    CHECK_STR("the first of all", got.text, "five");
    CHECK_EQ("its type", got.type, 5);
    CHECK_OK("an empty text", send(id, 1, "", 0));
    CHECK_EQ("comes as one byte", take(id, 0, 0), 1);
    NEED(send(id, 1, "too long", 0));
    CHECK_ERR("a buffer that is too small", msgrcv(id, &got, 3, 0, 0), E2BIG);
    CHECK_EQ("MSG_NOERROR cuts", msgrcv(id, &got, 3, 0, MSG_NOERROR), 3);
    CHECK_ERR("the rest is lost", take(id, 0, IPC_NOWAIT), ENOMSG);
    NEED(msgctl(id, IPC_RMID, NULL));
}

static void status(void)
{
    key_t key = 0x4f460000 + getpid();
    CHECK_ERR("no queue without IPC_CREAT", msgget(key, 0600), ENOENT);
    int id = NEED(msgget(key, IPC_CREAT | 0640));
    CHECK_EQ("found by its key", msgget(key, 0), id);
    CHECK_ERR("IPC_EXCL", msgget(key, IPC_CREAT | IPC_EXCL), EEXIST);
    struct msqid_ds ds;
    CHECK_OK("IPC_STAT", msgctl(id, IPC_STAT, &ds));
    CHECK_EQ("empty", ds.msg_qnum, 0);
    CHECK_EQ("nobody sent yet", ds.msg_lspid, 0);
    CHECK_EQ("mode", ds.msg_perm.mode & 0777, 0640);
    NEED(send(id, 1, "x", 0));
    NEED(msgctl(id, IPC_STAT, &ds));
    CHECK_EQ("one message", ds.msg_qnum, 1);
    CHECK_EQ("of two bytes", ds.__msg_cbytes, 2);
    CHECK_EQ("sent by", ds.msg_lspid, getpid());
    CHECK("just now", labs(time(NULL) - ds.msg_stime) <= 2);
    ds.msg_qbytes = 10;
    CHECK_OK("IPC_SET lowers the limit", msgctl(id, IPC_SET, &ds));
    CHECK_ERR("which holds", send(id, 1, "123456789", IPC_NOWAIT), EAGAIN);
    CHECK_OK("IPC_RMID", msgctl(id, IPC_RMID, NULL));
    CHECK_ERR("gone", msgctl(id, IPC_STAT, &ds), EINVAL);
    CHECK_ERR("gone for senders", send(id, 1, "x", 0), EINVAL);
}

static void on_alarm(int signo)
{
    (void)signo;
}

static void waiting(void)
{
    int id = NEED(msgget(IPC_PRIVATE, 0600));
    pid_t receiver = SPAWN({
        CHECK_EQ("the child waits for its type", take(id, 7, 0), 6);
        CHECK_STR("and gets it", got.text, "seven");
    });
    NEED(send(id, 6, "six", 0));
    sleep_ms(20);
    NEED(send(id, 7, "seven", 0));
    CHECK_EQ("receiver", reap(receiver), 0);
    CHECK_EQ("the other stays", take(id, 0, IPC_NOWAIT), 4);
    char *text = calloc(1, 8200);
    memset(text, 'x', 8191);
    NEED(send(id, 1, text, 0));
    NEED(send(id, 1, text, 0));
    CHECK_ERR("16 KiB fill it", send(id, 1, "x", IPC_NOWAIT), EAGAIN);
    pid_t sender = SPAWN(CHECK_OK("the child waits for room", send(id, 2, "late", 0)));
    sleep_ms(20);
    NEED(take(id, 0, 0));
    CHECK_EQ("sender", reap(sender), 0);
    CHECK_EQ("its message is there", take(id, 2, IPC_NOWAIT), 5);
    NEED(take(id, 0, 0));
    IN_CHILD("signals", {
        handle(SIGALRM, on_alarm, SA_RESTART);
        alarm(1);
        CHECK_ERR("a handler ends it whatever SA_RESTART says", take(id, 0, 0), EINTR);
    });
    pid_t orphan = SPAWN(CHECK_ERR("removal ends waiting", take(id, 0, 0), EIDRM));
    until_asleep(orphan);
    NEED(msgctl(id, IPC_RMID, NULL));
    CHECK_EQ("with EIDRM", reap(orphan), 0);
}

static void bad(void)
{
    int id = NEED(msgget(IPC_PRIVATE, 0600));
    struct message *m = calloc(1, sizeof *m + 4096);
    CHECK_ERR("type 0", msgsnd(id, m, 1, 0), EINVAL);
    m->type = 1;
    CHECK_ERR("longer than MSGMAX", msgsnd(id, m, 8193, 0), EINVAL);
    CHECK_ERR("a negative length", msgsnd(id, m, -1, 0), EINVAL);
    CHECK_ERR("a bad address", msgsnd(id, (void *)8, 1, 0), EFAULT);
    CHECK_ERR("no queue", msgsnd(-1, m, 1, 0), EINVAL);
    CHECK_ERR("receive: no queue", msgrcv(-1, m, 1, 0, 0), EINVAL);
    CHECK_ERR("receive: a negative length", msgrcv(id, m, -1, 0, IPC_NOWAIT), EINVAL);
    NEED(send(id, 1, "x", 0));
    CHECK_ERR("receive: a bad address", msgrcv(id, (void *)8, 10, 0, 0), EFAULT);
    CHECK_ERR("an unknown command", msgctl(id, 4711, NULL), EINVAL);
    NEED(msgctl(id, IPC_RMID, NULL));
}

int main(void)
{
    order();
    status();
    waiting();
    bad();
    DONE();
}
