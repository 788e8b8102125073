// Parameters of a request's target, decoded in place, each once. One request at a time.
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

#endif
