// Resource limits: values, errors, effect. POSIX getrlimit(), setrlimit(); prlimit(2), sysconf(3).

#include "../check.h"

#include <sys/resource.h>
#include <sys/syscall.h>

int main(void)
{
    struct rlimit limit, old;
    for (int n = 0; n < RLIM_NLIMITS; n++) {
        NEED(getrlimit(n, &limit));
        CHECK("soft is not above hard", limit.rlim_cur <= limit.rlim_max);
    }
    CHECK_ERR("unknown", getrlimit(99, &limit), EINVAL);
    NEED(getrlimit(RLIMIT_NOFILE, &limit));
    struct rlimit wanted = {.rlim_cur = 30, .rlim_max = limit.rlim_max};
    CHECK_OK("setrlimit", setrlimit(RLIMIT_NOFILE, &wanted));
    NEED(getrlimit(RLIMIT_NOFILE, &limit));
    CHECK_EQ("read back", limit.rlim_cur, 30);
    CHECK_EQ("sysconf", sysconf(_SC_OPEN_MAX), 30);
    CHECK_OK("prlimit of itself", prlimit(0, RLIMIT_NOFILE, &(struct rlimit){40, wanted.rlim_max}, &old));
    CHECK_EQ("the old one", old.rlim_cur, 30);
    CHECK_OK("prlimit by pid", prlimit(getpid(), RLIMIT_NOFILE, NULL, &limit));
    CHECK_EQ("the new one", limit.rlim_cur, 40);
    CHECK_ERR("soft above hard", setrlimit(RLIMIT_NOFILE, &(struct rlimit){50, 45}), EINVAL);
    CHECK_ERR("prlimit: no such process", prlimit(99999999, RLIMIT_NOFILE, NULL, &old), ESRCH);
    int fds = 0;
    while (open("/dev/null", O_RDONLY) != -1)
        fds++;
    CHECK_EQ("EMFILE", errno, EMFILE);
    CHECK_EQ("after as many as allowed", fds, 37);
    for (int fd = 3; fd < 40; fd++)
        close(fd);
    CHECK_OK("hard lowered", setrlimit(RLIMIT_NOFILE, &(struct rlimit){35, 40}));
    IN_CHILD("as an ordinary user", {
        drop_root();
        CHECK_ERR("child: hard raised", setrlimit(RLIMIT_NOFILE, &(struct rlimit){35, 41}), EPERM);
        CHECK_OK("child: soft raised to hard", setrlimit(RLIMIT_NOFILE, &(struct rlimit){40, 40}));
    });

    // RLIMIT_FSIZE: SIGXFSZ, or EFBIG where it is ignored.
    IN_CHILD("RLIMIT_FSIZE", {
        NEED(setrlimit(RLIMIT_FSIZE, &(struct rlimit){1000, 1000}));
        signal(SIGXFSZ, SIG_IGN);
        int fd = NEED(open("file", O_RDWR | O_CREAT, 0600));
        char bytes[2000] = "";
        CHECK_EQ("child: up to the limit", write(fd, bytes, 2000), 1000);
        CHECK_ERR("child: no further", write(fd, bytes, 1), EFBIG);
        CHECK_ERR("child: ftruncate", ftruncate(fd, 1001), EFBIG);
        signal(SIGXFSZ, SIG_DFL);
        CHECK_EQ("child: SIGXFSZ", reap(SPAWN(NEED(write(fd, bytes, 1)))), 128 + SIGXFSZ);
    });
    IN_CHILD("RLIMIT_AS", {
        NEED(setrlimit(RLIMIT_AS, &(struct rlimit){256 << 20, 256 << 20}));
        CHECK_ERR("child: mmap", (long)mmap(NULL, 512 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
        CHECK("child: a small one", mmap(NULL, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
    });
    IN_CHILD("RLIMIT_DATA", {
        NEED(setrlimit(RLIMIT_DATA, &(struct rlimit){64 << 20, 64 << 20}));
        CHECK_ERR("child: mmap", (long)mmap(NULL, 128 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
    });
    CHECK_EQ("RLIMIT_CPU", reap(SPAWN({
                 NEED(setrlimit(RLIMIT_CPU, &(struct rlimit){1, 3}));
                 for (;;)
                     ;
             })),
             128 + SIGXCPU);
    // Limits pass to children and through exec.
    NEED(setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}));
    IN_CHILD("inherited", {
        NEED(getrlimit(RLIMIT_CORE, &limit));
        CHECK("child: core", limit.rlim_cur == 0 && limit.rlim_max == 0);
        execlp("sh", "sh", "-c", "test $(ulimit -n) = 35 && test $(ulimit -c) = 0", NULL);
    });
    CHECK_EQ("page size", sysconf(_SC_PAGESIZE), 4096);
    CHECK("processors", sysconf(_SC_NPROCESSORS_ONLN) >= 1);
    CHECK_EQ("clock ticks", sysconf(_SC_CLK_TCK), 100);
    // Priorities.
    CHECK_OK("setpriority", setpriority(PRIO_PROCESS, 0, 5));
    CHECK_EQ("getpriority", getpriority(PRIO_PROCESS, 0), 5);
    CHECK_EQ("nice", nice(3), 8);
    CHECK_EQ("at most 19", (setpriority(PRIO_PROCESS, 0, 100), getpriority(PRIO_PROCESS, 0)), 19);
    CHECK_ERR("unknown which", getpriority(9, 0), EINVAL);
    CHECK_ERR("no such process", getpriority(PRIO_PROCESS, 99999999), ESRCH);
    DONE();
}
