// layer: io
// link: perf/loadgen/stalled.c
// link: perf/loadgen/reader.c
// link: perf/loadgen/reader_dial.c
// link: perf/loadgen/reader_secure.c
// link: perf/loadgen/secure.c
// link: perf/loadgen/dealing.c
// link: perf/loadgen/segments.c
// link: perf/loadgen/meter.c
// link: perf/loadgen/histogram.c
// link: perf/loadgen/subscriber.c
// link: perf/loadgen/response.c
// link: perf/loadgen/messages.c
// link: perf/loadgen/messages_nats.c
// link: perf/loadgen/messages_redis.c
// link: perf/loadgen/lines.c
// link: perf/loadgen/payload.c
// link: perf/loadgen/target.c
// link: perf/loadgen/template.c
#include "../perf/loadgen/reader.h"

#include <criterion/criterion.h>

Test(stalled, bytes_that_are_due)
{
    uint64_t left = 0;
    cr_assert_eq(stalled_bytes_due(1000, 100, &left), 100);
    cr_assert_eq(stalled_bytes_due(0, 100, &left), 0);
    cr_assert_eq(left, 0);
}

Test(stalled, parts_of_a_byte_add_up)
{
    uint64_t left = 0;
    uint32_t bytes = 0;
    for (unsigned i = 0; i < 1000; i++) {
        bytes += stalled_bytes_due(128, 3, &left);
    }
    cr_assert_eq(bytes, 384);
}

Test(stalled, a_read_is_one_buffer_at_the_most)
{
    uint64_t left = 0;
    cr_assert_eq(stalled_bytes_due(10 * 1000, STALLED_RATE_MAX, &left), READER_BUFFER_BYTES);
    cr_assert_lt(stalled_bytes_due(128, STALLED_RATE_MAX, &left), READER_BUFFER_BYTES);
}
