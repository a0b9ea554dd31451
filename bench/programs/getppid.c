// Nanoseconds of one getppid() through glibc's own wrapper, at a site that is already warm.

#include "bench.h"

enum { WARM = 10000, CALLS = 3000000 };

int main(void)
{
    pid_t parent = getppid();
    for (int n = 0; n < WARM; n++)
        if (getppid() != parent)
            return 1;
    double start = now_ns();
    for (int n = 0; n < CALLS; n++)
        if (getppid() != parent)
            return 1;
    printf("%f\n", (now_ns() - start) / CALLS);
    return 0;
}
