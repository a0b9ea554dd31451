// A file of the root can be changed, removed and replaced, as far as this process can tell. What the host's own file
// becomes is another matter: natively the case works on a copy, so that it harms nothing, and hosted the same names are a
// scratch layer over the read-only root. POSIX open(), unlink(), rename(), mkdir().

#include "../check.h"

#include <dirent.h>

// Natively a folder of its own in /tmp; hosted, the same path in the overlay.
static char base[64];

static int entries(const char *path)
{
    DIR *dir = opendir(path);
    NEED(dir ? 0 : -1);
    int count = 0;
    while (readdir(dir))
        count++;
    closedir(dir);
    return count - 2;
}

int main(void)
{
    snprintf(base, sizeof base, "/tmp/overlay-case-XXXXXX");
    NEED(mkdtemp(base) ? 0 : -1);
    NEED(chdir(base));
    put("file", "first");
    CHECK_STR("made outside the scratch folder", get("file"), "first");
    NEED(mkdir("sub", 0755));
    put("sub/one", "1");
    put("sub/two", "2");
    CHECK_EQ("entries", entries("sub"), 2);
    NEED(unlink("sub/one"));
    CHECK_EQ("one less", entries("sub"), 1);
    put("sub/one", "again");
    CHECK_EQ("and again", entries("sub"), 2);
    NEED(rename("sub", "moved"));
    CHECK_STR("renamed with its content", get("moved/one"), "again");
    CHECK_ERR("the old name", access("sub", F_OK), ENOENT);
    NEED(symlink("moved", "link"));
    CHECK_STR("through a link", get("link/two"), "2");
    // A file of the root itself: its content can be read, and /usr's folders listed.
    CHECK("a file of the root", strlen(get("/etc/passwd")) > 0);
    CHECK("a folder of the root", entries("/usr/bin") > 100);
    struct stat st;
    CHECK_OK("stat", stat("/bin/sh", &st));
    CHECK("executable", st.st_mode & S_IXUSR);
    CHECK_ERR("a folder that is not empty", rmdir("moved"), ENOTEMPTY);
    NEED(unlink("link"));
    NEED(unlink("moved/one"));
    NEED(unlink("moved/two"));
    NEED(rmdir("moved"));
    NEED(unlink("file"));
    CHECK_OK("all is removed", (chdir("/"), rmdir(base)));
    DONE();
}
