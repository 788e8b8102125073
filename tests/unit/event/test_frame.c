// link: tests/unit/event/sse_parser.c
#include "event/frame.h"

#include "base/base64.h"
#include "base/limits.h"
#include "base/prng.h"
#include "sse_parser.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static uint8_t *out;
static size_t out_length;
static size_t out_size;

static void write_frame(const struct event *event, uint64_t id)
{
    enum frame_form form = frame_form_of(event);
    free(out);
    out_size = frame_size_max(event, form);
    out = malloc(out_size); // so that ASan sees a byte too many
    cr_assert_not_null(out);
    out_length = frame_write(out, event, form, id);
    cr_assert_leq(out_length, out_size);
}

static void expect_frame(const char *text)
{
    cr_assert_eq(out_length, strlen(text), "%.*s", (int)out_length, (char *)out);
    cr_assert_eq(memcmp(out, text, out_length), 0, "%.*s", (int)out_length, (char *)out);
}

static void teardown(void)
{
    free(out);
    out = NULL;
}

TestSuite(frame, .fini = teardown, .timeout = 60);

static struct event event_of(const char *type, const char *data)
{
    return (struct event){.stream = slice_of("s"), .type = slice_of(type), .data = slice_of(data)};
}

Test(frame, of_text)
{
    struct event event = event_of("text", "hello");
    write_frame(&event, 1042);
    expect_frame("id: 1042\nevent: text\ndata: hello\n\n");
    event.retry_ms = 5000;
    write_frame(&event, UINT64_MAX);
    expect_frame("id: 18446744073709551615\nevent: text\nretry: 5000\ndata: hello\n\n");
}

Test(frame, without_id_and_type)
{
    struct event event = event_of("", "x");
    write_frame(&event, 0);
    expect_frame("data: x\n\n");
    event.data = slice_empty();
    write_frame(&event, 0);
    expect_frame("data: \n\n");
}

Test(frame, of_lines)
{
    struct event event = event_of("t", "a\n\n b\n");
    write_frame(&event, 7);
    expect_frame("id: 7\nevent: t\ndata: a\ndata: \ndata:  b\ndata: \n\n");
    event.data = slice_of("a\r\nb\rc\n\rd\r");
    cr_assert_eq(frame_form_of(&event), FRAME_FORM_RAW);
    write_frame(&event, 7);
    expect_frame("id: 7\nevent: t\ndata: a\ndata: b\ndata: c\ndata: \ndata: d\ndata: \n\n");
}

Test(frame, forms)
{
    struct event event = event_of("t", "a\nb");
    cr_assert_eq(frame_form_of(&event), FRAME_FORM_TEXT);
    event.data = slice_from("a\0b", 3);
    cr_assert_eq(frame_form_of(&event), FRAME_FORM_RAW);
    event.data = slice_of("a\rb");
    cr_assert_eq(frame_form_of(&event), FRAME_FORM_RAW);
    event.data = slice_empty();
    cr_assert_eq(frame_form_of(&event), FRAME_FORM_TEXT);
    event.binary = true;
    cr_assert_eq(frame_form_of(&event), FRAME_FORM_BINARY);
    write_frame(&event, 1);
    expect_frame("id: 1\nevent: t\ndata: \n\n");
    event.data = slice_from("\x00\xff\n\r", 4);
    write_frame(&event, 1);
    expect_frame("id: 1\nevent: t\ndata: AP8KDQ==\n\n");
}

// Lines by the rule of the specification, one byte after the other.
static size_t expected_data(struct slice data, uint8_t *into)
{
    size_t length = 0;
    for (size_t i = 0; i < data.length; i++) {
        if (data.at[i] == '\r') {
            into[length++] = '\n';
            i += i + 1 < data.length && data.at[i + 1] == '\n';
        } else {
            into[length++] = data.at[i];
        }
    }
    return length;
}

