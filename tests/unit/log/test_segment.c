#include "log/segment.h"

#include <criterion/criterion.h>
#include <stdio.h>

TestSuite(segment, .timeout = 30);

static const struct segment_header sample = {.salt = 0x1122334455667788,
                                             .number = 12,
                                             .segment_bytes = 1 << 20,
                                             .first_id = 99,
                                             .previous_end = (11 << 20) + 5000,
                                             .created_ms = 123456789,
                                             .flags = SEGMENT_PENDING};

Test(segment, header_there_and_back)
{
    uint8_t bytes[SEGMENT_HEADER_BYTES];
    struct segment_header back;
    segment_header_encode(&sample, bytes);
    cr_assert_eq(segment_header_decode(slice_from(bytes, sizeof bytes), &back), SEGMENT_VALID);
    cr_assert_eq(back.salt, sample.salt);
    cr_assert_eq(back.number, sample.number);
    cr_assert_eq(back.segment_bytes, sample.segment_bytes);
    cr_assert_eq(back.first_id, sample.first_id);
    cr_assert_eq(back.previous_end, sample.previous_end);
    cr_assert_eq(back.created_ms, sample.created_ms);
    cr_assert_eq(back.flags, sample.flags);
}

// A full segment ends where the next one begins.
Test(segment, header_behind_a_full_segment)
{
    uint8_t bytes[SEGMENT_HEADER_BYTES];
    struct segment_header header = sample;
    struct segment_header back;
    header.previous_end = 12 << 20;
    segment_header_encode(&header, bytes);
    cr_assert_eq(segment_header_decode(slice_from(bytes, sizeof bytes), &back), SEGMENT_VALID);
    cr_assert_eq(back.previous_end, header.previous_end);
}

Test(segment, header_with_any_bit_flipped)
{
    uint8_t bytes[SEGMENT_HEADER_BYTES];
    struct segment_header back;
    segment_header_encode(&sample, bytes);
    for (size_t i = 0; i < 80 * 8; i++) {
        bytes[i / 8] ^= (uint8_t)(1u << i % 8);
        cr_assert_eq(segment_header_decode(slice_from(bytes, sizeof bytes), &back),
                     SEGMENT_CORRUPT);
        bytes[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    cr_assert_eq(segment_header_decode(slice_from(bytes, sizeof bytes - 1), &back),
                 SEGMENT_CORRUPT);
    cr_assert_eq(segment_header_decode(slice_empty(), &back), SEGMENT_CORRUPT);
}

Test(segment, names)
{
    char name[SEGMENT_NAME_BYTES];
    uint64_t number = 0;
    segment_name(0x1a2b, name);
    cr_assert_str_eq(name, "segment-0000000000001a2b.log");
    cr_assert(segment_name_parse(name, &number));
    cr_assert_eq(number, 0x1a2b);
    static const char *const bad[] = {
        "",
        "lock",
        "segment-",
        "segment-0000000000000000.log",
        "segment-0000000000001A2b.log",
        "segment-000000000001a2b.log",
        "segment-00000000000001a2b.log",
        "segment-0000000000001a2b.lox",
        "segment-0000000000001a2b.log2",
        "segmenx-0000000000001a2b.log",
        "segment-ffffffffffffffff.log",
        "segment-000000000000 a2b.log",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_assert_not(segment_name_parse(bad[i], &number), "%s", bad[i]);
    }
    cr_assert_eq(number, 0x1a2b);
}

Test(segment, positions)
{
    uint64_t size = 1 << 20;
    uint64_t position = segment_position(7, size, 4711);
    cr_assert_eq(segment_number_of(position, size), 7);
    cr_assert_eq(segment_offset_of(position, size), 4711);
    cr_assert_eq(segment_first_position(7, size), 7 * size + SEGMENT_HEADER_BYTES);
    cr_assert(segment_bytes_are_valid(SEGMENT_BYTES_MIN));
    cr_assert(segment_bytes_are_valid(SEGMENT_BYTES_MAX));
    cr_assert_not(segment_bytes_are_valid(SEGMENT_BYTES_MIN / 2));
    cr_assert_not(segment_bytes_are_valid(SEGMENT_BYTES_MAX * 2));
    cr_assert_not(segment_bytes_are_valid(SEGMENT_BYTES_MIN + 4096));
    cr_assert_not(segment_bytes_are_valid(0));
    cr_assert_lt(SEGMENT_NUMBER_MAX, UINT64_MAX / SEGMENT_BYTES_MAX);
}
