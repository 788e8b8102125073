#include "conn/close_reason.h"

#include "base/assert.h"

const char *close_reason_name(enum close_reason reason)
{
    static const char *const names[CLOSE_REASON_COUNT] = {[CLOSE_NONE] = "none",
#define X(enumerator, name) [CLOSE_##enumerator] = (name),
                                                          CLOSE_REASONS(X)
#undef X
    };
    ASSERT((unsigned)reason < CLOSE_REASON_COUNT);
    return names[reason];
}

const char *conn_refusal_name(enum conn_refusal refusal)
{
    static const char *const names[CONN_REFUSALS] = {
#define X(enumerator, name) [REFUSAL_##enumerator] = (name),
        CONN_REFUSALS_TABLE(X)
#undef X
    };
    ASSERT((unsigned)refusal < CONN_REFUSALS);
    return names[refusal];
}
