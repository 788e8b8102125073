// Time is counted in what it brings: at 5 a second, 5 units a second, in whole numbers, so that a
// rate is exact over any time. A place is one word, a tag (the upper bits of the key) and until
// when its client has used up time, so that it changes as a whole. How far that lies ahead of now
// is how much the bucket lacks. Times are kept modulo 2^40; what would lie further ahead than any
// bucket can is long past.
//
// The lower bits of the key say where the search for its place begins; it ends after PROBES_MAX
// places, or at one that never held anything.
#include "flow/rate_table.h"

#include "base/assert.h"
#include "base/references.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

enum {
    TIME_BITS = 40,
    PLACES = 1 << 17, // 1 MiB, committed as touched
    PROBES_MAX = 32,
    MS_PER_SECOND = 1000,
};
#define TIME_MASK ((UINT64_C(1) << TIME_BITS) - 1)

struct rate_table {
    uint64_t per_second; // and the burst
    struct references references;
    uint64_t ahead_max;
    _Atomic uint64_t places[PLACES];
};

struct rate_table *rate_table_create(uint32_t per_second)
{
    ASSERT(per_second >= 1 && per_second <= RATE_TABLE_RATE_MAX);
    struct rate_table *table = calloc(1, sizeof(*table));
    if (table != NULL) {
        table->per_second = per_second;
        references_begin(&table->references);
        // A full burst, the largest debt, and a second between the clocks of two threads.
        table->ahead_max = 2 * (uint64_t)per_second + RATE_TABLE_COUNT_MAX;
    }
    return table;
}

struct rate_table *rate_table_hold(struct rate_table *table)
{
    references_hold(&table->references);
    return table;
}

void rate_table_release(struct rate_table *table)
{
    if (table != NULL && references_release(&table->references)) {
        free(table);
    }
}

uint32_t rate_table_per_second(const struct rate_table *table)
{
    return (uint32_t)table->per_second;
}

static uint64_t units_at(const struct rate_table *table, uint64_t now_ms)
{
    return now_ms / MS_PER_SECOND * table->per_second +
           now_ms % MS_PER_SECOND * table->per_second / MS_PER_SECOND;
}

// How much the bucket of this place lacks.
static uint64_t ahead_of(const struct rate_table *table, uint64_t held, uint64_t now)
{
    uint64_t ahead = (held - now) & TIME_MASK;
    return ahead <= table->ahead_max ? ahead : 0;
}

// The place of this key; else, with *ahead 0, the one to be had for it: the first free one, or the
// one that lacks the least. *held is what it holds.
static _Atomic uint64_t *find(struct rate_table *table, uint64_t key, uint64_t now, uint64_t *held,
                              uint64_t *ahead)
{
    _Atomic uint64_t *room = NULL;
    uint64_t room_ahead = UINT64_MAX;
    uint64_t room_held = 0;
    for (uint64_t i = 0; i < PROBES_MAX; i++) {
        _Atomic uint64_t *place = &table->places[(key + i) % PLACES];
        *held = atomic_load_explicit(place, memory_order_relaxed);
        *ahead = *held == 0 ? 0 : ahead_of(table, *held, now);
        if (*held >> TIME_BITS == key >> TIME_BITS) {
            return place;
        }
        if (*ahead < room_ahead) {
            room = place;
            room_ahead = *ahead;
            room_held = *held;
        }
        if (*held == 0) {
            break;
        }
    }
    *held = room_held;
    *ahead = 0;
    return room;
}

uint64_t rate_table_take(struct rate_table *table, uint64_t key, uint32_t count, uint64_t now_ms)
{
    ASSERT(count >= 1 && count <= RATE_TABLE_COUNT_MAX && key >> TIME_BITS != 0);
    uint64_t now = units_at(table, now_ms);
    uint64_t needed = count < table->per_second ? count : table->per_second;
    for (;;) {
        uint64_t held = 0;
        uint64_t ahead = 0;
        _Atomic uint64_t *place = find(table, key, now, &held, &ahead);
        if (ahead + needed > table->per_second) {
            uint64_t missing = ahead + needed - table->per_second;
            return (missing * MS_PER_SECOND + table->per_second - 1) / table->per_second;
        }
        uint64_t wanted = (key & ~TIME_MASK) | ((now + ahead + count) & TIME_MASK);
        if (atomic_compare_exchange_strong_explicit(place, &held, wanted, memory_order_relaxed,
                                                    memory_order_relaxed)) {
            return 0;
        }
    }
}
