// link: tests/unit/ingest/frames.c
#include "ingest/binary.h"
#include "unit/ingest/frames.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static struct buffer bytes;

static void setup(void)
{
    buffer_init(&bytes, 4 << 20);
}

static void teardown(void)
{
    buffer_free(&bytes);
}

TestSuite(binary, .init = setup, .fini = teardown);

static struct slice payload(void)
{
    return slice_after(buffer_slice(&bytes), RC_HEADER_BYTES);
}

Test(binary, hello)
{
    struct binary_hello hello;
    struct binary_fault fault;
    frames_hello(&bytes, 1, 0x1122334455667788, 9);
    cr_assert_eq(buffer_length(&bytes), RC_HELLO_BYTES);
    cr_assert(binary_read_hello(buffer_slice(&bytes).at, &hello, &fault));
    cr_expect_eq(hello.version, 1);
    cr_expect_eq(hello.producer_id, 0x1122334455667788);
    cr_expect_eq(hello.producer_epoch, 9);
    // A newer producer is answered with what is spoken here.
    buffer_clear(&bytes);
    frames_hello(&bytes, 65535, 0, 0);
    cr_assert(binary_read_hello(buffer_slice(&bytes).at, &hello, &fault));
    cr_expect_eq(hello.version, RC_PROTOCOL_VERSION);
}

Test(binary, hello_faults)
{
    const struct {
        size_t offset;
        uint8_t byte;
        enum rc_error error;
        uint32_t where;
    } cases[] = {
        {1, 'X', ERR_INVALID_REQUEST, 0}, {4, 0, ERR_UNSUPPORTED_VERSION, 4},
        {6, 1, ERR_INVALID_REQUEST, 6},   {7, 1, ERR_INVALID_REQUEST, 6},
        {20, 1, ERR_INVALID_REQUEST, 20}, {23, 1, ERR_INVALID_REQUEST, 20},
    };
    frames_hello(&bytes, 1, 0, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t hello[RC_HELLO_BYTES];
        memcpy(hello, buffer_slice(&bytes).at, sizeof hello);
        hello[cases[i].offset] = cases[i].byte;
        struct binary_hello read;
        struct binary_fault fault;
        cr_expect_not(binary_read_hello(hello, &read, &fault));
        cr_expect_eq(fault.error, cases[i].error);
        cr_expect_eq(fault.offset, cases[i].where);
        cr_expect_gt(strlen(fault.message), 0);
    }
}

Test(binary, header)
{
    struct binary_header header;
    struct binary_fault fault;
    frames_header(&bytes, 100, RC_FRAME_BATCH, RC_LEVEL_SYNCED, UINT64_MAX - 1);
    uint8_t *at = bytes.storage;
    cr_assert(binary_read_header(at, &header, &fault));
    cr_expect_eq(header.length, 100);
    cr_expect_eq(header.kind, RC_FRAME_BATCH);
    cr_expect_eq(header.level, RC_LEVEL_SYNCED);
    cr_expect_eq(header.request, UINT64_MAX - 1);
    cr_expect(binary_check_header(&header, &fault));
    at[7] = 1;
    cr_expect_not(binary_read_header(at, &header, &fault));
    cr_expect_eq(fault.offset, 6);
    at[7] = 0;
    store_le32(at, RC_SKIP_BYTES_MAX);
    cr_expect(binary_read_header(at, &header, &fault));
    store_le32(at, RC_SKIP_BYTES_MAX + 1);
    cr_expect_not(binary_read_header(at, &header, &fault));
    cr_expect_eq(fault.error, ERR_TOO_LARGE);
}

Test(binary, header_kinds_and_levels)
{
    for (unsigned kind = 0; kind < 256; kind++) {
        for (unsigned level = 0; level < 256; level++) {
            struct binary_header header = {.kind = (uint8_t)kind, .level = (uint8_t)level};
            struct binary_fault fault = {0};
            bool is_known = kind >= 1 && kind <= 8;
            bool has_level = kind == 1 || kind == 2 || kind == 8;
            bool is_good = is_known && (level == 0 || (has_level && level <= 2));
            cr_expect_eq(binary_check_header(&header, &fault), is_good);
            if (!is_good) {
                cr_expect_eq(fault.offset, is_known ? 5 : 4);
            }
        }
    }
}

