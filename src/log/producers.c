#include "log/producers.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/random.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

static void *map_lazily(size_t bytes)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

int producers_init(struct producers *producers, uint32_t producers_max)
{
    ASSERT(producers_max > 0 && producers_max < (UINT32_C(1) << 30));
    memset(producers, 0, sizeof(*producers));
    uint32_t buckets = 16;
    while (buckets < producers_max) {
        buckets *= 2;
    }
    producers->capacity = producers_max;
    producers->bucket_mask = buckets - 1;
    producers->seed = random_u64();
    producers->places_bytes = (size_t)producers_max * sizeof(struct producer);
    producers->buckets_bytes = (size_t)buckets * sizeof(uint32_t);
    producers->places = map_lazily(producers->places_bytes);
    producers->buckets = map_lazily(producers->buckets_bytes);
    if (producers->places == NULL || producers->buckets == NULL) {
        producers_free(producers);
        return -ENOMEM;
    }
    return 0;
}

void producers_free(struct producers *producers)
{
    if (producers->places != NULL) {
        (void)munmap(producers->places, producers->places_bytes);
    }
    if (producers->buckets != NULL) {
        (void)munmap(producers->buckets, producers->buckets_bytes);
    }
    memset(producers, 0, sizeof(*producers));
}

static struct producer *at(const struct producers *producers, uint32_t place)
{
    return place == 0 ? NULL : &producers->places[place - 1];
}

static uint32_t *bucket_of(const struct producers *producers, uint64_t stream, uint64_t producer)
{
    uint64_t hash = hash_u64(producers->seed ^ stream, producer);
    return &producers->buckets[hash & producers->bucket_mask];
}

static uint32_t find(const struct producers *producers, uint64_t stream, uint64_t producer)
{
    uint32_t place = *bucket_of(producers, stream, producer);
    while (place != 0) {
        const struct producer *entry = at(producers, place);
        if (entry->stream_number == stream && entry->producer_id == producer) {
            break;
        }
        place = entry->bucket_next;
    }
    return place;
}

enum producers_verdict producers_check(const struct producers *producers, uint64_t stream_number,
                                       uint64_t producer_id, uint32_t epoch, uint64_t sequence,
                                       const struct producer **known)
{
    const struct producer *entry = at(producers, find(producers, stream_number, producer_id));
    *known = entry;
    if (entry == NULL || epoch > entry->epoch) {
        return PRODUCERS_NEW;
    }
    if (epoch < entry->epoch) {
        return PRODUCERS_STALE;
    }
    return sequence > entry->producer_sequence ? PRODUCERS_NEW : PRODUCERS_DUPLICATE;
}

static void use_unlink(struct producers *producers, struct producer *entry)
{
    struct producer *older = at(producers, entry->older);
    struct producer *newer = at(producers, entry->newer);
    *(older != NULL ? &older->newer : &producers->oldest) = entry->newer;
    *(newer != NULL ? &newer->older : &producers->newest) = entry->older;
}

static void use_link(struct producers *producers, uint32_t place)
{
    struct producer *entry = at(producers, place);
    struct producer *newest = at(producers, producers->newest);
    entry->older = producers->newest;
    entry->newer = 0;
    *(newest != NULL ? &newest->newer : &producers->oldest) = place;
    producers->newest = place;
}

static void forget(struct producers *producers, uint32_t place)
{
    struct producer *entry = at(producers, place);
    uint32_t *link = bucket_of(producers, entry->stream_number, entry->producer_id);
    while (*link != place) {
        ASSERT(*link != 0);
        link = &at(producers, *link)->bucket_next;
    }
    *link = entry->bucket_next;
    use_unlink(producers, entry);
    entry->stream_number = 0;
    entry->bucket_next = producers->free_first;
    producers->free_first = place;
    producers->count--;
}

static uint32_t take_place(struct producers *producers)
{
    if (producers->count == producers->capacity) {
        forget(producers, producers->oldest);
    }
    producers->count++;
    if (producers->free_first != 0) {
        uint32_t place = producers->free_first;
        producers->free_first = at(producers, place)->bucket_next;
        return place;
    }
    ASSERT(producers->touched < producers->capacity);
    return ++producers->touched;
}

void producers_put(struct producers *producers, const struct producer *last)
{
    uint32_t place = find(producers, last->stream_number, last->producer_id);
    uint32_t bucket_next;
    if (place != 0) {
        use_unlink(producers, at(producers, place));
        bucket_next = at(producers, place)->bucket_next;
    } else {
        place = take_place(producers);
        uint32_t *bucket = bucket_of(producers, last->stream_number, last->producer_id);
        bucket_next = *bucket;
        *bucket = place;
    }
    struct producer *entry = at(producers, place);
    *entry = *last;
    entry->bucket_next = bucket_next;
    use_link(producers, place);
}

void producers_prune(struct producers *producers, uint64_t before_ms, uint32_t most)
{
    while (most-- > 0 && producers->oldest != 0 &&
           at(producers, producers->oldest)->last_used_ms < before_ms) {
        forget(producers, producers->oldest);
    }
}

bool producers_next(const struct producers *producers, uint32_t *place,
                    const struct producer **entry)
{
    while (*place < producers->touched) {
        *entry = &producers->places[(*place)++];
        if ((*entry)->stream_number != 0) {
            return true;
        }
    }
    return false;
}
