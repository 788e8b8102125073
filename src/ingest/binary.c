#include "ingest/binary.h"

#include "base/assert.h"

#include <stdio.h>

// Numbers of the public header and of the broker's own headers are the same ones.
#define SAME_ERROR(number, name, code) STATIC_ASSERT(number == ERR_##name, "one table of errors");
#define ERR_OK                         ERR_NONE
RC_ERRORS(SAME_ERROR)
#undef ERR_OK
#undef SAME_ERROR

STATIC_ASSERT((int)RC_LEVEL_RECEIVED == (int)ACK_RECEIVED, "same levels");
STATIC_ASSERT((int)RC_LEVEL_WRITTEN == (int)ACK_WRITTEN, "same levels");
STATIC_ASSERT((int)RC_LEVEL_SYNCED == (int)ACK_SYNCED, "same levels");
STATIC_ASSERT((int)RC_ATTRIBUTE_TAG == (int)ATTRIBUTE_TAG, "same attributes");
STATIC_ASSERT((int)RC_ATTRIBUTE_SOURCE == (int)ATTRIBUTE_SOURCE, "same attributes");
STATIC_ASSERT((int)RC_ATTRIBUTE_CORRELATION == (int)ATTRIBUTE_CORRELATION, "same attributes");
STATIC_ASSERT((int)RC_ATTRIBUTE_CONTENT_TYPE == (int)ATTRIBUTE_CONTENT_TYPE, "same attributes");
STATIC_ASSERT((int)RC_ATTRIBUTE_CUSTOM == (int)ATTRIBUTE_CUSTOM, "same attributes");
STATIC_ASSERT((int)RC_ATTRIBUTE_TOPIC == (int)ATTRIBUTE_TOPIC, "same attributes");

STATIC_ASSERT((int)RC_OVERFLOW_BLOCK == (int)OVERFLOW_BLOCK, "same policies");
STATIC_ASSERT((int)RC_OVERFLOW_DISCONNECT == (int)OVERFLOW_DISCONNECT, "same policies");
STATIC_ASSERT((int)RC_OVERFLOW_DROP_LOWEST == (int)OVERFLOW_DROP_LOWEST, "same policies");
STATIC_ASSERT((int)RC_OVERFLOW_DROP_NEWEST == (int)OVERFLOW_DROP_NEWEST, "same policies");
STATIC_ASSERT((int)RC_OVERFLOW_DROP_OLDEST == (int)OVERFLOW_DROP_OLDEST, "same policies");
STATIC_ASSERT((int)RC_OVERFLOW_DEFAULT == (int)OVERFLOW_UNSET, "same policies");

static bool fail(struct binary_fault *fault, enum rc_error error, size_t offset,
                 const char *message)
{
    fault->error = error;
    fault->offset = (uint32_t)offset;
    snprintf(fault->message, sizeof(fault->message), "%s", message);
    return false;
}

bool binary_read_hello(const uint8_t *bytes, struct binary_hello *hello, struct binary_fault *fault)
{
    if (memcmp(bytes, RC_PROTOCOL_MAGIC, 4) != 0) {
        return fail(fault, ERR_INVALID_REQUEST, 0,
                    "HELLO does not begin with the protocol's magic");
    }
    uint16_t version = load_le16(bytes + 4);
    if (version == 0) {
        return fail(fault, ERR_UNSUPPORTED_VERSION, 4,
                    "this broker speaks protocol versions 1 and 2");
    }
    if (load_le16(bytes + 6) != 0) {
        return fail(fault, ERR_INVALID_REQUEST, 6, "a reserved field of HELLO is not zero");
    }
    if (load_le32(bytes + 20) != 0) {
        return fail(fault, ERR_INVALID_REQUEST, 20, "a reserved field of HELLO is not zero");
    }
    hello->version = version < RC_PROTOCOL_VERSION ? version : RC_PROTOCOL_VERSION;
    hello->producer_id = load_le64(bytes + 8);
    hello->producer_epoch = load_le32(bytes + 16);
    return true;
}

