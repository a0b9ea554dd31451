// A family for measuring memory: a parent with so many MiB touched and four children that touched an eighth of it anew.
// Prints a line when all stand still, and ends when its input does. family MIB

#include "bench.h"

enum { CHILDREN = 4 };

int main(int argc, char **argv)
{
    size_t size = (argc == 2 ? strtoul(argv[1], NULL, 10) : 32) << 20;
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int ready[2], hold[2];
    char byte;
    if (memory == MAP_FAILED)
        return 1;
    memset(memory, 1, size);
    need(pipe(ready), "pipe");
    need(pipe(hold), "pipe");
    for (int n = 0; n < CHILDREN; n++)
        if (need(fork(), "fork") == 0) {
            close(hold[1]);
            memset(memory + n * (size / 8), 2, size / 8);
            need(write(ready[1], "!", 1), "write");
            need(read(hold[0], &byte, 1), "read");
            _exit(0);
        }
    for (int n = 0; n < CHILDREN; n++)
        need(read(ready[0], &byte, 1), "read");
    puts("ready");
    fflush(stdout);
    need(read(0, &byte, 1), "read");
    close(hold[1]);
    for (int n = 0; n < CHILDREN; n++)
        need(wait(NULL), "wait");
    return 0;
}
