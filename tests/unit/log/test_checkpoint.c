#include "log/checkpoint.h"

#include "base/crc32c.h"
#include "log/segment.h"

#include <criterion/criterion.h>
#include <errno.h>

enum { SEGMENT = 1 << 20 };

static struct buffer bytes;

static const struct checkpoint_head head = {.position = 5 * (uint64_t)SEGMENT + 8000,
                                            .last_id = 1234,
                                            .last_position = 5 * (uint64_t)SEGMENT + 7000,
                                            .next_stream_number = 100,
                                            .segment_bytes = SEGMENT,
                                            .created_ms = 55};

static struct checkpoint_stream stream_of(uint64_t number, struct slice name)
{
    return (struct checkpoint_stream){
        .number = number,
        .last_id = number + 1,
        .last_sequence = number + 2,
        .discarded_id = number + 3,
        .discarded_sequence = number + 4,
        .last_time_ms = number + 5,
        .cumulative_bytes = number + 6,
        .cumulative_count = number + 7,
        .discarded_bytes = number + 8,
        .discarded_count = number + 9,
        // Some have more than their retention.
        .settings = {.retention_age_ms = number + 10,
                     .retention_bytes = number + 11,
                     .retention_count = number + 12,
                     .idle_ttl_ms = number + 13,
                     .flow = {.overflow = number > 50 ? OVERFLOW_BLOCK : OVERFLOW_UNSET,
                              .lag_events = number > 50 ? number + 14 : 0},
                     .owner = number > 50 ? number + 15 : 0,
                     .parts = SETTINGS_PARTS},
        .content_type = number > 50 ? slice_of("text/plain") : slice_empty(),
        .life = number > 50 ? STREAM_CLOSED : STREAM_OPEN,
        .is_made = true,
        .name = name};
}

static const struct checkpoint_producer producer = {.stream_number = 7,
                                                    .producer_id = 8,
                                                    .producer_sequence = 9,
                                                    .id = 10,
                                                    .sequence = 11,
                                                    .last_used_ms = 12,
                                                    .epoch = 13};

static struct checkpoint_segment segment_of(uint64_t number)
{
    return (struct checkpoint_segment){.number = number,
                                       .salt = number * 3,
                                       .first_id = number * 10,
                                       .last_id = number * 10 + 9,
                                       .end_position = number * SEGMENT + 8000,
                                       .last_position = number * SEGMENT + 7000,
                                       .index_offset = 8000,
                                       .index_length = 400};
}

static char long_name[256];

static void build(void)
{
    struct checkpoint_writer writer;
    memset(long_name, 'n', 255);
    buffer_init(&bytes, 1 << 20);
    checkpoint_begin(&writer, &bytes, &head);
    struct checkpoint_stream one = stream_of(1, slice_of("a"));
    struct checkpoint_stream two = stream_of(99, slice_of(long_name));
    checkpoint_add_stream(&writer, &one);
    checkpoint_add_stream(&writer, &two);
    checkpoint_add_producer(&writer, &producer);
    struct checkpoint_segment segment = segment_of(4);
    checkpoint_add_segment(&writer, &segment);
    segment = segment_of(5);
    checkpoint_add_segment(&writer, &segment);
    cr_assert_eq(checkpoint_finish(&writer), 0);
}

static void teardown(void)
{
    buffer_free(&bytes);
}

TestSuite(checkpoint, .init = build, .fini = teardown, .timeout = 30);

static void expect_stream(const struct checkpoint_stream *stream, uint64_t number, const char *name)
{
    const struct checkpoint_stream expected = stream_of(number, slice_of(name));
    cr_assert(slice_equal_text(stream->name, name));
    cr_assert(slice_equal(stream->content_type, expected.content_type));
    cr_assert_eq(stream->life, expected.life);
    cr_assert(stream->is_made);
    cr_assert_eq(memcmp(&stream->settings, &expected.settings, sizeof expected.settings), 0);
    cr_assert_eq(memcmp(stream, &expected, offsetof(struct checkpoint_stream, settings)), 0,
                 "its numbers");
}

Test(checkpoint, there_and_back)
{
    struct checkpoint_reader reader;
    struct checkpoint_stream stream;
    struct checkpoint_producer back;
    struct checkpoint_segment segment;
    struct checkpoint_segment expected;
    cr_assert_eq(checkpoint_open(&reader, buffer_slice(&bytes)), CHECKPOINT_VALID);
    cr_assert_eq(memcmp(&reader.head, &head, sizeof head), 0);
    cr_assert_eq(reader.stream_count, 2);
    cr_assert(checkpoint_next_stream(&reader, &stream));
    expect_stream(&stream, 1, "a");
    cr_assert(checkpoint_next_stream(&reader, &stream));
    expect_stream(&stream, 99, long_name);
    cr_assert_not(checkpoint_next_stream(&reader, &stream));
    cr_assert(checkpoint_next_producer(&reader, &back));
    cr_assert_eq(memcmp(&back, &producer, sizeof back), 0);
    cr_assert_not(checkpoint_next_producer(&reader, &back));
    for (uint64_t number = 4; number <= 5; number++) {
        cr_assert(checkpoint_next_segment(&reader, &segment));
        expected = segment_of(number);
        cr_assert_eq(memcmp(&segment, &expected, sizeof segment), 0);
    }
    cr_assert_not(checkpoint_next_segment(&reader, &segment));
}

