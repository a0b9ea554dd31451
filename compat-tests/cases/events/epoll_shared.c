// An epoll instance is one, however many processes hold it: what one adds or removes the others see. epoll(7).

#include "../check.h"

#include <sys/epoll.h>

int main(void)
{
    int pipes[2];
    NEED(pipe(pipes));
    int epoll = NEED(epoll_create1(0));
    NEED(write(pipes[1], "x", 1));
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = 5};
    IN_CHILD("a child adds", NEED(epoll_ctl(epoll, EPOLL_CTL_ADD, pipes[0], &event)));
    event.data.u32 = 0;
    CHECK_EQ("its parent hears", epoll_wait(epoll, &event, 1, 1000), 1);
    CHECK_EQ("what it said", event.data.u32, 5);
    CHECK_ERR("it is there", epoll_ctl(epoll, EPOLL_CTL_ADD, pipes[0], &event), EEXIST);
    IN_CHILD("a child removes", NEED(epoll_ctl(epoll, EPOLL_CTL_DEL, pipes[0], NULL)));
    CHECK_EQ("its parent hears nothing", epoll_wait(epoll, &event, 1, 0), 0);
    DONE();
}
