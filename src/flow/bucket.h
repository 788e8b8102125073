// A token bucket in integers: tokens come at a rate, up to a burst, and are taken by what is sent.
// Time is in whole milliseconds and the level in thousandths of a token, so that nothing is ever
// rounded: over any time no more than burst + rate * time is taken, and one who always takes what
// there is gets exactly that. Pure logic. One thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct bucket {
    int64_t level;   // thousandths of a token; negative after something larger than the burst
    int64_t awaited; // how full it may get for one who waits, where that is above the burst
    uint64_t filled_ms;
    uint32_t per_second; // 0: no limit
    uint32_t burst;
};

// What has no limit always has so many.
#define BUCKET_UNLIMITED UINT32_MAX

// Full at the beginning. burst 0: what a second brings.
void bucket_begin(struct bucket *bucket, uint32_t per_second, uint32_t burst, uint64_t now_ms);
// Another rate from now on; keeps what is in it, as far as the new burst holds it.
void bucket_change(struct bucket *bucket, uint32_t per_second, uint32_t burst, uint64_t now_ms);

// Whole tokens that may be taken now. Times that go backwards count as no time.
uint32_t bucket_available(struct bucket *bucket, uint64_t now_ms);
// Whether `wanted` may be taken now. Of what is larger than the burst: when the bucket is full;
// the bucket is in debt afterwards.
bool bucket_admits(struct bucket *bucket, uint32_t wanted, uint64_t now_ms);
// When it does: milliseconds from now on; 0: now.
uint64_t bucket_wait_ms(struct bucket *bucket, uint32_t wanted, uint64_t now_ms);
// The same, by one who will come then, or up to late_ms_max later: until the next bucket_take what
// comes in that time is kept beyond the burst, too, or he would not get his rate. What he leaves of
// it stays; no more comes.
uint64_t bucket_await(struct bucket *bucket, uint32_t wanted, uint32_t late_ms_max,
                      uint64_t now_ms);

void bucket_take(struct bucket *bucket, uint32_t count);
// What was taken and then not used.
void bucket_give_back(struct bucket *bucket, uint32_t count);
