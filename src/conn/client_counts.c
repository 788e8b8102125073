// A place is one word, a tag (the upper bits of the key) and a count, so that it changes as a
// whole. The lower bits of the key say where the search for it begins; it ends after PROBES_MAX
// places, or at one that never held anything. Places are four times as many as connections, so that
// a free one is always near. A place whose count is 0 is free for any client.
#include "conn/client_counts.h"

#include "base/assert.h"
#include "base/references.h"

#include <stdatomic.h>
#include <stdlib.h>

enum {
    COUNT_BITS = 24,
    PLACES_PER_CONNECTION = 4,
    PROBES_MAX = 64,
};
#define COUNT_MASK ((UINT64_C(1) << COUNT_BITS) - 1)
STATIC_ASSERT((int)CLIENT_COUNTS_EACH_MAX == (1 << COUNT_BITS) - 1, "a count fits its word");

struct client_counts {
    uint64_t mask;
    struct references references;
    _Atomic uint64_t places[];
};

struct client_counts *client_counts_create(uint32_t connections_max)
{
    uint64_t count = PROBES_MAX;
    while (count < (uint64_t)connections_max * PLACES_PER_CONNECTION) {
        count *= 2;
    }
    struct client_counts *counts = calloc(1, sizeof(*counts) + count * sizeof(uint64_t));
    if (counts != NULL) {
        counts->mask = count - 1;
        references_begin(&counts->references);
    }
    return counts;
}

struct client_counts *client_counts_hold(struct client_counts *counts)
{
    references_hold(&counts->references);
    return counts;
}

void client_counts_release(struct client_counts *counts)
{
    if (counts != NULL && references_release(&counts->references)) {
        free(counts);
    }
}

// The place of this key, or NULL with a free one in *room (NULL: there is none) and what that held.
static _Atomic uint64_t *find(struct client_counts *counts, uint64_t key, uint64_t *held,
                              _Atomic uint64_t **room, uint64_t *room_held)
{
    *room = NULL;
    for (uint64_t i = 0; i < PROBES_MAX; i++) {
        _Atomic uint64_t *place = &counts->places[(key + i) & counts->mask];
        *held = atomic_load_explicit(place, memory_order_relaxed);
        bool is_free = (*held & COUNT_MASK) == 0;
        if (!is_free && *held >> COUNT_BITS == key >> COUNT_BITS) {
            return place;
        }
        if (is_free && *room == NULL) {
            *room = place;
            *room_held = *held;
        }
        if (*held == 0) {
            break;
        }
    }
    return NULL;
}

static bool replace(_Atomic uint64_t *place, uint64_t held, uint64_t wanted)
{
    return atomic_compare_exchange_strong_explicit(place, &held, wanted, memory_order_relaxed,
                                                   memory_order_relaxed);
}

bool client_counts_enter(struct client_counts *counts, uint64_t key, uint32_t each_max)
{
    ASSERT(each_max >= 1 && each_max <= CLIENT_COUNTS_EACH_MAX);
    for (;;) {
        uint64_t held = 0;
        uint64_t room_held = 0;
        _Atomic uint64_t *room = NULL;
        _Atomic uint64_t *place = find(counts, key, &held, &room, &room_held);
        if (place != NULL) {
            if ((held & COUNT_MASK) >= each_max) {
                return false;
            }
            if (replace(place, held, held + 1)) {
                return true;
            }
        } else if (room == NULL || replace(room, room_held, (key & ~COUNT_MASK) + 1)) {
            return true; // without room it is not counted
        }
    }
}

void client_counts_leave(struct client_counts *counts, uint64_t key)
{
    for (;;) {
        uint64_t held = 0;
        uint64_t room_held = 0;
        _Atomic uint64_t *room = NULL;
        _Atomic uint64_t *place = find(counts, key, &held, &room, &room_held);
        if (place == NULL || replace(place, held, held - 1)) {
            return;
        }
    }
}
