#include "client/internal.h"

#include <string.h>

static size_t text_length(const char *text)
{
    return text == NULL ? 0 : strlen(text);
}

static size_t attribute_length(const struct rc_attribute *attribute)
{
    size_t name = attribute->kind == RC_ATTRIBUTE_CUSTOM ? text_length(attribute->name) + 1 : 0;
    return name + text_length(attribute->value);
}

static size_t attributes_length(const struct rc_event *event)
{
    size_t length = 0;
    for (size_t i = 0; i < event->attribute_count; i++) {
        length += 4 + attribute_length(&event->attributes[i]);
    }
    return length;
}

size_t rc_encode_event_bytes(const struct rc_event *event)
{
    return RC_EVENT_BYTES + text_length(event->stream) + text_length(event->type) +
           attributes_length(event) + event->data_length;
}

int rc_encode_check(struct rc_client *client, const struct rc_event *event)
{
    size_t stream_length = text_length(event->stream);
    if (stream_length == 0 || stream_length > RC_NAME_BYTES_MAX) {
        rc_client_say(client, "a stream's name must be 1 to %d bytes long, not %zu",
                      RC_NAME_BYTES_MAX, stream_length);
        return RC_BAD_ARGUMENT;
    }
    if (text_length(event->type) > RC_TYPE_BYTES_MAX) {
        rc_client_say(client, "an event's type must be at most %d bytes long", RC_TYPE_BYTES_MAX);
        return RC_BAD_ARGUMENT;
    }
    if (event->data == NULL && event->data_length > 0) {
        rc_client_say(client, "data is NULL but data_length is %zu", event->data_length);
        return RC_BAD_ARGUMENT;
    }
    if (event->data_length > client->event_bytes_max) {
        rc_client_say(client, "the data are %zu bytes long, the broker's limit is %u",
                      event->data_length, client->event_bytes_max);
        return RC_TOO_LARGE;
    }
    if ((unsigned)event->ack > RC_ACK_SYNCED ||
        (unsigned)event->priority > RC_PRIORITY_BACKGROUND) {
        rc_client_say(client, "the acknowledgement level or the priority is not one of its enum");
        return RC_BAD_ARGUMENT;
    }
    for (size_t i = 0; i < event->attribute_count; i++) {
        if (attribute_length(&event->attributes[i]) > UINT16_MAX) {
            rc_client_say(client, "attribute %zu is too long", i);
            return RC_BAD_ARGUMENT;
        }
    }
    return RC_OK;
}

uint8_t rc_encode_level(enum rc_ack ack)
{
    return ack == RC_ACK_DEFAULT ? RC_LEVEL_WRITTEN : (uint8_t)(ack - RC_ACK_RECEIVED);
}

void rc_encode_header(uint8_t *at, size_t length, uint8_t kind, uint8_t level, uint64_t request)
{
    put_le(at, length, 4);
    at[4] = kind;
    at[5] = level;
    put_le(at + 6, 0, 2);
    put_le(at + 8, request, 8);
}

static uint8_t *encode_bytes(uint8_t *at, const void *bytes, size_t length)
{
    if (length > 0) {
        memcpy(at, bytes, length);
    }
    return at + length;
}

static uint8_t *encode_attribute(uint8_t *at, const struct rc_attribute *attribute)
{
    at[0] = attribute->kind;
    at[1] = 0;
    put_le(at + 2, attribute_length(attribute), 2);
    at += 4;
    if (attribute->kind == RC_ATTRIBUTE_CUSTOM) {
        at = encode_bytes(at, attribute->name, text_length(attribute->name));
        *at++ = 0;
    }
    return encode_bytes(at, attribute->value, text_length(attribute->value));
}

uint8_t *rc_encode_event(uint8_t *at, const struct rc_event *event, uint64_t sequence)
{
    size_t stream_length = text_length(event->stream);
    size_t type_length = text_length(event->type);
    enum rc_priority priority =
        event->priority == RC_PRIORITY_DEFAULT ? RC_PRIORITY_NORMAL : event->priority;
    put_le(at, event->data_length, 4);
    put_le(at + 4, attributes_length(event), 4);
    put_le(at + 8, sequence, 8);
    put_le(at + 16, event->ttl_ms, 4);
    put_le(at + 20, event->retry_ms, 4);
    at[24] = (uint8_t)(priority - RC_PRIORITY_CRITICAL);
    at[25] = (uint8_t)((event->ephemeral ? RC_EVENT_EPHEMERAL : 0) |
                       (event->binary ? RC_EVENT_BINARY : 0));
    at[26] = (uint8_t)stream_length;
    at[27] = (uint8_t)type_length;
    at = encode_bytes(at + RC_EVENT_BYTES, event->stream, stream_length);
    at = encode_bytes(at, event->type, type_length);
    for (size_t i = 0; i < event->attribute_count; i++) {
        at = encode_attribute(at, &event->attributes[i]);
    }
    return encode_bytes(at, event->data, event->data_length);
}

void rc_encode_flow(uint8_t *at, const struct rc_flow *flow)
{
    put_le(at, flow->lag_events, 8);
    put_le(at + 8, flow->lag_bytes, 8);
    put_le(at + 16, (uint64_t)(flow->threshold * 1000 + 0.5), 8);
    put_le(at + 24, flow->producer_wait_ms, 4);
    put_le(at + 28, (uint64_t)flow->overflow, 4);
}

void rc_encode_hello(uint8_t *at, const struct rc_client *client)
{
    memcpy(at, RC_PROTOCOL_MAGIC, 4);
    put_le(at + 4, RC_PROTOCOL_VERSION, 2);
    put_le(at + 6, 0, 2);
    put_le(at + 8, client->options.producer_id, 8);
    put_le(at + 16, client->options.epoch, 4);
    put_le(at + 20, 0, 4);
}
