#include "http/request.h"

#include <llhttp.h>

STATIC_ASSERT(sizeof(llhttp_t) <= HTTP_PARSER_BYTES, "the parser lives in the request object");
STATIC_ASSERT(_Alignof(llhttp_t) <= 8, "the parser lives in the request object");

// llhttp lets folded fields, nameless ones and, in places, bare line ends pass. So the header's
// lines are checked here, before it sees them.
enum line_state {
    LINE_BEFORE, // empty lines before the request line are passed over (RFC 9112 section 2.2)
    LINE_INSIDE,
    LINE_CR,       // after the CR of a line that is not empty
    LINE_START,    // of a field line or the empty one
    LINE_EMPTY_CR, // after the CR of the empty line
    LINE_END,      // the header is over
};

enum field_kind {
    FIELD_OTHER,
    FIELD_HOST,
    FIELD_ACCEPT,
    FIELD_LAST_EVENT_ID,
    FIELD_USER_AGENT,
    FIELD_ORIGIN,
    FIELD_CONTENT_LENGTH,
    FIELD_TRANSFER_ENCODING,
    FIELD_EXPECT,
    FIELD_COUNT,
};

enum field_rule {
    RULE_ONCE,     // twice is refused, too long is refused
    RULE_ONCE_CUT, // twice is refused, too long is cut
    RULE_LIST,     // several are joined by commas, too long is refused
    RULE_LIST_CUT,
};

struct field {
    const char *name;
    size_t name_length;
    enum field_rule rule;
    size_t value; // offsets in struct http_request
    size_t capacity;
    size_t length;
};

