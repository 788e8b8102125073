// Frames of the binary protocol as a producer would make them, for tests. Kept apart from
// src/client, so that the two sides are not tested with the same mistakes.
#ifndef TESTS_UNIT_INGEST_FRAMES_H
#define TESTS_UNIT_INGEST_FRAMES_H

#include "base/bytes.h"

#include <stdint.h>

struct frames_event {
    const char *stream;
    const char *type;
    struct slice data;
    struct slice attributes;
    uint64_t sequence;
    uint32_t ttl_ms;
    uint32_t retry_ms;
    uint8_t priority;
    uint8_t flags;
};

void frames_hello(struct buffer *out, uint16_t version, uint64_t producer_id, uint32_t epoch);
void frames_header(struct buffer *out, uint32_t length, uint8_t kind, uint8_t level,
                   uint64_t request);
void frames_event(struct buffer *out, const struct frames_event *event);
// A whole PUBLISH of text data with priority normal.
void frames_publish(struct buffer *out, uint64_t request, uint8_t level, uint64_t sequence,
                    const char *stream, const char *data);
// A whole BATCH.
void frames_batch(struct buffer *out, uint64_t request, uint8_t level,
                  const struct frames_event *events, uint32_t count);
// Any frame with this payload.
void frames_put(struct buffer *out, uint8_t kind, uint64_t request, struct slice payload);

// An answer taken apart.
struct frames_answer {
    uint8_t kind;
    uint64_t request;
    struct slice payload;
    // ACK
    uint64_t id;
    uint64_t sequence;
    uint32_t accepted;
    uint32_t duplicates;
    uint32_t refused;
    // ERROR
    uint16_t error;
    uint16_t flags;
    uint32_t index;
    uint32_t offset;
    char message[1025];
    // CREDIT, STREAM_CREDIT, WELCOME
    uint64_t credit;
};

// Takes one answer from the front. False when there is no whole one. Asserts that it is well
// formed.
bool frames_take(struct slice *bytes, struct frames_answer *answer);

#endif
