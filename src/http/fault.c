#include "http/fault.h"

#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>

enum rc_error http_fault_set(struct http_fault *fault, enum rc_error error, const char *format, ...)
{
    fault->error = error;
    fault->status = 0;
    fault->has_position = false;
    fault->position = 0;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fault->detail, sizeof(fault->detail), format, arguments);
    va_end(arguments);
    // It may quote what a client sent, and be cut within a character.
    utf8_make_printable((uint8_t *)fault->detail, strlen(fault->detail));
    return error;
}

void http_fault_set_position(struct http_fault *fault, size_t position)
{
    fault->has_position = true;
    fault->position = position;
}

int http_fault_status(const struct http_fault *fault)
{
    return fault->status != 0 ? fault->status : error_http_status(fault->error);
}
