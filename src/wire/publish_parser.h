// One body being parsed: shared by publish_body.c and publish_form.c alone.
#ifndef RINGCAST_WIRE_PUBLISH_PARSER_H
#define RINGCAST_WIRE_PUBLISH_PARSER_H

#include "wire/publish_body.h"

struct publish_parser {
    const struct publish_defaults *defaults;
    struct publish_batch *batch;
    struct publish_fault *fault;
    struct event *event;      // the one being read
    struct buffer attributes; // its own
    uint32_t own_kinds;       // bit n: attribute kind n is its own to say
};

__attribute__((format(printf, 4, 5))) bool publish_fail(struct publish_parser *parser,
                                                        enum rc_error error, size_t position,
                                                        const char *format, ...);

// Begins one more event, with the defaults. False after filling the fault.
bool publish_begin(struct publish_parser *parser, size_t position);
// The event was read: it is completed, checked and counted. `position`: of a fault in it.
bool publish_end(struct publish_parser *parser, size_t position);

// Reads a form, between publish_begin and publish_end.
bool publish_read_form(struct publish_parser *parser, struct slice body);

#endif
