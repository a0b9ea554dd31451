// NUMA policies on node 0, which every machine has: what is set is told, of threads, of ranges, to children; bad arguments.
// set_mempolicy(2), get_mempolicy(2), mbind(2).

#include "../check.h"

#include <linux/mempolicy.h>
#include <sys/syscall.h>

enum { PAGE = 4096, BITS = 1024 };

static unsigned long mask[BITS / 64 + 1];

static long set(int mode, unsigned long nodes, unsigned long bits)
{
    return syscall(SYS_set_mempolicy, mode, &nodes, bits);
}

static long bind_range(void *at, size_t length, int mode, unsigned long nodes, unsigned flags)
{
    return syscall(SYS_mbind, at, length, mode, &nodes, 64ul, flags);
}

// The mode; the nodes are in `mask` then.
static int mode_of(void *at, unsigned long flags)
{
    int mode = -1;
    memset(mask, 0, sizeof mask);
    NEED(syscall(SYS_get_mempolicy, &mode, mask, (unsigned long)BITS, at, flags));
    return mode;
}

int main(void)
{
    CHECK_EQ("at first", mode_of(NULL, 0), MPOL_DEFAULT);
    CHECK_EQ("no nodes", mask[0], 0);
    mode_of(NULL, MPOL_F_MEMS_ALLOWED);
    CHECK_EQ("node 0 is allowed", mask[0] & 1, 1);
    CHECK_OK("MPOL_BIND", set(MPOL_BIND, 1, 64));
    CHECK_EQ("is kept", mode_of(NULL, 0), MPOL_BIND);
    CHECK_EQ("with its nodes", mask[0], 1);
    IN_CHILD("a child", CHECK_EQ("inherits it", mode_of(NULL, 0), MPOL_BIND));
    CHECK_OK("MPOL_INTERLEAVE", set(MPOL_INTERLEAVE, 1, 64));
    CHECK_EQ("the next node of it", mode_of(NULL, MPOL_F_NODE), 0);
    CHECK_OK("MPOL_F_STATIC_NODES", set(MPOL_BIND | MPOL_F_STATIC_NODES, 1, 64));
    CHECK_EQ("is told", mode_of(NULL, 0), MPOL_BIND | MPOL_F_STATIC_NODES);
    CHECK_OK("MPOL_PREFERRED of none", set(MPOL_PREFERRED, 0, 64));
    CHECK_OK("MPOL_LOCAL", set(MPOL_LOCAL, 0, 64));
    CHECK_EQ("MPOL_LOCAL is kept", mode_of(NULL, 0), MPOL_LOCAL);
    CHECK_OK("back", set(MPOL_DEFAULT, 0, 64));
    CHECK_ERR("a mask of no length", set(MPOL_DEFAULT, 0, 0), EINVAL);
    CHECK_ERR("MPOL_DEFAULT with nodes", set(MPOL_DEFAULT, 1, 64), EINVAL);
    CHECK_ERR("MPOL_BIND without", set(MPOL_BIND, 0, 64), EINVAL);
    CHECK_ERR("no such mode", set(99, 1, 64), EINVAL);
    CHECK_ERR("both kinds of numbers", set(MPOL_BIND | MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES, 1, 64), EINVAL);
    CHECK_ERR("a mask too long", set(MPOL_BIND, 1, 1 << 20), EINVAL);
    CHECK_ERR("a bad mask", syscall(SYS_set_mempolicy, MPOL_BIND, 8l, 64ul), EFAULT);
    CHECK_ERR("a node of none", syscall(SYS_get_mempolicy, NULL, NULL, 0ul, NULL, (unsigned long)MPOL_F_NODE), EINVAL);
    CHECK_ERR("unknown flags", syscall(SYS_get_mempolicy, NULL, NULL, 0ul, NULL, 64ul), EINVAL);
    CHECK_ERR("an address without MPOL_F_ADDR", syscall(SYS_get_mempolicy, NULL, NULL, 0ul, mask, 0ul), EINVAL);

    char *map = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK_OK("mbind", bind_range(map + PAGE, PAGE, MPOL_BIND, 1, 0));
    CHECK_EQ("its range", mode_of(map + PAGE, MPOL_F_ADDR), MPOL_BIND);
    CHECK_EQ("not before it", mode_of(map, MPOL_F_ADDR), MPOL_DEFAULT);
    CHECK_EQ("not behind it", mode_of(map + 2 * PAGE, MPOL_F_ADDR), MPOL_DEFAULT);
    map[PAGE] = 1;
    CHECK_EQ("the node of a page", mode_of(map + PAGE, MPOL_F_ADDR | MPOL_F_NODE), 0);
    IN_CHILD("in a child", CHECK_EQ("the range has it", mode_of(map + PAGE, MPOL_F_ADDR), MPOL_BIND));
    CHECK_OK("no length", bind_range(map, 0, MPOL_BIND, 1, 0));
    CHECK_ERR("not a page", bind_range(map + 1, PAGE, MPOL_BIND, 1, 0), EINVAL);
    CHECK_ERR("unknown flags", bind_range(map, PAGE, MPOL_BIND, 1, 64), EINVAL);
    NEED(munmap(map + 3 * PAGE, PAGE));
    CHECK_ERR("a hole", bind_range(map, 4 * PAGE, MPOL_BIND, 1, 0), EFAULT);
    CHECK_ERR("the policy of a hole", syscall(SYS_get_mempolicy, NULL, NULL, 0ul, map + 3 * PAGE, (unsigned long)MPOL_F_ADDR), EFAULT);
    if (geteuid() == 0)
        drop_root();
    CHECK_ERR("MPOL_MF_MOVE_ALL takes a right", bind_range(map, PAGE, MPOL_BIND, 1, MPOL_MF_MOVE_ALL), EPERM);
    DONE();
}
