// By which a request is found again, in logs and in what its client was told: X-Request-Id. A
// client may choose it; else one is made that no other request of this process or of another one
// has. Any thread.
#ifndef RINGCAST_HTTP_REQUEST_ID_H
#define RINGCAST_HTTP_REQUEST_ID_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    REQUEST_ID_BYTES_MAX = 64,      // of a client's
    REQUEST_ID_MADE_BYTES_MAX = 29, // of one of ours
};

// Whether a client's id is taken: 1 to REQUEST_ID_BYTES_MAX of letters, digits, `.`, `_` and `-`.
bool request_id_is_valid(struct slice id);

// Writes the id of the request `number` in `life`, a random number of whoever counts: 12 and more
// hexadecimal digits. The result stands in `into`.
struct slice request_id_make(uint64_t life, uint64_t number, char into[REQUEST_ID_MADE_BYTES_MAX]);

#endif
