// layer: conn
// Threads that enter and leave for the same few clients: however they meet, what entered leaves,
// and in the end everybody gets in again as often as allowed. Exits with 0 when that is so.
#include "conn/client_counts.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 4, STEPS = 200 * 1000, CLIENTS = 8, EACH = 50 };

static struct client_counts *counts;

static uint64_t key_of(unsigned which)
{
    return (uint64_t)(which + 1) << 40; // all search from the same place
}

static void *run(void *context)
{
    unsigned random = *(const unsigned *)context;
    unsigned entered[CLIENTS] = {0};
    for (int step = 0; step < STEPS; step++) {
        random = random * 1664525 + 1013904223;
        unsigned which = (random >> 16) % CLIENTS;
        if ((random >> 28) % 2 == 0) {
            entered[which] += client_counts_enter(counts, key_of(which), EACH);
        } else if (entered[which] > 0) {
            client_counts_leave(counts, key_of(which));
            entered[which]--;
        }
    }
    for (unsigned which = 0; which < CLIENTS; which++) {
        for (; entered[which] > 0; entered[which]--) {
            client_counts_leave(counts, key_of(which));
        }
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    unsigned seeds[THREADS];
    counts = client_counts_create(THREADS * CLIENTS * EACH);
    if (counts == NULL) {
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
        unsigned in = 0;
        while (in <= EACH && client_counts_enter(counts, key_of(which), EACH)) {
            in++;
        }
        if (in != EACH) {
            (void)fprintf(stderr, "client %u gets in %u times, not %d\n", which, in, EACH);
            return 1;
        }
    }
    client_counts_release(counts);
    return 0;
}
