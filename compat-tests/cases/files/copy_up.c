// Changes to files that the root already has, as in a scratch layer over a read-only root: appended, truncated, renamed,
// removed and made anew, with what the folder shows of it. SCRATCH_ROOT names a folder in which that is allowed: hosted
// the root itself, natively a copy of a few of its files. POSIX open(), unlink(), rename(), readdir().

#include "../check.h"

#include <dirent.h>

static int shown(const char *folder, const char *name)
{
    DIR *dir = opendir(folder);
    NEED(dir ? 0 : -1);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(dir));)
        count += strcmp(entry->d_name, name) == 0;
    closedir(dir);
    return count;
}

static off_t size_of(const char *path)
{
    struct stat st;
    NEED(stat(path, &st));
    return st.st_size;
}

int main(void)
{
    const char *root = getenv("SCRATCH_ROOT");
    bool copied = strcmp(root, "/") != 0;
    if (copied)
        NEED(system("mkdir etc usr && cp -r /etc/passwd /etc/group /etc/services /etc/skel etc && cp -r /usr/include/linux usr") ? -1 : 0);
    else
        NEED(system("mkdir /usr/linux && rmdir /usr/linux && cp -r /usr/include/linux /usr") ? -1 : 0);
    NEED(chdir(root));

    off_t before = size_of("etc/passwd");
    int reader = NEED(open("etc/passwd", O_RDONLY));
    int fd = CHECK_OK("open for appending", open("etc/passwd", O_WRONLY | O_APPEND));
    CHECK_EQ("append", write(fd, "added:x:1:1::/:\n", 16), 16);
    CHECK_EQ("size", size_of("etc/passwd"), before + 16);
    char tail[17] = "";
    int again = NEED(open("etc/passwd", O_RDONLY));
    NEED(pread(again, tail, 16, before));
    CHECK_STR("read back by a new descriptor", tail, "added:x:1:1::/:\n");
    char first[5] = "";
    CHECK_EQ("an older descriptor still reads", pread(reader, first, 4, 0), 4);
    CHECK_STR("its first bytes", first, "root");
    IN_CHILD("a child", CHECK_EQ("child: sees the new size", size_of("etc/passwd"), before + 16));
    CHECK_EQ("a program sees it", WEXITSTATUS(system("tail -n 1 etc/passwd | grep -q ^added:")), 0);
    CHECK_EQ("shown once", shown("etc", "passwd"), 1);

    NEED(chmod("etc/group", 0600));
    struct stat st;
    NEED(stat("etc/group", &st));
    CHECK_EQ("chmod", st.st_mode & 0777, 0600);
    CHECK("chmod keeps the content", st.st_size > 0);
    CHECK_OK("truncate", truncate("etc/group", 3));
    CHECK_EQ("its size", size_of("etc/group"), 3);

    CHECK_OK("rename", rename("etc/services", "etc/renamed"));
    CHECK_ERR("the old name", access("etc/services", F_OK), ENOENT);
    CHECK_EQ("is not shown", shown("etc", "services"), 0);
    CHECK_EQ("the new one is", shown("etc", "renamed"), 1);
    CHECK("with its content", size_of("etc/renamed") > 1000);
    put("etc/services", "new\n");
    CHECK_STR("the old name anew", get("etc/services"), "new\n");
    CHECK_EQ("is shown once", shown("etc", "services"), 1);

    CHECK_OK("unlink", unlink("etc/passwd"));
    CHECK_ERR("is gone", open("etc/passwd", O_RDONLY), ENOENT);
    CHECK_EQ("is not shown", shown("etc", "passwd"), 0);
    CHECK_EQ("an open descriptor reads on", pread(reader, first, 4, 0), 4);
    CHECK_ERR("unlink again", unlink("etc/passwd"), ENOENT);
    CHECK_OK("a folder of that name", mkdir("etc/passwd", 0755));
    CHECK_OK("is a folder", access("etc/passwd/.", F_OK));
    CHECK_OK("and goes again", rmdir("etc/passwd"));

    CHECK_EQ("a whole folder is removed", WEXITSTATUS(system("rm -r etc/skel")), 0);
    CHECK_ERR("is gone", access("etc/skel", F_OK), ENOENT);
    CHECK_OK("made anew", mkdir("etc/skel", 0755));
    CHECK_ERR("what was in the old one is not in it", access("etc/skel/.bashrc", F_OK), ENOENT);
    CHECK_OK("a link to a file of the root", link("etc/renamed", "etc/linked"));
    CHECK_EQ("has two names", (stat("etc/linked", &st), st.st_nlink), 2);
    NEED(symlink("renamed", "etc/symbolic"));
    CHECK("a symbolic link in it", size_of("etc/symbolic") == size_of("etc/renamed"));
    CHECK_EQ("sed -i", WEXITSTATUS(system("sed -i s/define/DEFINE/ usr/linux/fs.h && grep -q DEFINE usr/linux/fs.h")), 0);
    CHECK_OK("a folder is renamed", rename("usr/linux", "usr/moved"));
    CHECK_OK("with all in it", access("usr/moved/fs.h", F_OK));
    if (copied)
        NEED(system("rm -r etc usr") ? -1 : 0);
    DONE();
}
