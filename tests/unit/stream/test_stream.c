#include "stream/stream.h"

#include <criterion/criterion.h>

enum { STREAMS = 4 };

static struct stream_table table;

static void set_up(void)
{
    cr_assert_eq(stream_table_init(&table, STREAMS), 0);
}

static void tear_down(void)
{
    stream_table_free(&table);
}

TestSuite(stream, .init = set_up, .fini = tear_down);

static struct stream *open_live(const char *name, uint64_t number, uint64_t last_id)
{
    struct stream *stream = stream_table_open(&table, slice_of(name));
    cr_assert_not_null(stream);
    stream->request.state = (struct log_stream_state){.number = number, .last_id = last_id};
    cr_assert(stream_table_answered(&table, stream));
    return stream;
}

Test(stream, is_found_by_name_and_by_number)
{
    struct stream *stream = stream_table_open(&table, slice_of("chat/42"));
    cr_assert_eq(stream_table_find(&table, slice_of("chat/42")), stream);
    cr_assert_null(stream_table_find(&table, slice_of("chat/4")));
    cr_assert_null(stream_table_by_number(&table, 9));
    stream->request.state = (struct log_stream_state){.number = 9, .last_id = 5, .discarded_id = 2};
    cr_assert(stream_table_answered(&table, stream));
    cr_assert_eq(stream->state, STREAM_LIVE);
    cr_assert_eq(stream_table_by_number(&table, 9), stream);
    cr_assert_eq(stream->window.covers_from, 5);
    cr_assert_eq(stream->discarded_id, 2);
    stream_table_close(&table, stream);
    cr_assert_null(stream_table_find(&table, slice_of("chat/42")));
    cr_assert_null(stream_table_by_number(&table, 9));
}

Test(stream, table_is_bounded)
{
    for (int i = 0; i < STREAMS; i++) {
        char name[] = {(char)('a' + i), 0};
        cr_assert_not_null(stream_table_open(&table, slice_of(name)));
    }
    cr_assert_null(stream_table_open(&table, slice_of("one more")));
}

Test(stream, a_push_makes_it_dirty_once)
{
    struct stream *stream = open_live("a", 1, 10);
    struct log_run run = {.first_id = 11, .last_id = 12, .last_sequence = 2, .count = 2};
    stream_push(&table, stream, &run);
    cr_assert(stream->is_dirty);
    cr_assert_eq(stream->pass_from, 10);
    cr_assert_eq(stream->last_id, 12);
    run = (struct log_run){.first_id = 13, .last_id = 13, .last_sequence = 3, .count = 1};
    stream_push(&table, stream, &run);
    cr_assert_eq(stream->pass_from, 10);
    cr_assert_eq(stream->last_sequence, 3);
    cr_assert_eq(list_first(&table.dirty), &stream->dirty_node);
    cr_assert_eq(list_last(&table.dirty), &stream->dirty_node);
}

Test(stream, control_records_alone_are_no_news)
{
    struct stream *stream = open_live("a", 1, 10);
    struct log_run run = {.first_id = 0, .last_id = 0, .count = 0};
    stream_push(&table, stream, &run);
    cr_assert_not(stream->is_dirty);
}

static struct stream *moved_stream;
static uint32_t moved_to[64];

static void note_move(void *context, struct stream *stream, uint32_t connection, uint32_t place)
{
    (void)context;
    moved_stream = stream;
    moved_to[connection] = place;
}

Test(stream, subscribers_keep_their_order_when_holes_are_closed)
{
    struct stream *stream = open_live("a", 1, 0);
    uint32_t places[64];
    for (uint32_t i = 0; i < 64; i++) {
        cr_assert(stream_add(stream, i, &places[i]));
        cr_assert_eq(places[i], i);
    }
    for (uint32_t i = 0; i < 64; i += 2) {
        stream_remove(stream, places[i]);
    }
    cr_assert_eq(stream_readers(stream), 32);
    stream->is_dirty = true; // a pass is under way: not now
    stream_compact(stream, note_move, NULL);
    cr_assert_eq(stream->subscriber_count, 64);
    stream->is_dirty = false;
    stream_compact(stream, note_move, NULL);
    cr_assert_eq(moved_stream, stream);
    cr_assert_eq(stream->subscriber_count, 32);
    for (uint32_t i = 1; i < 64; i += 2) {
        cr_assert_eq(moved_to[i], i / 2);
        cr_assert_eq(stream->subscribers[i / 2], i);
    }
}

Test(stream, an_end_makes_all_look_again)
{
    struct stream *stream = open_live("a", 1, 10);
    stream_set_life(&table, stream, STREAM_OPEN);
    cr_assert_not(stream->is_dirty);
    struct log_run run = {.first_id = 11, .last_id = 12, .last_sequence = 2, .count = 2};
    stream_push(&table, stream, &run);
    stream->pass_to = 12; // a pass is under way
    stream_set_life(&table, stream, STREAM_CLOSED);
    cr_assert(stream_has_ended(stream));
    cr_assert(stream->is_dirty);
    cr_assert_eq(stream->pass_to, 0);
    stream_set_life(&table, stream, STREAM_OPEN);
    cr_assert_not(stream_has_ended(stream));
}

// A discard has an id of its own.
Test(stream, nobody_misses_what_stands_behind_the_last_event)
{
    struct stream *stream = open_live("a", 1, 10);
    stream_discard(stream, 8);
    cr_assert_eq(stream->discarded_id, 8);
    stream_discard(stream, 5);
    cr_assert_eq(stream->discarded_id, 8);
    stream_discard(stream, 15);
    cr_assert_eq(stream->discarded_id, 10);
    cr_assert_eq(stream_known_end(stream), 10);
    stream->log_last_id = 20;
    cr_assert_eq(stream_known_end(stream), 20);
}
