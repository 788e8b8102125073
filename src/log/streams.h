// The log's registry of streams: what it knows of each one, by name and by number. One thread.
//
// Memory of one stream, the bound that the architecture sets (64 bytes and the name):
//
//     number, life and flags      8     last sequence, open block       8
//     name's place, newest run    8     discarded sequence              8
//     last id                     8     last time                       8
//     discarded id                8     pending count, extra            8     = 64
//
// Besides: the name, rounded up to 8 bytes; its places in the two hash maps (8 and 16 bytes an
// entry, at most 3/4 full); and only while someone watches it or it has settings, a struct
// stream_extra.
#ifndef RINGCAST_LOG_STREAMS_H
#define RINGCAST_LOG_STREAMS_H

#include "base/bytes.h"
#include "base/map.h"
#include "base/pool.h"
#include "log/log.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    STREAMS_MAX = 1 << 22,        // names are found by 32 bits
    STREAM_NONE = UINT32_MAX,     // no slot, no extra, no run
    STREAM_NOT_OPEN = UINT16_MAX, // open_index: has nothing in the open block
};

// Cuts a value to what the 48-bit members hold: sequences and times never come near.
#define STREAM_48(value) ((value) & ((UINT64_C(1) << 48) - 1))

struct log_stream {
    uint64_t number : 48; // 0: this slot is free
    uint64_t name_length : 8;
    // enum stream_life by all that was appended, which says what may be, and by what was handed
    // out, which is what readers know.
    uint64_t life : 2;
    uint64_t handed_life : 2;
    uint64_t is_made : 1;      // settings were appended for it: it is there without events, too
    uint64_t is_held_back : 1; // its extra has a holdback
    uint64_t spare_bits : 2;
    uint32_t name_at;    // in the arena, in units of 8 bytes
    uint32_t newest_run; // index.h; of a free slot: the next free one
    uint64_t last_id;    // of its last handed-out event; 0: none
    uint64_t discarded_id;
    uint64_t last_sequence : 48; // given out; `pending` of them are not handed out yet
    uint64_t open_index : 16;    // place among the open block's streams, or STREAM_NOT_OPEN
    uint64_t discarded_sequence : 48;
    uint64_t controls : 16;     // control records appended and not handed out yet
    uint64_t last_time_ms : 48; // of its last record, or when it was made
    uint64_t deletions : 16;    // handed out since the start, modulo 2^16
    uint32_t pending;           // events appended and not handed out yet
    uint32_t extra;             // index of its struct stream_extra, or STREAM_NONE
};
_Static_assert(sizeof(struct log_stream) == 64, "the bound on a stream's memory");

struct holdback;

// A copy of a text of up to 255 bytes.
struct stream_text {
    uint8_t length;
    uint8_t bytes[];
};

// What only watched streams and those with settings have.
struct stream_extra {
    uint64_t interest; // bit per reader
    uint64_t untold;   // of these, those that do not know its present flow settings and life
    uint64_t cumulative_bytes; // frame bytes handed out since this extra was made
    struct stream_settings settings;
    struct stream_text *content_type; // NULL: none is set
    uint64_t idle_id;          // last_id when its discarding for idleness was last put into the log
    uint64_t checked_id;       // last_id when its retention by count and bytes was last worked out
    uint64_t check_at_ms;      // retention by age: not before
    struct holdback *holdback; // of a watched stream that blocks (holdback.h); else NULL
    uint32_t slot;
    bool counted; // retention by count was worked out, that by bytes not yet
};

struct streams {
    struct log_stream *slots;
    uint8_t *names;
    size_t slots_bytes;
    size_t names_bytes;
    uint64_t names_used;     // in units of 8 bytes
    uint32_t names_free[33]; // per length in units of 8: the first free place + 1; 0: none
    uint32_t capacity;
    uint32_t touched; // slots at or after it were never used
    uint32_t free_first;
    uint32_t count;
    uint64_t next_number;
    struct name_map by_name;
    struct u64_map by_number;
    struct pool extras;
};

// 0 or -ENOMEM. Must not move afterwards (the map by name points into it).
int streams_init(struct streams *streams, uint32_t streams_max);
void streams_free(struct streams *streams);

// NULL where there is none.
struct log_stream *streams_find(const struct streams *streams, struct slice name);
struct log_stream *streams_by_number(const struct streams *streams, uint64_t number);

// Adds a stream whose name (1..255 bytes) and number are not there yet. NULL when streams_max is
// reached or memory ran out. number 0: the next one.
struct log_stream *streams_add(struct streams *streams, struct slice name, uint64_t number);
// Forgets it and its extra. It has no runs and nothing pending (asserted).
void streams_remove(struct streams *streams, struct log_stream *stream);

static inline uint32_t streams_slot(const struct streams *streams, const struct log_stream *stream)
{
    return (uint32_t)(stream - streams->slots);
}
static inline struct log_stream *streams_at(const struct streams *streams, uint32_t slot)
{
    return &streams->slots[slot];
}
// Valid until the stream is removed.
static inline struct slice streams_name(const struct streams *streams,
                                        const struct log_stream *stream)
{
    return slice_from(streams->names + (size_t)stream->name_at * 8, stream->name_length);
}
static inline struct stream_extra *streams_extra(const struct streams *streams,
                                                 const struct log_stream *stream)
{
    return stream->extra == STREAM_NONE ? NULL : pool_at(&streams->extras, stream->extra);
}
static inline uint64_t streams_interest(const struct streams *streams,
                                        const struct log_stream *stream)
{
    const struct stream_extra *extra = streams_extra(streams, stream);
    return extra == NULL ? 0 : extra->interest;
}
// Whether anybody published to it or made it; otherwise it is only a name that subscribers wait
// for. One that was deleted is not there.
static inline bool streams_is_there(const struct log_stream *stream)
{
    return stream->life != STREAM_DELETED &&
           (stream->last_id != 0 || stream->pending != 0 || stream->is_made != 0);
}
static inline struct slice streams_content_type(const struct streams *streams,
                                                const struct log_stream *stream)
{
    const struct stream_extra *extra = streams_extra(streams, stream);
    return extra == NULL || extra->content_type == NULL
               ? slice_empty()
               : slice_from(extra->content_type->bytes, extra->content_type->length);
}
// Empty: none. False where memory ran out; it has none then.
bool streams_set_content_type(struct stream_extra *extra, struct slice content_type);
// Its extra, made if need be. Never fails: there are as many as streams.
struct stream_extra *streams_need_extra(struct streams *streams, struct log_stream *stream);
// Gives the extra back where it says nothing any more.
void streams_trim_extra(struct streams *streams, struct log_stream *stream);

// The last sequence that was handed out.
static inline uint64_t streams_handed_sequence(const struct log_stream *stream)
{
    return stream->last_sequence - stream->pending;
}

#endif
