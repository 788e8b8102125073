#include "flow/bucket.h"

enum { MILLI = 1000 };

static int64_t full(const struct bucket *bucket)
{
    int64_t burst = (int64_t)bucket->burst * MILLI;
    return bucket->awaited > burst ? bucket->awaited : burst;
}

static void fill(struct bucket *bucket, uint64_t now_ms)
{
    if (now_ms <= bucket->filled_ms) {
        return;
    }
    uint64_t passed_ms = now_ms - bucket->filled_ms;
    bucket->filled_ms = now_ms;
    if (bucket->level >= full(bucket)) { // above it: of what was kept while one waited
        return;
    }
    uint64_t missing = (uint64_t)(full(bucket) - bucket->level);
    // A token a second is a thousandth a millisecond. Compared first: the product may overflow.
    if (bucket->per_second > 0 && passed_ms > missing / bucket->per_second) {
        bucket->level = full(bucket);
    } else {
        bucket->level += (int64_t)(passed_ms * bucket->per_second);
    }
}

void bucket_begin(struct bucket *bucket, uint32_t per_second, uint32_t burst, uint64_t now_ms)
{
    *bucket = (struct bucket){
        .filled_ms = now_ms, .per_second = per_second, .burst = burst > 0 ? burst : per_second};
    bucket->level = full(bucket);
}

void bucket_change(struct bucket *bucket, uint32_t per_second, uint32_t burst, uint64_t now_ms)
{
    if (bucket->per_second == 0) {
        bucket_begin(bucket, per_second, burst, now_ms);
        return;
    }
    fill(bucket, now_ms);
    bucket->per_second = per_second;
    bucket->burst = burst > 0 ? burst : per_second;
    bucket->awaited = 0;
    bucket->level = bucket->level < full(bucket) ? bucket->level : full(bucket);
}

uint32_t bucket_available(struct bucket *bucket, uint64_t now_ms)
{
    if (bucket->per_second == 0) {
        return BUCKET_UNLIMITED;
    }
    fill(bucket, now_ms);
    return bucket->level > 0 ? (uint32_t)(bucket->level / MILLI) : 0;
}

// The level at which `wanted` may be taken.
static int64_t needed(const struct bucket *bucket, uint32_t wanted)
{
    return (int64_t)(wanted < bucket->burst ? wanted : bucket->burst) * MILLI;
}

bool bucket_admits(struct bucket *bucket, uint32_t wanted, uint64_t now_ms)
{
    return bucket_wait_ms(bucket, wanted, now_ms) == 0;
}

uint64_t bucket_wait_ms(struct bucket *bucket, uint32_t wanted, uint64_t now_ms)
{
    if (bucket->per_second == 0) {
        return 0;
    }
    fill(bucket, now_ms);
    int64_t missing = needed(bucket, wanted) - bucket->level;
    return missing <= 0 ? 0 : ((uint64_t)missing + bucket->per_second - 1) / bucket->per_second;
}

uint64_t bucket_await(struct bucket *bucket, uint32_t wanted, uint32_t late_ms_max, uint64_t now_ms)
{
    uint64_t wait_ms = bucket_wait_ms(bucket, wanted, now_ms);
    // The wait itself is rounded up to a whole millisecond.
    int64_t late = ((int64_t)late_ms_max + 1) * bucket->per_second;
    int64_t most = (int64_t)bucket->burst * MILLI + late; // however often he waits
    int64_t then = needed(bucket, wanted);
    then = bucket->level > then ? bucket->level : then;
    then = then < most ? then : most;
    bucket->awaited = then + late > bucket->awaited ? then + late : bucket->awaited;
    return wait_ms;
}

void bucket_take(struct bucket *bucket, uint32_t count)
{
    if (bucket->per_second > 0) {
        bucket->level -= (int64_t)count * MILLI;
        bucket->awaited = 0;
    }
}

void bucket_give_back(struct bucket *bucket, uint32_t count)
{
    int64_t room = full(bucket) - bucket->level; // it may have been made smaller
    if (bucket->per_second > 0 && room > 0) {
        int64_t given = (int64_t)count * MILLI;
        bucket->level += given < room ? given : room;
    }
}
