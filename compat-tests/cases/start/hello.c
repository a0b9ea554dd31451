// The four ways of linking a C program all reach main with their arguments, environment and auxiliary vector.
// System V ABI AMD64, 3.4.1 "Initial Stack and Register State"; getauxval(3).
// build: dynamic, static, static-pie, musl
// args: one two

#include "../check.h"

#include <elf.h>
#include <sys/auxv.h>

static int constructed;
static _Thread_local int thread_local_value = 42;

__attribute__((constructor)) static void construct(void)
{
    constructed = 7;
}

static void at_exit(void)
{
    say("atexit ran");
}

int main(int argc, char **argv, char **envp)
{
    CHECK_EQ("argc", argc, 3);
    CHECK_STR("argv[1]", argv[1], "one");
    CHECK_STR("argv[2]", argv[2], "two");
    CHECK("argv ends with NULL", argv[3] == NULL);
    CHECK_STR("HOME", getenv("HOME"), "/");
    CHECK("environ is main's third argument", environ == envp);
    CHECK_EQ("constructors ran", constructed, 7);
    CHECK_EQ("TLS is initialised", thread_local_value, 42);
    CHECK_EQ("AT_PAGESZ", getauxval(AT_PAGESZ), 4096);
    CHECK("AT_RANDOM", getauxval(AT_RANDOM) != 0);
    CHECK("AT_PHDR", getauxval(AT_PHDR) != 0);
    CHECK_EQ("AT_UID", getauxval(AT_UID), getuid());
    CHECK_EQ("AT_EUID", getauxval(AT_EUID), geteuid());
    CHECK_EQ("AT_GID", getauxval(AT_GID), getgid());
    CHECK_EQ("AT_SECURE", getauxval(AT_SECURE), 0);
    CHECK_EQ("AT_CLKTCK", getauxval(AT_CLKTCK), 100);
    CHECK_STR("AT_EXECFN is the path", (char *)getauxval(AT_EXECFN), argv[0]);
    CHECK_STR("AT_PLATFORM", (char *)getauxval(AT_PLATFORM), "x86_64");
    CHECK_EQ("the stack is aligned", (uintptr_t)__builtin_frame_address(0) % 16, 0);
    char *heap = malloc(1 << 20);
    CHECK("malloc", heap != NULL);
    memset(heap, 1, 1 << 20);
    free(heap);
    char text[64];
    snprintf(text, sizeof text, "%.3f %s %d", 1.5, "text", -3);
    CHECK_STR("snprintf with floating point", text, "1.500 text -3");
    atexit(at_exit);
    printf("stdio is flushed at exit\n");
    DONE();
}
