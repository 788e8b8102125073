// Why a request is refused: what request, routes and subscriptions find and what the problem
// document in http/response.h tells. Plain data; one user at a time.
#ifndef RINGCAST_HTTP_FAULT_H
#define RINGCAST_HTTP_FAULT_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum { HTTP_FAULT_DETAIL_BYTES = 192 };

struct http_fault {
    enum rc_error error;                  // ERR_NONE: no fault
    int status;                           // 0: error_http_status(error)
    bool has_position;                    // position says where
    size_t position;                      // byte offset in the request target
    char detail[HTTP_FAULT_DETAIL_BYTES]; // for people, printable ASCII or UTF-8, NUL-terminated
};

// Sets the fault, without position and with the error's own status; returns `error`. The detail is
// cut to what fits.
enum rc_error http_fault_set(struct http_fault *fault, enum rc_error error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Adds where in the request target it is.
void http_fault_set_position(struct http_fault *fault, size_t position);

// The status that it is answered with.
int http_fault_status(const struct http_fault *fault);

#endif
