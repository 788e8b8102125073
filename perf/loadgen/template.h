// Texts with marks in braces that are filled in for a stream or an event:
//
//     {number}                                  the stream's number
//     {stream}, {data}                          its name, the event's data
//     {stream_json}, {data_json}                the same, escaped inside a JSON string
//     {stream_url}, {data_url}                  the same, percent-encoded
//
// In a URL, {stream} and {data} are percent-encoded too, except for slashes. Every other brace
// stands for itself, so that a template may be JSON. Any thread.
#ifndef RINGCAST_LOADGEN_TEMPLATE_H
#define RINGCAST_LOADGEN_TEMPLATE_H

#include "base/bytes.h"

#include <stdint.h>

enum template_place {
    TEMPLATE_TEXT,
    TEMPLATE_URL,
};

// What the marks stand for. Marks of a slice whose `at` is NULL are left as they are. Borrowed.
struct template_values {
    uint32_t number;
    struct slice stream;
    struct slice data;
};

// Appends `text` with its marks filled in. Failures stick to the buffer.
void template_expand(struct buffer *into, const char *text, enum template_place place,
                     const struct template_values *values);

#endif
