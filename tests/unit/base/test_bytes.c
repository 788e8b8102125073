#include "base/bytes.h"

#include "base/prng.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

// There where ASan is linked in, which reports the failure of an allocation as a fault.
__attribute__((weak)) extern void __asan_init(void);

Test(slice, compares)
{
    static const struct slice literal = SLICE_LITERAL("chat/42");
    cr_assert_eq(literal.length, 7);
    cr_assert(slice_equal(literal, slice_of("chat/42")));
    cr_assert(slice_equal_text(literal, "chat/42"));
    cr_assert_not(slice_equal_text(literal, "chat/4"));
    cr_assert_not(slice_equal_text(literal, "chat/43"));
    cr_assert(slice_equal(slice_empty(), slice_of("")));
    cr_assert(slice_equal_ignoring_case(slice_of("Last-Event-ID"), slice_of("last-event-id")));
    cr_assert_not(slice_equal_ignoring_case(slice_of("a["), slice_of("A{")));
    cr_assert_not(slice_equal_ignoring_case(slice_of("abc"), slice_of("ab")));
    cr_assert_lt(slice_compare(slice_of("a"), slice_of("b")), 0);
    cr_assert_gt(slice_compare(slice_of("b"), slice_of("aa")), 0);
    cr_assert_lt(slice_compare(slice_of("a"), slice_of("aa")), 0);
    cr_assert_gt(slice_compare(slice_of("a"), slice_empty()), 0);
    cr_assert_eq(slice_compare(slice_of("aa"), slice_of("aa")), 0);
    cr_assert_eq(slice_compare(slice_empty(), slice_empty()), 0);
}

Test(slice, cuts)
{
    struct slice text = slice_of("a=b=c");
    cr_assert(slice_starts_with(text, slice_of("a=")));
    cr_assert(slice_starts_with(text, slice_empty()));
    cr_assert_not(slice_starts_with(text, slice_of("a=b=c=")));
    cr_assert_eq(slice_find(text, '='), 1);
    cr_assert_eq(slice_find(text, 'x'), 5);
    cr_assert_eq(slice_find(slice_empty(), 'x'), 0);
    cr_assert(slice_equal_text(slice_after(text, 4), "c"));
    cr_assert_eq(slice_after(text, 5).length, 0);
    cr_assert(slice_equal_text(slice_first(text, 3), "a=b"));
    cr_assert(slice_equal_text(slice_trim(slice_of(" \t x y\t ")), "x y"));
    cr_assert_eq(slice_trim(slice_of(" \t ")).length, 0);
    cr_assert_eq(slice_trim(slice_empty()).length, 0);
}

Test(slice, splits_into_all_parts)
{
    static const char *const parts[] = {"", "a", "", "bc", ""};
    struct slice rest = slice_of(",a,,bc,");
    size_t count = 0;
    while (rest.at != NULL) {
        struct slice part = slice_split(&rest, ',');
        cr_assert_lt(count, 5);
        cr_assert(slice_equal_text(part, parts[count]), "part %zu", count);
        count++;
    }
    cr_assert_eq(count, 5);
}

Test(slice, cutting_beyond_the_end_aborts, .signal = SIGABRT)
{
    slice_after(slice_of("ab"), 3);
}

Test(bytes, loads_and_stores_little_endian)
{
    uint8_t raw[9] = {0};
    store_le16(raw + 1, 0x1234); // at odd addresses too
    cr_assert(raw[1] == 0x34 && raw[2] == 0x12);
    cr_assert_eq(load_le16(raw + 1), 0x1234);
    store_le32(raw + 1, 0x12345678);
    cr_assert(raw[1] == 0x78 && raw[4] == 0x12);
    cr_assert_eq(load_le32(raw + 1), 0x12345678);
    store_le64(raw + 1, UINT64_C(0x123456789abcdef0));
    cr_assert(raw[1] == 0xf0 && raw[8] == 0x12);
    cr_assert_eq(load_le64(raw + 1), UINT64_C(0x123456789abcdef0));
}

Test(bytes, aligns)
{
    cr_assert_eq(align_up(0, 8), 0);
    cr_assert_eq(align_up(1, 8), 8);
    cr_assert_eq(align_up(8, 8), 8);
    cr_assert_eq(align_up(4097, 4096), 8192);
    cr_assert_eq(align_up(77, 1), 77);
    cr_assert(is_power_of_two(1) && is_power_of_two(UINT64_C(1) << 63));
    cr_assert_not(is_power_of_two(0) || is_power_of_two(12));
}

Test(bytes, aligning_past_64_bits_aborts, .signal = SIGABRT)
{
    align_up(UINT64_MAX, 2);
}

