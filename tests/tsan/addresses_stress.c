// layer: conn
// Threads that enter and leave the same few addresses: however they meet, what entered leaves, and
// in the end everybody gets in again as often as allowed. Exits with 0 when that is so.
#include "conn/addresses.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 4, STEPS = 200 * 1000, ADDRESSES = 8, EACH = 50 };

static struct addresses *addresses;

static uint64_t key_of(unsigned which)
{
    uint8_t bytes[16] = {192, 0, 2, (uint8_t)which};
    return addresses_key(addresses, AF_INET, bytes);
}

static void *run(void *context)
{
    unsigned random = *(const unsigned *)context;
    unsigned entered[ADDRESSES] = {0};
    for (int step = 0; step < STEPS; step++) {
        random = random * 1664525 + 1013904223;
        unsigned which = (random >> 16) % ADDRESSES;
        if ((random >> 28) % 2 == 0) {
            entered[which] += addresses_enter(addresses, key_of(which));
        } else if (entered[which] > 0) {
            addresses_leave(addresses, key_of(which));
            entered[which]--;
        }
    }
    for (unsigned which = 0; which < ADDRESSES; which++) {
        for (; entered[which] > 0; entered[which]--) {
            addresses_leave(addresses, key_of(which));
        }
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    unsigned seeds[THREADS];
    addresses = addresses_create(THREADS * ADDRESSES * EACH, EACH);
    if (addresses == NULL) {
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
    for (unsigned which = 0; which < ADDRESSES; which++) {
        unsigned in = 0;
        while (in <= EACH && addresses_enter(addresses, key_of(which))) {
            in++;
        }
        if (in != EACH) {
            (void)fprintf(stderr, "address %u gets in %u times, not %d\n", which, in, EACH);
            return 1;
        }
    }
    addresses_destroy(addresses);
    return 0;
}
