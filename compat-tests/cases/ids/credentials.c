// User and group ids: reading, setting, what exec and fork keep. POSIX getuid(), setuid(); setresuid(2), credentials(7).

#include "../check.h"

#include <grp.h>
#include <sys/prctl.h>

int main(void)
{
    uid_t real, effective, saved;
    gid_t groups[200];
    CHECK_OK("getresuid", getresuid(&real, &effective, &saved));
    CHECK("all one", real == getuid() && effective == geteuid() && real == saved);
    int count = CHECK_OK("getgroups", getgroups(200, groups));
    CHECK_EQ("getgroups of 0 tells the count", getgroups(0, NULL), count);
    CHECK_OK("setuid to the same", setuid(getuid()));
    CHECK_OK("setgid to the same", setgid(getgid()));
    CHECK_OK("setresuid of nothing", setresuid(-1, -1, -1));
    CHECK_OK("setreuid of the same", setreuid(getuid(), geteuid()));
    IN_CHILD("given up", {
        drop_root();
        uid_t own = getuid();
        CHECK("child: an ordinary user", own != 0 && geteuid() == own);
        CHECK_ERR("child: no way back", setuid(0), EPERM);
        CHECK_ERR("child: nor by setresuid", setresuid(0, 0, 0), EPERM);
        CHECK_ERR("child: nor by seteuid", seteuid(0), EPERM);
        CHECK_ERR("child: setgid", setgid(0), EPERM);
        CHECK_ERR("child: setgroups", setgroups(1, &(gid_t){0}), EPERM);
        IN_CHILD("child: its child", CHECK_EQ("grandchild: the same user", getuid(), own));
        char text[32];
        snprintf(text, sizeof text, "test $(id -u) = %d", own);
        CHECK_EQ("child: through exec", reap(SPAWN(execlp("sh", "sh", "-c", text, NULL))), 0);
        umask(0);
        NEED(chmod(".", 0777) && errno != EPERM ? -1 : 0);
    });
    CHECK_EQ("not given up here", getuid(), real);
    CHECK_EQ("PR_GET_DUMPABLE", prctl(PR_GET_DUMPABLE) >= 0, 1);
    CHECK_OK("PR_SET_NO_NEW_PRIVS", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    CHECK_EQ("PR_GET_NO_NEW_PRIVS", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
    char name[17] = "";
    CHECK_OK("PR_SET_NAME", prctl(PR_SET_NAME, "a name that is too long"));
    CHECK_OK("PR_GET_NAME", prctl(PR_GET_NAME, name));
    CHECK_STR("cut to fifteen bytes", name, "a name that is ");
    CHECK_ERR("unknown prctl", prctl(0x7fff0000, 0, 0, 0, 0), EINVAL);
    CHECK("hostname", gethostname(name, sizeof name) == 0 || errno == ENAMETOOLONG);
    DONE();
}
