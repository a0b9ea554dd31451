// The wall clock at main, in nanoseconds: what started it subtracts its own reading from before. A sandbox may have a
// monotonic clock of its own.

#include "bench.h"

int main(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    printf("%f\n", now.tv_sec * 1e9 + now.tv_nsec);
    return 0;
}
