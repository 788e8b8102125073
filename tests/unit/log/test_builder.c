#include "log/builder.h"

#include "base/crc32c.h"
#include "base/prng.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct builder builder;
static struct streams *streams;
static _Alignas(8) uint8_t block[1 << 16];
static uint32_t slots[BLOCK_RECORDS_MAX];

static void set_up(void)
{
    streams = malloc(sizeof(*streams));
    cr_assert_eq(streams_init(streams, 100), 0);
    cr_assert_eq(builder_init(&builder), 0);
    memset(block, 0xff, sizeof(block)); // whatever stood there before
}

static void tear_down(void)
{
    builder_free(&builder);
    streams_free(streams);
    free(streams);
}

TestSuite(builder, .init = set_up, .fini = tear_down, .timeout = 20);

static void add_of(struct log_stream *stream, const char *data, uint64_t id,
                   enum event_priority priority)
{
    struct event event = {
        .stream = streams_name(streams, stream), .data = slice_of(data), .priority = priority};
    enum frame_form form = frame_form_of(&event);
    struct builder_size size = builder_size_of(&event, form);
    cr_assert(builder_fits(&builder, &size));
    builder_add_event(&builder, streams, stream, &event, form, id, ++stream->last_sequence, 1234);
}

static void add(struct log_stream *stream, const char *data, uint64_t id)
{
    add_of(stream, data, id, PRIORITY_NORMAL);
}

Test(builder, what_it_builds_is_valid_and_complete)
{
    struct log_stream *a = streams_add(streams, slice_of("a"), 0);
    struct log_stream *b = streams_add(streams, slice_of("b/c"), 0);
    builder_open(&builder, block, 4096, sizeof(block), slots);
    add(a, "one", 10);
    add(a, "two", 11);
    add(b, "three", 12);
    builder_add_control(&builder, streams, b, RECORD_DISCARD, slice_empty(), 13, 1234);
    uint32_t length = builder_close(&builder, streams, 77, 4000, 3000);
    cr_assert_eq(block_check(block, length, 77), BLOCK_VALID);
    cr_assert_eq(block_check(block, length, 78), BLOCK_ABSENT);
    const struct block_header *header = block_header_of(block);
    cr_assert_eq(header->first_id, 10);
    cr_assert_eq(header->last_id, 13);
    cr_assert_eq(header->record_count, 4);
    cr_assert_eq(header->stream_count, 2);
    cr_assert_eq(header->synced_through, 4000);
    cr_assert_eq(header->previous_position, 3000);
    const struct block_stream *entries = block_streams(block);
    cr_assert_eq(entries[0].count, 2);
    cr_assert_eq(entries[0].flags, BLOCK_STREAM_CONTIGUOUS | BLOCK_STREAM_HAS_CRC);
    cr_assert_eq(entries[1].count, 1);
    cr_assert_eq(entries[1].flags,
                 BLOCK_STREAM_CONTIGUOUS | BLOCK_STREAM_HAS_CRC | BLOCK_STREAM_HAS_CONTROL);
    cr_assert(slice_equal_text(block_stream_name(block, &entries[1]), "b/c"));
    struct slice frames = slice_from(block + entries[0].frame_offset, entries[0].frame_bytes);
    cr_assert(slice_equal_text(frames, "id: 10\ndata: one\n\nid: 11\ndata: two\n\n"));
    cr_assert_eq(a->open_index, STREAM_NOT_OPEN);
    cr_assert_not(builder_is_open(&builder));
}

// The stream's frames, as its entry says where they stand, are these.
static void check_frames(uint32_t stream_index, const char *expected)
{
    const struct block_stream *entry = &block_streams(block)[stream_index];
    cr_assert_eq(entry->flags, BLOCK_STREAM_CONTIGUOUS | BLOCK_STREAM_HAS_CRC);
    struct slice frames = slice_from(block + entry->frame_offset, entry->frame_bytes);
    cr_assert(slice_equal_text(frames, expected));
    cr_assert_eq(entry->frames_crc, crc32c(0, frames.at, frames.length));
}

Test(builder, streams_that_took_turns_are_laid_side_by_side)
{
    struct log_stream *a = streams_add(streams, slice_of("a"), 0);
    struct log_stream *b = streams_add(streams, slice_of("b"), 0);
    builder_open(&builder, block, 4096, sizeof(block), slots);
    add(a, "one", 1);
    add(b, "two", 2);
    add(a, "three", 3);
    add(b, "four", 4);
    uint32_t length = builder_close(&builder, streams, 77, 0, 0);
    cr_assert_eq(block_check(block, length, 77), BLOCK_VALID);
    check_frames(0, "id: 1\ndata: one\n\nid: 3\ndata: three\n\n");
    check_frames(1, "id: 2\ndata: two\n\nid: 4\ndata: four\n\n");
    const struct block_record *records = block_records(block);
    for (uint64_t i = 0; i < 4; i++) { // the records stay in the order of ids
        cr_assert_eq(records[i].id, i + 1);
        char id[16];
        int id_length = snprintf(id, sizeof(id), "id: %u\n", (unsigned)(i + 1));
        cr_assert_eq(memcmp(block + records[i].frame_offset, id, (size_t)id_length), 0);
    }
}

