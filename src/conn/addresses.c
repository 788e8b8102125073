// A place is one word, a tag (the upper bits of the key) and a count, so that it changes as a
// whole. The lower bits of the key say where the search for it begins; it ends after PROBES_MAX
// places, or at one that never held anything. Places are four times as many as connections, so that
// a free one is always near. A place whose count is 0 is free for any address.
#include "conn/addresses.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/random.h"

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    COUNT_BITS = 24,
    PLACES_PER_CONNECTION = 4,
    PROBES_MAX = 64,
    PREFIX_BYTES = 8, // of IPv6
    MAPPED_BYTES = 12,
};
#define COUNT_MASK ((UINT64_C(1) << COUNT_BITS) - 1)
STATIC_ASSERT((int)ADDRESSES_EACH_MAX == (1 << COUNT_BITS) - 1, "a count fits its word");

struct addresses {
    uint64_t seed;
    uint64_t mask;
    uint32_t each_max;
    _Atomic uint64_t places[];
};

struct addresses *addresses_create(uint32_t connections_max, uint32_t each_max)
{
    ASSERT(each_max >= 1 && each_max <= ADDRESSES_EACH_MAX);
    uint64_t count = PROBES_MAX;
    while (count < (uint64_t)connections_max * PLACES_PER_CONNECTION) {
        count *= 2;
    }
    struct addresses *addresses = calloc(1, sizeof(*addresses) + count * sizeof(uint64_t));
    if (addresses != NULL) {
        addresses->seed = random_u64();
        addresses->mask = count - 1;
        addresses->each_max = each_max;
    }
    return addresses;
}

void addresses_destroy(struct addresses *addresses)
{
    free(addresses);
}

uint64_t addresses_key(const struct addresses *addresses, int family, const uint8_t address[16])
{
    static const uint8_t mapped[MAPPED_BYTES] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    size_t length = PREFIX_BYTES;
    if (family == AF_INET6 && memcmp(address, mapped, sizeof(mapped)) == 0) {
        address += sizeof(mapped);
        family = AF_INET;
    }
    if (family == AF_INET) {
        length = sizeof(struct in_addr);
    } else if (family != AF_INET6) {
        return 0;
    }
    uint64_t key = hash_bytes(addresses->seed, address, length);
    // No key is 0, and no tag: that is what a place holds that was never used.
    return key >> COUNT_BITS == 0 ? key | UINT64_C(1) << COUNT_BITS : key;
}

// The place of this key, or NULL with a free one in *room (NULL: there is none) and what that held.
static _Atomic uint64_t *find(struct addresses *addresses, uint64_t key, uint64_t *held,
                              _Atomic uint64_t **room, uint64_t *room_held)
{
    *room = NULL;
    for (uint64_t i = 0; i < PROBES_MAX; i++) {
        _Atomic uint64_t *place = &addresses->places[(key + i) & addresses->mask];
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

bool addresses_enter(struct addresses *addresses, uint64_t key)
{
    for (;;) {
        uint64_t held = 0;
        uint64_t room_held = 0;
        _Atomic uint64_t *room = NULL;
        _Atomic uint64_t *place = find(addresses, key, &held, &room, &room_held);
        if (place != NULL) {
            if ((held & COUNT_MASK) >= addresses->each_max) {
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

void addresses_leave(struct addresses *addresses, uint64_t key)
{
    for (;;) {
        uint64_t held = 0;
        uint64_t room_held = 0;
        _Atomic uint64_t *room = NULL;
        _Atomic uint64_t *place = find(addresses, key, &held, &room, &room_held);
        if (place == NULL || replace(place, held, held - 1)) {
            return;
        }
    }
}
