// The ways a process ends: return, exit with handlers in reverse order, _exit, abort, the last thread's pthread_exit,
// exit_group from a thread. POSIX exit(), _exit(), atexit(), abort(), pthread_exit().

#include "../check.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static void first(void)
{
    say("registered first");
}

static void second(void)
{
    say("registered second");
    atexit(first);
}

static void with_status(int status, void *text)
{
    say("on_exit %d %s", status, (char *)text);
}

static void *leave(void *status)
{
    exit((int)(intptr_t)status);
}

static void *leave_at_once(void *unused)
{
    sleep_ms(10);
    syscall(SYS_exit_group, 66);
    return NULL;
}

static void *linger(void *unused)
{
    sleep_ms(30);
    say("the last thread");
    return NULL;
}

static void *sleep_long(void *unused)
{
    sleep_ms(100000);
    return NULL;
}

static void on_abort(int signo)
{
    say("handler of SIGABRT");
}

int main(void)
{
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    CHECK_EQ("handlers in reverse order", reap(SPAWN({
                 atexit(first);
                 atexit(second);
                 on_exit(with_status, "text");
                 exit(15);
             })),
             15);
    CHECK_EQ("_exit runs none", reap(SPAWN({
                 atexit(first);
                 _exit(16);
             })),
             16);
    CHECK_EQ("exit in a thread", reap(SPAWN({
                 atexit(first);
                 pthread_t thread;
                 NEED(-pthread_create(&thread, NULL, leave, (void *)17));
                 sleep_ms(100000);
             })),
             17);
    CHECK_EQ("exit_group in a thread ends sleeping threads", reap(SPAWN({
                 pthread_t thread;
                 for (int n = 0; n < 3; n++)
                     NEED(-pthread_create(&thread, NULL, sleep_long, NULL));
                 NEED(-pthread_create(&thread, NULL, leave_at_once, NULL));
                 sleep_ms(100000);
             })),
             66);
    CHECK_EQ("exit_group ends computing threads", reap(SPAWN({
                 pthread_t thread;
                 NEED(-pthread_create(&thread, NULL, leave_at_once, NULL));
                 for (volatile long n = 0;; n++)
                     ;
             })),
             66);
    CHECK_EQ("pthread_exit of the first thread", reap(SPAWN({
                 pthread_t thread;
                 NEED(-pthread_create(&thread, NULL, linger, NULL));
                 pthread_exit(NULL);
             })),
             0);
    CHECK_EQ("SYS_exit of the first thread leaves the status to the last", reap(SPAWN({
                 pthread_t thread;
                 NEED(-pthread_create(&thread, NULL, leave_at_once, NULL));
                 syscall(SYS_exit, 5);
             })),
             66);
    CHECK_EQ("abort", reap(SPAWN(abort())), 128 + SIGABRT);
    CHECK_EQ("abort with a handler", reap(SPAWN({
                 handle(SIGABRT, on_abort, 0);
                 abort();
             })),
             128 + SIGABRT);
    CHECK_EQ("abort while blocked and ignored", reap(SPAWN({
                 block(SIGABRT);
                 handle(SIGABRT, SIG_IGN, 0);
                 abort();
             })),
             128 + SIGABRT);
    // The end closes all descriptors.
    int ends[2];
    NEED(pipe(ends));
    pid_t pid = SPAWN({
        NEED(close(ends[0]));
        NEED(write(ends[1], "x", 1));
        raise(SIGKILL);
    });
    NEED(close(ends[1]));
    char bytes[4];
    CHECK_EQ("what was written before the end", read(ends[0], bytes, 4), 1);
    CHECK_EQ("then end of file", read(ends[0], bytes, 4), 0);
    CHECK_EQ("killed", reap(pid), 128 + SIGKILL);
    DONE();
}
