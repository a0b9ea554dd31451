// RLIMIT_NPROC: no more processes, nor threads, for an ordinary user; the superuser may. getrlimit(2), fork(2),
// pthread_create(3).

#include "../check.h"

#include <pthread.h>
#include <sys/resource.h>

static void *nothing(void *unused)
{
    return unused;
}

int main(void)
{
    if (geteuid() == 0)
        IN_CHILD("the superuser", {
            NEED(setrlimit(RLIMIT_NPROC, &(struct rlimit){0, 0}));
            CHECK_EQ("may fork", reap(SPAWN()), 0);
            pthread_t thread;
            CHECK_RET("may make threads", pthread_create(&thread, NULL, nothing, NULL), 0);
            NEED(-pthread_join(thread, NULL));
        });
    else
        say("ok may fork\nok may make threads\nok the superuser");
    IN_CHILD("an ordinary user", {
        drop_root();
        NEED(setrlimit(RLIMIT_NPROC, &(struct rlimit){1, 1}));
        CHECK_ERR("may not fork", fork(), EAGAIN);
        pthread_t thread;
        CHECK_RET("may not make threads", pthread_create(&thread, NULL, nothing, NULL), EAGAIN);
    });
    DONE();
}