bool binary_read_header(const uint8_t *bytes, struct binary_header *header,
                        struct binary_fault *fault)
{
    header->length = load_le32(bytes);
    header->kind = bytes[4];
    header->level = bytes[5];
    header->request = load_le64(bytes + 8);
    if (load_le16(bytes + 6) != 0) {
        return fail(fault, ERR_INVALID_REQUEST, 6,
                    "a reserved field of the frame's header is not zero: framing is lost");
    }
    if (header->length > RC_SKIP_BYTES_MAX) {
        return fail(fault, ERR_TOO_LARGE, 0,
                    "the frame's length is beyond any frame's: framing is lost");
    }
    return true;
}

bool binary_check_header(const struct binary_header *header, struct binary_fault *fault)
{
    if (header->kind < RC_FRAME_PUBLISH || header->kind > RC_FRAME_END) {
        return fail(fault, ERR_INVALID_REQUEST, 4, "there is no such kind of frame");
    }
    bool has_level = header->kind == RC_FRAME_PUBLISH || header->kind == RC_FRAME_BATCH ||
                     header->kind == RC_FRAME_END;
    if (header->level > (has_level ? RC_LEVEL_SYNCED : 0)) {
        return fail(fault, ERR_INVALID_PARAMETER, 5,
                    has_level ? "the acknowledgement level is none of 0, 1 and 2"
                              : "this kind of frame has no acknowledgement level");
    }
    return true;
}

bool binary_read_event(struct slice payload, size_t *position, struct event *event,
                       struct binary_fault *fault)
{
    size_t start = *position;
    ASSERT(start <= payload.length);
    size_t offset = RC_HEADER_BYTES + start;
    if (payload.length - start < RC_EVENT_BYTES) {
        return fail(fault, ERR_INVALID_REQUEST, offset, "the frame ends within an event's head");
    }
    const uint8_t *head = payload.at + start;
    uint32_t data_length = load_le32(head);
    uint32_t attributes_length = load_le32(head + 4);
    uint8_t priority = head[24];
    uint8_t flags = head[25];
    size_t stream_length = head[26];
    size_t type_length = head[27];
    uint64_t length = (uint64_t)stream_length + type_length + attributes_length + data_length;
    if (payload.length - start - RC_EVENT_BYTES < length) {
        return fail(fault, ERR_INVALID_REQUEST, offset,
                    "the event's lengths reach beyond the frame's end");
    }
    if (priority > PRIORITY_BACKGROUND) {
        return fail(fault, ERR_INVALID_PARAMETER, offset + 24, "the priority is above 4");
    }
    if ((flags & ~(RC_EVENT_EPHEMERAL | RC_EVENT_BINARY)) != 0) {
        return fail(fault, ERR_INVALID_PARAMETER, offset + 25, "an unknown flag is set");
    }
    const uint8_t *stream = head + RC_EVENT_BYTES;
    const uint8_t *type = stream + stream_length;
    const uint8_t *attributes = type + type_length;
    *event = (struct event){
        .stream = slice_from(stream, stream_length),
        .type = slice_from(type, type_length),
        .attributes = slice_from(attributes, attributes_length),
        .data = slice_from(attributes + attributes_length, data_length),
        .producer_sequence = load_le64(head + 8),
        .ttl_ms = load_le32(head + 16),
        .retry_ms = load_le32(head + 20),
        .priority = (enum event_priority)priority,
        .ephemeral = (flags & RC_EVENT_EPHEMERAL) != 0,
        .binary = (flags & RC_EVENT_BINARY) != 0,
    };
    *position = start + RC_EVENT_BYTES + (size_t)length;
    return true;
}

bool binary_check_batch(struct slice payload, uint32_t *count, struct binary_fault *fault)
{
    if (payload.length < 4) {
        return fail(fault, ERR_INVALID_REQUEST, RC_HEADER_BYTES,
                    "the batch ends before its number of events");
    }
    *count = load_le32(payload.at);
    if (*count == 0) {
        return fail(fault, ERR_INVALID_REQUEST, RC_HEADER_BYTES, "the batch has no event");
    }
    size_t position = 4;
    struct event event;
    for (uint32_t i = 0; i < *count; i++) {
        if (!binary_read_event(payload, &position, &event, fault)) {
            return false;
        }
    }
    if (position != payload.length) {
        return fail(fault, ERR_INVALID_REQUEST, RC_HEADER_BYTES + position,
                    "there are bytes after the batch's last event");
    }
    return true;
}

static struct stream_settings read_retention(const uint8_t *bytes)
{
    return (struct stream_settings){
        .retention_age_ms = load_le64(bytes),
        .retention_bytes = load_le64(bytes + 8),
        .retention_count = load_le64(bytes + 16),
        .idle_ttl_ms = load_le64(bytes + 24),
        .parts = SETTINGS_RETENTION,
    };
}

