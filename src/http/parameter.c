#include "http/parameter.h"

#include "base/text.h"

enum { NAME_SHOWN_BYTES_MAX = 40 };

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

static enum rc_error refuse_unknown(const struct http_parameter *name,
                                    const struct http_parameter_kind *kinds, size_t kind_count,
                                    struct http_fault *fault)
{
    const char *names[HTTP_PARAMETER_KINDS_MAX];
    for (size_t i = 0; i < kind_count; i++) {
        names[i] = kinds[i].name;
    }
    const char *nearest = text_nearest(name->value, names, kind_count);
    size_t shown = name->value.length;
    return HTTP_PARAMETER_FAULT(
        fault, ERR_INVALID_PARAMETER, name->position,
        "There is no parameter \"" SLICE_FORMAT "%s\" here%s%s%s",
        SLICE_ARGUMENTS(slice_first(
            name->value, shown > NAME_SHOWN_BYTES_MAX ? (size_t)NAME_SHOWN_BYTES_MAX : shown)),
        shown > NAME_SHOWN_BYTES_MAX ? "..." : "", nearest == NULL ? "" : "; did you mean \"",
        nearest == NULL ? "" : nearest, nearest == NULL ? "" : "\"?");
}

// Reads name[=value].
static enum rc_error read_pair(struct http_request *request, struct slice pair,
                               const struct http_parameter_kind *kinds, size_t kind_count,
                               void *context, uint32_t *seen, struct http_fault *fault)
{
    struct slice raw_value = pair;
    struct slice raw_name = slice_split(&raw_value, '=');
    struct http_parameter name;
    enum rc_error error = http_parameter_decode(request, raw_name, PERCENT_QUERY, &name, fault);
    if (error != ERR_NONE) {
        return error;
    }
    size_t kind = 0;
    while (kind < kind_count && !slice_equal_text(name.value, kinds[kind].name)) {
        kind++;
    }
    if (kind == kind_count) {
        return refuse_unknown(&name, kinds, kind_count, fault);
    }
    if ((*seen >> kind & 1) != 0 && !kinds[kind].is_repeatable) {
        return HTTP_PARAMETER_FAULT(fault, ERR_INVALID_PARAMETER, name.position,
                                    "%s is given twice", kinds[kind].name);
    }
    *seen |= UINT32_C(1) << kind;
    struct http_parameter value = {slice_empty(), name.position};
    if (raw_value.at != NULL) {
        error = http_parameter_decode(request, raw_value, PERCENT_QUERY, &value, fault);
    }
    return error == ERR_NONE ? kinds[kind].read(context, &value, fault) : error;
}

enum rc_error http_parameters_read(struct http_request *request, struct slice query,
                                   const struct http_parameter_kind *kinds, size_t kind_count,
                                   void *context, uint32_t *seen, struct http_fault *fault)
{
    ASSERT(kind_count <= HTTP_PARAMETER_KINDS_MAX);
    uint32_t given = 0;
    while (query.at != NULL) {
        struct slice pair = slice_split(&query, '&');
        if (pair.length == 0) {
            continue;
        }
        enum rc_error error = read_pair(request, pair, kinds, kind_count, context, &given, fault);
        if (error != ERR_NONE) {
            return error;
        }
    }
    if (seen != NULL) {
        *seen = given;
    }
    return ERR_NONE;
}

bool http_parameter_switch(struct slice text, bool *value)
{
    *value = slice_equal_text(text, "1") || slice_equal_text(text, "true");
    return *value || slice_equal_text(text, "0") || slice_equal_text(text, "false");
}
