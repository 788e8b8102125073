// link: tests/unit/log/sample_block.c
#include "log/block.h"

#include "base/crc32c.h"
#include "base/prng.h"
#include "sample_log.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define SALT UINT64_C(0x0123456789abcdef)

static struct buffer bytes;

static void setup(void)
{
    static const struct sample_event events[] = {
        {10, 1, 2, "one", false},
        {11, 1, 1, "two\nlines", false},
        {15, 2, 2, "three", false},
        {16, 0, 3, "", true},
    };
    const struct sample_block block = {.salt = SALT,
                                       .synced_through = 4096,
                                       .previous_position = 8192,
                                       .time_ms = 77,
                                       .events = events,
                                       .event_count = 4};
    buffer_init(&bytes, BLOCK_BYTES_MAX);
    sample_block_build(&bytes, &block);
}

static void teardown(void)
{
    buffer_free(&bytes);
}

static uint8_t *block(void)
{
    return bytes.storage;
}

static struct block_header *header(void)
{
    return (struct block_header *)(void *)bytes.storage;
}

static size_t length(void)
{
    return buffer_length(&bytes);
}

static struct block_record *records(void)
{
    return (struct block_record *)(void *)(block() +
                                           ((const uint8_t *)block_records(block()) - block()));
}

static struct block_stream *streams(void)
{
    return (struct block_stream *)(void *)(block() +
                                           ((const uint8_t *)block_streams(block()) - block()));
}

static enum block_verdict check_sealed(void)
{
    block_seal(block());
    return block_check(block(), length(), SALT);
}

TestSuite(block, .init = setup, .fini = teardown, .timeout = 30);

Test(block, that_is_valid)
{
    cr_assert_eq(block_check(block(), length(), SALT), BLOCK_VALID);
    cr_assert_eq(block_check(block(), length() + 100, SALT), BLOCK_VALID);
    cr_assert_eq(block_check_header(block(), SALT), BLOCK_VALID);
    cr_assert_eq(length() % BLOCK_ALIGNMENT, 0);
    cr_assert_eq(header()->stream_count, 3);
    cr_assert(slice_equal_text(block_stream_name(block(), &block_streams(block())[1]), "stream/1"));
    cr_assert_eq(block_records(block())[2].id, 15);
    cr_assert_eq(block_streams(block())[0].flags, 0, "its frames are not side by side");
    cr_assert_eq(block_streams(block())[1].flags, BLOCK_STREAM_CONTIGUOUS);
}

Test(block, of_another_life_is_absent)
{
    cr_assert_eq(block_check(block(), length(), SALT + 1), BLOCK_ABSENT);
    header()->magic ^= 1;
    cr_assert_eq(block_check(block(), length(), SALT), BLOCK_ABSENT);
}

Test(block, that_is_cut)
{
    for (size_t available = 0; available < length(); available++) {
        enum block_verdict verdict = block_check(block(), available, SALT);
        cr_assert_eq(verdict, available < 4 ? BLOCK_ABSENT : BLOCK_CUT, "%zu", available);
    }
}

Test(block, with_any_bit_flipped)
{
    for (size_t offset = 0; offset < length(); offset++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            block()[offset] ^= (uint8_t)(1u << bit);
            cr_assert_neq(block_check(block(), length(), SALT), BLOCK_VALID);
            block()[offset] ^= (uint8_t)(1u << bit);
        }
    }
}