Test(checkpoint, with_any_bit_flipped)
{
    struct checkpoint_reader reader;
    for (size_t i = 0; i < buffer_length(&bytes) * 8; i += 3) {
        bytes.storage[i / 8] ^= (uint8_t)(1u << i % 8);
        cr_assert_eq(checkpoint_open(&reader, buffer_slice(&bytes)), CHECKPOINT_CORRUPT);
        bytes.storage[i / 8] ^= (uint8_t)(1u << i % 8);
    }
}

Test(checkpoint, cut_anywhere)
{
    struct checkpoint_reader reader;
    for (size_t length = 0; length < buffer_length(&bytes); length++) {
        cr_assert_eq(checkpoint_open(&reader, slice_from(bytes.storage, length)),
                     CHECKPOINT_CORRUPT);
    }
}

static void seal(void)
{
    uint8_t *at = bytes.storage;
    // The body's CRC stands behind head, three counts and two lengths.
    store_le32(
        at + 16 + sizeof head + 5 * 8,
        crc32c(0, at + CHECKPOINT_HEADER_BYTES, buffer_length(&bytes) - CHECKPOINT_HEADER_BYTES));
    store_le32(at + 8, crc32c(0, at + 12, CHECKPOINT_HEADER_BYTES - 12));
}

static enum checkpoint_verdict spoil(size_t offset, uint64_t value)
{
    struct checkpoint_reader reader;
    uint8_t *at = bytes.storage + offset;
    uint64_t former = load_le64(at);
    store_le64(at, value);
    seal();
    enum checkpoint_verdict verdict = checkpoint_open(&reader, buffer_slice(&bytes));
    store_le64(at, former);
    seal();
    cr_assert_eq(checkpoint_open(&reader, buffer_slice(&bytes)), CHECKPOINT_VALID);
    return verdict;
}

// The right checksums over numbers that make no sense.
Test(checkpoint, that_makes_no_sense)
{
    struct checkpoint_reader reader;
    size_t counts = 16 + sizeof head;
    size_t first_stream = CHECKPOINT_HEADER_BYTES;
    size_t last_segment = buffer_length(&bytes) - sizeof(struct checkpoint_segment);
    cr_assert_eq(spoil(16 + 32, 1000), CHECKPOINT_CORRUPT, "segment_bytes");
    for (size_t i = 0; i < 5; i++) {
        cr_assert_eq(spoil(counts + 8 * i, 3), CHECKPOINT_CORRUPT, "count %zu", i);
        cr_assert_eq(spoil(counts + 8 * i, UINT64_MAX), CHECKPOINT_CORRUPT, "count %zu", i);
    }
    cr_assert_eq(spoil(first_stream, 0), CHECKPOINT_CORRUPT, "stream number 0");
    cr_assert_eq(spoil(first_stream, 100), CHECKPOINT_CORRUPT, "stream number not yet given");
    cr_assert_eq(spoil(first_stream + 112, 0), CHECKPOINT_CORRUPT, "name length");
    cr_assert_eq(spoil(first_stream + 112, 256), CHECKPOINT_CORRUPT, "name length");
    cr_assert_eq(spoil(first_stream + 112, 255), CHECKPOINT_CORRUPT, "name length");
    // Where its rest begins, and its length.
    size_t rest = first_stream + 120 + 8;
    cr_assert_eq(spoil(first_stream + 112, 1 | UINT64_C(32) << 32), CHECKPOINT_CORRUPT, "rest");
    cr_assert_eq(spoil(first_stream + 112, 1 | UINT64_C(8) << 32), CHECKPOINT_CORRUPT, "rest");
    cr_assert_eq(spoil(first_stream + 112, 1 | UINT64_C(56) << 32), CHECKPOINT_CORRUPT, "rest");
    cr_assert_eq(spoil(first_stream + 112, 1 | UINT64_MAX << 32), CHECKPOINT_CORRUPT, "rest");
    cr_assert_eq(spoil(rest + 40, STREAM_LIVES), CHECKPOINT_CORRUPT, "life");
    cr_assert_eq(spoil(rest + 40, 2 << 8), CHECKPOINT_CORRUPT, "whether it was made");
    cr_assert_eq(spoil(rest + 40, 1 << 16), CHECKPOINT_CORRUPT, "content type");
    rest += 48 + 120 + 256;
    cr_assert_eq(spoil(rest + 24, UINT64_C(99) << 32), CHECKPOINT_CORRUPT, "policy");
    cr_assert_eq(spoil(rest + 48, 7), CHECKPOINT_CORRUPT, "content type");
    cr_assert_eq(spoil(last_segment, 4), CHECKPOINT_CORRUPT, "number not ascending");
    cr_assert_eq(spoil(last_segment, UINT64_MAX), CHECKPOINT_CORRUPT, "number");
    cr_assert_eq(spoil(last_segment + 16, 1000), CHECKPOINT_CORRUPT, "first id");
    cr_assert_eq(spoil(last_segment + 48, 0), CHECKPOINT_CORRUPT, "end");
    cr_assert_eq(spoil(last_segment + 48, 7 * (uint64_t)SEGMENT), CHECKPOINT_CORRUPT, "end");
    cr_assert_eq(spoil(last_segment + 56, 7 * (uint64_t)SEGMENT), CHECKPOINT_CORRUPT, "last");
    cr_assert_eq(spoil(last_segment + 64, 8001), CHECKPOINT_CORRUPT, "index");
    store_le32(bytes.storage + 12, LOG_FORMAT_VERSION + 1);
    seal();
    cr_assert_eq(checkpoint_open(&reader, buffer_slice(&bytes)), CHECKPOINT_UNKNOWN_VERSION);
}

