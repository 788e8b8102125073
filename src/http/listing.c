#include "http/listing.h"

#include "base/limits.h"
#include "base/text.h"
#include "base/utf8.h"
#include "http/parameter.h"

static enum rc_error read_prefix(void *context, const struct http_parameter *value,
                                 struct http_fault *fault)
{
    struct listing *listing = context;
    if (value->value.length > NAME_BYTES_MAX || !utf8_is_valid(value->value) ||
        utf8_has_control(value->value)) {
        return HTTP_PARAMETER_FAULT(
            fault, ERR_INVALID_PARAMETER, value->position,
            "prefix is at most %d bytes of UTF-8 without control characters", NAME_BYTES_MAX);
    }
    listing->prefix = value->value;
    return ERR_NONE;
}

static enum rc_error read_limit(void *context, const struct http_parameter *value,
                                struct http_fault *fault)
{
    struct listing *listing = context;
    uint64_t limit;
    if (!text_parse_u64_max(value->value, LISTING_LIMIT_MAX, &limit) || limit == 0) {
        return HTTP_PARAMETER_FAULT(fault, ERR_INVALID_PARAMETER, value->position,
                                    "limit is 1 to %d", LISTING_LIMIT_MAX);
    }
    listing->limit = (uint32_t)limit;
    return ERR_NONE;
}

static enum rc_error read_after(void *context, const struct http_parameter *value,
                                struct http_fault *fault)
{
    struct listing *listing = context;
    return text_parse_u64(value->value, &listing->after)
               ? ERR_NONE
               : HTTP_PARAMETER_FAULT(fault, ERR_INVALID_PARAMETER, value->position,
                                      "after is the number that `next` was in the page before");
}

enum rc_error listing_parse(struct listing *listing, struct http_request *request,
                            const struct http_route *route, struct http_fault *fault)
{
    static const struct http_parameter_kind kinds[] = {
        {"prefix", false, read_prefix},
        {"limit", false, read_limit},
        {"after", false, read_after},
    };
    *listing = (struct listing){.limit = LISTING_LIMIT_DEFAULT};
    return http_parameters_read(request, route->query, kinds, sizeof(kinds) / sizeof(kinds[0]),
                                listing, NULL, fault);
}

// Found by http_route_find already.
static enum rc_error read_view(void *context, const struct http_parameter *value,
                               struct http_fault *fault)
{
    (void)context;
    (void)value;
    (void)fault;
    return ERR_NONE;
}

static enum rc_error read_reach(void *context, const struct http_parameter *value,
                                struct http_fault *fault)
{
    return http_parameter_switch(value->value, context)
               ? ERR_NONE
               : HTTP_PARAMETER_FAULT(fault, ERR_INVALID_PARAMETER, value->position,
                                      "reach is 0 or 1");
}

enum rc_error info_parse(bool *wants_reach, struct http_request *request,
                         const struct http_route *route, struct http_fault *fault)
{
    static const struct http_parameter_kind kinds[] = {
        {"view", false, read_view},
        {"reach", false, read_reach},
    };
    *wants_reach = false;
    return http_parameters_read(request, route->query, kinds, sizeof(kinds) / sizeof(kinds[0]),
                                wants_reach, NULL, fault);
}

enum rc_error no_parameters_parse(struct http_request *request, const struct http_route *route,
                                  struct http_fault *fault)
{
    return http_parameters_read(request, route->query, NULL, 0, NULL, NULL, fault);
}