static struct stream_settings read_flow(const uint8_t *bytes)
{
    return (struct stream_settings){
        .flow = {.lag_events = load_le64(bytes),
                 .lag_bytes = load_le64(bytes + 8),
                 .threshold = load_le64(bytes + 16),
                 .producer_wait_ms = load_le32(bytes + 24),
                 .overflow = bytes[28],
                 .zero = {bytes[29], bytes[30], bytes[31]}},
        .parts = SETTINGS_FLOW,
    };
}

bool binary_read_set(uint8_t kind, struct slice payload, struct stream_settings *settings,
                     struct slice *stream, struct binary_fault *fault)
{
    STATIC_ASSERT((int)RC_SET_BYTES == (int)RC_SET_FLOW_BYTES, "both begin alike");
    if (payload.length < RC_SET_BYTES) {
        return fail(fault, ERR_INVALID_REQUEST, RC_HEADER_BYTES + payload.length,
                    "the frame ends within its settings");
    }
    *settings = kind == RC_FRAME_SET ? read_retention(payload.at) : read_flow(payload.at);
    if (settings->flow.producer_wait_ms > STREAM_WAIT_MS_MAX) {
        return fail(fault, ERR_INVALID_PARAMETER, RC_HEADER_BYTES + 24,
                    "events are held for an hour at the most");
    }
    if (!stream_flow_is_valid(&settings->flow)) {
        return fail(fault, ERR_INVALID_PARAMETER, RC_HEADER_BYTES + 28,
                    "there is no such overflow policy, or a reserved field is not zero");
    }
    *stream = slice_after(payload, RC_SET_BYTES);
    if (!event_name_is_valid(*stream)) {
        return fail(fault, ERR_INVALID_NAME, RC_HEADER_BYTES + RC_SET_BYTES,
                    error_text(ERR_INVALID_NAME));
    }
    return true;
}

bool binary_read_end(struct slice payload, enum stream_life *life, struct slice *stream,
                     struct binary_fault *fault)
{
    STATIC_ASSERT((int)RC_END_CLOSED == (int)STREAM_CLOSED, "as they stand");
    STATIC_ASSERT((int)RC_END_CANCELLED == (int)STREAM_CANCELLED, "as they stand");
    STATIC_ASSERT((int)RC_END_DELETED == (int)STREAM_DELETED, "as they stand");
    if (payload.length < RC_END_BYTES) {
        return fail(fault, ERR_INVALID_REQUEST, RC_HEADER_BYTES + payload.length,
                    "the frame ends before the stream's name");
    }
    uint8_t how = payload.at[0];
    if (how < RC_END_CLOSED || how > RC_END_DELETED) {
        return fail(fault, ERR_INVALID_PARAMETER, RC_HEADER_BYTES, "no stream ends like that");
    }
    if (load_le64(payload.at) >> 8 != 0) {
        return fail(fault, ERR_INVALID_PARAMETER, RC_HEADER_BYTES + 1,
                    "a reserved field is not zero");
    }
    *life = (enum stream_life)how;
    *stream = slice_after(payload, RC_END_BYTES);
    if (!event_name_is_valid(*stream)) {
        return fail(fault, ERR_INVALID_NAME, RC_HEADER_BYTES + RC_END_BYTES,
                    error_text(ERR_INVALID_NAME));
    }
    return true;
}

// Room for a frame with its header filled in; NULL when the buffer is at its limit.
static uint8_t *frame_begin(struct buffer *out, uint8_t kind, uint64_t request, size_t length)
{
    uint8_t *frame = buffer_reserve(out, RC_HEADER_BYTES + length);
    if (frame == NULL) {
        return NULL;
    }
    store_le32(frame, (uint32_t)length);
    frame[4] = kind;
    frame[5] = 0;
    store_le16(frame + 6, 0);
    store_le64(frame + 8, request);
    return frame + RC_HEADER_BYTES;
}

