#include "flow/bucket.h"

enum { MILLI = 1000 };

static int64_t full(const struct bucket *bucket)
{
    return (int64_t)bucket->burst * MILLI;
}

static void fill(struct bucket *bucket, uint64_t now_ms)
{
    if (now_ms <= bucket->filled_ms) {
        return;
    }
    uint64_t passed_ms = now_ms - bucket->filled_ms;
    bucket->filled_ms = now_ms;
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

void bucket_take(struct bucket *bucket, uint32_t count)
{
    if (bucket->per_second > 0) {
        bucket->level -= (int64_t)count * MILLI;
    }
}

void bucket_give_back(struct bucket *bucket, uint32_t count)
{
    if (bucket->per_second > 0) {
        int64_t level = bucket->level + (int64_t)count * MILLI;
        bucket->level =
            level < full(bucket) ? level : full(bucket); // it may have been made smaller
    }
}
