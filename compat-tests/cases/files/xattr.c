// Extended attributes in the user namespace. setxattr(2), getxattr(2), listxattr(2), removexattr(2).

#include "../check.h"

#include <sys/xattr.h>

int main(void)
{
    char value[64] = "";
    put("file", "");
    long set = setxattr("file", "user.colour", "green", 5, 0);
    if (set == -1 && errno == EOPNOTSUPP) {
        // A file system without them says so in every call.
        CHECK_ERR("getxattr", getxattr("file", "user.colour", value, 64), EOPNOTSUPP);
        DONE();
    }
    CHECK_EQ("setxattr", set, 0);
    CHECK_EQ("size", getxattr("file", "user.colour", NULL, 0), 5);
    CHECK_EQ("getxattr", getxattr("file", "user.colour", value, sizeof value), 5);
    CHECK_STR("value", value, "green");
    CHECK_ERR("too small", getxattr("file", "user.colour", value, 2), ERANGE);
    CHECK_ERR("XATTR_CREATE: exists", setxattr("file", "user.colour", "red", 3, XATTR_CREATE), EEXIST);
    CHECK_ERR("XATTR_REPLACE: none", setxattr("file", "user.none", "red", 3, XATTR_REPLACE), ENODATA);
    CHECK_OK("XATTR_REPLACE", setxattr("file", "user.colour", "red", 3, XATTR_REPLACE));
    CHECK_EQ("shorter", getxattr("file", "user.colour", value, sizeof value), 3);
    int fd = NEED(open("file", O_RDWR));
    CHECK_OK("fsetxattr", fsetxattr(fd, "user.size", "", 0, 0));
    CHECK_EQ("an empty value", fgetxattr(fd, "user.size", value, 10), 0);
    char names[256];
    ssize_t length = CHECK_OK("listxattr", listxattr("file", names, sizeof names));
    int found = 0;
    for (char *name = names; name < names + length; name += strlen(name) + 1)
        found += strcmp(name, "user.colour") == 0 || strcmp(name, "user.size") == 0;
    CHECK_EQ("both names", found, 2);
    CHECK_OK("removexattr", removexattr("file", "user.colour"));
    CHECK_ERR("gone", getxattr("file", "user.colour", value, 64), ENODATA);
    CHECK_ERR("removexattr: gone", removexattr("file", "user.colour"), ENODATA);
    CHECK_ERR("no such namespace", setxattr("file", "nonsense.x", "", 0, 0), EOPNOTSUPP);
    CHECK_ERR("unknown flag", setxattr("file", "user.x", "", 0, 16), EINVAL);
    CHECK_ERR("empty name", setxattr("file", "", "", 0, 0), ERANGE);
    CHECK_ERR("no such file", getxattr("none", "user.x", value, 64), ENOENT);
    NEED(symlink("file", "link"));
    CHECK_ERR("a link has none of its own", lsetxattr("link", "user.x", "", 0, 0), EPERM);
    DONE();
}
