// Vector registers (SSE, AVX, AVX-512 as the processor has them), x87 state and MXCSR survive system calls, handlers that
// use them, thread switches, fork and faults. System V ABI AMD64: only the syscall's rcx, r11 and rax change; signal
// handlers get and restore the whole state.
// timeout: 60

#include "../check.h"

#include <cpuid.h>
#include <immintrin.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/time.h>

static bool has_avx, has_avx512;
static volatile sig_atomic_t calls;

__attribute__((target("avx"))) static void load_avx(const unsigned char *from)
{
#define LOAD(n) asm volatile("vmovdqu %0, %%ymm" #n ::"m"(*(const char(*)[32])(from + 64 * n)) : "xmm" #n)
    LOAD(0); LOAD(1); LOAD(2); LOAD(3); LOAD(4); LOAD(5); LOAD(6); LOAD(7);
    LOAD(8); LOAD(9); LOAD(10); LOAD(11); LOAD(12); LOAD(13); LOAD(14); LOAD(15);
#undef LOAD
}

__attribute__((target("avx"))) static void store_avx(unsigned char *to)
{
#define STORE(n) asm volatile("vmovdqu %%ymm" #n ", %0" : "=m"(*(char(*)[32])(to + 64 * n)))
    STORE(0); STORE(1); STORE(2); STORE(3); STORE(4); STORE(5); STORE(6); STORE(7);
    STORE(8); STORE(9); STORE(10); STORE(11); STORE(12); STORE(13); STORE(14); STORE(15);
#undef STORE
}

static void load_sse(const unsigned char *from)
{
#define LOAD(n) asm volatile("movdqu %0, %%xmm" #n ::"m"(*(const char(*)[16])(from + 64 * n)) : "xmm" #n)
    LOAD(0); LOAD(1); LOAD(2); LOAD(3); LOAD(4); LOAD(5); LOAD(6); LOAD(7);
    LOAD(8); LOAD(9); LOAD(10); LOAD(11); LOAD(12); LOAD(13); LOAD(14); LOAD(15);
#undef LOAD
}

static void store_sse(unsigned char *to)
{
#define STORE(n) asm volatile("movdqu %%xmm" #n ", %0" : "=m"(*(char(*)[16])(to + 64 * n)))
    STORE(0); STORE(1); STORE(2); STORE(3); STORE(4); STORE(5); STORE(6); STORE(7);
    STORE(8); STORE(9); STORE(10); STORE(11); STORE(12); STORE(13); STORE(14); STORE(15);
#undef STORE
}

__attribute__((target("avx512f,avx512bw"))) static void load_avx512(const unsigned char *from)
{
#define LOAD(n) asm volatile("vmovdqu64 %0, %%zmm" #n ::"m"(*(const char(*)[64])(from + 64 * n)) : "xmm" #n)
    LOAD(0); LOAD(1); LOAD(2); LOAD(3); LOAD(4); LOAD(5); LOAD(6); LOAD(7);
    LOAD(8); LOAD(9); LOAD(10); LOAD(11); LOAD(12); LOAD(13); LOAD(14); LOAD(15);
    LOAD(16); LOAD(17); LOAD(24); LOAD(31);
#undef LOAD
    unsigned long mask = 0x123456789abcdef0;
    asm volatile("kmovq %0, %%k1; kmovq %0, %%k7" ::"r"(mask) : "k1", "k7");
}

__attribute__((target("avx512f,avx512bw"))) static unsigned long store_avx512(unsigned char *to)
{
#define STORE(n) asm volatile("vmovdqu64 %%zmm" #n ", %0" : "=m"(*(char(*)[64])(to + 64 * n)))
    STORE(0); STORE(1); STORE(2); STORE(3); STORE(4); STORE(5); STORE(6); STORE(7);
    STORE(8); STORE(9); STORE(10); STORE(11); STORE(12); STORE(13); STORE(14); STORE(15);
    STORE(16); STORE(17); STORE(24); STORE(31);
#undef STORE
    unsigned long first, last;
    asm volatile("kmovq %%k1, %0; kmovq %%k7, %1" : "=r"(first), "=r"(last));
    return first ^ last;
}

// The widest that this processor has; the same bytes must come back.
static int width(void)
{
    return has_avx512 ? 64 : has_avx ? 32 : 16;
}

static void load(const unsigned char *from)
{
    if (has_avx512)
        load_avx512(from);
    else if (has_avx)
        load_avx(from);
    else
        load_sse(from);
}

static void store(unsigned char *to)
{
    if (has_avx512)
        store_avx512(to);
    else if (has_avx)
        store_avx(to);
    else
        store_sse(to);
}

static int differences(const unsigned char *a, const unsigned char *b)
{
    static const int extra[] = {16, 17, 24, 31};
    int count = 0;
    for (int n = 0; n < 16; n++)
        count += memcmp(a + 64 * n, b + 64 * n, width()) != 0;
    for (int n = 0; has_avx512 && n < 4; n++)
        count += memcmp(a + 64 * extra[n], b + 64 * extra[n], 64) != 0;
    return count;
}

static void pattern(unsigned char *to, int seed)
{
    for (int n = 0; n < 32 * 64; n++)
        to[n] = (unsigned char)(n * 7 + seed);
}

static long raw(long number, long a, long b, long c)
{
    long result;
    asm volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
}

// A handler that overwrites every register that it may.
static void clobber(int signo)
{
    unsigned char other[32 * 64];
    pattern(other, 200);
    load(other);
    asm volatile("fninit");
    _mm_setcsr(0x1fc0);
    calls++;
}