static const struct frames_event full_event = {
    .stream = "chat/42",
    .type = "text",
    .data = SLICE_LITERAL("some\0data"),
    .attributes = SLICE_LITERAL("\2\0\1\0x"),
    .sequence = 77,
    .ttl_ms = 1000,
    .retry_ms = 2000,
    .priority = 4,
    .flags = RC_EVENT_EPHEMERAL | RC_EVENT_BINARY,
};

Test(binary, event)
{
    frames_event(&bytes, &full_event);
    size_t position = 0;
    struct event event;
    struct binary_fault fault;
    cr_assert(binary_read_event(buffer_slice(&bytes), &position, &event, &fault));
    cr_expect_eq(position, buffer_length(&bytes));
    cr_expect(slice_equal_text(event.stream, "chat/42"));
    cr_expect(slice_equal_text(event.type, "text"));
    cr_expect(slice_equal(event.data, full_event.data));
    cr_expect(slice_equal(event.attributes, full_event.attributes));
    cr_expect_eq(event.producer_sequence, 77);
    cr_expect_eq(event.producer_id, 0);
    cr_expect_eq(event.ttl_ms, 1000);
    cr_expect_eq(event.retry_ms, 2000);
    cr_expect_eq(event.priority, PRIORITY_BACKGROUND);
    cr_expect(event.ephemeral);
    cr_expect(event.binary);
}

// Every length that is too short, each in memory of its own for the address sanitizer.
Test(binary, event_cut_anywhere)
{
    frames_event(&bytes, &full_event);
    for (size_t length = 0; length < buffer_length(&bytes); length++) {
        uint8_t *copy = malloc(length + 1);
        memcpy(copy, buffer_slice(&bytes).at, length);
        size_t position = 0;
        struct event event;
        struct binary_fault fault = {0};
        cr_expect_not(binary_read_event(slice_from(copy, length), &position, &event, &fault));
        cr_expect_eq(position, 0);
        cr_expect_eq(fault.error, ERR_INVALID_REQUEST);
        cr_expect_eq(fault.offset, RC_HEADER_BYTES);
        free(copy);
    }
}

Test(binary, event_faults)
{
    frames_event(&bytes, &full_event);
    const struct {
        size_t offset;
        uint8_t byte;
        uint32_t where;
    } cases[] = {
        {3, 0xff, 16},  {7, 0xff, 16}, {24, 5, 40},   {25, 4, 41},
        {25, 0x80, 41}, {26, 255, 16}, {27, 255, 16},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t copy[128];
        memcpy(copy, buffer_slice(&bytes).at, buffer_length(&bytes));
        copy[cases[i].offset] = cases[i].byte;
        size_t position = 0;
        struct event event;
        struct binary_fault fault = {0};
        cr_expect_not(
            binary_read_event(slice_from(copy, buffer_length(&bytes)), &position, &event, &fault));
        cr_expect_eq(fault.offset, cases[i].where, "case %zu", i);
    }
}

Test(binary, batch)
{
    struct frames_event events[3] = {full_event, full_event, full_event};
    events[1].stream = "b";
    events[2].data = slice_empty();
    frames_batch(&bytes, 5, RC_LEVEL_WRITTEN, events, 3);
    uint32_t count = 0;
    struct binary_fault fault = {0};
    cr_assert(binary_check_batch(payload(), &count, &fault), "%s", fault.message);
    cr_expect_eq(count, 3);
    size_t position = 4;
    for (int i = 0; i < 3; i++) {
        struct event event;
        cr_assert(binary_read_event(payload(), &position, &event, &fault));
        cr_expect(slice_equal_text(event.stream, events[i].stream));
        cr_expect(slice_equal(event.data, events[i].data));
    }
    cr_expect_eq(position, payload().length);
    for (size_t length = 0; length < payload().length; length++) {
        cr_expect_not(binary_check_batch(slice_first(payload(), length), &count, &fault));
    }
    buffer_append_byte(&bytes, 0);
    cr_expect_not(binary_check_batch(payload(), &count, &fault));
    cr_expect_eq(fault.offset, buffer_length(&bytes) - 1);
    buffer_clear(&bytes);
    frames_batch(&bytes, 5, RC_LEVEL_WRITTEN, events, 0);
    cr_expect_not(binary_check_batch(payload(), &count, &fault));
    // A count that no payload could hold ends at once.
    store_le32(bytes.storage + RC_HEADER_BYTES, UINT32_MAX);
    cr_expect_not(binary_check_batch(payload(), &count, &fault));
}

