// The errors of error_table.h as an enum, with look-ups. All functions: any thread, no failure.
#ifndef RINGCAST_BASE_ERROR_H
#define RINGCAST_BASE_ERROR_H

#include "base/bytes.h"
#include "base/error_table.h"

#include <stdbool.h>

// ERR_NONE is 0, so that `if (error)` reads well.
enum rc_error {
#define X(number, name, code, http_status, text) ERR_##name = number,
    ERROR_TABLE(X)
#undef X
};

enum {
#define X(number, name, code, http_status, text) +1
    ERROR_COUNT = 0 ERROR_TABLE(X)
#undef X
};

// The stable code, such as "stream_not_found". Static memory.
const char *error_code(enum rc_error error);

// The HTTP status that goes with it, such as 404 (200 for ERR_NONE).
int error_http_status(enum rc_error error);

// The default sentence for people, without a full stop. Static memory.
const char *error_text(enum rc_error error);

// Whether a number that came over the wire names an error (then it may be cast to enum rc_error).
bool error_is_known(unsigned number);

// The error with this code string. Returns false, and leaves *error alone, if there is none.
bool error_from_code(struct slice code, enum rc_error *error);

#endif
