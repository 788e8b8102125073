// Which origins' pages may ask (mission I3): an exact allow-list, read from a setting, and what it
// says of a request. Pure; the list is read by all threads.
#ifndef RINGCAST_AUTH_CORS_H
#define RINGCAST_AUTH_CORS_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CORS_ORIGINS_MAX = 256, CORS_FAULT_BYTES = 320 };

struct cors_origins {
    uint32_t count;
    struct slice origins[CORS_ORIGINS_MAX]; // borrowed from what was parsed
};

// Reads origins separated by commas; spaces around them and empty ones are passed over. Each as
// browsers send it: scheme://host or scheme://host:port, in lower case, without the scheme's usual
// port. What no browser sends, and what would let in more than one origin (`*`, `null`), is
// refused, with a sentence in `fault`. The text must outlive the list.
bool cors_origins_parse(struct cors_origins *origins, struct slice text,
                        char fault[CORS_FAULT_BYTES]);

// Byte by byte.
bool cors_origins_have(const struct cors_origins *origins, struct slice origin);

enum cors_verdict {
    CORS_NO_ORIGIN, // none was sent, as by other programs than browsers: nothing against it
    CORS_ALLOWED,   // on the list
    CORS_FOREIGN,   // not on the list
    CORS_MISSING,   // none was sent where one is required
};

// `origin` is looked at where has_origin.
enum cors_verdict cors_judge(const struct cors_origins *origins, bool is_required, bool has_origin,
                             struct slice origin);

#endif
