// Capability sets: what changes of user ids, exec, capset and prctl make of them, and what they permit. capabilities(7),
// prctl(2) PR_SET_KEEPCAPS, capset(2), setresuid(2). An ordinary user sees that it has none and gets none.

#include "../check.h"

#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

// Only root has what is looked at; to others it holds.
#define ROOT(name, condition) CHECK(name, !root || (condition))

static bool root;

struct sets {
    unsigned effective, permitted, inheritable;
};

// The first 32 capabilities of a process.
static struct sets sets_of(pid_t pid)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, pid};
    struct __user_cap_data_struct data[2] = {0};
    NEED(syscall(SYS_capget, &head, data));
    return (struct sets){data[0].effective, data[0].permitted, data[0].inheritable};
}

static long set(struct sets wanted)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {{wanted.effective, wanted.permitted, wanted.inheritable}};
    return syscall(SYS_capset, &head, data);
}

static bool has(unsigned set, int capability)
{
    return set >> capability & 1;
}

static void keeps(void)
{
    NEED(prctl(PR_SET_KEEPCAPS, 1));
    NEED(setgroups(0, NULL));
    CHECK_OK("child: setresuid", setresuid(4711, 4711, 4711));
    struct sets now = sets_of(0);
    CHECK_EQ("child: nothing is effective", now.effective, 0);
    CHECK("child: all is permitted still", has(now.permitted, CAP_SETGID));
    CHECK_ERR("child: setresgid takes what is effective", setresgid(4712, 4712, 4712), EPERM);
    CHECK_OK("child: capset", set((struct sets){1 << CAP_SETGID, 1 << CAP_SETGID | 1 << CAP_KILL, 0}));
    CHECK_OK("child: and now", setresgid(4712, 4712, 4712));
    CHECK_OK("child: setgroups too", setgroups(1, &(gid_t){5}));
    CHECK_ERR("child: but not setuid", setuid(0), EPERM);
    CHECK_ERR("child: nor kill", kill(getppid(), 0), EPERM);
    CHECK_OK("child: which is permitted", set((struct sets){1 << CAP_KILL, 1 << CAP_KILL, 0}));
    CHECK_OK("child: and then works", kill(getppid(), 0));
    CHECK_ERR("child: what is gone is gone", set((struct sets){1 << CAP_SETGID, 1 << CAP_SETGID, 0}), EPERM);
    CHECK_EQ("child: exec takes all", reap(SPAWN(execlp("sh", "sh", "-c", "grep -q '^CapPrm:.*0000000000000000' /proc/self/status", NULL))), 0);
}

static void powerless_root(void)
{
    CHECK_OK("root without capabilities", set((struct sets){0, 0, 0}));
    CHECK_ERR("child: setuid", setuid(4711), EPERM);
    CHECK_ERR("child: setgid", setgid(4711), EPERM);
    CHECK_ERR("child: sethostname", sethostname("name", 4), EPERM);
    CHECK_EQ("child: exec gives them back", reap(SPAWN(execlp("sh", "sh", "-c", "! grep -q '^CapPrm:.*0000000000000000' /proc/self/status", NULL))), 0);
}

static void bounded(void)
{
    CHECK_OK("PR_CAPBSET_DROP", prctl(PR_CAPBSET_DROP, CAP_SYS_NICE));
    CHECK("child: what one has stays", has(sets_of(0).permitted, CAP_SYS_NICE));
    CHECK_EQ("child: PR_CAPBSET_READ", prctl(PR_CAPBSET_READ, CAP_SYS_NICE), 0);
    CHECK_EQ("child: exec does not give it", reap(SPAWN(execlp("sh", "sh", "-c", "grep -q '^CapEff:[[:space:]]*[0-9a-f]*[0-7][0-9a-f]\\{5\\}$' /proc/self/status", NULL))), 0);
}

static void fixed(void)
{
    CHECK_OK("SECBIT_NO_SETUID_FIXUP", prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED));
    CHECK_OK("child: seteuid", seteuid(4711));
    CHECK("child: changes no sets", has(sets_of(0).effective, CAP_SETUID));
    CHECK_ERR("child: a locked bit stays", prctl(PR_SET_SECUREBITS, 0), EPERM);
}

int main(void)
{
    root = geteuid() == 0;
    struct sets mine = sets_of(0);
    ROOT("root has what it takes", has(mine.effective, CAP_SETUID) && has(mine.permitted, CAP_KILL));
    CHECK("or nothing", root || (mine.effective | mine.permitted) == 0);
    ROOT("PR_SET_KEEPCAPS", reap(SPAWN(dup2(2, 1); keeps())) == 0);
    ROOT("capset of root", reap(SPAWN(dup2(2, 1); powerless_root())) == 0);
    ROOT("the bounding set", reap(SPAWN(dup2(2, 1); bounded())) == 0);
    ROOT("secure bits", reap(SPAWN(dup2(2, 1); fixed())) == 0);
    drop_root();
    mine = sets_of(0);
    CHECK_EQ("a user has nothing", mine.effective | mine.permitted, 0);
    CHECK_EQ("but may ask about others", sets_of(getppid()).inheritable >> 31, 0);
    CHECK_ERR("nothing can be taken", set((struct sets){1, 1, 0}), EPERM);
    CHECK_ERR("nor made inheritable", set((struct sets){0, 0, 1}), EPERM);
    CHECK_ERR("PR_CAPBSET_DROP", prctl(PR_CAPBSET_DROP, 0), EPERM);
    CHECK_ERR("PR_SET_SECUREBITS", prctl(PR_SET_SECUREBITS, SECBIT_NOROOT), EPERM);
    CHECK_OK("PR_SET_KEEPCAPS is anybody's", prctl(PR_SET_KEEPCAPS, 1));
    CHECK_EQ("and kept", prctl(PR_GET_KEEPCAPS), 1);
    CHECK_EQ("as a secure bit", prctl(PR_GET_SECUREBITS), SECBIT_KEEP_CAPS);
    CHECK_ERR("another value", prctl(PR_SET_KEEPCAPS, 2), EINVAL);
    CHECK_ERR("no such capability", prctl(PR_CAPBSET_READ, 99), EINVAL);
    CHECK_ERR("PR_CAP_AMBIENT_RAISE", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0), EPERM);
    CHECK_ERR("capset of another", syscall(SYS_capset, &(struct __user_cap_header_struct){_LINUX_CAPABILITY_VERSION_3, 1}, &(struct __user_cap_data_struct[2]){{0}}), EPERM);
    DONE();
}
