#include "base/percent.h"

#include "base/text.h"

#include <errno.h>

// The byte that the escape at the start of `text` stands for, or -1.
static int percent_byte(struct slice text)
{
    if (text.length < 3) {
        return -1;
    }
    int high = text_hex_value(text.at[1]);
    int low = text_hex_value(text.at[2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

ssize_t percent_decode(uint8_t *into, size_t capacity, struct slice text, enum percent_part part,
                       size_t *fault)
{
    size_t used = 0;
    for (size_t i = 0; i < text.length; i++) {
        int byte = text.at[i];
        if (byte == '%') {
            byte = percent_byte(slice_after(text, i));
            if (byte < 0) {
                if (fault != NULL) {
                    *fault = i;
                }
                return -EINVAL;
            }
            i += 2;
        } else if (byte == '+' && part == PERCENT_QUERY) {
            byte = ' ';
        }
        if (used == capacity) {
            return -ENOBUFS;
        }
        into[used++] = (uint8_t)byte;
    }
    return (ssize_t)used;
}

// RFC 3986 section 2.3: these never need encoding.
static bool percent_is_unreserved(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '-' || byte == '.' || byte == '_' || byte == '~';
}

int percent_encode(struct buffer *buffer, struct slice text, const char *kept)
{
    static const char hex[] = "0123456789ABCDEF";
    struct slice also = slice_of(kept);
    for (size_t i = 0; i < text.length; i++) {
        uint8_t byte = text.at[i];
        if (percent_is_unreserved(byte) || slice_find(also, byte) < also.length) {
            buffer_append_byte(buffer, byte);
        } else {
            const char escape[3] = {'%', hex[byte >> 4], hex[byte & 15]};
            buffer_append(buffer, escape, sizeof(escape));
        }
    }
    return buffer_failure(buffer);
}

void query_begin(struct query *query, struct slice text, uint8_t *scratch)
{
    *query = (struct query){.text = text, .scratch = scratch};
}

// Decodes a part of query->text into the scratch.
static bool query_decode(struct query *query, struct slice part, struct slice *decoded)
{
    uint8_t *into = query->scratch + query->scratch_used;
    size_t room = query->text.length - query->scratch_used;
    size_t fault = 0;
    ssize_t length = percent_decode(into, room, part, PERCENT_QUERY, &fault);
    if (length < 0) {
        ASSERT(length == -EINVAL); // what was decoded so far is no longer than its text
        query->fault_position = (size_t)(part.at - query->text.at) + fault;
        query->position = query->text.length;
        return false;
    }
    query->scratch_used += (size_t)length;
    *decoded = slice_from(into, (size_t)length);
    return true;
}

int query_next(struct query *query, struct slice *name, struct slice *value)
{
    while (query->position < query->text.length && query->text.at[query->position] == '&') {
        query->position++;
    }
    if (query->position == query->text.length) {
        return 0;
    }
    struct slice rest = slice_after(query->text, query->position);
    struct slice pair = slice_split(&rest, '&');
    query->position = query->text.length - rest.length;
    struct slice raw_value = pair;
    struct slice raw_name = slice_split(&raw_value, '=');
    *value = slice_empty();
    if (!query_decode(query, raw_name, name) ||
        (raw_value.at != NULL && !query_decode(query, raw_value, value))) {
        return -EINVAL;
    }
    return 1;
}
