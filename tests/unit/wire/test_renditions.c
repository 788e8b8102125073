#include "wire/renditions.h"

#include "event/frame.h"
#include "wire/envelope.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

enum { RING_BYTES = 64 << 10, BLOCK_ROOM = 128 << 10 };

static struct renditions renditions;
static uint8_t *block;
static struct block_record *record;

static void set_up(void)
{
    renditions_init(&renditions, RING_BYTES);
    block = calloc(1, BLOCK_ROOM);
}

static void tear_down(void)
{
    renditions_free(&renditions);
    free(block);
}

TestSuite(renditions, .init = set_up, .fini = tear_down);

// A block of one event of stream "a", laid out by hand as log/block.h describes it.
static void make_event(uint64_t id, const char *data, const char *content_type)
{
    struct buffer attributes;
    buffer_init(&attributes, 1000);
    event_attribute_append(&attributes, ATTRIBUTE_CONTENT_TYPE, slice_of(content_type));
    struct slice extra = buffer_slice(&attributes);
    struct event event = {.stream = SLICE_LITERAL("a"),
                          .data = slice_of(data),
                          .attributes = extra,
                          .priority = PRIORITY_NORMAL};
    struct block_header *header = (struct block_header *)(void *)block;
    header->record_count = 1;
    header->stream_count = 1;
    header->frames_length =
        (uint32_t)frame_write(block + BLOCK_HEADER_BYTES, &event, FRAME_FORM_TEXT, id);
    size_t records = BLOCK_HEADER_BYTES + align_up(header->frames_length, BLOCK_ALIGNMENT);
    size_t streams = records + sizeof(struct block_record);
    size_t heap = streams + sizeof(struct block_stream);
    header->heap_offset = (uint32_t)heap;
    record = (struct block_record *)(void *)(block + records);
    *record = (struct block_record){.id = id,
                                    .sequence = id,
                                    .time_ms = 1700000000000,
                                    .frame_offset = BLOCK_HEADER_BYTES,
                                    .frame_length = header->frames_length,
                                    .extra_offset = (uint32_t)heap + 1,
                                    .extra_length = (uint32_t)extra.length,
                                    .priority = PRIORITY_NORMAL,
                                    .form = FRAME_FORM_TEXT};
    *(struct block_stream *)(void *)(block + streams) =
        (struct block_stream){.name_offset = (uint32_t)heap, .name_length = 1};
    block[heap] = 'a';
    memcpy(block + heap + 1, extra.at, extra.length);
    buffer_free(&attributes);
}

static void make_small(uint64_t id)
{
    char data[32];
    snprintf(data, sizeof(data), "event %llu", (unsigned long long)id);
    make_event(id, data, "text/plain");
}

static void expect_right(struct slice frame)
{
    struct buffer wanted;
    buffer_init(&wanted, 1 << 20);
    cr_assert(envelope_write(&wanted, block, record));
    cr_assert(slice_equal(frame, buffer_slice(&wanted)), "id %llu: " SLICE_FORMAT,
              (unsigned long long)record->id, SLICE_ARGUMENTS(frame));
    buffer_free(&wanted);
}

Test(renditions, an_event_is_rendered_once)
{
    struct slice frame[2];
    make_small(7);
    cr_assert_eq(rendition_get(&renditions, block, record, RENDITION_ENVELOPE, 0, &frame[0]),
                 RENDITION_READY);
    cr_assert_eq(rendition_get(&renditions, block, record, RENDITION_ENVELOPE, 0, &frame[1]),
                 RENDITION_READY);
    cr_assert_eq(frame[0].at, frame[1].at);
    cr_assert_eq(renditions.made, 1);
    expect_right(frame[0]);
}

Test(renditions, each_form_of_an_event_is_rendered_once)
{
    struct slice frame[3];
    struct slice again;
    make_small(7);
    static const enum rendition_form forms[] = {RENDITION_ENVELOPE, RENDITION_BATCH,
                                                RENDITION_OVERSIZE};
    static const char *const begin[] = {"id: 7\ndata: {", "id: 7\nevent: batch\ndata: [{",
                                        "id: 7\nevent: oversize\n"};
    for (unsigned i = 0; i < 3; i++) {
        cr_assert_eq(rendition_get(&renditions, block, record, forms[i], i == 2 ? 5 : 0, &frame[i]),
                     RENDITION_READY);
        cr_assert(slice_starts_with(frame[i], slice_of(begin[i])), SLICE_FORMAT,
                  SLICE_ARGUMENTS(frame[i]));
    }
    for (unsigned i = 0; i < 3; i++) {
        cr_assert_eq(rendition_get(&renditions, block, record, forms[i], i == 2 ? 5 : 0, &again),
                     RENDITION_READY);
        cr_assert_eq(again.at, frame[i].at);
    }
    cr_assert_eq(renditions.made, 3);
    cr_assert_eq(rendition_get(&renditions, block, record, RENDITION_OVERSIZE, 6, &again),
                 RENDITION_READY);
    cr_assert_not(slice_equal(again, frame[2]), "of another limit");
}

