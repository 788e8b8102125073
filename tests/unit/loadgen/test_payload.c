// layer: base
// link: perf/loadgen/payload.c
#include "../perf/loadgen/payload.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct payload sample = {
    .run = 0xdeadbeef,
    .stream = 0x00ab12,
    .number = UINT64_C(0x1234567890),
    .intended_ns = UINT64_C(0xfedcba9876543210),
};

static bool same(const struct payload *one, const struct payload *two)
{
    return one->run == two->run && one->stream == two->stream && one->number == two->number &&
           one->intended_ns == two->intended_ns;
}

Test(payload, layout)
{
    uint8_t bytes[64];
    payload_write(bytes, sizeof bytes, &sample);
    static const char expected[] =
        "rbdeadbeef-00ab12-1234567890-fedcba9876543210...................";
    cr_assert_eq(sizeof expected - 1, sizeof bytes);
    cr_assert_arr_eq(bytes, expected, sizeof bytes);
}

Test(payload, is_read_back)
{
    uint8_t bytes[100];
    struct payload read;
    payload_write(bytes, PAYLOAD_BYTES_MIN, &sample);
    cr_assert(payload_read(&read, bytes, PAYLOAD_BYTES_MIN));
    cr_assert(same(&read, &sample));

    struct payload largest = {UINT32_MAX, PAYLOAD_STREAM_MAX, PAYLOAD_NUMBER_MAX, UINT64_MAX};
    payload_write(bytes, sizeof bytes, &largest);
    cr_assert(payload_read(&read, bytes, sizeof bytes));
    cr_assert(same(&read, &largest));
}

Test(payload, may_stand_in_quotes)
{
    uint8_t bytes[PAYLOAD_BYTES_MIN + 2] = "\"";
    payload_write(bytes + 1, PAYLOAD_BYTES_MIN, &sample);
    bytes[PAYLOAD_BYTES_MIN + 1] = '"';
    struct payload read;
    cr_assert(payload_read(&read, bytes, sizeof bytes));
    cr_assert(same(&read, &sample));
    cr_assert_not(payload_read(&read, bytes, PAYLOAD_BYTES_MIN));
}

Test(payload, anything_else_is_none)
{
    uint8_t bytes[PAYLOAD_BYTES_MIN];
    struct payload read;
    payload_write(bytes, sizeof bytes, &sample);
    for (size_t length = 0; length < sizeof bytes; length++) {
        cr_assert_not(payload_read(&read, bytes, length));
    }
    for (size_t i = 0; i < sizeof bytes; i++) {
        uint8_t kept = bytes[i];
        bytes[i] = 'G';
        cr_assert_not(payload_read(&read, bytes, sizeof bytes), "byte %zu", i);
        bytes[i] = kept;
    }
    cr_assert(payload_read(&read, bytes, sizeof bytes));
}
