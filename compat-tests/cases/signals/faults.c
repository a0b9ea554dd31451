// Synchronous signals: SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP with their si_code and address; recovery by changing the
// context or by siglongjmp; what ends the process. POSIX <signal.h>; sigaction(2) "si_code".

#include "../check.h"

#include <setjmp.h>
#include <sys/resource.h>
#include <ucontext.h>

static sigjmp_buf back;
static volatile sig_atomic_t code, signo_seen, calls;
static void *volatile address;
static char *page;

static void jump(int signo, siginfo_t *info, void *context)
{
    signo_seen = signo;
    code = info->si_code;
    address = info->si_addr;
    siglongjmp(back, 1);
}

static void mend(int signo, siginfo_t *info, void *context)
{
    calls++;
    address = info->si_addr;
    mprotect(page, 4096, PROT_READ | PROT_WRITE);
}

static void skip(int signo, siginfo_t *info, void *context)
{
    // hlt is one byte long.
    calls++;
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] += 1;
}

static void once(int signo)
{
    say("handler of the second fault");
    *(volatile char *)8 = 0;
}

#define FAULT(name, statement, signal_wanted, code_wanted, address_wanted)                                             \
    do {                                                                                                               \
        signo_seen = 0;                                                                                                \
        if (sigsetjmp(back, 1) == 0) {                                                                                 \
            statement;                                                                                                 \
        }                                                                                                              \
        CHECK_EQ(name ": signal", signo_seen, signal_wanted);                                                          \
        CHECK_EQ(name ": si_code", code, code_wanted);                                                                 \
        if ((void *)(address_wanted) != (void *)-1)                                                                    \
            CHECK(name ": si_addr", address == (void *)(address_wanted));                                              \
    } while (0)

static volatile int zero, one = 1;

int main(void)
{
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    for (int n = 0; n < 5; n++)
        handle_info(signals[n], jump, 0);
    page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    NEED(munmap(page + 4096, 4096));

    FAULT("write to address 8", *(volatile char *)8 = 1, SIGSEGV, SEGV_MAPERR, 8);
    FAULT("read beyond a mapping", (void)*(volatile char *)(page + 4097), SIGSEGV, SEGV_MAPERR, page + 4097);
    NEED(mprotect(page, 4096, PROT_READ));
    FAULT("write to a read-only page", *(volatile char *)(page + 3) = 1, SIGSEGV, SEGV_ACCERR, page + 3);
    NEED(mprotect(page, 4096, PROT_NONE));
    FAULT("read of a PROT_NONE page", (void)*(volatile char *)(page + 9), SIGSEGV, SEGV_ACCERR, page + 9);
    NEED(mprotect(page, 4096, PROT_READ | PROT_WRITE));
    FAULT("execution of a page without permission", ((void (*)(void))page)(), SIGSEGV, SEGV_ACCERR, page);
    FAULT("call of address 0", ((void (*)(void))(uintptr_t)zero)(), SIGSEGV, SEGV_MAPERR, 0);
    FAULT("a non-canonical address", *(volatile char *)0x8000000000000000 = 1, SIGSEGV, SI_KERNEL, 0);
    FAULT("hlt", asm volatile("hlt"), SIGSEGV, SI_KERNEL, 0);
    FAULT("division by zero", zero = one / zero, SIGFPE, FPE_INTDIV, -1);
    FAULT("ud2", asm volatile("ud2"), SIGILL, ILL_ILLOPN, -1);
    FAULT("int3", asm volatile("int3"), SIGTRAP, SI_KERNEL, 0);
    int fd = NEED(open("file", O_RDWR | O_CREAT, 0644));
    NEED(ftruncate(fd, 100));
    char *file = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    FAULT("beyond the end of the file", (void)*(volatile char *)(file + 4100), SIGBUS, BUS_ADRERR, file + 4100);

    // Raised by kill, they are signals like any other.
    if (sigsetjmp(back, 1) == 0)
        raise(SIGSEGV);
    CHECK_EQ("raise(SIGSEGV): si_code", code, SI_TKILL);

    // A handler that mends the cause: the instruction runs again.
    handle_info(SIGSEGV, mend, 0);
    NEED(mprotect(page, 4096, PROT_NONE));
    calls = 0;
    page[17] = 5;
    CHECK_EQ("mended: one call", calls, 1);
    CHECK("mended: address", address == page + 17);
    CHECK_EQ("mended: stored", page[17], 5);
    for (int n = 0; n < 100; n++) {
        NEED(mprotect(page, 4096, PROT_NONE));
        page[n] = n;
    }
    CHECK_EQ("mended a hundred times", calls, 101);
    // A handler that changes the context.
    handle_info(SIGSEGV, skip, 0);
    calls = 0;
    asm volatile("hlt");
    CHECK_EQ("skipped", calls, 1);

    // System calls with such addresses answer EFAULT and raise nothing.
    handle_info(SIGSEGV, jump, 0);
    signo_seen = 0;
    CHECK_ERR("write from a bad address", write(1, (void *)8, 1), EFAULT);
    CHECK_EQ("no signal", signo_seen, 0);

    // Without a handler the process ends; blocked or ignored does not help; a fault in the handler ends it too.
    CHECK_EQ("default", reap(SPAWN({
                 signal(SIGSEGV, SIG_DFL);
                 *(volatile char *)8 = 1;
             })),
             128 + SIGSEGV);
    CHECK_EQ("ignored", reap(SPAWN({
                 signal(SIGSEGV, SIG_IGN);
                 *(volatile char *)8 = 1;
             })),
             128 + SIGSEGV);
    CHECK_EQ("blocked", reap(SPAWN({
                 block(SIGSEGV);
                 *(volatile char *)8 = 1;
             })),
             128 + SIGSEGV);
    CHECK_EQ("in its own handler", reap(SPAWN({
                 handle(SIGSEGV, once, 0);
                 *(volatile char *)8 = 1;
             })),
             128 + SIGSEGV);
    CHECK_EQ("SIGFPE", reap(SPAWN({
                 signal(SIGFPE, SIG_DFL);
                 zero = one / zero;
             })),
             128 + SIGFPE);
    CHECK_EQ("SIGILL", reap(SPAWN({
                 signal(SIGILL, SIG_DFL);
                 asm volatile("ud2");
             })),
             128 + SIGILL);
    CHECK_EQ("SIGTRAP", reap(SPAWN({
                 signal(SIGTRAP, SIG_DFL);
                 asm volatile("int3");
             })),
             128 + SIGTRAP);
    DONE();
}
