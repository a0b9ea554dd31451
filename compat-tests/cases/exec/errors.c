// exec's errors leave the caller as it was. POSIX exec; execve(2) "ERRORS".

#include "../check.h"

#include <elf.h>

int main(int argc, char **argv)
{
    if (argc == 2)
        return 61;
    char *args[] = {"x", NULL}, *env[] = {NULL};
    CHECK_ERR("no such file", execve("./none", args, env), ENOENT);
    CHECK_ERR("empty path", execve("", args, env), ENOENT);
    CHECK_ERR("no such folder", execve("none/none", args, env), ENOENT);
    CHECK_ERR("a folder", execve(".", args, env), EACCES);
    put("plain", "just text\n");
    CHECK_ERR("not executable", execve("./plain", args, env), EACCES);
    CHECK_ERR("through a file", execve("plain/x", args, env), ENOTDIR);
    NEED(chmod("plain", 0755));
    CHECK_ERR("neither ELF nor script", execve("./plain", args, env), ENOEXEC);
    put("empty", "");
    NEED(chmod("empty", 0755));
    CHECK_ERR("an empty file", execve("./empty", args, env), ENOEXEC);
    put("short", "\177ELF");
    NEED(chmod("short", 0755));
    CHECK_ERR("a cut ELF", execve("./short", args, env), ENOEXEC);
    Elf64_Ehdr other = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                        .e_type = ET_EXEC,
                        .e_machine = EM_AARCH64,
                        .e_version = EV_CURRENT,
                        .e_ehsize = sizeof other,
                        .e_phentsize = sizeof(Elf64_Phdr),
                        .e_phnum = 1,
                        .e_phoff = sizeof other};
    int fd = NEED(open("other", O_WRONLY | O_CREAT, 0755));
    NEED(write(fd, &other, sizeof other));
    NEED(write(fd, &(Elf64_Phdr){.p_type = PT_LOAD}, sizeof(Elf64_Phdr)));
    NEED(close(fd));
    CHECK_ERR("another machine's ELF", execve("./other", args, env), ENOEXEC);
    NEED(symlink("loop-b", "loop-a"));
    NEED(symlink("loop-a", "loop-b"));
    CHECK_ERR("symbolic links in a circle", execve("./loop-a", args, env), ELOOP);
    char name[300];
    memset(name, 'n', 299);
    name[299] = 0;
    CHECK_ERR("a long name", execve(name, args, env), ENAMETOOLONG);
    put("script", "#!./none\n");
    NEED(chmod("script", 0755));
    CHECK_ERR("missing interpreter", execve("./script", args, env), ENOENT);
    put("script", "#!\n");
    CHECK_ERR("no interpreter named", execve("./script", args, env), ENOEXEC);
    put("script", "#!./script\n");
    CHECK_ERR("a script that is its own interpreter", execve("./script", args, env), ELOOP);
    put("script", "#!./plain2\n");
    put("plain2", "x");
    CHECK_ERR("an interpreter without permission", execve("./script", args, env), EACCES);
    fd = NEED(open("busy", O_RDWR | O_CREAT, 0755));
    int from = NEED(open(argv[0], O_RDONLY));
    char block[65536];
    for (ssize_t got; (got = NEED(read(from, block, sizeof block))) > 0;)
        NEED(write(fd, block, got));
    NEED(close(from));
    CHECK_ERR("open for writing", execve("./busy", args, env), ETXTBSY);
    NEED(close(fd));
    CHECK_EQ("closed: it runs", reap(SPAWN(execl("./busy", "busy", "run", NULL))), 61);
    CHECK_ERR("a bad pointer for the path", execve((char *)8, args, env), EFAULT);
    CHECK_ERR("a bad pointer for argv", execve("/bin/true", (char **)8, env), EFAULT);
    char *bad[] = {"x", (char *)8, NULL};
    CHECK_ERR("a bad pointer in argv", execve("/bin/true", bad, env), EFAULT);
    NEED(mkdir("closed", 0755));
    NEED(rename("busy", "closed/busy"));
    NEED(chmod("closed", 0));
    IN_CHILD("as an ordinary user", {
        drop_root();
        CHECK_ERR("a folder without search permission", execve("closed/busy", args, env), EACCES);
        NEED(chmod("closed", 0) && errno != EPERM ? -1 : 0);
    });
    NEED(chmod("closed", 0755));
    NEED(unlink("closed/busy"));
    // Signal state and descriptors survived all these failures.
    CHECK_OK("still here", write(1, "", 0));
    NEED(unlink("other"));
    DONE();
}
