// Fifty generations in a row, each of whose parents ends as soon as it has forked; and parents and children that exec while
// the other side still needs the memory of the time of the fork. POSIX fork(), exec.
// timeout: 60

#include "../check.h"

enum { GENERATIONS = 50, PAGE = 4096 };

// A page for each generation to write, and one that only the first has written.
static unsigned char *pages;

static void each_ends_first(int report)
{
    for (int n = 1; n <= GENERATIONS; n++) {
        pid_t pid = fork();
        if (pid == -1)
            _exit(90);
        if (pid != 0)
            _exit(0);
        for (int before = 1; before < n; before++)
            if (pages[before * PAGE] != before || pages[before * PAGE + PAGE - 1] != (before ^ 0xff))
                _exit(91);
        if (pages[n * PAGE] != 200)
            _exit(92);
        pages[n * PAGE] = n;
        pages[n * PAGE + PAGE - 1] = n ^ 0xff;
    }
    // What the first process wrote and nobody since: fifty forks away.
    unsigned char last = pages[0];
    NEED(write(report, &last, 1));
    _exit(0);
}

// The same with parents that wait: the youngest sees what each of them wrote, and they see none of it.
static int each_waits(int n)
{
    if (n == GENERATIONS)
        return pages[0] == 77 && pages[(n - 1) * PAGE] == n - 1 ? 0 : 93;
    pages[n * PAGE] = n;
    pid_t pid = fork();
    if (pid == -1)
        return 94;
    if (pid == 0)
        _exit(each_waits(n + 1));
    int status = reap(pid);
    return status ? status : pages[(n + 1) * PAGE] == 200 ? 0 : 95;
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        // After exec: tell through the descriptor that was kept, and wait for the other side to be done.
        int out = atoi(argv[1]), in = atoi(argv[2]);
        tell(out);
        await(in);
        return 7;
    }
    pages = mmap(NULL, (GENERATIONS + 1) * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    NEED(pages == MAP_FAILED ? -1 : 0);
    memset(pages, 200, (GENERATIONS + 1) * PAGE);
    pages[0] = 77;

    int up[2];
    NEED(pipe(up));
    pid_t first = SPAWN({
        close(up[0]);
        each_ends_first(up[1]);
    });
    CHECK_EQ("the first parent ends", reap(first), 0);
    close(up[1]);
    unsigned char told = 0;
    CHECK_EQ("the fiftieth generation tells", read(up[0], &told, 1), 1);
    CHECK_EQ("what the first process wrote", told, 77);
    CHECK_EQ("fifty that wait for each other", reap(SPAWN(_exit(each_waits(1)))), 0);
    CHECK_EQ("nothing came through", pages[PAGE], 200);

    // The parent execs: what it had at the fork is the child's all the same.
    int ready[2], go[2], done[2];
    NEED(pipe(ready));
    NEED(pipe(go));
    NEED(pipe(done));
    pid_t middle = SPAWN({
        memset(pages, 5, 20 * PAGE);
        if (NEED(fork()) == 0) {
            await(go[0]);
            int sum = 0;
            for (int n = 0; n < 20; n++)
                sum += pages[n * PAGE + 9];
            tell(done[1]);
            unsigned char answer = sum == 100 ? 1 : 0;
            NEED(write(ready[1], &answer, 1));
            _exit(0);
        }
        char out[12];
        char in[12];
        snprintf(out, sizeof out, "%d", ready[1]);
        snprintf(in, sizeof in, "%d", done[0]);
        execl("/proc/self/exe", argv[0], out, in, NULL);
    });
    await(ready[0]);
    tell(go[1]);
    CHECK_EQ("a parent that has become another program", reap(middle), 7);
    unsigned char answer = 0;
    CHECK_EQ("its child goes on", read(ready[0], &answer, 1), 1);
    CHECK_EQ("and has the memory of the fork", answer, 1);

    // The child execs: the parent may write again, and its own memory is as it was.
    memset(pages, 6, 20 * PAGE);
    pid_t child = SPAWN({
        char out[12];
        char in[12];
        snprintf(out, sizeof out, "%d", ready[1]);
        snprintf(in, sizeof in, "%d", go[0]);
        execl("/proc/self/exe", argv[0], out, in, NULL);
    });
    await(ready[0]);
    memset(pages, 8, 10 * PAGE);
    tell(go[1]);
    CHECK_EQ("a child that has become another program", reap(child), 7);
    CHECK("the parent's memory", pages[9 * PAGE] == 8 && pages[10 * PAGE] == 6);
    DONE();
}
