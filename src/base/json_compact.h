// JSON without its white space. Any thread, no failure.
#ifndef RINGCAST_BASE_JSON_COMPACT_H
#define RINGCAST_BASE_JSON_COMPACT_H

#include "base/bytes.h"

#include <stddef.h>
#include <stdint.h>

// How long valid JSON is without the white space between its tokens.
size_t json_compact_length(struct slice json);

// Writes json_compact_length bytes. `into` does not overlap json.
void json_compact(uint8_t *into, struct slice json);

#endif
