// An event as a JSON envelope in an SSE frame, for connections that read several streams:
//
//     id: 1042
//     event: text
//     data:
//     {"id":1042,"stream":"chat/42","sequence":3,"type":"text","time":1700000000000,"data":"hi"}
//
// The frame's own event name is the event's type, so that addEventListener works as with native
// frames. Members, in this order; those in brackets only where they say something:
//
//     [id] stream [sequence] [type] time [priority] [source] [correlation_id] [content_type] [tags]
//     [topics] [custom] [retry] [encoding] data
//
// - priority: a name, where it is not "normal"; retry: milliseconds, also as the frame's `retry:`
// - data: with content type application/json and a payload that is JSON, that JSON (line ends
// between
//   its tokens left out); else a string; for binary events base64 in a string, with
//   "encoding":"base64"
// - an ephemeral event has no id and no sequence
//
// Equal events give equal bytes, so that a frame of which a part was sent can be rendered again.
// Any thread.
#ifndef RINGCAST_WIRE_ENVELOPE_H
#define RINGCAST_WIRE_ENVELOPE_H

#include "base/bytes.h"
#include "event/event.h"
#include "log/block.h"

#include <stdbool.h>
#include <stdint.h>

// An event that is not in a block: an ephemeral one. All slices are borrowed for the call.
struct envelope {
    uint64_t id;       // 0: none
    uint64_t sequence; // 0: none
    uint64_t time_ms;
    struct slice stream;
    struct slice type;       // empty: none, unless the attributes hold ATTRIBUTE_TYPE
    struct slice attributes; // an encoded list (event/event.h), may be empty
    struct slice data;       // UTF-8 unless is_binary
    enum event_priority priority;
    bool is_binary;
};

// Append the whole frame, or nothing: false where the buffer failed (buffer_failure says how; it
// keeps what it held before). `block` is one that block_check accepted or that this process made,
// `record` one of its records of kind RECORD_EVENT.
bool envelope_write(struct buffer *out, const uint8_t *block, const struct block_record *record);
bool envelope_write_event(struct buffer *out, const struct envelope *envelope);

// The JSON object alone, for forms without SSE around it.
bool envelope_write_json(struct buffer *out, const uint8_t *block,
                         const struct block_record *record);

// Instead of an event whose data is larger than its connection's `limit`: a notice
// (wire/notice.h) with which it can be fetched. All or nothing.
bool envelope_write_oversize(struct buffer *out, const uint8_t *block,
                             const struct block_record *record, uint32_t limit);
// Bytes of its data, as it was published.
size_t envelope_data_length(const uint8_t *block, const struct block_record *record);

// A bound on the bytes that envelope_write appends.
size_t envelope_size_max(const struct block_record *record);

#endif