Test(builder, tells_of_urgent_events)
{
    struct log_stream *streams_of[4];
    static const char *const names[] = {"critical", "high", "normal", "background"};
    static const enum event_priority priorities[] = {PRIORITY_CRITICAL, PRIORITY_HIGH,
                                                     PRIORITY_NORMAL, PRIORITY_BACKGROUND};
    builder_open(&builder, block, 4096, sizeof(block), slots);
    for (unsigned i = 0; i < 4; i++) {
        streams_of[i] = streams_add(streams, slice_of(names[i]), 0);
        add_of(streams_of[i], "x", 2 * i + 1, priorities[i]);
        add(streams_of[i], "y", 2 * i + 2);
    }
    uint32_t length = builder_close(&builder, streams, 77, 0, 0);
    cr_assert_eq(block_check(block, length, 77), BLOCK_VALID);
    for (unsigned i = 0; i < 4; i++) {
        bool is_urgent = (block_streams(block)[i].flags & BLOCK_STREAM_HAS_URGENT) != 0;
        cr_assert_eq(is_urgent, i < 2, "%s", names[i]);
    }
}

Test(builder, never_grows_beyond_what_it_said)
{
    struct prng prng;
    prng_seed(&prng, 9);
    struct log_stream *all[20];
    char name[256];
    for (unsigned i = 0; i < 20; i++) {
        (void)snprintf(name, sizeof(name), "%0*u", (int)prng_between(&prng, 2, 255), i);
        all[i] = streams_add(streams, slice_of(name), 0);
    }
    uint64_t id = 0;
    for (unsigned turn = 0; turn < 200; turn++) {
        uint32_t limit = (uint32_t)prng_between(&prng, 2000, sizeof(block) / 8) * 8;
        limit = limit < sizeof(block) ? limit : sizeof(block);
        builder_open(&builder, block, 4096, limit, slots);
        for (;;) {
            uint8_t data[700];
            size_t length = prng_below(&prng, sizeof(data));
            for (size_t i = 0; i < length; i++) {
                data[i] = prng_chance(&prng, 1, 10) ? '\n' : 'x';
            }
            struct log_stream *stream = all[prng_below(&prng, 20)];
            struct event event = {.stream = streams_name(streams, stream),
                                  .type = slice_of(prng_chance(&prng, 1, 2) ? "text" : ""),
                                  .data = slice_from(data, length),
                                  .binary = prng_chance(&prng, 1, 4),
                                  .retry_ms = prng_chance(&prng, 1, 4) ? 5000 : 0,
                                  .producer_id = prng_below(&prng, 2),
                                  .ttl_ms = (uint32_t)prng_below(&prng, 2)};
            enum frame_form form = frame_form_of(&event);
            struct builder_size size = builder_size_of(&event, form);
            cr_assert_leq(builder_alone_bytes(&size), 8192);
            if (!builder_fits(&builder, &size)) {
                break;
            }
            builder_add_event(&builder, streams, stream, &event, form, ++id,
                              ++stream->last_sequence, 1);
        }
        if (builder.record_count > 0) {
            uint32_t length = builder_close(&builder, streams, 5, 0, 0);
            cr_assert_leq(length, limit);
            cr_assert_eq(block_check(block, length, 5), BLOCK_VALID);
        } else {
            builder.block = NULL;
        }
    }
}

Test(builder, the_producer_travels_in_the_attributes)
{
    struct log_stream *a = streams_add(streams, slice_of("a"), 0);
    builder_open(&builder, block, 4096, sizeof(block), slots);
    struct event event = {.stream = slice_of("a"),
                          .type = slice_of("t"),
                          .data = slice_of("x"),
                          .producer_id = 7,
                          .producer_epoch = 8,
                          .producer_sequence = 9};
    builder_add_event(&builder, streams, a, &event, FRAME_FORM_TEXT, 1, 1, 1);
    (void)builder_close(&builder, streams, 77, 0, 0);
    const struct block_record *record = block_records(block);
    struct slice rest = slice_from(block + record->extra_offset, record->extra_length);
    struct attribute attribute;
    bool malformed = false;
    cr_assert(event_attribute_next(&rest, &attribute, &malformed));
    cr_assert_eq(attribute.kind, ATTRIBUTE_TYPE);
    cr_assert(slice_equal_text(block_record_type(block, record), "t"));
    cr_assert(event_attribute_next(&rest, &attribute, &malformed));
    cr_assert_eq(attribute.kind, ATTRIBUTE_PRODUCER);
    cr_assert_eq(load_le64(attribute.value.at), 7);
    cr_assert_eq(load_le32(attribute.value.at + 8), 8);
    cr_assert_eq(load_le64(attribute.value.at + 12), 9);
    cr_assert_not(event_attribute_next(&rest, &attribute, &malformed));
    cr_assert_not(malformed);
}

Test(builder, a_record_without_a_type)
{
    struct log_stream *a = streams_add(streams, slice_of("a"), 0);
    builder_open(&builder, block, 4096, sizeof(block), slots);
    struct event event = {.stream = slice_of("a"), .data = slice_of("x"), .producer_id = 7};
    builder_add_event(&builder, streams, a, &event, FRAME_FORM_TEXT, 1, 1, 1);
    event.producer_id = 0;
    builder_add_event(&builder, streams, a, &event, FRAME_FORM_TEXT, 2, 2, 1);
    (void)builder_close(&builder, streams, 77, 0, 0);
    cr_assert_eq(block_record_type(block, &block_records(block)[0]).length, 0);
    cr_assert_eq(block_record_type(block, &block_records(block)[1]).length, 0);
}
