// /proc/self and /dev, as programs use them. proc(5), null(4), full(4), random(4), fd(4).

#include "../check.h"

#include <dirent.h>
#include <sys/sysmacros.h>

static char text[1 << 16];

static const char *slurp(const char *path)
{
    int fd = NEED(open(path, O_RDONLY));
    ssize_t total = 0, got;
    while ((got = NEED(read(fd, text + total, sizeof text - 1 - total))) > 0)
        total += got;
    text[total] = 0;
    NEED(close(fd));
    return text;
}

static void device(const char *path, int major_number, int minor_number)
{
    struct stat st;
    NEED(stat(path, &st));
    CHECK(path, S_ISCHR(st.st_mode) && st.st_rdev == makedev(major_number, minor_number));
}

int main(int argc, char **argv)
{
    char path[4096] = "", want[4200];
    ssize_t length = CHECK_OK("exe", readlink("/proc/self/exe", path, sizeof path - 1));
    path[length] = 0;
    CHECK("names this program", strcmp(path, argv[0]) == 0);
    NEED(getcwd(want, sizeof want) ? 0 : -1);
    length = CHECK_OK("cwd", readlink("/proc/self/cwd", path, sizeof path - 1));
    path[length] = 0;
    CHECK("names the folder", strcmp(path, want) == 0);
    int fd = NEED(open("file", O_RDWR | O_CREAT, 0644));
    char name[64];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    length = CHECK_OK("fd", readlink(name, path, sizeof path - 1));
    path[length] = 0;
    strcat(want, "/file");
    CHECK("names the file", strcmp(path, want) == 0);
    NEED(write(fd, "through fd", 10));
    CHECK_STR("can be opened anew", slurp(name), "through fd");
    CHECK_EQ("and the offset is its own", lseek(fd, 0, SEEK_CUR), 10);
    NEED(unlink("file"));
    length = NEED(readlink(name, path, sizeof path - 1));
    path[length] = 0;
    CHECK("tells that it is deleted", length > 10 && strcmp(path + length - 10, " (deleted)") == 0);
    int pipes[2];
    NEED(pipe(pipes));
    snprintf(name, sizeof name, "/proc/self/fd/%d", pipes[0]);
    length = NEED(readlink(name, path, sizeof path - 1));
    path[length] = 0;
    CHECK("a pipe", strncmp(path, "pipe:[", 6) == 0);
    DIR *dir = opendir("/proc/self/fd");
    NEED(dir ? 0 : -1);
    int entries = 0;
    for (struct dirent *entry; (entry = readdir(dir));)
        entries += entry->d_name[0] != '.';
    closedir(dir);
    CHECK_EQ("one entry for each descriptor", entries, 3 + 1 + 2 + 1);

    slurp("/proc/self/cmdline");
    CHECK_STR("cmdline", text, argv[0]);
    slurp("/proc/self/comm");
    CHECK_STR("comm", text, "self\n");
    slurp("/proc/self/maps");
    CHECK("maps: the stack", strstr(text, "[stack]") != NULL);
    CHECK("maps: this program", strstr(text, argv[0]) != NULL);
    CHECK("maps: code", strstr(text, "r-xp") != NULL);
    bool found = false;
    uintptr_t here = (uintptr_t)&main;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        unsigned long from, to;
        if (sscanf(line, "%lx-%lx r-xp", &from, &to) == 2 && from <= here && here < to)
            found = true;
    }
    CHECK("maps: main lies in an executable range", found);
    slurp("/proc/self/status");
    int pid = 0, parent = 0, threads = 0;
    char *at = strstr(text, "\nPid:");
    if (at)
        sscanf(at, "\nPid: %d", &pid);
    if ((at = strstr(text, "\nPPid:")))
        sscanf(at, "\nPPid: %d", &parent);
    if ((at = strstr(text, "\nThreads:")))
        sscanf(at, "\nThreads: %d", &threads);
    CHECK_EQ("status: Pid", pid, getpid());
    CHECK_EQ("status: PPid", parent, getppid());
    CHECK_EQ("status: Threads", threads, 1);
    CHECK("status: Name", strncmp(text, "Name:\tself\n", 11) == 0);
    CHECK("status: VmRSS", strstr(text, "\nVmRSS:") != NULL);
    slurp("/proc/self/stat");
    char state = 0, command[32] = "";
    int group = 0, session = 0;
    CHECK_EQ("stat", sscanf(text, "%d (%31[^)]) %c %d %d %d", &pid, command, &state, &parent, &group, &session), 6);
    CHECK("stat: its fields", pid == getpid() && strcmp(command, "self") == 0 && state == 'R' && parent == getppid() && group == getpgrp() && session == getsid(0));
    int fields = 0;
    for (char *field = strtok(text, " "); field; field = strtok(NULL, " "))
        fields++;
    CHECK_EQ("stat: number of fields", fields, 52);
    slurp("/proc/self/statm");
    long pages = 0, resident = 0;
    CHECK_EQ("statm", sscanf(text, "%ld %ld", &pages, &resident), 2);
    CHECK("statm: numbers", pages >= resident && resident > 0);
    CHECK("environ", memmem(slurp("/proc/self/environ"), 4096, "HOME=/", 6) != NULL);
    snprintf(name, sizeof name, "/proc/%d/comm", getpid());
    CHECK_STR("by pid", slurp(name), "self\n");
    // Of another process.
    pid_t child = SPAWN({
        tell(pipes[1]);
        for (;;)
            pause();
    });
    await(pipes[0]);
    snprintf(name, sizeof name, "/proc/%d/stat", child);
    slurp(name);
    NEED(sscanf(text, "%d (%31[^)]) %c %d", &pid, command, &state, &parent) == 4 ? 0 : -1);
    CHECK("a child's stat", pid == child && parent == getpid());
    NEED(kill(child, SIGKILL));
    siginfo_t info;
    NEED(waitid(P_PID, child, &info, WEXITED | WNOWAIT));
    slurp(name);
    NEED(sscanf(text, "%d (%31[^)]) %c", &pid, command, &state) == 3 ? 0 : -1);
    CHECK_EQ("a zombie", state, 'Z');
    reap(child);
    CHECK_ERR("gone", open(name, O_RDONLY), ENOENT);
    CHECK_ERR("no such process", open("/proc/99999999/stat", O_RDONLY), ENOENT);
    CHECK("meminfo", strstr(slurp("/proc/meminfo"), "MemTotal:") != NULL);
    CHECK("cpuinfo", strstr(slurp("/proc/cpuinfo"), "processor") != NULL);
    CHECK("/proc/stat", strncmp(slurp("/proc/stat"), "cpu ", 4) == 0);
    CHECK("uptime", atof(slurp("/proc/uptime")) > 0);
    CHECK("loadavg", strchr(slurp("/proc/loadavg"), '/') != NULL);
    CHECK("mounts", strstr(slurp("/proc/mounts"), " / ") != NULL || strstr(text, "/ ") != NULL);
    CHECK("filesystems", strstr(slurp("/proc/filesystems"), "proc") != NULL);
    CHECK("version", strncmp(slurp("/proc/version"), "Linux version ", 14) == 0);

    device("/dev/null", 1, 3);
    device("/dev/zero", 1, 5);
    device("/dev/full", 1, 7);
    device("/dev/random", 1, 8);
    device("/dev/urandom", 1, 9);
    device("/dev/tty", 5, 0);
    int null = NEED(open("/dev/null", O_RDWR)), zero = NEED(open("/dev/zero", O_RDWR)), full = NEED(open("/dev/full", O_RDWR));
    char bytes[64];
    CHECK_EQ("null: read", read(null, bytes, 64), 0);
    CHECK_EQ("null: write", write(null, bytes, 64), 64);
    memset(bytes, 1, 64);
    CHECK_EQ("zero: read", read(zero, bytes, 64), 64);
    CHECK("zeros", bytes[0] == 0 && bytes[63] == 0);
    CHECK_EQ("full: read", read(full, bytes, 64), 64);
    CHECK_ERR("full: write", write(full, bytes, 1), ENOSPC);
    int random = NEED(open("/dev/urandom", O_RDONLY));
    char more[64];
    CHECK_EQ("urandom", read(random, bytes, 64), 64);
    CHECK_EQ("urandom again", read(random, more, 64), 64);
    CHECK("not the same", memcmp(bytes, more, 64) != 0);
    struct stat st;
    CHECK_OK("/dev/fd", stat("/dev/fd/0", &st));
    CHECK_OK("/dev/stdin", stat("/dev/stdin", &st));
    CHECK_ERR("no such descriptor", open("/dev/fd/99", O_RDONLY), ENOENT);
    CHECK_ERR("/dev/tty without a terminal", reap(SPAWN({
                  NEED(setsid());
                  _exit(open("/dev/tty", O_RDWR) == -1 ? errno : 0);
              })) == ENXIO
                  ? (errno = ENXIO, -1)
                  : 0,
              ENXIO);
    DONE();
}
