// memfd_create, its seals, and shared memory passed by descriptor. memfd_create(2), fcntl(2) "File Sealing".

#include "../check.h"

int main(void)
{
    int fd = CHECK_OK("memfd_create", memfd_create("name", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    CHECK_EQ("FD_CLOEXEC", fcntl(fd, F_GETFD), FD_CLOEXEC);
    struct stat st;
    NEED(fstat(fd, &st));
    CHECK("an empty file without a name", S_ISREG(st.st_mode) && st.st_size == 0 && st.st_nlink == 0);
    CHECK_OK("ftruncate", ftruncate(fd, 8192));
    char *memory = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    strcpy(memory, "shared");
    char text[8] = "";
    CHECK_EQ("pread", pread(fd, text, 7, 0), 7);
    CHECK_STR("sees the store", text, "shared");
    IN_CHILD("inherited", strcpy(memory + 4096, "child"));
    CHECK_STR("the child's store", memory + 4096, "child");
    CHECK_EQ("no seals", fcntl(fd, F_GET_SEALS), 0);
    CHECK_EQ("F_SEAL_SHRINK", fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
    CHECK_ERR("smaller", ftruncate(fd, 4096), EPERM);
    CHECK_OK("larger", ftruncate(fd, 12288));
    CHECK_EQ("F_SEAL_GROW", fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), 0);
    CHECK_ERR("larger", ftruncate(fd, 16384), EPERM);
    CHECK_ERR("a write beyond the end", pwrite(fd, "x", 1, 12288), EPERM);
    CHECK_ERR("F_SEAL_WRITE while mapped", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
    NEED(munmap(memory, 8192));
    CHECK_EQ("F_SEAL_WRITE", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
    CHECK_ERR("write", pwrite(fd, "x", 1, 0), EPERM);
    CHECK_ERR("writable mapping", (long)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), EPERM);
    char *reading = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    CHECK("read-only mapping", reading != MAP_FAILED && strcmp(reading, "shared") == 0);
    CHECK_ERR("is not made writable", mprotect(reading, 4096, PROT_READ | PROT_WRITE), EACCES);
    char *private = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    CHECK("a private mapping is", private != MAP_FAILED && (private[0] = 'S'));
    CHECK_STR("for itself", reading, "shared");
    NEED(munmap(reading, 4096));
    int future = NEED(memfd_create("future", MFD_ALLOW_SEALING));
    NEED(ftruncate(future, 4096));
    memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, future, 0);
    CHECK_EQ("F_SEAL_FUTURE_WRITE while mapped", fcntl(future, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), 0);
    strcpy(memory, "old");
    CHECK_ERR("no new writable mapping", (long)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, future, 0), EPERM);
    reading = mmap(NULL, 4096, PROT_READ, MAP_SHARED, future, 0);
    CHECK("but a new one to read", reading != MAP_FAILED && strcmp(reading, "old") == 0);
    CHECK_ERR("that stays so", mprotect(reading, 4096, PROT_READ | PROT_WRITE), EACCES);
    CHECK_ERR("nor a write", pwrite(future, "x", 1, 0), EPERM);
    CHECK_EQ("F_SEAL_SEAL", fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL), 0);
    CHECK_ERR("no more seals", fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), EPERM);
    CHECK_EQ("all seals", fcntl(fd, F_GET_SEALS), F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
    int plain = NEED(memfd_create("", 0));
    CHECK_EQ("without MFD_ALLOW_SEALING", fcntl(plain, F_GET_SEALS), F_SEAL_SEAL);
    CHECK_ERR("cannot be sealed", fcntl(plain, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
    int refused = 0;
    for (int i = 0; i < 50; i++) {
        int again = NEED(memfd_create("again", MFD_ALLOW_SEALING));
        NEED(ftruncate(again, 4096));
        memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, again, 0);
        pid_t pid = NEED(fork());
        if (pid == 0) {
            memory[0] = 'c';
            _exit(0);
        }
        NEED(munmap(memory, 4096));
        NEED(waitpid(pid, NULL, 0));
        refused += fcntl(again, F_ADD_SEALS, F_SEAL_WRITE) != 0;
        NEED(close(again));
    }
    CHECK_EQ("mappings of children that were waited for are gone", refused, 0);
    put("file", "");
    CHECK_ERR("no seals on files", fcntl(open("file", O_RDWR), F_GET_SEALS), EINVAL);
    CHECK_ERR("unknown flag", memfd_create("x", 0x8000), EINVAL);
    char name[260];
    memset(name, 'n', 259);
    name[259] = 0;
    CHECK_ERR("a long name", memfd_create(name, 0), EINVAL);
    DONE();
}
