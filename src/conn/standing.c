#include "conn/standing.h"

#include "base/assert.h"

const char *conn_standing_name(enum conn_standing standing)
{
    static const char *const names[CONN_STANDINGS] = {
        [STANDING_FREE] = "free",           [STANDING_CONNECTING] = "connecting",
        [STANDING_STREAMING] = "streaming", [STANDING_THROTTLED] = "throttled",
        [STANDING_DRAINING] = "draining",
    };
    ASSERT((unsigned)standing < CONN_STANDINGS);
    return names[standing];
}