Test(buffer, appends_in_every_way)
{
    struct buffer buffer;
    buffer_init(&buffer, 1000);
    cr_assert_eq(buffer_length(&buffer), 0);
    cr_assert_null(buffer_slice(&buffer).at);
    cr_assert_eq(buffer_append(&buffer, NULL, 0), 0);
    cr_assert_eq(buffer_append(&buffer, "ab", 2), 0);
    cr_assert_eq(buffer_append_byte(&buffer, 'c'), 0);
    cr_assert_eq(buffer_append_text(&buffer, "de"), 0);
    cr_assert_eq(buffer_append_slice(&buffer, slice_of("f")), 0);
    cr_assert_eq(buffer_append_u64(&buffer, 42), 0);
    cr_assert_eq(buffer_printf(&buffer, "<%s:%d>", "x", -1), 0);
    cr_assert(slice_equal_text(buffer_slice(&buffer), "abcdef42<x:-1>"));
    uint8_t *into = buffer_reserve(&buffer, 3);
    cr_assert_not_null(into);
    cr_assert_geq(buffer_room(&buffer), 3);
    memcpy(into, "yz", 2);
    buffer_commit(&buffer, 2);
    buffer_consume(&buffer, 13);
    cr_assert(slice_equal_text(buffer_slice(&buffer), ">yz"));
    buffer_truncate(&buffer, 1);
    cr_assert(slice_equal_text(buffer_slice(&buffer), ">"));
    buffer_consume(&buffer, 1);
    cr_assert_eq(buffer.start, 0);
    buffer_free(&buffer);
    cr_assert_eq(buffer_append_text(&buffer, "again"), 0);
    buffer_free(&buffer);
}

Test(buffer, never_exceeds_its_limit_and_failure_sticks)
{
    struct buffer buffer;
    buffer_init(&buffer, 10);
    cr_assert_eq(buffer_append_text(&buffer, "12345678"), 0);
    cr_assert_eq(buffer_append_text(&buffer, "abc"), -ENOBUFS);
    cr_assert_eq(buffer_failure(&buffer), -ENOBUFS);
    cr_assert_eq(buffer_append_byte(&buffer, 'x'), -ENOBUFS);
    cr_assert_eq(buffer_printf(&buffer, "x"), -ENOBUFS);
    cr_assert_null(buffer_reserve(&buffer, 1));
    cr_assert(slice_equal_text(buffer_slice(&buffer), "12345678"));
    buffer_clear(&buffer);
    cr_assert_eq(buffer_append_text(&buffer, "0123456789"), 0);
    cr_assert_eq(buffer_append(&buffer, NULL, 0), 0);
    cr_assert_leq(buffer.capacity_bytes, 10);
    cr_assert_eq(buffer_printf(&buffer, "%d", 1), -ENOBUFS);
    cr_assert_eq(buffer_append(&buffer, "x", SIZE_MAX), -ENOBUFS);
    buffer_free(&buffer);
}

Test(buffer, a_wrapped_one_uses_only_what_it_was_given)
{
    uint8_t storage[8];
    struct buffer buffer;
    buffer_wrap(&buffer, storage, sizeof(storage));
    cr_assert_eq(buffer_append_text(&buffer, "12345678"), 0);
    buffer_consume(&buffer, 3);
    cr_assert_eq(buffer_append_text(&buffer, "abc"), 0);
    cr_assert(slice_equal_text(buffer_slice(&buffer), "45678abc"));
    cr_assert_eq(buffer_slice(&buffer).at, storage);
    cr_assert_eq(buffer_append_byte(&buffer, 'x'), -ENOBUFS);
    buffer_free(&buffer);
    cr_assert_eq(buffer_append_text(&buffer, "new"), 0);
    cr_assert_eq(memcmp(storage, "new", 3), 0);
    buffer_wrap(&buffer, NULL, 0);
    cr_assert_eq(buffer_append_byte(&buffer, 'x'), -ENOBUFS);
}

Test(buffer, reports_a_failed_allocation)
{
    if (__asan_init != NULL) {
        cr_skip_test("ASan is watching");
    }
    struct buffer buffer;
    buffer_init(&buffer, SIZE_MAX / 2);
    cr_assert_eq(buffer_append_text(&buffer, "kept"), 0);
    cr_assert_null(buffer_reserve(&buffer, SIZE_MAX / 2 - 100));
    cr_assert_eq(buffer_failure(&buffer), -ENOMEM);
    cr_assert(slice_equal_text(buffer_slice(&buffer), "kept"));
    buffer_free(&buffer);
}

// A queue under random use holds what a plain array says.
static void check_as_a_queue(uint64_t seed, size_t limit)
{
    struct prng prng;
    struct buffer buffer;
    uint8_t *model = malloc(limit);
    size_t model_length = 0;
    prng_seed(&prng, seed);
    buffer_init(&buffer, limit);
    for (int step = 0; step < 500; step++) {
        uint8_t piece[200];
        size_t length = prng_below(&prng, sizeof(piece));
        prng_bytes(&prng, piece, length);
        bool fits = length <= limit - model_length;
        cr_assert_eq(buffer_append(&buffer, piece, length), fits ? 0 : -ENOBUFS);
        if (fits) {
            memcpy(model + model_length, piece, length);
            model_length += length;
        } else {
            buffer.failure = 0;
        }
        size_t consumed = prng_below(&prng, model_length + 1) / (1 + prng_below(&prng, 5));
        buffer_consume(&buffer, consumed);
        model_length -= consumed;
        memmove(model, model + consumed, model_length);
        cr_assert(slice_equal(buffer_slice(&buffer), slice_from(model, model_length)));
        cr_assert_leq(buffer.capacity_bytes, limit);
    }
    buffer_free(&buffer);
    free(model);
}

Test(buffer, is_a_queue)
{
    for (uint64_t seed = 0; seed < 100; seed++) {
        check_as_a_queue(seed, seed % 3 == 0 ? 300 : 5000);
    }
}
