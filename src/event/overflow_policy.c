#include "event/overflow_policy.h"

#include "base/assert.h"

static const char *const names[OVERFLOW_POLICIES] = {
    [OVERFLOW_UNSET] = "unset",
    [OVERFLOW_DROP_OLDEST] = "drop_oldest",
    [OVERFLOW_DROP_NEWEST] = "drop_newest",
    [OVERFLOW_DROP_LOWEST] = "drop_lowest",
    [OVERFLOW_DISCONNECT] = "disconnect",
    [OVERFLOW_BLOCK] = "block",
};

const char *overflow_policy_name(enum overflow_policy policy)
{
    ASSERT((unsigned)policy < OVERFLOW_POLICIES);
    return names[policy];
}

bool overflow_policy_parse(struct slice text, enum overflow_policy *policy)
{
    for (unsigned i = OVERFLOW_UNSET + 1; i < OVERFLOW_POLICIES; i++) {
        if (slice_equal_text(text, names[i])) {
            *policy = (enum overflow_policy)i;
            return true;
        }
    }
    return false;
}
