// More signals than anybody reads at a time, for a process that computes and makes no call: real-time signals are queued,
// each is delivered, in order; a standard signal that is sent again and again is delivered again and again.
// signal(7), "Real-time signals" and "Queueing and delivery semantics for standard signals".
// timeout: 60

#include "../check.h"

#define SENDERS 6
#define EACH 400

static volatile sig_atomic_t queued, disordered, standard;
static int next[SENDERS];

static void number(int signo, siginfo_t *info, void *context)
{
    int sender = info->si_value.sival_int / EACH;
    disordered += info->si_value.sival_int % EACH != next[sender]++;
    queued++;
}

static void count(int signo)
{
    standard++;
}

// Computes until `what` is `enough`, without a call but for a look at the clock now and then.
static bool comes(volatile sig_atomic_t *what, int enough)
{
    for (long end = now_ms() + 20000; *what < enough && now_ms() < end;)
        for (volatile int n = 0; n < 1000000 && *what < enough; n++)
            ;
    return *what >= enough;
}

int main(void)
{
    struct sigaction action = {.sa_sigaction = number, .sa_flags = SA_SIGINFO | SA_RESTART};
    NEED(sigaction(SIGRTMIN, &action, NULL));
    handle(SIGUSR1, count, SA_RESTART);
    pid_t parent = getpid(), senders[SENDERS];
    for (int sender = 0; sender < SENDERS; sender++) {
        senders[sender] = NEED(fork());
        if (senders[sender] == 0) {
            for (int n = 0; n < EACH; n++)
                if (sigqueue(parent, SIGRTMIN, (union sigval){.sival_int = sender * EACH + n}) != 0)
                    _exit(1);
            _exit(0);
        }
    }
    CHECK("every queued signal comes", comes(&queued, SENDERS * EACH));
    CHECK_EQ("each sender's in order", disordered, 0);
    for (int sender = 0; sender < SENDERS; sender++)
        CHECK_EQ("a sender saw no error", reap(senders[sender]), 0);

    pid_t child = NEED(fork());
    if (child == 0) {
        while (kill(parent, SIGUSR1) == 0)
            ;
        _exit(1);
    }
    CHECK("a standard signal comes again and again", comes(&standard, 1000));
    NEED(kill(child, SIGKILL));
    NEED(waitpid(child, NULL, 0));
    CHECK_EQ("none came twice", queued, SENDERS * EACH);
    DONE();
}