static void check(const struct event *event, uint64_t id)
{
    struct sse_parser parser = {.retry_ms = 77};
    char digits[32];
    write_frame(event, id);
    cr_assert(sse_parse(&parser, out, out_length));
    cr_assert_eq(parser.dispatched, 1);
    snprintf(digits, sizeof digits, "%llu", (unsigned long long)id);
    cr_assert_eq(parser.last_id_length, id == 0 ? 0 : strlen(digits));
    cr_assert_eq(memcmp(parser.last_id, digits, parser.last_id_length), 0);
    cr_assert_eq(parser.retry_ms, event->retry_ms == 0 ? 77 : event->retry_ms);
    cr_assert_eq(parser.data_length, 0);
    struct slice type = event->type.length == 0 ? slice_of("message") : event->type;
    cr_assert(slice_equal(slice_from(parser.event.type, parser.event.type_length), type));
    uint8_t *expected = malloc(2 * event->data.length + 16);
    size_t length = event->binary ? base64_encode((char *)expected, event->data, BASE64_STANDARD)
                                  : expected_data(event->data, expected);
    cr_assert(slice_equal(slice_from(parser.event.data, parser.event.data_length),
                          slice_from(expected, length)));
    struct slice frames = slice_from(out, out_length);
    struct slice frame;
    uint64_t found_id;
    cr_assert_eq(frame_next(&frames, &frame, &found_id), id != 0);
    if (id != 0) {
        cr_assert_eq(found_id, id);
        cr_assert_eq(frame.length, out_length);
        cr_assert_eq(frames.length, 0);
    }
    if (frame_form_of(event) == FRAME_FORM_TEXT) {
        struct buffer back;
        buffer_init(&back, 2 << 20);
        cr_assert(frame_data_append(&back, slice_from(out, out_length)));
        cr_assert(slice_equal(buffer_slice(&back), event->data));
        cr_assert_eq(frame_data_length(slice_from(out, out_length)), event->data.length);
        buffer_free(&back);
    }
    free(expected);
    sse_free(&parser);
}

Test(frame, of_random_events)
{
    struct prng prng;
    prng_seed(&prng, 12);
    uint8_t data[300];
    static const uint8_t alphabet[] = {'\n', '\r', ' ', ':', 'a', 'b', 'd', 0};
    for (int i = 0; i < 20000; i++) {
        size_t length = prng_below(&prng, i % 10 == 0 ? sizeof data : 24);
        // Long stretches without line ends take the vector path.
        bool is_sparse = prng_chance(&prng, 1, 2);
        for (size_t j = 0; j < length; j++) {
            data[j] = is_sparse && !prng_chance(&prng, 1, 20)
                          ? 'x'
                          : alphabet[prng_below(&prng, i % 3 == 0 ? 8 : 7)];
        }
        struct event event = {.stream = slice_of("s"),
                              .type = slice_from("typename", prng_below(&prng, 9)),
                              .data = slice_from(data, length),
                              .retry_ms = prng_chance(&prng, 1, 4) ? (uint32_t)prng_u64(&prng) : 0,
                              .binary = prng_chance(&prng, 1, 5)};
        check(&event, prng_chance(&prng, 1, 4) ? 0 : prng_u64(&prng) >> prng_below(&prng, 64));
    }
}

Test(frame, of_the_largest_payload)
{
    uint8_t *data = malloc(EVENT_BYTES_MAX);
    memset(data, 'x', EVENT_BYTES_MAX);
    struct event event = {.stream = slice_of("s"), .data = slice_from(data, EVENT_BYTES_MAX)};
    check(&event, 5);
    event.binary = true;
    check(&event, 5);
    cr_assert_leq(frame_size_max(&event, FRAME_FORM_BINARY), FRAME_BYTES_MAX);
    event.binary = false;
    for (size_t i = 0; i < EVENT_BYTES_MAX; i += 1000) {
        data[i] = '\n';
    }
    check(&event, 5);
    data[77] = '\r';
    check(&event, 5);
    free(data);
}

