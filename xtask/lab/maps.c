/*
 * A program that maps a file and looks at all of it again and again: it says "round" each time the mapping holds what the
 * file did when it was read, and "wrong" otherwise.
 *
 *   offshoot-lab-maps FILE
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* FNV-1a, of words. */
static uint64_t mixed(uint64_t hash, const char *bytes, size_t len) {
    for (size_t i = 0; i + 8 <= len; i += 8) {
        uint64_t word;
        memcpy(&word, bytes + i, 8);
        hash = (hash ^ word) * 0x100000001b3;
    }
    return hash;
}

int main(int argc, char **argv) {
    static char bytes[1 << 16];
    struct stat stat;
    setvbuf(stdout, NULL, _IOLBF, 0);
    int fd = argc == 2 ? open(argv[1], O_RDONLY) : -1;
    if (fd < 0 || fstat(fd, &stat) != 0) {
        perror("offshoot-lab-maps");
        return 1;
    }
    uint64_t was = 0;
    off_t done = 0;
    for (ssize_t got; done + (off_t)sizeof bytes <= stat.st_size; done += got) {
        got = read(fd, bytes, sizeof bytes);
        if (got != sizeof bytes) {
            perror("read");
            return 1;
        }
        was = mixed(was, bytes, got);
    }
    char *mapped = mmap(NULL, done, PROT_READ, MAP_PRIVATE, fd, 0);
    if (mapped == MAP_FAILED) {
        perror("mmap");
        return 1;
    }
    for (;;) {
        puts(mixed(0, mapped, done) == was ? "round" : "wrong");
        usleep(300000);
    }
}