Test(binary, set)
{
    for (int i = 0; i < 4; i++) {
        buffer_append(&bytes, (const uint8_t[8]){(uint8_t)(i + 1)}, 8);
    }
    struct stream_settings settings;
    struct slice stream;
    struct binary_fault fault;
    cr_expect_not(binary_read_set(RC_FRAME_SET, buffer_slice(&bytes), &settings, &stream, &fault));
    cr_expect_eq(fault.error, ERR_INVALID_NAME);
    cr_expect_not(binary_read_set(RC_FRAME_SET, slice_first(buffer_slice(&bytes), 31), &settings,
                                  &stream, &fault));
    cr_expect_eq(fault.error, ERR_INVALID_REQUEST);
    buffer_append_text(&bytes, "name");
    cr_assert(binary_read_set(RC_FRAME_SET, buffer_slice(&bytes), &settings, &stream, &fault));
    cr_expect_eq(settings.retention_age_ms, 1);
    cr_expect_eq(settings.retention_bytes, 2);
    cr_expect_eq(settings.retention_count, 3);
    cr_expect_eq(settings.idle_ttl_ms, 4);
    cr_expect(slice_equal_text(stream, "name"));
}

Test(binary, the_end_of_a_stream)
{
    uint8_t frame[RC_END_BYTES + 1] = {RC_END_DELETED};
    frame[RC_END_BYTES] = 's';
    enum stream_life life;
    struct slice stream;
    struct binary_fault fault;
    struct slice whole = slice_from(frame, sizeof frame);
    cr_assert(binary_read_end(whole, &life, &stream, &fault));
    cr_expect_eq(life, STREAM_DELETED);
    cr_expect(slice_equal_text(stream, "s"));
    for (size_t length = 0; length <= RC_END_BYTES; length++) {
        cr_expect_not(binary_read_end(slice_from(frame, length), &life, &stream, &fault));
    }
    static const struct {
        size_t at;
        uint8_t value;
    } faults[] = {{0, 0}, {0, 4}, {1, 1}, {2, 1}, {7, 1}, {8, '\n'}};
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        uint8_t former = frame[faults[i].at];
        frame[faults[i].at] = faults[i].value;
        cr_expect_not(binary_read_end(whole, &life, &stream, &fault), "%zu", i);
        frame[faults[i].at] = former;
    }
}

Test(binary, set_flow)
{
    static const uint8_t flow[32] = {1,
                                     0,
                                     0,
                                     0,
                                     0,
                                     0,
                                     0,
                                     0,
                                     2,
                                     0,
                                     0,
                                     0,
                                     0,
                                     0,
                                     0,
                                     0,
                                     3,
                                     0,
                                     0,
                                     0,
                                     0,
                                     0,
                                     0,
                                     0,
                                     4,
                                     0,
                                     0,
                                     0,
                                     RC_OVERFLOW_BLOCK};
    buffer_append(&bytes, flow, sizeof flow);
    buffer_append_text(&bytes, "name");
    struct stream_settings settings;
    struct slice stream;
    struct binary_fault fault;
    struct slice frame = buffer_slice(&bytes);
    cr_assert(binary_read_set(RC_FRAME_SET_FLOW, frame, &settings, &stream, &fault));
    cr_expect_eq(settings.parts, SETTINGS_FLOW);
    cr_expect_eq(settings.flow.lag_events, 1);
    cr_expect_eq(settings.flow.lag_bytes, 2);
    cr_expect_eq(settings.flow.threshold, 3);
    cr_expect_eq(settings.flow.producer_wait_ms, 4);
    cr_expect_eq(settings.flow.overflow, OVERFLOW_BLOCK);
    cr_expect(slice_equal_text(stream, "name"));
    for (size_t i = 28; i < 32; i++) {
        uint8_t former = bytes.storage[i];
        bytes.storage[i] = RC_OVERFLOW_BLOCK + 1;
        cr_expect_not(binary_read_set(RC_FRAME_SET_FLOW, frame, &settings, &stream, &fault));
        cr_expect_eq(fault.error, ERR_INVALID_PARAMETER);
        bytes.storage[i] = former;
    }
    store_le32(bytes.storage + 24, STREAM_WAIT_MS_MAX);
    cr_expect(binary_read_set(RC_FRAME_SET_FLOW, frame, &settings, &stream, &fault));
    store_le32(bytes.storage + 24, STREAM_WAIT_MS_MAX + 1);
    cr_expect_not(binary_read_set(RC_FRAME_SET_FLOW, frame, &settings, &stream, &fault));
    cr_expect_eq(fault.offset, RC_HEADER_BYTES + 24);
}

