// A cookie's value out of a Cookie field (RFC 6265 section 4.2.1). Pure. Any thread.
#ifndef RINGCAST_HTTP_COOKIE_H
#define RINGCAST_HTTP_COOKIE_H

#include "base/bytes.h"

enum cookie_found {
    COOKIE_NONE,
    COOKIE_ONE,
    COOKIE_SEVERAL, // with different values: somebody else may have set one for a parent domain
};

// Looks for the name, with its case. *value is the first one's, without quotes around it; it points
// into the field.
enum cookie_found cookie_find(struct slice field, struct slice name, struct slice *value);

#endif