// The checksum does not make up for what makes no sense: each of these is sealed anew.
#define SPOIL(what, value)                                              \
    do {                                                                \
        __typeof__(what) former = (what);                               \
        (what) = (value);                                               \
        cr_assert_neq(check_sealed(), BLOCK_VALID, #what " = " #value); \
        (what) = former;                                                \
        cr_assert_eq(check_sealed(), BLOCK_VALID);                      \
    } while (0)

Test(block, with_a_header_that_makes_no_sense)
{
    SPOIL(header()->kind, 0);
    SPOIL(header()->kind, BLOCK_GAP);
    SPOIL(header()->kind, 4);
    SPOIL(header()->kind, BLOCK_INDEX);
    SPOIL(header()->zero, 1);
    SPOIL(header()->first_id, 0);
    SPOIL(header()->first_id, 9);
    SPOIL(header()->first_id, 17);
    SPOIL(header()->last_id, 15);
    SPOIL(header()->last_id, 17);
    SPOIL(header()->record_count, 0);
    SPOIL(header()->record_count, 3);
    SPOIL(header()->record_count, BLOCK_RECORDS_MAX + 1);
    SPOIL(header()->stream_count, 0);
    SPOIL(header()->stream_count, 5);
    SPOIL(header()->frames_length, UINT32_MAX);
    SPOIL(header()->frames_length, header()->frames_length + 8);
    SPOIL(header()->heap_offset, header()->heap_offset + 8);
    header()->length = BLOCK_HEADER_BYTES - 8;
    cr_assert_eq(block_check(block(), length(), SALT), BLOCK_CORRUPT);
    header()->length = (uint32_t)length() + 4;
    cr_assert_eq(block_check(block(), length(), SALT), BLOCK_CORRUPT);
    header()->length = BLOCK_BYTES_MAX + 8;
    cr_assert_eq(block_check(block(), length(), SALT), BLOCK_CORRUPT);
    header()->length = BLOCK_HEADER_BYTES;
    cr_assert_eq(block_check(block(), length(), SALT), BLOCK_CORRUPT);
}

Test(block, with_a_record_that_makes_no_sense)
{
    struct block_record *record = &records()[1];
    SPOIL(record->id, 10);
    SPOIL(record->id, 15);
    SPOIL(record->kind, RECORD_END + 1);
    SPOIL(record->form, 3);
    SPOIL(record->priority, 5);
    SPOIL(record->stream, 3);
    SPOIL(record->frame_offset, BLOCK_HEADER_BYTES - 1);
    SPOIL(record->frame_offset, UINT32_MAX);
    SPOIL(record->frame_length, UINT32_MAX);
    SPOIL(record->frame_length, header()->frames_length);
    SPOIL(record->extra_offset, header()->heap_offset - 1);
    SPOIL(record->extra_offset, header()->length + 1);
    SPOIL(record->extra_length, UINT32_MAX);
    SPOIL(record->payload_length, UINT32_MAX);
    struct block_record *control = &records()[3];
    control->frame_offset = 0;
    cr_assert_eq(check_sealed(), BLOCK_VALID, "a control record has no frame");
}

Test(block, with_a_stream_that_makes_no_sense)
{
    struct block_stream *stream = &streams()[0];
    SPOIL(stream->number, 0);
    SPOIL(stream->name_length, 0);
    SPOIL(stream->name_length, 200);
    SPOIL(stream->name_offset, 0);
    SPOIL(stream->count, 5);
    SPOIL(stream->first_id, 9);
    SPOIL(stream->first_id, 16);
    SPOIL(stream->last_id, 17);
    SPOIL(stream->first_sequence, 0);
    SPOIL(stream->first_sequence, 3);
    SPOIL(stream->frame_offset, 0);
    SPOIL(stream->frame_bytes, header()->frames_length + 1);
    SPOIL(streams()[1].frame_bytes, header()->frames_length);
    SPOIL(streams()[2].frame_bytes, 1);
}

Test(block, of_the_index_kind)
{
    // Only the header is looked at here; what follows is checked by seal_check.
    struct block_header index = {.magic = BLOCK_MAGIC,
                                 .salt = SALT,
                                 .length = BLOCK_HEADER_BYTES,
                                 .kind = BLOCK_INDEX,
                                 .heap_offset = BLOCK_HEADER_BYTES};
    memcpy(block(), &index, sizeof index);
    cr_assert_eq(check_sealed(), BLOCK_VALID);
    SPOIL(header()->record_count, 1);
    SPOIL(header()->stream_count, 1);
    SPOIL(header()->frames_length, 8);
    SPOIL(header()->heap_offset, 0);
    SPOIL(header()->first_id, 1);
}

Test(block, of_the_gap_kind)
{
    struct block_header gap = {.magic = BLOCK_MAGIC,
                               .salt = SALT,
                               .length = BLOCK_HEADER_BYTES,
                               .kind = BLOCK_GAP,
                               .first_id = 5,
                               .last_id = 9,
                               .heap_offset = BLOCK_HEADER_BYTES};
    memcpy(block(), &gap, sizeof gap);
    cr_assert_eq(check_sealed(), BLOCK_VALID);
    SPOIL(header()->record_count, 1);
    SPOIL(header()->last_id, 4);
    SPOIL(header()->length, BLOCK_HEADER_BYTES + 8);
}

Test(block, crc_in_pieces)
{
    uint32_t crc = block_crc_begin(SALT);
    crc = crc32c(crc, block() + 8, 40);
    crc = crc32c(crc, block() + 48, length() - 48);
    cr_assert_eq(crc, header()->crc);
}

Test(block, of_random_bytes)
{
    struct prng prng;
    prng_seed(&prng, 4);
    for (int i = 0; i < 20000; i++) {
        size_t from = (size_t)prng_below(&prng, length() / 4) * 4;
        store_le32(block() + from, (uint32_t)prng_u64(&prng));
        header()->magic = BLOCK_MAGIC;
        header()->salt = SALT;
        header()->length = (uint32_t)length();
        check_sealed();
        if (i % 4 == 0) {
            teardown();
            setup();
        }
    }
}