Test(binary, answers)
{
    binary_write_welcome(&bytes, &(struct binary_welcome){.version = 1,
                                                          .frame_bytes_max = 2,
                                                          .credit_bytes = 3,
                                                          .event_bytes_max = 4,
                                                          .requests_max = 5,
                                                          .last_id = 6});
    binary_write_ack(&bytes, &(struct binary_ack){7, 8, 9, 10, 11, 12});
    struct binary_fault fault = {.error = ERR_TOO_LARGE, .offset = 13, .message = "why"};
    binary_write_error(&bytes, 14, RC_ERROR_MORE, 15, &fault);
    binary_write_credit(&bytes, 16);
    binary_write_pong(&bytes, 17, slice_of("ping"));
    binary_write_pong(&bytes, 18, slice_empty());
    binary_write_pressure(&bytes, 19, &(struct binary_pressure){20, 21, 22, 23, false, 0, 0});
    struct slice rest = buffer_slice(&bytes);
    struct frames_answer answer;
    cr_assert(frames_take(&rest, &answer));
    cr_expect_eq(answer.kind, RC_FRAME_WELCOME);
    static const uint8_t welcome[32] = {1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0,
                                        4, 0, 0, 0, 5, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0};
    cr_expect(slice_equal(answer.payload, slice_from(welcome, sizeof welcome)));
    cr_assert(frames_take(&rest, &answer));
    cr_expect_eq(answer.request, 7);
    cr_expect_eq(answer.id, 8);
    cr_expect_eq(answer.sequence, 9);
    cr_expect_eq(answer.accepted, 10);
    cr_expect_eq(answer.duplicates, 11);
    cr_expect_eq(answer.refused, 12);
    cr_assert(frames_take(&rest, &answer));
    cr_expect_eq(answer.request, 14);
    cr_expect_eq(answer.error, ERR_TOO_LARGE);
    cr_expect_eq(answer.flags, RC_ERROR_MORE);
    cr_expect_eq(answer.index, 15);
    cr_expect_eq(answer.offset, 13);
    cr_expect_str_eq(answer.message, "why");
    cr_assert(frames_take(&rest, &answer));
    cr_expect_eq(answer.credit, 16);
    cr_assert(frames_take(&rest, &answer));
    cr_expect_eq(answer.request, 17);
    cr_expect(slice_equal_text(answer.payload, "ping"));
    cr_assert(frames_take(&rest, &answer));
    cr_expect_eq(answer.payload.length, 0);
    cr_assert(frames_take(&rest, &answer));
    cr_expect_eq(answer.request, 19);
    cr_expect_eq(answer.payload.at[0], 20);
    cr_expect_eq(answer.payload.at[8], 21);
    cr_expect_eq(answer.payload.at[16], 22);
    cr_expect_eq(answer.payload.at[24], 23);
    cr_expect_not(frames_take(&rest, &answer));
}

Test(binary, answers_into_a_full_buffer_write_nothing)
{
    uint8_t storage[8];
    struct buffer full;
    buffer_wrap(&full, storage, sizeof storage);
    struct binary_fault fault = {.error = ERR_INTERNAL};
    binary_write_welcome(&full, &(struct binary_welcome){0});
    binary_write_ack(&full, &(struct binary_ack){0});
    binary_write_error(&full, 1, 0, 0, &fault);
    binary_write_credit(&full, 1);
    binary_write_pong(&full, 1, slice_empty());
    binary_write_pressure(&full, 1, &(struct binary_pressure){0});
    cr_expect_eq(buffer_length(&full), 0);
    cr_expect_neq(buffer_failure(&full), 0);
}
