// The frames that the broker itself makes: gaps, heartbeats, goodbye (mission A4, A6, B3, C2). Each
// is a whole SSE frame, appended to a buffer; all return 0 or what stuck to it (-ENOBUFS, -ENOMEM).
// Equal arguments give equal bytes. Any thread.
#ifndef RINGCAST_WIRE_NOTICE_H
#define RINGCAST_WIRE_NOTICE_H

#include "base/bytes.h"
#include "base/limits.h"
#include "log/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum notice_reason {
    NOTICE_EXPIRED,       // retention took it
    NOTICE_LAGGED,        // the subscriber was too slow
    NOTICE_UNKNOWN,       // its resume point is none of ours
    NOTICE_AHEAD,         // its resume point is ahead of the log
    NOTICE_CORRUPT,       // the disk lost it
    NOTICE_LAPPED,        // the broker itself fell behind
    NOTICE_SHED,          // background events, while memory was short
    NOTICE_TOKEN_EXPIRED, // of a disconnect alone
};

// "expired", "lagged", ... Static memory.
const char *notice_reason_name(enum notice_reason reason);

struct notice_gap {
    uint64_t from;  // first id that may be missing
    uint64_t to;    // last id that may be missing
    uint64_t count; // how many events are missing; 0: not known, and not said
    enum notice_reason reason;
    uint64_t resume;             // position reached: the frame's `id:` and "resume"; 0: neither
    const struct slice *streams; // whose events are missing; valid names
    size_t stream_count;         // 0: not said
};

enum {
    NOTICE_GAP_BYTES_MAX =
        224, // without streams, each of which adds at most 6 * NAME_BYTES_MAX + 3
    NOTICE_START_BYTES_MAX = 48,
    NOTICE_HEARTBEAT_BYTES_MAX = 160,
    NOTICE_GOODBYE_BYTES_MAX = 64,
    NOTICE_OVERSIZE_BYTES_MAX = 192 + 6 * (NAME_BYTES_MAX + TYPE_BYTES_MAX),
    NOTICE_DISCONNECT_BYTES_MAX = 96,
    NOTICE_END_BYTES_MAX = 96 + 6 * NAME_BYTES_MAX,
};

//     id: RESUME
//     event: gap
//     data: {"from":7,"to":9,"count":2,"reason":"expired","streams":["a"],"resume":9}
// Where resume is below `to`, some events between the two are still to come.
int notice_gap_write(struct buffer *out, const struct notice_gap *gap);

// In the place of an event that is larger than its connection allows.
struct notice_oversize {
    uint64_t id;
    struct slice stream; // a valid name
    struct slice type;   // empty: none
    uint64_t size;       // bytes of its data
    uint64_t limit;
};

//     id: 1042
//     event: oversize
//     data: {"stream":"chat/42","id":1042,"type":"text","size":70000,"limit":65536}
int notice_oversize_write(struct buffer *out, const struct notice_oversize *oversize);

//     event: heartbeat
//     data: {"timestamp":1700000000000,"connection_id":"00000000000000ff"}
// Without id. connection_id: at most 64 bytes.
int notice_heartbeat_write(struct buffer *out, uint64_t now_ms, struct slice connection_id);

// A comment, for clients that only need bytes: ":" and an empty line.
#define NOTICE_COMMENT ":\n\n"
int notice_comment_write(struct buffer *out);

// The first frame of a response: where it begins, so that a subscriber that is cut off before its
// first event has an id to come back with (a frame without data sets the last event id, WHATWG HTML
// section 9.2.6), and when to come back; 0: not said. Later the same tells how far it is.
//     id: 1042
//     retry: 5000
int notice_start_write(struct buffer *out, uint64_t resume_id, uint32_t retry_ms);

// The last frame before a policy closes the connection: why, and when to come back.
//     retry: 5000
//     event: disconnect
//     data: {"reason":"lagged"}
int notice_disconnect_write(struct buffer *out, enum notice_reason reason, uint32_t retry_ms);

// A stream has ended, and all of it was sent; `resume` as for gaps. No more of it follows.
//     id: 1042
//     event: end
//     data: {"stream":"chat/42","reason":"closed"}
int notice_end_write(struct buffer *out, uint64_t resume, struct slice stream,
                     enum stream_life life);

// The last frame before a shutdown closes the connection: retry and a comment.
int notice_goodbye_write(struct buffer *out, uint32_t retry_ms);

#endif
