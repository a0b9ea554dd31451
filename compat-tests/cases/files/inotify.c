// inotify reports what happens in a folder, in order. inotify(7).

#include "../check.h"

#include <poll.h>
#include <sys/inotify.h>

static int fd;

static void expect(const char *name, uint32_t mask, const char *file)
{
    static char buffer[4096] __attribute__((aligned(8)));
    static ssize_t length, at;
    if (at >= length) {
        length = read(fd, buffer, sizeof buffer);
        at = 0;
    }
    if (length <= 0) {
        CHECK(name, length > 0);
        return;
    }
    struct inotify_event *event = (void *)(buffer + at);
    at += sizeof *event + event->len;
    if (!CHECK(name, (event->mask & ~IN_ISDIR) == mask && strcmp(event->len ? event->name : "", file) == 0))
        say("  saw mask %x, name %s", event->mask, event->len ? event->name : "");
}

int main(void)
{
    fd = CHECK_OK("inotify_init1", inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    NEED(mkdir("dir", 0755));
    put("dir/old", "x");
    int watch = CHECK_OK("inotify_add_watch", inotify_add_watch(fd, "dir", IN_CREATE | IN_MODIFY | IN_DELETE | IN_MOVE | IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF));
    char byte[4096];
    CHECK_ERR("nothing yet", read(fd, byte, sizeof byte), EAGAIN);
    int file = NEED(open("dir/new", O_WRONLY | O_CREAT, 0644));
    NEED(write(file, "x", 1));
    NEED(close(file));
    NEED(rename("dir/new", "dir/newer"));
    NEED(chmod("dir/newer", 0600));
    NEED(unlink("dir/newer"));
    NEED(mkdir("dir/sub", 0755));
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    CHECK_EQ("readable", poll(&poll_fd, 1, 1000), 1);
    expect("IN_CREATE", IN_CREATE, "new");
    expect("IN_MODIFY", IN_MODIFY, "new");
    expect("IN_CLOSE_WRITE", IN_CLOSE_WRITE, "new");
    expect("IN_MOVED_FROM", IN_MOVED_FROM, "new");
    expect("IN_MOVED_TO", IN_MOVED_TO, "newer");
    expect("IN_ATTRIB", IN_ATTRIB, "newer");
    expect("IN_DELETE", IN_DELETE, "newer");
    expect("IN_CREATE of a folder", IN_CREATE, "sub");
    // By another process.
    pid_t pid = SPAWN(put("dir/from-child", "text"));
    reap(pid);
    expect("by a child: IN_CREATE", IN_CREATE, "from-child");
    expect("by a child: IN_MODIFY", IN_MODIFY, "from-child");
    expect("by a child: IN_CLOSE_WRITE", IN_CLOSE_WRITE, "from-child");
    CHECK_EQ("the same folder, the same watch", inotify_add_watch(fd, "dir", IN_DELETE), watch);
    NEED(unlink("dir/old"));
    expect("IN_DELETE", IN_DELETE, "old");
    CHECK_OK("inotify_rm_watch", inotify_rm_watch(fd, watch));
    expect("IN_IGNORED", IN_IGNORED, "");
    CHECK_ERR("removed", inotify_rm_watch(fd, watch), EINVAL);
    CHECK_ERR("no such file", inotify_add_watch(fd, "none", IN_CREATE), ENOENT);
    CHECK_ERR("no event", inotify_add_watch(fd, "dir", 0), EINVAL);
    DONE();
}
