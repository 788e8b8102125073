#include "cli/sse_reader.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

// What came out, as text: "id|type|data" with * behind an id of its own, one event after the other
// between /.
struct record {
    char text[4096];
    size_t used;
    unsigned stop_after; // 0: never
    unsigned count;
};

static bool on_event(void *context, const struct sse_event *event)
{
    struct record *record = context;
    int length =
        snprintf(record->text + record->used, sizeof(record->text) - record->used,
                 "%.*s%s|%.*s|%.*s/", SLICE_ARGUMENTS(event->id), event->has_own_id ? "*" : "",
                 SLICE_ARGUMENTS(event->type), SLICE_ARGUMENTS(event->data));
    record->used += (size_t)length;
    record->count++;
    return record->count != record->stop_after;
}

// Feeds `text` in pieces of `piece` bytes.
static void read_in_pieces(struct sse_reader *reader, struct slice text, size_t piece)
{
    for (size_t at = 0; at < text.length; at += piece) {
        size_t length = text.length - at < piece ? text.length - at : piece;
        cr_assert_eq(sse_reader_feed(reader, slice_from(text.at + at, length)), 0);
    }
}

// Whatever the pieces, the same events come out.
static void expect_of(struct slice text, const char *expected)
{
    for (size_t piece = 1; piece <= text.length; piece++) {
        struct sse_reader reader;
        struct record record = {0};
        sse_reader_init(&reader, on_event, &record);
        read_in_pieces(&reader, text, piece);
        cr_assert_str_eq(record.text, expected, "in pieces of %zu bytes", piece);
        sse_reader_free(&reader);
    }
}

static void expect(const char *text, const char *expected)
{
    expect_of(slice_of(text), expected);
}

Test(sse_reader, simple_event)
{
    expect("id: 7\nevent: text\ndata: hi\n\n", "7*|text|hi/");
}

Test(sse_reader, examples_of_the_standard)
{
    expect("data: YHOO\ndata: +2\ndata: 10\n\n", "|message|YHOO\n+2\n10/");
    expect(": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third "
           "event\n\n",
           "1*|message|first event/*|message|second event/|message| third event/");
    expect("data\n\ndata\ndata\n\ndata:", "|message|/|message|\n/");
    expect("data:test\n\ndata: test\n\n", "|message|test/|message|test/");
}

Test(sse_reader, all_line_ends)
{
    expect("data: a\r\rdata: b\r\n\r\ndata: c\n\n", "|message|a/|message|b/|message|c/");
    expect("data: a\rdata: b\n\r\ndata: c\r\n\n", "|message|a\nb/|message|c/");
    expect("data: a\r\n\ndata: b\n\r", "|message|a/|message|b/");
}

Test(sse_reader, byte_order_mark_only_at_the_start)
{
    expect("\xef\xbb\xbf"
           "data: a\n\n\xef\xbb\xbf"
           "data: b\n\n",
           "|message|a/");
    expect("\xef\xbb\xbf\xef\xbb\xbf"
           "data: a\n\n",
           "");
    expect("\xef\xbb:\ndata: a\n\n", "|message|a/");
}

Test(sse_reader, id_lasts_and_is_told_apart)
{
    expect("id: 5\ndata: a\n\ndata: b\n\nid: 6\n\ndata: c\n\n",
           "5*|message|a/5|message|b/6|message|c/");
}

Test(sse_reader, id_with_nul_is_passed_over)
{
    static const char text[] = "id: 5\ndata: a\n\nid: 6\0007\ndata: b\n\n";
    expect_of(slice_from(text, sizeof(text) - 1), "5*|message|a/5|message|b/");
}

Test(sse_reader, unknown_fields_and_odd_lines)
{
    expect("foo: bar\ndata: a\n data: b\nData: c\ndata:d:e\n:data: f\n\n", "|message|a\nd:e/");
}

Test(sse_reader, an_event_without_data_is_none)
{
    expect("event: x\n\ndata: a\n\n", "|message|a/");
}

Test(sse_reader, what_is_unfinished_is_dropped)
{
    expect("data: a\n\nid: 9\ndata: b\n", "|message|a/");
}

Test(sse_reader, retry_takes_digits_only)
{
    struct sse_reader reader;
    struct record record = {0};
    sse_reader_init(&reader, on_event, &record);
    cr_assert_eq(sse_reader_feed(&reader, slice_of("retry: 1500\n\n:\n\nretry: 1x\nretry: -1\n")),
                 0);
    cr_assert_eq(reader.retry_ms, 1500);
    cr_assert_eq(reader.comments, 1);
    sse_reader_free(&reader);
}

Test(sse_reader, restart_keeps_the_last_id_of_whole_events)
{
    struct sse_reader reader;
    struct record record = {0};
    sse_reader_init(&reader, on_event, &record);
    cr_assert_eq(sse_reader_feed(&reader, slice_of("id: 5\ndata: a\n\nid: 6\ndata: cut o")), 0);
    sse_reader_restart(&reader);
    cr_assert(slice_equal_text(buffer_slice(&reader.last_id), "5"));
    cr_assert_eq(sse_reader_feed(&reader, slice_of("data: b\n\n")), 0);
    cr_assert_str_eq(record.text, "5*|message|a/5|message|b/");
    sse_reader_free(&reader);
}

Test(sse_reader, stops_where_the_callback_says)
{
    struct sse_reader reader;
    struct record record = {.stop_after = 2};
    sse_reader_init(&reader, on_event, &record);
    cr_assert_eq(sse_reader_feed(&reader, slice_of("data: a\n\ndata: b\n\ndata: c\n\n")), 0);
    cr_assert(reader.stopped);
    cr_assert_str_eq(record.text, "|message|a/|message|b/");
    sse_reader_free(&reader);
}

Test(sse_reader, bounds)
{
    static uint8_t filler[1 << 20];
    memset(filler, 'x', sizeof(filler));
    struct sse_reader reader;
    struct record record = {0};
    sse_reader_init(&reader, on_event, &record);
    int error = sse_reader_feed(&reader, slice_of("data: "));
    for (unsigned i = 0; i <= SSE_READER_LINE_BYTES_MAX / sizeof(filler) && error == 0; i++) {
        error = sse_reader_feed(&reader, slice_from(filler, sizeof(filler)));
    }
    cr_assert_eq(error, -ENOBUFS);
    sse_reader_restart(&reader);
    cr_assert_eq(sse_reader_feed(&reader, slice_of("data: a\n\n")), 0);
    cr_assert_str_eq(record.text, "|message|a/");
    sse_reader_free(&reader);
}
