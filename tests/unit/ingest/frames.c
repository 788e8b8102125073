#include "unit/ingest/frames.h"

#include <ringcast/protocol.h>

#include <criterion/criterion.h>

static void put(struct buffer *out, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        buffer_append_byte(out, (uint8_t)(value >> 8 * i));
    }
}

static uint64_t get(const uint8_t *at, int bytes)
{
    uint64_t value = 0;
    for (int i = bytes - 1; i >= 0; i--) {
        value = value << 8 | at[i];
    }
    return value;
}

void frames_hello(struct buffer *out, uint16_t version, uint64_t producer_id, uint32_t epoch)
{
    buffer_append_text(out, "\xf7RCP");
    put(out, version, 2);
    put(out, 0, 2);
    put(out, producer_id, 8);
    put(out, epoch, 4);
    put(out, 0, 4);
}

void frames_header(struct buffer *out, uint32_t length, uint8_t kind, uint8_t level,
                   uint64_t request)
{
    put(out, length, 4);
    put(out, kind, 1);
    put(out, level, 1);
    put(out, 0, 2);
    put(out, request, 8);
}

static size_t event_bytes(const struct frames_event *event)
{
    return 28 + strlen(event->stream) + strlen(event->type) + event->attributes.length +
           event->data.length;
}

void frames_event(struct buffer *out, const struct frames_event *event)
{
    put(out, event->data.length, 4);
    put(out, event->attributes.length, 4);
    put(out, event->sequence, 8);
    put(out, event->ttl_ms, 4);
    put(out, event->retry_ms, 4);
    put(out, event->priority, 1);
    put(out, event->flags, 1);
    put(out, strlen(event->stream), 1);
    put(out, strlen(event->type), 1);
    buffer_append_text(out, event->stream);
    buffer_append_text(out, event->type);
    buffer_append_slice(out, event->attributes);
    buffer_append_slice(out, event->data);
}

void frames_publish(struct buffer *out, uint64_t request, uint8_t level, uint64_t sequence,
                    const char *stream, const char *data)
{
    struct frames_event event = {
        .stream = stream, .type = "", .data = slice_of(data), .sequence = sequence, .priority = 2};
    frames_header(out, (uint32_t)event_bytes(&event), RC_FRAME_PUBLISH, level, request);
    frames_event(out, &event);
}

void frames_batch(struct buffer *out, uint64_t request, uint8_t level,
                  const struct frames_event *events, uint32_t count)
{
    size_t length = 4;
    for (uint32_t i = 0; i < count; i++) {
        length += event_bytes(&events[i]);
    }
    frames_header(out, (uint32_t)length, RC_FRAME_BATCH, level, request);
    put(out, count, 4);
    for (uint32_t i = 0; i < count; i++) {
        frames_event(out, &events[i]);
    }
}

void frames_put(struct buffer *out, uint8_t kind, uint64_t request, struct slice payload)
{
    frames_header(out, (uint32_t)payload.length, kind, 0, request);
    buffer_append_slice(out, payload);
}

bool frames_take(struct slice *bytes, struct frames_answer *answer)
{
    if (bytes->length < 16) {
        return false;
    }
    size_t length = get(bytes->at, 4);
    if (bytes->length < 16 + length) {
        return false;
    }
    const uint8_t *payload = bytes->at + 16;
    *answer = (struct frames_answer){.kind = bytes->at[4],
                                     .request = get(bytes->at + 8, 8),
                                     .payload = slice_from(payload, length)};
    cr_assert_eq(get(bytes->at + 5, 3), 0);
    switch (answer->kind) {
    case RC_FRAME_ACK:
        cr_assert_eq(length, 32);
        answer->id = get(payload, 8);
        answer->sequence = get(payload + 8, 8);
        answer->accepted = (uint32_t)get(payload + 16, 4);
        answer->duplicates = (uint32_t)get(payload + 20, 4);
        answer->refused = (uint32_t)get(payload + 24, 4);
        cr_assert_eq(get(payload + 28, 4), 0);
        break;
    case RC_FRAME_ERROR:
        cr_assert_geq(length, 16);
        answer->error = (uint16_t)get(payload, 2);
        answer->flags = (uint16_t)get(payload + 2, 2);
        answer->index = (uint32_t)get(payload + 4, 4);
        answer->offset = (uint32_t)get(payload + 8, 4);
        cr_assert_eq(get(payload + 12, 2), length - 16);
        cr_assert_eq(get(payload + 14, 2), 0);
        memcpy(answer->message, payload + 16, length - 16);
        break;
    case RC_FRAME_WELCOME:
        cr_assert_eq(length, 32);
        answer->credit = get(payload + 8, 8);
        break;
    case RC_FRAME_CREDIT:
        cr_assert_eq(length, 8);
        answer->credit = get(payload, 8);
        break;
    case RC_FRAME_STREAM_CREDIT:
        cr_assert_gt(length, 16);
        answer->credit = get(payload, 8);
        cr_assert_eq(get(payload + 12, 4), 0);
        break;
    case RC_FRAME_PRESSURE_NOW: cr_assert(length == 32 || length == 48); break;
    case RC_FRAME_PONG: break;
    default: cr_assert_fail("unknown kind %u", answer->kind);
    }
    *bytes = slice_after(*bytes, 16 + length);
    return true;
}
