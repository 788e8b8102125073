// Idempotent publishing (mission G4): the last event taken of each (stream, producer). Bounded:
// when full, the pair that was idle for longest is forgotten, and a repeat of its last event would
// be taken for new. 64 bytes a pair and 4 to 8 for its hash bucket. One thread.
#ifndef RINGCAST_LOG_PRODUCERS_H
#define RINGCAST_LOG_PRODUCERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct producer {
    uint64_t stream_number; // 0: this place is free
    uint64_t producer_id;
    uint64_t producer_sequence; // of its last event taken
    uint64_t id;                // that event's
    uint64_t sequence;
    uint64_t last_used_ms;
    uint32_t epoch;
    uint32_t
        bucket_next; // place + 1 of the next in the same bucket; of a free place: the next free one
    uint32_t older;  // in order of use; place + 1
    uint32_t newer;
};

struct producers {
    struct producer *places;
    uint32_t *buckets; // place + 1; 0: none
    size_t places_bytes;
    size_t buckets_bytes;
    uint32_t bucket_mask;
    uint32_t capacity;
    uint32_t touched;
    uint32_t free_first; // place + 1
    uint32_t count;
    uint32_t oldest; // place + 1
    uint32_t newest;
    uint64_t seed;
};

// 0 or -ENOMEM.
int producers_init(struct producers *producers, uint32_t producers_max);
void producers_free(struct producers *producers);

enum producers_verdict {
    PRODUCERS_NEW,       // to be appended
    PRODUCERS_DUPLICATE, // was taken before
    PRODUCERS_STALE,     // a newer epoch of this producer was seen
};
// What to do with an event. *known: the pair's entry where there is one, else NULL.
enum producers_verdict producers_check(const struct producers *producers, uint64_t stream_number,
                                       uint64_t producer_id, uint32_t epoch, uint64_t sequence,
                                       const struct producer **known);

// Remembers the event as the pair's last one (values as in `last`; its links are ignored).
void producers_put(struct producers *producers, const struct producer *last);

// Forgets up to `most` pairs that were not used since before_ms.
void producers_prune(struct producers *producers, uint64_t before_ms, uint32_t most);

// Walks over all pairs, in no order: start with *place = 0; false at the end. The table may be
// changed between calls: a pair that stays and is not used meanwhile is met exactly once.
bool producers_next(const struct producers *producers, uint32_t *place,
                    const struct producer **entry);

#endif
