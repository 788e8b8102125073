#include "base/random.h"

#include "base/assert.h"

#include <errno.h>
#include <sys/random.h>

// Weak: tests put a seeded generator in its place.
__attribute__((weak)) void random_bytes(void *into, size_t length)
{
    uint8_t *at = into;
    while (length > 0) {
        ssize_t got = getrandom(at, length, 0);
        ASSERT(got > 0 || errno == EINTR); // fails otherwise only for bad arguments
        if (got > 0) {
            at += got;
            length -= (size_t)got;
        }
    }
}
