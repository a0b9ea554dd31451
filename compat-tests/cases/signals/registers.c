// A handler that interrupts a computation gives back every register and flag, rcx and r11 among them, which a system
// call changes: also when the next signal arrives in the very moment in which the last handler returns.
// sigreturn(2): "restores the process's context … processor flags and registers"; signal(7), "Execution of signal handlers".
// timeout: 60

#include "../check.h"

// Of each signal; with one processor there is one for each turn of its sender.
#define ENOUGH 200

static volatile sig_atomic_t calls[2];
static volatile int left;

static void count(int signo)
{
    calls[signo == SIGUSR2]++;
}

// Every register but the stack pointer has a value of its own, and the carry flag is set, while memory counts down
// (`dec` leaves the carry flag alone). The number of the first that differs then, or 0.
static long disturbed(void)
{
    long which;
    left = 20000;
    asm volatile("push %%rbp\n"
                 "mov $-0x101, %%rax\n mov $-0x102, %%rbx\n mov $-0x103, %%rcx\n mov $-0x104, %%rdx\n"
                 "mov $-0x105, %%rsi\n mov $-0x106, %%rdi\n mov $-0x107, %%rbp\n mov $-0x108, %%r8\n"
                 "mov $-0x109, %%r9\n mov $-0x10a, %%r10\n mov $-0x10b, %%r11\n mov $-0x10c, %%r12\n"
                 "mov $-0x10d, %%r13\n mov $-0x10e, %%r14\n mov $-0x10f, %%r15\n"
                 "stc\n"
                 "1: decl %[left]\n jnz 1b\n"
                 "push $16\n jnc 2f\n"
#define SAME(number, register, value) "movq $" #number ", (%%rsp)\n cmp $" #value ", %%" #register "\n jne 2f\n"
                 SAME(1, rax, -0x101) SAME(2, rbx, -0x102) SAME(3, rcx, -0x103) SAME(4, rdx, -0x104)
                 SAME(5, rsi, -0x105) SAME(6, rdi, -0x106) SAME(7, rbp, -0x107) SAME(8, r8, -0x108)
                 SAME(9, r9, -0x109) SAME(10, r10, -0x10a) SAME(11, r11, -0x10b) SAME(12, r12, -0x10c)
                 SAME(13, r13, -0x10d) SAME(14, r14, -0x10e) SAME(15, r15, -0x10f)
#undef SAME
                 "movq $0, (%%rsp)\n"
                 "2: pop %%rax\n pop %%rbp\n"
                 : "=a"(which), [left] "+m"(left)
                 :
                 : "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "cc", "memory");
    return which;
}

static pid_t sender(int signo)
{
    pid_t parent = getpid(), child = NEED(fork());
    if (child == 0) {
        while (kill(parent, signo) == 0)
            ;
        _exit(1);
    }
    return child;
}

int main(void)
{
    handle(SIGUSR1, count, SA_RESTART);
    handle(SIGUSR2, count, SA_RESTART);
    CHECK_EQ("undisturbed", disturbed(), 0);
    pid_t senders[] = {sender(SIGUSR1), sender(SIGUSR2)};
    long wrong = 0;
    long start = now_ms();
    while (!wrong && now_ms() < start + 30000 &&
           (calls[0] < ENOUGH || calls[1] < ENOUGH || now_ms() < start + 1000))
        wrong = disturbed();
    for (int n = 0; n < 2; n++) {
        NEED(kill(senders[n], SIGKILL));
        NEED(waitpid(senders[n], NULL, 0));
    }
    CHECK_EQ("the first register that a handler changed", wrong, 0);
    CHECK("hundreds of handlers ran", calls[0] >= ENOUGH && calls[1] >= ENOUGH);
    DONE();
}
