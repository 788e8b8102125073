// Parameters in a request's target, decoded in place: each once, since what is decoded must not be
// decoded again. One request at a time.
#ifndef RINGCAST_HTTP_PARAMETER_H
#define RINGCAST_HTTP_PARAMETER_H

#include "base/bytes.h"
#include "base/percent.h"
#include "http/fault.h"
#include "http/request.h"

#include <stdbool.h>
#include <stddef.h>

// A value of the target, decoded, and where it stands in it.
struct http_parameter {
    struct slice value;
    size_t position;
};

// Sets the fault with its place in the target; the error is its value.
#define HTTP_PARAMETER_FAULT(fault, error, position, ...)                                         \
    (http_fault_set((fault), (error), __VA_ARGS__), http_fault_set_position((fault), (position)), \
     (error))

// Decodes a part of the target, which is not longer then. ERR_INVALID_REQUEST for a bad escape.
enum rc_error http_parameter_decode(struct http_request *request, struct slice text,
                                    enum percent_part part, struct http_parameter *parameter,
                                    struct http_fault *fault);

// What a query may hold. In values a + is a space, as forms send it.
struct http_parameter_kind {
    const char *name;
    bool is_repeatable;
    // Sets the fault where the value is none.
    enum rc_error (*read)(void *context, const struct http_parameter *value,
                          struct http_fault *fault);
};

enum { HTTP_PARAMETER_KINDS_MAX = 32 };

// Reads a query all of whose parameters have to be known: a misspelt one must not be lost. Pairs
// without a name and value are passed over. *seen has a bit for each kind that was given (may be
// NULL).
enum rc_error http_parameters_read(struct http_request *request, struct slice query,
                                   const struct http_parameter_kind *kinds, size_t kind_count,
                                   void *context, uint32_t *seen, struct http_fault *fault);

// For values of 0 or 1, false or true.
bool http_parameter_switch(struct slice text, bool *value);

#endif
