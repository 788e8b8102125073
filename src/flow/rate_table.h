// How often each of many clients does something, of the whole broker: a token bucket a client
// (GCRA, as in flow/bucket.h), in one table for all workers, without a lock, so that none waits for
// another.
//
// A client's place is free again as soon as its bucket is full. Where many more clients come in a
// second than there are places, the one with the least used gives way to the next: it then may do
// more than its rate, and nobody is ever refused for another's doing. Two clients count as one with
// a chance of about one in 10^7. Any thread.
#ifndef RINGCAST_FLOW_RATE_TABLE_H
#define RINGCAST_FLOW_RATE_TABLE_H

#include <stdint.h>

struct rate_table;

enum {
    RATE_TABLE_RATE_MAX = 1000 * 1000, // a second
    RATE_TABLE_COUNT_MAX = 1 << 20,    // of one take
};

// So many a second for each client, and after a pause what a second brings at once. With one
// reference, the caller's. NULL: no memory.
struct rate_table *rate_table_create(uint32_t per_second);
struct rate_table *rate_table_hold(struct rate_table *table);
void rate_table_release(struct rate_table *table); // NULL is allowed
uint32_t rate_table_per_second(const struct rate_table *table);

// Takes `count` (1 to RATE_TABLE_COUNT_MAX) for this client (a hash, whose upper 24 bits are not
// all 0) at this time of the monotonic clock. 0: taken. Else in how many milliseconds it may be;
// nothing was taken. What is more than a second brings is taken from a full bucket, which is in
// debt afterwards. Times of different threads may differ a little.
uint64_t rate_table_take(struct rate_table *table, uint64_t key, uint32_t count, uint64_t now_ms);

#endif