#define NAMED(name) name, sizeof(name) - 1
#define KEPT_IN(member, limit) \
    offsetof(struct http_request, member), limit, offsetof(struct http_request, member##_length)
#define KEPT_SHORT                                                \
    offsetof(struct http_request, short_value), HTTP_SHORT_BYTES, \
        offsetof(struct http_request, short_length)

static const struct field fields[FIELD_COUNT] = {
    [FIELD_HOST] = {NAMED("Host"), RULE_ONCE, KEPT_IN(host, HTTP_HOST_BYTES_MAX)},
    [FIELD_ACCEPT] = {NAMED("Accept"), RULE_LIST, KEPT_IN(accept, HTTP_ACCEPT_BYTES_MAX)},
    [FIELD_LAST_EVENT_ID] = {NAMED("Last-Event-ID"), RULE_ONCE_CUT,
                             KEPT_IN(last_event_id, HTTP_LAST_EVENT_ID_BYTES_MAX)},
    [FIELD_USER_AGENT] = {NAMED("User-Agent"), RULE_LIST_CUT,
                          KEPT_IN(user_agent, HTTP_USER_AGENT_BYTES_MAX)},
    [FIELD_ORIGIN] = {NAMED("Origin"), RULE_ONCE, KEPT_IN(origin, HTTP_ORIGIN_BYTES_MAX)},
    [FIELD_CONTENT_LENGTH] = {NAMED("Content-Length"), RULE_ONCE, KEPT_SHORT},
    [FIELD_TRANSFER_ENCODING] = {NAMED("Transfer-Encoding"), RULE_ONCE, KEPT_SHORT},
    [FIELD_EXPECT] = {NAMED("Expect"), RULE_ONCE, KEPT_SHORT},
};

static llhttp_t *parser_of(struct http_request *request)
{
    return (llhttp_t *)(void *)request->parser;
}

static struct http_request *request_of(llhttp_t *parser)
{
    return parser->data;
}

// What a callback returns to make llhttp stop; the fault is set already.
enum { STOP = -1 };

#define REFUSE(request, error, ...) (http_fault_set(&(request)->fault, (error), __VA_ARGS__), STOP)

// The same for what feeds llhttp.
#define FAILED(request, error, ...) \
    (http_fault_set(&(request)->fault, (error), __VA_ARGS__), HTTP_FAILED)

static int unsupported_version(struct http_request *request)
{
    http_fault_set(&request->fault, ERR_UNSUPPORTED_VERSION,
                   "Only HTTP/1.1 and HTTP/1.0 are spoken here");
    request->fault.status = 505;
    return STOP;
}

static int on_method_complete(llhttp_t *parser)
{
    struct http_request *request = request_of(parser);
    switch (llhttp_get_method(parser)) {
    case HTTP_GET: request->method = HTTP_METHOD_GET; break;
    case HTTP_HEAD: request->method = HTTP_METHOD_HEAD; break;
    case HTTP_POST: request->method = HTTP_METHOD_POST; break;
    case HTTP_PUT: request->method = HTTP_METHOD_PUT; break;
    case HTTP_PATCH: request->method = HTTP_METHOD_PATCH; break;
    case HTTP_DELETE: request->method = HTTP_METHOD_DELETE; break;
    case HTTP_OPTIONS: request->method = HTTP_METHOD_OPTIONS; break;
    case HTTP_PRI: return unsupported_version(request); // the preface of HTTP/2
    default: request->method = HTTP_METHOD_OTHER; break;
    }
    return 0;
}

static int on_url(llhttp_t *parser, const char *at, size_t length)
{
    struct http_request *request = request_of(parser);
    if (length > (size_t)REQUEST_TARGET_BYTES_MAX - request->target_length) {
        return REFUSE(request, ERR_URI_TOO_LONG, "The request target is longer than %d bytes",
                      REQUEST_TARGET_BYTES_MAX);
    }
    memcpy(request->target + request->target_length, at, length);
    request->target_length = (uint16_t)(request->target_length + length);
    return 0;
}

static int on_header_field(llhttp_t *parser, const char *at, size_t length)
{
    struct http_request *request = request_of(parser);
    if (request->has_header) {
        return REFUSE(request, ERR_INVALID_REQUEST, "Trailer fields are not accepted");
    }
    size_t kept =
        request->name_length < HTTP_NAME_BYTES ? HTTP_NAME_BYTES - request->name_length : 0;
    memcpy(request->name + HTTP_NAME_BYTES - kept, at, length < kept ? length : kept);
    request->name_length = (uint16_t)(request->name_length + length);
    return 0;
}

static bool *presence_of(struct http_request *request, uint8_t field)
{
    switch (field) {
    case FIELD_HOST: return &request->has_host;
    case FIELD_ACCEPT: return &request->has_accept;
    case FIELD_LAST_EVENT_ID: return &request->has_last_event_id;
    case FIELD_ORIGIN: return &request->has_origin;
    case FIELD_CONTENT_LENGTH: return &request->has_length;
    case FIELD_TRANSFER_ENCODING: return &request->has_coding;
    default: return NULL;
    }
}

static uint16_t *length_of(struct http_request *request, const struct field *field)
{
    return (uint16_t *)(void *)((uint8_t *)request + field->length);
}

static bool is_list(const struct field *field)
{
    return field->rule == RULE_LIST || field->rule == RULE_LIST_CUT;
}

// Takes what fits of a value's next piece.
static int value_append(struct http_request *request, const struct field *field, const char *at,
                        size_t length)
{
    uint16_t *held = length_of(request, field);
    size_t room = field->capacity - *held;
    bool is_cut = field->rule == RULE_ONCE_CUT || field->rule == RULE_LIST_CUT;
    if (length > room && !is_cut) {
        return REFUSE(request, ERR_HEADER_TOO_LARGE, "The field %s is longer than %zu bytes",
                      field->name, field->capacity);
    }
    size_t taken = length < room ? length : room;
    memcpy((uint8_t *)request + field->value + *held, at, taken);
    *held = (uint16_t)(*held + taken);
    return 0;
}

static int on_header_field_complete(llhttp_t *parser)
{
    struct http_request *request = request_of(parser);
    struct slice name = slice_from(request->name, request->name_length);
    request->name_length = 0;
    request->field = FIELD_OTHER;
    request->field_count++;
    if (request->field_count > HTTP_HEADERS_MAX) {
        return REFUSE(request, ERR_HEADER_TOO_LARGE, "The request has more than %d header fields",
                      HTTP_HEADERS_MAX);
    }
    if (name.length > HTTP_NAME_BYTES) {
        return 0;
    }
    for (size_t kind = FIELD_OTHER + 1; kind < FIELD_COUNT; kind++) {
        if (fields[kind].name_length == name.length &&
            slice_equal_ignoring_case(name, slice_from(fields[kind].name, name.length))) {
            request->field = (uint8_t)kind;
        }
    }
    if (request->field == FIELD_OTHER) {
        return 0;
    }
    const struct field *field = &fields[request->field];
    bool *is_present = presence_of(request, request->field);
    if (is_present != NULL && *is_present && !is_list(field)) {
        return REFUSE(request, ERR_INVALID_REQUEST, "The field %s is given twice", field->name);
    }
    if (is_present != NULL) {
        *is_present = true;
    }
    if (!is_list(field)) {
        *length_of(request, field) = 0;
    } else if (*length_of(request, field) > 0) {
        return value_append(request, field, ", ", 2);
    }
    return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t length)
{
    struct http_request *request = request_of(parser);
    if (request->field == FIELD_OTHER || request->has_header) {
        return 0;
    }
    return value_append(request, &fields[request->field], at, length);
}

// uri-host [ ":" port ], RFC 9112 section 3.2: by its characters only.
static bool host_is_valid(struct slice host)
{
    for (size_t i = 0; i < host.length; i++) {
        uint8_t byte = host.at[i];
        bool is_alphanumeric = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
                               (byte >= 'A' && byte <= 'Z');
        if (!is_alphanumeric && (byte == 0 || strchr("-._~!$&'()*+,;=:[]%", byte) == NULL)) {
            return false;
        }
    }
    return true;
}

static int on_header_value_complete(llhttp_t *parser)
{
    struct http_request *request = request_of(parser);
    uint8_t kind = request->field;
    request->field = FIELD_OTHER;
    if (kind == FIELD_OTHER || request->has_header) {
        return 0;
    }
    uint16_t *length = length_of(request, &fields[kind]);
    struct slice value = slice_from((uint8_t *)request + fields[kind].value, *length);
    while (value.length > 0 &&
           (value.at[value.length - 1] == ' ' || value.at[value.length - 1] == '\t')) {
        value.length--;
    }
    *length = (uint16_t)value.length;
    if (kind == FIELD_HOST && !host_is_valid(value)) {
        return REFUSE(request, ERR_INVALID_REQUEST, "The field Host is not a host and port");
    }
    if (kind == FIELD_TRANSFER_ENCODING && !slice_equal_ignoring_case(value, slice_of("chunked"))) {
        return REFUSE(request, ERR_INVALID_REQUEST,
                      "The only Transfer-Encoding that is accepted is chunked");
    }
    if (kind == FIELD_EXPECT) {
        http_fault_set(&request->fault, ERR_INVALID_REQUEST, "The field Expect is not supported");
        request->fault.status = 417;
        return STOP;
    }
    return 0;
}

// Leaves the origin-form: cuts scheme and authority from an absolute-form target.
static int target_normalize(struct http_request *request)
{
    struct slice target = http_request_target(request);
    size_t fragment = slice_find(target, '#');
    if (fragment < target.length) {
        http_fault_set(&request->fault, ERR_INVALID_REQUEST,
                       "The request target has a fragment (#)");
        http_fault_set_position(&request->fault, fragment);
        return STOP;
    }
    if (target.at[0] == '/') {
        return 0;
    }
    if (slice_equal_text(target, "*")) {
        return request->method == HTTP_METHOD_OPTIONS
                   ? 0
                   : REFUSE(request, ERR_INVALID_REQUEST, "The target * is for OPTIONS only");
    }
    const uint8_t *mark = memmem(target.at, target.length, "://", 3);
    if (mark == NULL) {
        return 0; // CONNECT's authority-form, which no route has
    }
    size_t path = (size_t)(mark - target.at) + 3;
    while (path < target.length && target.at[path] != '/' && target.at[path] != '?') {
        path++;
    }
    // The empty path means "/". There is room for it where the scheme stood.
    size_t slash = path == target.length || target.at[path] == '?' ? 1 : 0;
    memmove(request->target + slash, request->target + path, target.length - path);
    request->target[0] = '/';
    request->target_length = (uint16_t)(target.length - path + slash);
    return 0;
}

static int on_headers_complete(llhttp_t *parser)
{
    struct http_request *request = request_of(parser);
    request->has_header = true;
    // A request line without a version (HTTP/0.9) only shows here.
    if (parser->http_major != 1 || parser->http_minor > 1) {
        return unsupported_version(request);
    }
    request->version_minor = parser->http_minor;
    request->is_keep_alive = llhttp_should_keep_alive(parser) != 0;
    if (!request->has_host && request->version_minor > 0) {
        return REFUSE(request, ERR_INVALID_REQUEST, "The field Host is missing");
    }
    if (request->has_coding && request->version_minor == 0) {
        return REFUSE(request, ERR_INVALID_REQUEST, "HTTP/1.0 has no Transfer-Encoding");
    }
    if (parser->content_length > HTTP_BODY_BYTES_MAX) {
        return REFUSE(request, ERR_TOO_LARGE, "The request's body is longer than %d bytes",
                      HTTP_BODY_BYTES_MAX);
    }
    return target_normalize(request);
}

static int on_message_complete(llhttp_t *parser)
{
    request_of(parser)->is_complete = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_method_complete = on_method_complete,
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_field_complete = on_header_field_complete,
    .on_header_value = on_header_value,
    .on_header_value_complete = on_header_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_message_complete = on_message_complete,
};

void http_request_init(struct http_request *request)
{
    memset(request, 0, offsetof(struct http_request, name));
    request->header_bytes_max = REQUEST_HEADER_BYTES_MAX;
    llhttp_init(parser_of(request), HTTP_REQUEST, &settings);
}

// From inside a line to its CR, or to an LF that comes first, or to the end.
static size_t find_line_end(const uint8_t *bytes, size_t at, size_t length)
{
    const uint8_t *carriage_return = memchr(bytes + at, '\r', length - at);
    size_t end = carriage_return == NULL ? length : (size_t)(carriage_return - bytes);
    const uint8_t *line_feed = memchr(bytes + at, '\n', end - at);
    return line_feed == NULL ? end : (size_t)(line_feed - bytes);
}

void http_request_set_header_max(struct http_request *request, uint32_t header_bytes_max)
{
    ASSERT(!request->has_started);
    request->header_bytes_max = header_bytes_max;
}

// Advances over the header's bytes as far as their lines are well formed and within bounds. Returns
// how many that are; *fault_text is set where the next one is not.
static size_t header_check(struct http_request *request, const uint8_t *bytes, size_t length,
                           const char **fault_text)
{
    size_t at = 0;
    for (; at < length && request->line_state != LINE_END; at++) {
        if (request->line_state == LINE_INSIDE) {
            at = find_line_end(bytes, at, length);
            if (at == length) {
                break;
            }
        }
        uint8_t byte = bytes[at];
        switch ((enum line_state)request->line_state) {
        case LINE_BEFORE:
            if (byte != '\r' && byte != '\n') {
                request->has_started = true;
                request->line_state = LINE_INSIDE;
            }
            break;
        case LINE_START:
            if (byte == ' ' || byte == '\t') {
                *fault_text = "A header field is folded over several lines";
                return at;
            }
            if (byte == ':') {
                *fault_text = "A header field has no name";
                return at;
            }
            request->line_state = byte == '\r' ? LINE_EMPTY_CR : LINE_INSIDE;
            break;
        case LINE_INSIDE:
            if (byte == '\r') {
                request->line_state = LINE_CR;
            }
            break;
        case LINE_CR:
        case LINE_EMPTY_CR:
            if (byte != '\n') {
                *fault_text = "A CR is not followed by LF";
                return at;
            }
            request->line_state = request->line_state == LINE_CR ? LINE_START : LINE_END;
            continue;
        case LINE_END: UNREACHABLE();
        }
        if (byte == '\n' && request->line_state != LINE_BEFORE) {
            *fault_text = "A line ends in LF without CR";
            return at;
        }
    }
    return at;
}

static enum http_progress refuse_unparsed(struct http_request *request, llhttp_errno_t code)
{
    if (request->fault.error != ERR_NONE) {
        return HTTP_FAILED; // a callback said why
    }
    const char *text = "The request is not HTTP/1.1";
    switch (code) {
    case HPE_INVALID_VERSION: unsupported_version(request); return HTTP_FAILED;
    case HPE_INVALID_METHOD: text = "The request does not begin with a known method"; break;
    case HPE_INVALID_URL:
        text = "The request target has a character that must be percent-encoded";
        break;
    case HPE_INVALID_HEADER_TOKEN:
        text = "A header field has a character that it may not have";
        break;
    case HPE_INVALID_CONTENT_LENGTH:
    case HPE_UNEXPECTED_CONTENT_LENGTH:
    case HPE_INVALID_TRANSFER_ENCODING: text = "The length of the body is not clear"; break;
    case HPE_INVALID_CHUNK_SIZE: text = "A chunk of the body has no valid size"; break;
    default: break;
    }
    return FAILED(request, ERR_INVALID_REQUEST, "%s", text);
}

// Hands bytes to llhttp. *taken is how many it took.
static enum http_progress execute(struct http_request *request, const uint8_t *bytes, size_t length,
                                  size_t *taken)
{
    *taken = length;
    if (length == 0) {
        return HTTP_NEED_MORE;
    }
    llhttp_t *parser = parser_of(request);
    parser->data = request;
    llhttp_errno_t code = llhttp_execute(parser, (const char *)bytes, length);
    if (request->is_complete) {
        if (code == HPE_PAUSED) {
            *taken = (size_t)(llhttp_get_error_pos(parser) - (const char *)bytes);
        }
        return HTTP_COMPLETE;
    }
    return code == HPE_OK ? HTTP_NEED_MORE : refuse_unparsed(request, code);
}

static enum http_progress feed_header(struct http_request *request, const uint8_t *bytes,
                                      size_t length, size_t *taken)
{
    size_t room = request->header_bytes_max - request->header_bytes;
    const char *fault_text = NULL;
    size_t sound = header_check(request, bytes, length < room ? length : room, &fault_text);
    request->header_bytes += (uint32_t)sound;
    enum http_progress progress = execute(request, bytes, sound, taken);
    if (progress != HTTP_NEED_MORE) {
        return progress;
    }
    if (fault_text != NULL) {
        return FAILED(request, ERR_INVALID_REQUEST, "%s", fault_text);
    }
    bool is_over = request->line_state == LINE_END;
    if (is_over != request->has_header) {
        return refuse_unparsed(request, HPE_OK);
    }
    if (!is_over && sound == room) {
        return FAILED(request, ERR_HEADER_TOO_LARGE, "The request's header is longer than %u bytes",
                      request->header_bytes_max);
    }
    return HTTP_NEED_MORE;
}

static enum http_progress feed_body(struct http_request *request, const uint8_t *bytes,
                                    size_t length, size_t *taken)
{
    size_t room = HTTP_BODY_BYTES_MAX - request->body_bytes;
    enum http_progress progress = execute(request, bytes, length < room ? length : room, taken);
    request->body_bytes += (uint32_t)*taken;
    if (progress == HTTP_NEED_MORE && request->body_bytes == HTTP_BODY_BYTES_MAX) {
        return FAILED(request, ERR_TOO_LARGE, "The request's body is longer than %d bytes",
                      HTTP_BODY_BYTES_MAX);
    }
    return progress;
}

enum http_progress http_request_feed(struct http_request *request, const uint8_t *bytes,
                                     size_t length, size_t *consumed)
{
    ASSERT(!request->is_complete && request->fault.error == ERR_NONE);
    *consumed = 0;
    if (request->line_state != LINE_END) {
        enum http_progress progress = feed_header(request, bytes, length, consumed);
        if (progress != HTTP_NEED_MORE || *consumed == length) {
            return progress;
        }
    }
    size_t taken = 0;
    enum http_progress progress = feed_body(request, bytes + *consumed, length - *consumed, &taken);
    *consumed += taken;
    return progress;
}
