// link: tests/unit/wire/one_event.c
#include "wire/batch.h"

#include "one_event.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROOM = 1024 };

// The frame of a batch of one, in memory of its own.
static struct slice one(uint64_t id, const char *data, uint8_t room[ROOM])
{
    struct event event = {
        .stream = SLICE_LITERAL("a"), .data = slice_of(data), .priority = PRIORITY_NORMAL};
    struct made made = block_make(&event, id);
    struct buffer out;
    buffer_wrap(&out, room, ROOM);
    cr_assert(batch_write_one(&out, made.block, made.record));
    cr_assert_leq(buffer_length(&out), batch_one_size_max(made.record));
    struct buffer small;
    uint8_t bytes[60];
    buffer_wrap(&small, bytes, sizeof(bytes));
    cr_assert_not(batch_write_one(&small, made.block, made.record));
    cr_assert_eq(buffer_length(&small), 0, "all or nothing");
    free(made.block);
    return buffer_slice(&out);
}

#define ENVELOPE(id, data) \
    "{\"id\":" id ",\"stream\":\"a\",\"sequence\":3,\"time\":1700000000000,\"data\":\"" data "\"}"

Test(batch, of_one)
{
    uint8_t room[ROOM];
    struct slice frame = one(7, "[x]", room);
    cr_assert(slice_equal_text(frame, "id: 7\nevent: batch\ndata: [" ENVELOPE("7", "[x]") "]\n\n"));
    cr_assert(slice_equal_text(batch_content(frame), ENVELOPE("7", "[x]")));
}

Test(batch, of_several_has_the_id_of_the_last)
{
    uint8_t room[ROOM];
    uint8_t memory[ROOM];
    struct batch batch;
    batch_begin(&batch, memory, sizeof(memory));
    batch_add(&batch, batch_content(one(7, "x", room)));
    batch_add(&batch, batch_content(one(8, "y", room)));
    batch_add(&batch, batch_content(one(18446744073709551615U, "z", room)));
    cr_assert_eq(batch.count, 3);
    struct slice frame = batch_end(&batch, UINT64_MAX);
    cr_assert(slice_equal_text(
        frame, "id: 18446744073709551615\nevent: batch\ndata: [" ENVELOPE("7", "x") "," ENVELOPE(
                   "8", "y") "," ENVELOPE("18446744073709551615", "z") "]\n\n"));
    cr_assert_eq(frame.length, batch.length, "the longest id leaves nothing unused");
}

Test(batch, of_one_is_the_same_either_way)
{
    uint8_t room[ROOM];
    uint8_t memory[ROOM];
    struct batch batch;
    struct slice single = one(1042, "x", room);
    batch_begin(&batch, memory, sizeof(memory));
    batch_add(&batch, batch_content(single));
    cr_assert(slice_equal(batch_end(&batch, 1042), single));
}

Test(batch, fills_its_memory_and_no_more)
{
    uint8_t room[ROOM];
    struct slice content = batch_content(one(7, "x", room));
    for (uint32_t bytes = BATCH_EMPTY_BYTES; bytes < 500; bytes++) {
        uint8_t *memory = malloc(bytes); // of just that size, so that a sanitizer sees
        struct batch batch;
        batch_begin(&batch, memory, bytes);
        while (batch_length_with(&batch, content) <= bytes) {
            uint32_t expected = batch_length_with(&batch, content);
            batch_add(&batch, content);
            cr_assert_eq(batch.length, expected);
        }
        if (batch.count > 0) {
            cr_assert_leq(batch_end(&batch, 7).length, bytes);
        }
        free(memory);
    }
}

// Piece by piece, in room for one of them, it is the same frame.
Test(batch, is_the_sum_of_its_pieces)
{
    enum { EVENTS = 12 };
    uint8_t rooms[EVENTS][ROOM];
    uint8_t memory[EVENTS * ROOM];
    for (uint32_t count = 1; count <= EVENTS; count++) {
        struct batch batch;
        batch_begin(&batch, memory, sizeof(memory));
        struct slice contents[EVENTS];
        for (uint32_t i = 0; i < count; i++) {
            contents[i] = batch_content(one(i + 1, i % 2 == 0 ? "even" : "", rooms[i]));
            batch_add(&batch, contents[i]);
        }
        struct slice left = batch_end(&batch, count);
        for (uint32_t i = 0; i < count; i++) {
            struct batch_piece piece = {.content = contents[i],
                                        .is_first = i == 0,
                                        .is_last = i + 1 == count,
                                        .last_id = count};
            uint32_t length = batch_piece_length(&piece);
            uint8_t bytes[ROOM];
            struct buffer out;
            buffer_wrap(&out, bytes, length - 1);
            cr_assert_not(batch_piece_write(&out, &piece));
            cr_assert_eq(buffer_length(&out), 0, "all or nothing");
            buffer_wrap(&out, bytes, length);
            cr_assert(batch_piece_write(&out, &piece));
            cr_assert(slice_equal(buffer_slice(&out), slice_first(left, length)));
            left = slice_after(left, length);
        }
        cr_assert_eq(left.length, 0);
    }
}
