// The members of an event object, as producers write it in lines, bodies and batches:
//
//     {"stream":"chat/42","type":"text","data":"hi","tags":["a"],"priority":"high"}
//
// - data: a string is sent as it is, any other JSON as its compact text
// - type, source, correlation_id, content_type: strings; tags, topics: arrays of strings; custom:
// an
//   object of strings, numbers and switches
// - priority: a name or 0 to 4; ttl_ms, retry: milliseconds; ephemeral: a switch
// - producer_id, epoch, producer_sequence: idempotency
#ifndef RINGCAST_WIRE_EVENT_JSON_H
#define RINGCAST_WIRE_EVENT_JSON_H

#include "event/event.h"
#include "wire/member_reader.h"

// X(key)
#define EVENT_MEMBERS(X) \
    X(stream)            \
    X(type)              \
    X(data)              \
    X(priority)          \
    X(tags)              \
    X(source)            \
    X(correlation_id)    \
    X(content_type)      \
    X(topics)            \
    X(custom)            \
    X(ttl_ms)            \
    X(retry)             \
    X(ephemeral)         \
    X(producer_id)       \
    X(epoch)             \
    X(producer_sequence)

// Where they go.
struct event_target {
    struct event *event;
    struct buffer *attributes; // the event's list, for the caller to put into it
    size_t data_bytes_max;
    size_t json_bytes_max; // of data that is no string, as it stands, with its white space
};

// event_json_KEY reads the value of that member. Values are checked by type and range; the event
// itself by event_validate.
#define EVENT_MEMBER_DECLARED(key) \
    bool event_json_##key(struct member_reader *reader, const struct event_target *target);
EVENT_MEMBERS(EVENT_MEMBER_DECLARED)
#undef EVENT_MEMBER_DECLARED

#endif
