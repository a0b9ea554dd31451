// Reading folders: every entry once, types, seekdir, entries made and removed meanwhile; chdir, fchdir, getcwd.
// POSIX readdir(), chdir(), getcwd(); getdents64(2).

#include "../check.h"

#include <dirent.h>
#include <sys/syscall.h>

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list(const char *path)
{
    DIR *dir = opendir(path);
    NEED(dir ? 0 : -1);
    char *names[64];
    int count = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        char line[300];
        const char *type = entry->d_type == DT_DIR    ? "dir"
                           : entry->d_type == DT_REG  ? "file"
                           : entry->d_type == DT_LNK  ? "link"
                           : entry->d_type == DT_FIFO ? "fifo"
                                                      : "other";
        snprintf(line, sizeof line, "%s %s", entry->d_name, type);
        names[count++] = strdup(line);
    }
    closedir(dir);
    qsort(names, count, sizeof *names, compare);
    for (int n = 0; n < count; n++)
        say("  %s", names[n]);
}

int main(void)
{
    NEED(mkdir("d", 0755));
    put("d/file", "x");
    NEED(mkdir("d/sub", 0755));
    NEED(symlink("file", "d/link"));
    NEED(mkfifo("d/fifo", 0600));
    put("d/.hidden", "");
    list("d");

    NEED(mkdir("many", 0755));
    char name[64];
    for (int n = 0; n < 500; n++) {
        snprintf(name, sizeof name, "many/entry-with-some-length-%d", n);
        put(name, "");
    }
    DIR *dir = opendir("many");
    static int seen[500];
    int others = 0;
    long middle = 0;
    char after_middle[256] = "";
    for (struct dirent *entry; (entry = readdir(dir));) {
        int number;
        if (sscanf(entry->d_name, "entry-with-some-length-%d", &number) == 1)
            seen[number]++;
        else
            others++;
        if (middle && !after_middle[0])
            strcpy(after_middle, entry->d_name);
        int total = 0;
        for (int n = 0; n < 500 && !middle; n++)
            total += seen[n];
        if (total == 250)
            middle = telldir(dir);
    }
    int once = 0;
    for (int n = 0; n < 500; n++)
        once += seen[n] == 1;
    CHECK_EQ("each entry once", once, 500);
    CHECK_EQ("`.` and `..`", others, 2);
    CHECK("the end stays the end", readdir(dir) == NULL);
    seekdir(dir, middle);
    struct dirent *entry = readdir(dir);
    CHECK("seekdir", entry && strcmp(entry->d_name, after_middle) == 0);
    rewinddir(dir);
    int count = 0;
    while (readdir(dir))
        count++;
    CHECK_EQ("rewinddir", count, 502);
    // Removing while reading: all can be removed.
    rewinddir(dir);
    while ((entry = readdir(dir)))
        if (entry->d_name[0] != '.')
            NEED(unlinkat(dirfd(dir), entry->d_name, 0));
    closedir(dir);
    CHECK_OK("then the folder is empty", rmdir("many"));

    int fd = NEED(open("d", O_RDONLY | O_DIRECTORY));
    char buffer[1024];
    CHECK_ERR("getdents: too small", syscall(SYS_getdents64, fd, buffer, 4), EINVAL);
    CHECK("getdents", syscall(SYS_getdents64, fd, buffer, sizeof buffer) > 0);
    CHECK_EQ("getdents: the end", syscall(SYS_getdents64, fd, buffer, sizeof buffer), 0);
    CHECK_ERR("getdents: not a folder", syscall(SYS_getdents64, open("d/file", O_RDONLY), buffer, 1024), ENOTDIR);
    // The offset is the description's: a child goes on where the parent was.
    NEED(lseek(fd, 0, SEEK_SET));
    IN_CHILD("shared offset", CHECK("child: reads all", syscall(SYS_getdents64, fd, buffer, sizeof buffer) > 0));
    CHECK_EQ("nothing left here", syscall(SYS_getdents64, fd, buffer, sizeof buffer), 0);

    char start[4096], here[4096], want[4096 + 16];
    NEED(getcwd(start, sizeof start) ? 0 : -1);
    CHECK_OK("chdir", chdir("d/sub"));
    NEED(getcwd(here, sizeof here) ? 0 : -1);
    snprintf(want, sizeof want, "%s/d/sub", start);
    CHECK("getcwd", strcmp(here, want) == 0);
    CHECK_OK("a relative name", access("../file", F_OK));
    CHECK_OK("fchdir", fchdir(fd));
    CHECK_OK("there", access("file", F_OK));
    CHECK_ERR("chdir to a file", chdir("file"), ENOTDIR);
    CHECK_ERR("chdir to nothing", chdir("none"), ENOENT);
    CHECK_ERR("fchdir of a file", fchdir(open("file", O_RDONLY)), ENOTDIR);
    errno = 0;
    CHECK("getcwd: too small", getcwd(here, 2) == NULL && errno == ERANGE);
    NEED(chdir("sub"));
    NEED(rename("../sub", "../moved"));
    NEED(getcwd(here, sizeof here) ? 0 : -1);
    CHECK("getcwd follows a rename", strcmp(strrchr(here, '/'), "/moved") == 0);
    NEED(rmdir("../moved"));
    errno = 0;
    CHECK("getcwd of a removed folder", getcwd(here, sizeof here) == NULL && errno == ENOENT);
    CHECK_ERR("nothing can be made in it", open("x", O_WRONLY | O_CREAT, 0600), ENOENT);
    CHECK_OK("out of it", fchdir(fd));
    NEED(chdir("/"));
    NEED(getcwd(here, sizeof here) ? 0 : -1);
    CHECK_STR("root", here, "/");
    CHECK_OK("`..` of the root is the root", chdir("../../.."));
    NEED(getcwd(here, sizeof here) ? 0 : -1);
    CHECK_STR("still root", here, "/");
    DONE();
}
