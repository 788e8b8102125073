// How many streams each owner (settings.h) has, and may have. Owners are counted from the
// record on that makes a stream of theirs, until its end by deletion is handed out or it is
// forgotten. Part of struct log (core.h); the log thread.
#ifndef RINGCAST_LOG_OWNERS_H
#define RINGCAST_LOG_OWNERS_H

#include "base/map.h"

#include <stdbool.h>
#include <stdint.h>

struct streams;

struct owners {
    struct u64_map counts; // by owner; those that have none are not in it
    uint32_t most;         // streams of one owner; 0: no bound
};

void owners_init(struct owners *owners, uint32_t most);
void owners_free(struct owners *owners);
// Counts those of all streams, once these are known.
void owners_count(struct owners *owners, const struct streams *streams);

// Owner 0 is nobody, and may have any number.
bool owners_may_make(const struct owners *owners, uint64_t owner);
// Where memory is short, it is not counted.
void owners_add(struct owners *owners, uint64_t owner);
void owners_remove(struct owners *owners, uint64_t owner);

#endif