void binary_write_welcome(struct buffer *out, const struct binary_welcome *welcome)
{
    uint8_t *payload = frame_begin(out, RC_FRAME_WELCOME, 0, RC_WELCOME_BYTES);
    if (payload == NULL) {
        return;
    }
    store_le16(payload, welcome->version);
    store_le16(payload + 2, 0);
    store_le32(payload + 4, welcome->frame_bytes_max);
    store_le64(payload + 8, welcome->credit_bytes);
    store_le32(payload + 16, welcome->event_bytes_max);
    store_le32(payload + 20, welcome->requests_max);
    store_le64(payload + 24, welcome->last_id);
    buffer_commit(out, RC_HEADER_BYTES + RC_WELCOME_BYTES);
}

void binary_write_ack(struct buffer *out, const struct binary_ack *ack)
{
    uint8_t *payload = frame_begin(out, RC_FRAME_ACK, ack->request, RC_ACK_BYTES);
    if (payload == NULL) {
        return;
    }
    store_le64(payload, ack->id);
    store_le64(payload + 8, ack->sequence);
    store_le32(payload + 16, ack->accepted);
    store_le32(payload + 20, ack->duplicates);
    store_le32(payload + 24, ack->refused);
    store_le32(payload + 28, 0);
    buffer_commit(out, RC_HEADER_BYTES + RC_ACK_BYTES);
}

void binary_write_error(struct buffer *out, uint64_t request, uint16_t flags, uint32_t index,
                        const struct binary_fault *fault)
{
    size_t length = strnlen(fault->message, sizeof(fault->message));
    uint8_t *payload = frame_begin(out, RC_FRAME_ERROR, request, RC_ERROR_BYTES + length);
    if (payload == NULL) {
        return;
    }
    store_le16(payload, (uint16_t)fault->error);
    store_le16(payload + 2, flags);
    store_le32(payload + 4, index);
    store_le32(payload + 8, fault->offset);
    store_le16(payload + 12, (uint16_t)length);
    store_le16(payload + 14, 0);
    memcpy(payload + RC_ERROR_BYTES, fault->message, length);
    buffer_commit(out, RC_HEADER_BYTES + RC_ERROR_BYTES + length);
}

void binary_write_credit(struct buffer *out, uint64_t credit_bytes)
{
    uint8_t *payload = frame_begin(out, RC_FRAME_CREDIT, 0, RC_CREDIT_BYTES);
    if (payload == NULL) {
        return;
    }
    store_le64(payload, credit_bytes);
    buffer_commit(out, RC_HEADER_BYTES + RC_CREDIT_BYTES);
}

void binary_write_stream_credit(struct buffer *out, uint64_t credit_bytes, uint32_t full_permille,
                                struct slice stream)
{
    size_t length = RC_STREAM_CREDIT_BYTES + stream.length;
    uint8_t *payload = frame_begin(out, RC_FRAME_STREAM_CREDIT, 0, length);
    if (payload == NULL) {
        return;
    }
    store_le64(payload, credit_bytes);
    store_le32(payload + 8, full_permille);
    store_le32(payload + 12, 0);
    memcpy(payload + RC_STREAM_CREDIT_BYTES, stream.at, stream.length);
    buffer_commit(out, RC_HEADER_BYTES + length);
}

void binary_write_pong(struct buffer *out, uint64_t request, struct slice payload)
{
    uint8_t *bytes = frame_begin(out, RC_FRAME_PONG, request, payload.length);
    if (bytes == NULL) {
        return;
    }
    if (payload.length > 0) {
        memcpy(bytes, payload.at, payload.length);
    }
    buffer_commit(out, RC_HEADER_BYTES + payload.length);
}

void binary_write_pressure(struct buffer *out, uint64_t request,
                           const struct binary_pressure *pressure)
{
    size_t length = pressure->has_stream ? RC_PRESSURE_STREAM_BYTES : RC_PRESSURE_BYTES;
    uint8_t *payload = frame_begin(out, RC_FRAME_PRESSURE_NOW, request, length);
    if (payload == NULL) {
        return;
    }
    store_le32(payload, pressure->full_permille);
    store_le32(payload + 4, 0);
    store_le64(payload + 8, pressure->credit_bytes);
    store_le64(payload + 16, pressure->unanswered_bytes);
    store_le64(payload + 24, pressure->listeners);
    if (pressure->has_stream) {
        store_le64(payload + 32, pressure->stream_credit_bytes);
        store_le32(payload + 40, pressure->stream_permille);
        store_le32(payload + 44, 0);
    }
    buffer_commit(out, RC_HEADER_BYTES + length);
}