static void round_of(const char *name, void (*disturb)(void))
{
    unsigned char before[32 * 64], after[32 * 64];
    int wrong = 0;
    for (int n = 0; n < 20; n++) {
        pattern(before, n);
        memset(after, 0, sizeof after);
        load(before);
        disturb();
        store(after);
        wrong += differences(before, after);
    }
    CHECK_EQ(name, wrong, 0);
}

static void by_getpid(void)
{
    raw(SYS_getpid, 0, 0, 0);
}

static void by_write(void)
{
    raw(SYS_write, 9, (long)"x", 1);
}

static void by_yield(void)
{
    raw(SYS_sched_yield, 0, 0, 0);
}

static void by_sleep(void)
{
    struct timespec pause = {.tv_nsec = 1000000};
    raw(SYS_nanosleep, (long)&pause, 0, 0);
}

static pid_t self;

static void by_signal(void)
{
    raw(SYS_kill, self, SIGUSR1, 0);
}

static void by_mmap(void)
{
    long page;
    asm volatile("mov $0x22, %%r10; mov $-1, %%r8; xor %%r9, %%r9; syscall"
                 : "=a"(page)
                 : "a"(SYS_mmap), "D"(0), "S"(4096), "d"(3)
                 : "rcx", "r11", "r8", "r9", "r10", "memory");
    *(volatile char *)page = 1;
    raw(SYS_munmap, page, 4096, 0);
}

static volatile int stop;

static void *computing(void *seed)
{
    unsigned char before[32 * 64], after[32 * 64];
    long wrong = 0;
    pattern(before, (int)(intptr_t)seed);
    while (!stop) {
        load(before);
        // Long enough that other threads run in between now and then.
        asm volatile("mov $20000, %%ecx; 1: dec %%ecx; jnz 1b" ::: "ecx", "cc");
        store(after);
        wrong += differences(before, after);
    }
    return (void *)wrong;
}

int main(void)
{
    unsigned a, b = 0, c = 0, d;
    __cpuid(1, a, b, c, d);
    bool os_saves = c & bit_OSXSAVE;
    unsigned enabled = 0;
    if (os_saves)
        asm volatile("xgetbv" : "=a"(enabled), "=d"(d) : "c"(0));
    has_avx = (c & bit_AVX) && (enabled & 6) == 6;
    __cpuid_count(7, 0, a, b, c, d);
    has_avx512 = has_avx && (b & bit_AVX512F) && (b & bit_AVX512BW) && (enabled & 0xe6) == 0xe6;
    self = getpid();
    handle(SIGUSR1, clobber, 0);
    int null = NEED(open("/dev/null", O_WRONLY));
    NEED(dup2(null, 9));

    round_of("getpid", by_getpid);
    round_of("write", by_write);
    round_of("sched_yield", by_yield);
    round_of("nanosleep", by_sleep);
    round_of("mmap and a page fault", by_mmap);
    round_of("a handler that overwrites them", by_signal);
    CHECK_EQ("which ran", calls, 20);

    // MXCSR and the x87 control word.
    _mm_setcsr(0x5f80);
    unsigned short control = 0x027f, after = 0;
    asm volatile("fldcw %0" ::"m"(control));
    by_getpid();
    by_signal();
    asm volatile("fnstcw %0" : "=m"(after));
    CHECK_EQ("MXCSR", _mm_getcsr(), 0x5f80);
    CHECK_EQ("x87 control word", after, control);
    _mm_setcsr(0x1f80);
    long double deep = 1.0L / 3;
    asm volatile("" : "+t"(deep));
    by_signal();
    asm volatile("" : "+t"(deep));
    CHECK("x87 register", deep == 1.0L / 3);

    // Interrupted at any instruction, not only in calls.
    struct itimerval interval = {.it_value = {.tv_usec = 1000}, .it_interval = {.tv_usec = 1000}};
    handle(SIGALRM, clobber, SA_RESTART);
    calls = 0;
    NEED(setitimer(ITIMER_REAL, &interval, NULL));
    stop = 0;
    unsigned char before[32 * 64], later[32 * 64];
    int wrong = 0;
    pattern(before, 9);
    for (long end = now_ms() + 10000; calls < 50 && now_ms() < end;) {
        load(before);
        asm volatile("mov $20000, %%ecx; 1: dec %%ecx; jnz 1b" ::: "ecx", "cc");
        store(later);
        wrong += differences(before, later);
    }
    interval = (struct itimerval){0};
    NEED(setitimer(ITIMER_REAL, &interval, NULL));
    CHECK("interrupted fifty times", calls >= 50);
    CHECK_EQ("and never disturbed", wrong, 0);

    pthread_t threads[4];
    for (long n = 0; n < 4; n++)
        NEED(-pthread_create(&threads[n], NULL, computing, (void *)(n * 31)));
    sleep_ms(200);
    stop = 1;
    for (int n = 0; n < 4; n++) {
        void *bad;
        pthread_join(threads[n], &bad);
        CHECK_EQ("a thread among threads", (long)bad, 0);
    }

    // A child starts with its parent's registers.
    pattern(before, 77);
    load(before);
    pid_t pid = raw(SYS_clone, SIGCHLD, 0, 0);
    store(later);
    if (pid == 0)
        _exit(differences(before, later));
    CHECK_EQ("fork: parent", differences(before, later), 0);
    CHECK_EQ("fork: child", reap(pid), 0);
    DONE();
}
