#include "base/json_compact.h"

#include <stdbool.h>

// One walk for both, so that they cannot disagree. `into` may be NULL: then it only counts.
static size_t compact(uint8_t *into, struct slice json)
{
    size_t length = 0;
    bool is_in_string = false;
    bool is_escaped = false;
    for (size_t i = 0; i < json.length; i++) {
        uint8_t byte = json.at[i];
        if (is_in_string) {
            is_in_string = is_escaped || byte != '"';
            is_escaped = !is_escaped && byte == '\\';
        } else if (byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r') {
            continue;
        } else {
            is_in_string = byte == '"';
        }
        if (into != NULL) {
            into[length] = byte;
        }
        length++;
    }
    return length;
}

size_t json_compact_length(struct slice json)
{
    return compact(NULL, json);
}

void json_compact(uint8_t *into, struct slice json)
{
    compact(into, json);
}
