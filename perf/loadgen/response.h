// Reads an HTTP/1.1 response with an event stream in it (RFC 9112 sections 4, 5, 7.1; WHATWG HTML
// section 9.2.6), from bytes that arrive in pieces cut anywhere, with 304 bytes of state: as much
// as a load generator with 100,000 subscribers can afford. Bodies end with the connection or are
// chunked. Of the events only those are told that carry a payload of ours, and the notices
// of a ringcast broker.
#ifndef RINGCAST_LOADGEN_RESPONSE_H
#define RINGCAST_LOADGEN_RESPONSE_H

#include "lines.h"
#include "payload.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RESPONSE_ID_BYTES_MAX = 47, // longer ids count as none
};

enum response_phase {
    RESPONSE_STATUS = 0,
    RESPONSE_FIELDS,
    RESPONSE_BODY,
    RESPONSE_OVER,
};

// What an event of the server's own is.
enum response_notice {
    NOTICE_NONE = 0,
    NOTICE_GAP,
    NOTICE_DISCONNECT,
};

struct response_id {
    uint8_t length; // 0: none
    uint8_t text[RESPONSE_ID_BYTES_MAX];
};

// Zeroed memory is a response of which nothing has arrived.
struct response {
    struct lines lines;
    struct payload payload; // of the event being received
    uint64_t chunk_left;
    uint64_t gap_count; // events that a gap says are missing
    uint16_t status;
    uint8_t phase;       // enum response_phase
    uint8_t chunk_state; // enum chunk_state of response.c
    bool is_chunked;
    bool is_event_stream;
    bool has_payload;
    uint8_t notice; // enum response_notice
    bool has_gap_count;
    bool keeps_ids;             // whether the following is wanted
    struct response_id id;      // of the last id line
    struct response_id last_id; // as of the end of an event: what Last-Event-ID would say
};

enum response_news {
    RESPONSE_HEAD,  // status and fields are known, the body begins
    RESPONSE_EVENT, // an event with response->payload
    RESPONSE_GAP,   // the server says that it left events out, and perhaps how many
    RESPONSE_LEAVE, // the server says that it will close the connection
    RESPONSE_END,   // the last chunk
};

// Called within response_feed. False: stop reading (the rest of the bytes is dropped).
typedef bool (*response_callback)(void *context, struct response *response,
                                  enum response_news news);

// Takes the next bytes. Returns 0, or -EBADMSG when this is no HTTP response or no well-formed
// chunked body.
int response_feed(struct response *response, const uint8_t *at, size_t length,
                  response_callback callback, void *context);

#endif
