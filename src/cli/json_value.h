// Values out of a JSON document that is at hand, by name: for small answers, where speed does not
// matter. Any thread.
#ifndef RINGCAST_CLI_JSON_VALUE_H
#define RINGCAST_CLI_JSON_VALUE_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

// The text of a member's value. False where `object` is no valid object or has no such member.
bool json_value_member(struct slice object, const char *key, struct slice *value);

// 0 where there is none, or it is no whole number.
uint64_t json_value_number(struct slice object, const char *key);

// The string unescaped, appended to `scratch`, in which it lives until the next append there may
// move it; empty where there is none.
struct slice json_value_string(struct slice object, const char *key, struct buffer *scratch);

// Calls visit for each element, in order. Returns how many there were.
size_t json_value_each(struct slice array, void (*visit)(void *context, struct slice value),
                       void *context);

#endif
