#include "auth/algorithm.h"

#include "base/assert.h"

static const char *const names[ALGORITHMS] = {
    [ALGORITHM_HS256] = "HS256",
    [ALGORITHM_RS256] = "RS256",
    [ALGORITHM_ES256] = "ES256",
    [ALGORITHM_EDDSA] = "EdDSA",
};

const char *algorithm_name(enum algorithm algorithm)
{
    ASSERT(algorithm < ALGORITHMS);
    return names[algorithm];
}

bool algorithm_from_name(struct slice name, enum algorithm *algorithm)
{
    for (unsigned i = 0; i < ALGORITHMS; i++) {
        if (slice_equal_text(name, names[i])) {
            *algorithm = (enum algorithm)i;
            return true;
        }
    }
    return false;
}