// As brokers wrote it that knew of no ends: behind the name the flow settings or nothing.
Test(checkpoint, of_version_1)
{
    static const struct {
        uint64_t numbers[10];
        uint64_t retention[4];
        uint32_t lengths[2]; // of the name and of what follows it
        char name[8];
        struct stream_flow flow;
    } one = {.numbers = {7, 40, 4},
             .retention = {0, 0, 500},
             .lengths = {4, 32},
             .name = "kept",
             .flow = {.overflow = OVERFLOW_BLOCK, .lag_events = 50}};
    struct {
        uint64_t numbers[10];
        uint64_t retention[4];
        uint32_t lengths[2];
        char name[8];
    } two = {.numbers = {8, 41, 1}, .lengths = {5, 0}, .name = "plain"};
    struct checkpoint_writer writer;
    buffer_clear(&bytes);
    checkpoint_begin(&writer, &bytes, &head);
    cr_assert_eq(checkpoint_finish(&writer), 0);
    buffer_append(&bytes, &one, sizeof one);
    buffer_append(&bytes, &two, sizeof two);
    uint8_t *counts = bytes.storage + 16 + sizeof head;
    store_le64(counts, 2);
    store_le64(counts + 24, sizeof one + sizeof two);
    store_le64(counts + 32, sizeof one + sizeof two);
    store_le32(bytes.storage + 12, 1);
    seal();
    struct checkpoint_reader reader;
    struct checkpoint_stream stream;
    cr_assert_eq(checkpoint_open(&reader, buffer_slice(&bytes)), CHECKPOINT_VALID);
    cr_assert(checkpoint_next_stream(&reader, &stream));
    cr_expect(slice_equal_text(stream.name, "kept"));
    cr_expect_eq(stream.settings.retention_count, 500);
    cr_expect_eq(stream.settings.flow.lag_events, 50);
    cr_expect_eq(stream.settings.owner, 0);
    cr_expect_eq(stream.life, STREAM_OPEN);
    cr_expect(stream.is_made);
    cr_expect_eq(stream.content_type.length, 0);
    cr_assert(checkpoint_next_stream(&reader, &stream));
    cr_expect(slice_equal_text(stream.name, "plain"));
    cr_expect_not(stream.is_made);
    cr_expect_not(checkpoint_next_stream(&reader, &stream));
}

Test(checkpoint, empty)
{
    struct checkpoint_reader reader;
    struct checkpoint_writer writer;
    struct checkpoint_stream stream;
    buffer_clear(&bytes);
    checkpoint_begin(&writer, &bytes, &head);
    cr_assert_eq(checkpoint_finish(&writer), 0);
    cr_assert_eq(buffer_length(&bytes), CHECKPOINT_HEADER_BYTES);
    cr_assert_eq(checkpoint_open(&reader, buffer_slice(&bytes)), CHECKPOINT_VALID);
    cr_assert_not(checkpoint_next_stream(&reader, &stream));
}

Test(checkpoint, too_large_for_its_buffer)
{
    struct buffer small;
    struct checkpoint_writer writer;
    struct checkpoint_stream stream = stream_of(1, slice_of("a"));
    buffer_init(&small, CHECKPOINT_HEADER_BYTES + 50);
    checkpoint_begin(&writer, &small, &head);
    checkpoint_add_stream(&writer, &stream);
    cr_assert_eq(checkpoint_finish(&writer), -ENOBUFS);
    buffer_free(&small);
    buffer_init(&small, 10);
    checkpoint_begin(&writer, &small, &head);
    cr_assert_eq(checkpoint_finish(&writer), -ENOBUFS);
    buffer_free(&small);
}
