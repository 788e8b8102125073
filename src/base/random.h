// The only source of randomness: a link-time seam. random.c defines random_bytes as a weak
// symbol over getrandom(2); a test that defines a function of this name replaces it for its whole
// program. Any thread. For fast, repeatable, not secret numbers see base/prng.h.
#ifndef RINGCAST_BASE_RANDOM_H
#define RINGCAST_BASE_RANDOM_H

#include "base/prng.h"

#include <stddef.h>
#include <stdint.h>

// Fills with bytes fit for secrets. Aborts if the kernel has none to give, which does not happen
// after boot.
void random_bytes(void *into, size_t length);

static inline uint64_t random_u64(void)
{
    uint64_t value;
    random_bytes(&value, sizeof(value));
    return value;
}

#endif
