// layer: flow
// Threads that take for the same few clients in one moment: together each gets its burst, no more
// and no less. Exits with 0 when that is so.
#include "flow/rate_table.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum { THREADS = 4, CLIENTS = 8, RATE = 50 * 1000, NOW_MS = 12345 };

static struct rate_table *table;
static atomic_uint taken[CLIENTS];

static uint64_t key_of(unsigned which)
{
    return (uint64_t)(which + 1) << 40; // all search from the same place
}

static void *run(void *context)
{
    unsigned random = *(const unsigned *)context;
    for (int step = 0; step < 2 * RATE * CLIENTS / THREADS; step++) {
        random = random * 1664525 + 1013904223;
        unsigned which = (random >> 16) % CLIENTS;
        if (rate_table_take(table, key_of(which), 1, NOW_MS) == 0) {
            atomic_fetch_add_explicit(&taken[which], 1, memory_order_relaxed);
        }
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    unsigned seeds[THREADS];
    table = rate_table_create(RATE);
    if (table == NULL) {
        return 1;
    }
    for (unsigned i = 0; i < THREADS; i++) {
        seeds[i] = i + 1;
        if (pthread_create(&threads[i], NULL, run, &seeds[i]) != 0) {
            return 1;
        }
    }
    for (unsigned i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    for (unsigned which = 0; which < CLIENTS; which++) {
        unsigned count = atomic_load(&taken[which]);
        while (rate_table_take(table, key_of(which), 1, NOW_MS) == 0) {
            count++;
        }
        if (count != RATE) {
            (void)fprintf(stderr, "client %u took %u, not %d\n", which, count, RATE);
            return 1;
        }
    }
    rate_table_release(table);
    return 0;
}