Test(frame, the_next_of_many)
{
    struct slice frames = slice_of("id: 5\ndata: a\n\nid: 18446744073709551615\nevent: x\n\n");
    struct slice frame;
    uint64_t id;
    cr_assert(frame_next(&frames, &frame, &id));
    cr_assert_eq(id, 5);
    cr_assert(slice_equal_text(frame, "id: 5\ndata: a\n\n"));
    cr_assert(frame_next(&frames, &frame, &id));
    cr_assert_eq(id, UINT64_MAX);
    cr_assert_not(frame_next(&frames, &frame, &id));
    static const char *const no_frames[] = {
        "",          "i",          "id: 5\ndata: cut off\n",      "\n\n", "data: a\n\n", "id: \n\n",
        "id: x\n\n", "id: 5 \n\n", "id: 99999999999999999999\n\n"};
    for (size_t i = 0; i < sizeof(no_frames) / sizeof(no_frames[0]); i++) {
        frames = slice_of(no_frames[i]);
        cr_assert_not(frame_next(&frames, &frame, &id), "%s", no_frames[i]);
    }
}

Test(frame, skips_through_an_id)
{
    struct prng prng;
    prng_seed(&prng, 5);
    static uint8_t text[200000];
    static uint64_t ids[1000];
    static size_t starts[1001];
    struct slice data = slice_of("some data\nof lines\n\n and lines\n that are cut anywhere");
    size_t length = 0;
    uint64_t id = 0;
    for (int i = 0; i < 1000; i++) {
        id += 1 + prng_below(&prng, 3);
        ids[i] = id;
        starts[i] = length;
        struct event event = {.data = slice_first(data, prng_below(&prng, data.length + 1))};
        length += frame_write(text + length, &event, FRAME_FORM_TEXT, id);
    }
    starts[1000] = length;
    int next = 0;
    for (uint64_t through = 0; through <= id + 1; through++) {
        while (next < 1000 && ids[next] <= through) {
            next++;
        }
        struct slice frames = slice_from(text, length);
        frame_skip_through(&frames, through);
        cr_assert_eq(frames.length, length - starts[next]);
    }
    struct slice frames = slice_from(text, length);
    cr_assert_eq(frame_count(frames), 1000);
    cr_assert_eq(frame_count(slice_first(frames, length - 1)), 999);
    next = 0;
    for (size_t offset = 0; offset < length; offset++) {
        next += next < 999 && starts[next + 1] == offset;
        size_t start;
        uint64_t found;
        cr_assert(frame_find(frames, offset, &start, &found));
        cr_assert_eq(start, starts[next]);
        cr_assert_eq(found, ids[next]);
    }
    size_t start;
    cr_assert_not(frame_find(frames, length, &start, &id));
    cr_assert_not(frame_find(slice_of("data: x\n\n"), 3, &start, &id));
    struct slice none = slice_empty();
    frame_skip_through(&none, 5);
    cr_assert_eq(none.length, 0);
}

static void expect_type(const struct event *event, uint64_t id, const char *type)
{
    write_frame(event, id);
    cr_expect(slice_equal_text(frame_type(slice_from(out, out_length)), type), "%s", type);
}

Test(frame, type)
{
    struct event event = {.stream = slice_of("s"), .data = slice_of("event: no")};
    expect_type(&event, 7, "");
    expect_type(&event, 0, "");
    event.type = slice_of("a type: of two words");
    expect_type(&event, UINT64_MAX, "a type: of two words");
    event.retry_ms = 5;
    expect_type(&event, 0, "a type: of two words");
    static const char *const others[] = {"", "id: ", "id: 5", "id: 5\n", "event:x\n", "\n"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        cr_expect_eq(frame_type(slice_of(others[i])).length, 0);
    }
}

Test(frame, data_of_what_is_no_frame)
{
    struct buffer back;
    buffer_init(&back, 100);
    cr_assert_not(frame_data_append(&back, slice_of("data: without end")));
    cr_assert_not(frame_data_append(&back, slice_of("id: 5\n\n")));
    cr_assert_not(frame_data_append(&back, slice_empty()));
    buffer_free(&back);
    buffer_init(&back, 4);
    cr_assert_not(frame_data_append(&back, slice_of("data: too long\n\n")));
    buffer_clear(&back);
    cr_assert_not(frame_data_append(&back, slice_of("data: full\ndata: x\n\n")));
    buffer_free(&back);
}
