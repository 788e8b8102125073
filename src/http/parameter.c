#include "http/parameter.h"

enum rc_error http_parameter_decode(struct http_request *request, struct slice text,
                                    enum percent_part part, struct http_parameter *parameter,
                                    struct http_fault *fault)
{
    size_t position = (size_t)(text.at - request->text);
    ASSERT(position + text.length <= request->target_length);
    size_t bad_escape = 0;
    ssize_t length = percent_decode(request->text + position, text.length, text, part, &bad_escape);
    if (length < 0) {
        *parameter = (struct http_parameter){.position = position + bad_escape};
        return HTTP_PARAMETER_FAULT(
            fault, ERR_INVALID_REQUEST, position + bad_escape,
            "A %% in the request target is not followed by two hexadecimal digits");
    }
    *parameter = (struct http_parameter){slice_first(text, (size_t)length), position};
    return ERR_NONE;
}
