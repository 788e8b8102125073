// Acknowledgements that wait for their level, in log order. A fixed ring; one thread.
#ifndef RINGCAST_LOG_ACKS_H
#define RINGCAST_LOG_ACKS_H

#include "log/log.h"

#include <stdbool.h>
#include <stdint.h>

// Enough for a tenth of a second at a million events a second. When full, log_append says
// LOG_APPEND_FULL.
enum { ACKS_MAX = 1 << 17 };

struct ack {
    uint64_t producer;
    uint64_t reference;
    uint64_t id;
    uint64_t sequence;
    uint64_t wait_id; // due when the level has reached this id
    bool duplicate;
};

struct acks {
    struct ack *ring;
    uint64_t head;         // the oldest
    uint64_t tail;         // the next free
    uint64_t last_wait_id; // of the newest, so that what waits ascends
};

int acks_init(struct acks *acks); // 0 or -ENOMEM
void acks_free(struct acks *acks);

static inline bool acks_are_full(const struct acks *acks)
{
    return acks->tail - acks->head == ACKS_MAX;
}
static inline bool acks_are_empty(const struct acks *acks)
{
    return acks->tail == acks->head;
}
// There is room (asserted). Behind all that wait already, also where its own event is due earlier.
void acks_push(struct acks *acks, const struct ack *ack);
// Calls back for all that are due at `reached`, at most `most`. Returns whether more are due.
bool acks_release(struct acks *acks, uint64_t reached, uint32_t most,
                  const struct log_callbacks *callbacks);
// The id that the newest one waits for; 0: none waits.
static inline uint64_t acks_wait_id(const struct acks *acks)
{
    return acks_are_empty(acks) ? 0 : acks->last_wait_id;
}

#endif
