// The monotonic clock at main, in nanoseconds: what started it subtracts its own reading from before.

#include "bench.h"

int main(void)
{
    printf("%f\n", now_ns());
    return 0;
}