Test(renditions, the_oldest_make_room)
{
    enum { EVENTS = 3000 };
    struct slice frame;
    for (uint64_t id = 1; id <= EVENTS; id++) {
        make_small(id);
        cr_assert_eq(rendition_get(&renditions, block, record, RENDITION_ENVELOPE, 0, &frame),
                     RENDITION_READY);
        expect_right(frame);
        rendition_unpin(&renditions);
    }
    make_small(EVENTS - 50);
    cr_assert_eq(rendition_get(&renditions, block, record, RENDITION_ENVELOPE, 0, &frame),
                 RENDITION_READY);
    cr_assert_eq(renditions.made, EVENTS);
    make_small(1);
    cr_assert_eq(rendition_get(&renditions, block, record, RENDITION_ENVELOPE, 0, &frame),
                 RENDITION_READY);
    cr_assert_eq(renditions.made, EVENTS + 1);
    expect_right(frame);
}

Test(renditions, what_was_given_out_stays_until_unpinned)
{
    struct slice frames[1000];
    uint64_t count = 0;
    enum rendition_result result;
    for (;;) {
        make_small(count + 1);
        result = rendition_get(&renditions, block, record, RENDITION_ENVELOPE, 0, &frames[count]);
        if (result != RENDITION_READY) {
            break;
        }
        cr_assert_lt(++count, 1000);
    }
    cr_assert_eq(result, RENDITION_PINNED);
    for (uint64_t i = 0; i < count; i++) {
        make_small(i + 1);
        expect_right(frames[i]);
    }
    rendition_unpin(&renditions);
    // An old one that is given out again holds what stands behind it, too.
    make_small(2);
    cr_assert_eq(rendition_get(&renditions, block, record, RENDITION_ENVELOPE, 0, &frames[1]),
                 RENDITION_READY);
    for (uint64_t id = count + 1;; id++) {
        make_small(id);
        struct slice frame;
        if (rendition_get(&renditions, block, record, RENDITION_ENVELOPE, 0, &frame) !=
            RENDITION_READY) {
            break;
        }
        cr_assert_lt(id, count + 1000);
    }
    make_small(2);
    expect_right(frames[1]);
}

Test(renditions, what_fits_nowhere_fails)
{
    static char data[RING_BYTES / 6];
    memset(data, 'x', sizeof(data) - 1);
    make_event(1, data, "text/plain");
    struct slice frame;
    cr_assert_eq(rendition_get(&renditions, block, record, RENDITION_ENVELOPE, 0, &frame),
                 RENDITION_FAILED);
    make_small(2);
    cr_assert_eq(rendition_get(&renditions, block, record, RENDITION_ENVELOPE, 0, &frame),
                 RENDITION_READY);
}

// JSON is put where it will stand, checked, and shortened there: what stood behind it is no longer
// whole.
Test(renditions, one_that_is_shortened_spoils_no_other)
{
    enum { EVENTS = 2000, LINES = 900 };
    static char pretty[LINES + 4];
    memset(pretty, '\n', LINES + 2);
    pretty[0] = '[';
    pretty[LINES + 1] = ']';
    struct slice frame;
    for (uint64_t id = 1; id <= EVENTS; id++) {
        make_small(id);
        cr_assert_eq(rendition_get(&renditions, block, record, RENDITION_ENVELOPE, 0, &frame),
                     RENDITION_READY);
        rendition_unpin(&renditions);
    }
    make_event(EVENTS + 1, pretty, "application/json");
    cr_assert_eq(rendition_get(&renditions, block, record, RENDITION_ENVELOPE, 0, &frame),
                 RENDITION_READY);
    expect_right(frame);
    rendition_unpin(&renditions);
    for (uint64_t id = EVENTS; id > EVENTS - 600; id--) {
        make_small(id);
        cr_assert_eq(rendition_get(&renditions, block, record, RENDITION_ENVELOPE, 0, &frame),
                     RENDITION_READY);
        expect_right(frame);
        rendition_unpin(&renditions);
    }
}

Test(renditions, given_back_they_are_made_anew)
{
    struct slice frame;
    make_small(1);
    cr_assert_eq(rendition_get(&renditions, block, record, RENDITION_ENVELOPE, 0, &frame),
                 RENDITION_READY);
    rendition_unpin(&renditions);
    renditions_give_back(&renditions);
    cr_assert_null(renditions.bytes);
    cr_assert_eq(renditions.made, 1);
    cr_assert_eq(rendition_get(&renditions, block, record, RENDITION_ENVELOPE, 0, &frame),
                 RENDITION_READY);
    expect_right(frame);
    cr_assert_eq(renditions.made, 2);
}
