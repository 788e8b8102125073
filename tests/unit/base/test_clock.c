#include "base/clock.h"

#include <criterion/criterion.h>
#include <time.h>

Test(clock, monotonic_never_goes_back)
{
    uint64_t last = clock_monotonic_ns();
    for (int i = 0; i < 1000; i++) {
        uint64_t now = clock_monotonic_ns();
        cr_assert_geq(now, last);
        last = now;
    }
    cr_assert_geq(clock_monotonic_ms(), last / 1000000);
}

Test(clock, realtime_is_unix_time_in_milliseconds)
{
    uint64_t before = (uint64_t)time(NULL);
    uint64_t now = clock_realtime_ms();
    uint64_t after = (uint64_t)time(NULL);
    // time() reads a coarser clock, which may lag by a tick.
    cr_assert(now / 1000 >= before && now / 1000 <= after + 1);
}
