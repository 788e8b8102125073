#include "http/request.h"

#include "http/request_id.h"

#include <llhttp.h>

STATIC_ASSERT(sizeof(llhttp_t) <= HTTP_PARSER_BYTES, "the parser lives in the request object");
STATIC_ASSERT(_Alignof(llhttp_t) <= 8, "the parser lives in the request object");

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
    size_t bytes_max;
};

#define NAMED(name) name, sizeof(name) - 1

static const struct field fields[HTTP_FIELD_COUNT] = {
    [HTTP_FIELD_HOST] = {NAMED("Host"), RULE_ONCE, HTTP_HOST_BYTES_MAX},
    [HTTP_FIELD_ACCEPT] = {NAMED("Accept"), RULE_LIST, HTTP_ACCEPT_BYTES_MAX},
    [HTTP_FIELD_LAST_EVENT_ID] = {NAMED("Last-Event-ID"), RULE_ONCE_CUT,
                                  HTTP_LAST_EVENT_ID_BYTES_MAX},
    [HTTP_FIELD_USER_AGENT] = {NAMED("User-Agent"), RULE_LIST_CUT, HTTP_USER_AGENT_BYTES_MAX},
    [HTTP_FIELD_ORIGIN] = {NAMED("Origin"), RULE_ONCE, HTTP_ORIGIN_BYTES_MAX},
    [HTTP_FIELD_CONTENT_LENGTH] = {NAMED("Content-Length"), RULE_ONCE, HTTP_SHORT_BYTES_MAX},
    [HTTP_FIELD_TRANSFER_ENCODING] = {NAMED("Transfer-Encoding"), RULE_ONCE, HTTP_SHORT_BYTES_MAX},
    [HTTP_FIELD_EXPECT] = {NAMED("Expect"), RULE_ONCE, HTTP_SHORT_BYTES_MAX},
    [HTTP_FIELD_AUTHORIZATION] = {NAMED("Authorization"), RULE_ONCE, HTTP_AUTHORIZATION_BYTES_MAX},
    [HTTP_FIELD_COOKIE] = {NAMED("Cookie"), RULE_ONCE, HTTP_COOKIE_BYTES_MAX},
    [HTTP_FIELD_CONTENT_TYPE] = {NAMED("Content-Type"), RULE_ONCE, ATTRIBUTE_BYTES_MAX},
    [HTTP_FIELD_CONTENT_ENCODING] = {NAMED("Content-Encoding"), RULE_ONCE, HTTP_SHORT_BYTES_MAX},
    [HTTP_FIELD_REQUEST_METHOD] = {NAMED("Access-Control-Request-Method"), RULE_ONCE,
                                   HTTP_SHORT_BYTES_MAX},
    [HTTP_FIELD_PRODUCER_ID] = {NAMED("Producer-Id"), RULE_ONCE, PRODUCER_ID_BYTES_MAX},
    [HTTP_FIELD_PRODUCER_EPOCH] = {NAMED("Producer-Epoch"), RULE_ONCE, HTTP_SHORT_BYTES_MAX},
    [HTTP_FIELD_PRODUCER_SEQ] = {NAMED("Producer-Seq"), RULE_ONCE, HTTP_SHORT_BYTES_MAX},
    [HTTP_FIELD_EVENT_TYPE] = {NAMED("Event-Type"), RULE_ONCE, TYPE_BYTES_MAX},
    [HTTP_FIELD_ACK] = {NAMED("Ack"), RULE_ONCE, HTTP_SHORT_BYTES_MAX},
    [HTTP_FIELD_REQUEST_ID] = {NAMED("X-Request-Id"), RULE_LIST_CUT, REQUEST_ID_BYTES_MAX + 1},
    [HTTP_FIELD_X_FORWARDED_FOR] = {NAMED("X-Forwarded-For"), RULE_LIST, HTTP_FORWARDED_BYTES_MAX},
    [HTTP_FIELD_FORWARDED] = {NAMED("Forwarded"), RULE_LIST, HTTP_FORWARDED_BYTES_MAX},
};

#define BIT(field) (UINT32_C(1) << HTTP_FIELD_##field)

// Few names are as long as the one that came, so few are compared with it.
static const uint32_t fields_of_length[HTTP_NAME_BYTES + 1] = {
    [3] = BIT(ACK),
    [4] = BIT(HOST),
    [6] = BIT(ACCEPT) | BIT(ORIGIN) | BIT(EXPECT) | BIT(COOKIE),
    [9] = BIT(FORWARDED),
    [10] = BIT(USER_AGENT) | BIT(EVENT_TYPE),
    [11] = BIT(PRODUCER_ID),
    [12] = BIT(CONTENT_TYPE) | BIT(PRODUCER_SEQ) | BIT(REQUEST_ID),
    [13] = BIT(LAST_EVENT_ID) | BIT(AUTHORIZATION),
    [14] = BIT(CONTENT_LENGTH) | BIT(PRODUCER_EPOCH),
    [15] = BIT(X_FORWARDED_FOR),
    [16] = BIT(CONTENT_ENCODING),
    [17] = BIT(TRANSFER_ENCODING),
    [29] = BIT(REQUEST_METHOD),
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
    memcpy(request->text + request->target_length, at, length);
    request->target_length = (uint16_t)(request->target_length + length);
    request->text_length = request->target_length;
    return 0;
}

static int on_header_field(llhttp_t *parser, const char *at, size_t length)
{
    struct http_request *request = request_of(parser);
    size_t kept =
        request->name_length < HTTP_NAME_BYTES ? HTTP_NAME_BYTES - request->name_length : 0;
    memcpy(request->name + HTTP_NAME_BYTES - kept, at, length < kept ? length : kept);
    request->name_length = (uint16_t)(request->name_length + length);
    return 0;
}

static bool is_list(const struct field *field)
{
    return field->rule == RULE_LIST || field->rule == RULE_LIST_CUT;
}

// Takes what fits of the next piece of the value being read, which is the last one in the text.
static int value_append(struct http_request *request, const char *at, size_t length)
{
    const struct field *field = &fields[request->field];
    size_t held = request->values[request->field].length;
    size_t room = HTTP_TEXT_BYTES_MAX - (size_t)request->text_length;
    if (room > field->bytes_max - held) {
        room = field->bytes_max - held;
    }
    bool is_cut = field->rule == RULE_ONCE_CUT || field->rule == RULE_LIST_CUT;
    if (length > room && !is_cut) {
        return held + room == field->bytes_max
                   ? REFUSE(request, ERR_HEADER_TOO_LARGE, "The field %s is longer than %zu bytes",
                            field->name, field->bytes_max)
                   : REFUSE(request, ERR_HEADER_TOO_LARGE,
                            "The request target and the fields that are read are longer than %d "
                            "bytes together",
                            HTTP_TEXT_BYTES_MAX);
    }
    size_t taken = length < room ? length : room;
    memcpy(request->text + request->text_length, at, taken);
    request->text_length = (uint16_t)(request->text_length + taken);
    request->values[request->field].length = (uint16_t)(held + taken);
    return 0;
}

static enum http_field field_find(struct slice name)
{
    if (name.length > HTTP_NAME_BYTES) {
        return HTTP_FIELD_NONE;
    }
    for (uint32_t left = fields_of_length[name.length]; left != 0; left &= left - 1) {
        enum http_field field = (enum http_field)__builtin_ctz(left);
        bool is_likely = ((fields[field].name[0] ^ name.at[0]) & ~0x20) == 0;
        if (is_likely &&
            slice_equal_ignoring_case(name, slice_from(fields[field].name, name.length))) {
            return field;
        }
    }
    return HTTP_FIELD_NONE;
}

static int on_header_field_complete(llhttp_t *parser)
{
    struct http_request *request = request_of(parser);
    struct slice name = slice_from(request->name, request->name_length);
    request->name_length = 0;
    request->field_count++;
    if (request->field_count > HTTP_HEADERS_MAX) {
        return REFUSE(request, ERR_HEADER_TOO_LARGE, "The request has more than %d header fields",
                      HTTP_HEADERS_MAX);
    }
    request->field = (uint8_t)field_find(name);
    if (request->field == HTTP_FIELD_NONE) {
        return 0;
    }
    const struct field *field = &fields[request->field];
    struct slice former = http_request_field(request, (enum http_field)request->field);
    bool is_repeated = http_request_has(request, (enum http_field)request->field);
    request->fields_seen |= UINT32_C(1) << request->field;
    request->values[request->field].at = request->text_length;
    request->values[request->field].length = 0;
    if (!is_repeated) {
        return 0;
    }
    if (!is_list(field)) {
        return REFUSE(request, ERR_INVALID_REQUEST, "The field %s is given twice", field->name);
    }
    if (former.length == 0) {
        return 0;
    }
    int result = value_append(request, (const char *)former.at, former.length);
    return result != 0 ? result : value_append(request, ", ", 2);
}

static int on_header_value(llhttp_t *parser, const char *at, size_t length)
{
    struct http_request *request = request_of(parser);
    return request->field == HTTP_FIELD_NONE ? 0 : value_append(request, at, length);
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

static int value_check(struct http_request *request, enum http_field field, struct slice value)
{
    if (field == HTTP_FIELD_HOST && !host_is_valid(value)) {
        return REFUSE(request, ERR_INVALID_REQUEST, "The field Host is not a host and port");
    }
    if (field == HTTP_FIELD_TRANSFER_ENCODING &&
        !slice_equal_ignoring_case(value, slice_of("chunked"))) {
        return REFUSE(request, ERR_INVALID_REQUEST,
                      "The only Transfer-Encoding that is accepted is chunked");
    }
    if (field == HTTP_FIELD_EXPECT && !slice_equal_ignoring_case(value, slice_of("100-continue"))) {
        http_fault_set(&request->fault, ERR_INVALID_REQUEST,
                       "The only expectation that can be met is 100-continue");
        request->fault.status = 417;
        return STOP;
    }
    return 0;
}

static int on_header_value_complete(llhttp_t *parser)
{
    struct http_request *request = request_of(parser);
    enum http_field field = (enum http_field)request->field;
    request->field = HTTP_FIELD_NONE;
    if (field == HTTP_FIELD_NONE) {
        return 0;
    }
    struct slice value = http_request_field(request, field);
    while (value.length > 0 &&
           (value.at[value.length - 1] == ' ' || value.at[value.length - 1] == '\t')) {
        value.length--;
    }
    request->values[field].length = (uint16_t)value.length;
    return value_check(request, field, value);
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
    memmove(request->text + slash, request->text + path, target.length - path);
    request->text[0] = '/';
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
    // llhttp passes over further spaces, which others take for a part of the target.
    size_t line_bytes = strlen(llhttp_method_name(llhttp_get_method(parser))) +
                        request->target_length + sizeof("  HTTP/1.1") - 1;
    if (request->lines.line_bytes != line_bytes) {
        return REFUSE(request, ERR_INVALID_REQUEST,
                      "The request line has more than the two spaces between its parts");
    }
    request->version_minor = parser->http_minor;
    // What follows a CONNECT is the tunnel's, whatever its fields say.
    request->is_keep_alive =
        llhttp_should_keep_alive(parser) != 0 && llhttp_get_method(parser) != HTTP_CONNECT;
    if (!http_request_has(request, HTTP_FIELD_HOST) && request->version_minor > 0) {
        return REFUSE(request, ERR_INVALID_REQUEST, "The field Host is missing");
    }
    bool is_chunked = http_request_has(request, HTTP_FIELD_TRANSFER_ENCODING);
    if (is_chunked && request->version_minor == 0) {
        return REFUSE(request, ERR_INVALID_REQUEST, "HTTP/1.0 has no Transfer-Encoding");
    }
    bool has_length = http_request_has(request, HTTP_FIELD_CONTENT_LENGTH);
    if ((is_chunked && has_length) || parser->content_length == HTTP_LENGTH_UNKNOWN) {
        return REFUSE(request, ERR_INVALID_REQUEST, "The length of the body is not clear");
    }
    request->content_length = is_chunked ? HTTP_LENGTH_UNKNOWN : parser->content_length;
    request->has_body = request->content_length > 0;
    request->expects_continue = request->has_body && request->version_minor > 0 &&
                                http_request_has(request, HTTP_FIELD_EXPECT);
    return target_normalize(request);
}

// Only where no body follows: llhttp sees the header alone.
static int on_message_complete(llhttp_t *parser)
{
    struct http_request *request = request_of(parser);
    request->is_complete = !request->has_body;
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

void http_request_set_header_max(struct http_request *request, uint32_t header_bytes_max)
{
    ASSERT(!http_request_has_started(request));
    request->header_bytes_max = header_bytes_max;
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
    case HPE_INVALID_CONSTANT:
        text = "What follows the request target is not HTTP/1.1; a space in it is %20";
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
    size_t room = request->header_bytes_max - request->lines.bytes;
    const char *fault_text;
    size_t sound =
        header_lines_check(&request->lines, bytes, length < room ? length : room, &fault_text);
    enum http_progress progress = execute(request, bytes, sound, taken);
    if (progress != HTTP_NEED_MORE) {
        return progress;
    }
    if (fault_text != NULL) {
        return FAILED(request, ERR_INVALID_REQUEST, "%s", fault_text);
    }
    bool is_over = request->lines.is_over;
    if (is_over != request->has_header) {
        return refuse_unparsed(request, HPE_OK);
    }
    if (!is_over && sound == room) {
        return FAILED(request, ERR_HEADER_TOO_LARGE, "The request's header is longer than %u bytes",
                      request->header_bytes_max);
    }
    return is_over ? HTTP_HEADER : HTTP_NEED_MORE;
}

static enum http_progress too_large(struct http_request *request)
{
    return FAILED(request, ERR_TOO_LARGE, "The request's body is longer than %llu bytes",
                  (unsigned long long)request->body_bytes_max);
}

bool http_request_take_body(struct http_request *request, uint64_t bytes_max, http_body_sink *sink,
                            void *context)
{
    ASSERT(request->has_header && request->has_body && !request->is_body_taken);
    request->is_body_taken = true;
    request->body_bytes_max = bytes_max;
    request->sink = sink;
    request->sink_context = context;
    if (request->content_length != HTTP_LENGTH_UNKNOWN && request->content_length > bytes_max) {
        too_large(request);
        return false;
    }
    return true;
}

static void give_body(struct http_request *request, struct slice bytes)
{
    request->body_bytes += bytes.length;
    if (request->sink != NULL && bytes.length > 0) {
        request->sink(request->sink_context, bytes);
    }
}

static enum http_progress feed_chunks(struct http_request *request, const uint8_t *bytes,
                                      size_t length, size_t *taken)
{
    *taken = 0;
    while (*taken < length && !chunked_is_over(&request->chunked)) {
        struct slice data;
        const char *fault_text;
        *taken +=
            chunked_feed(&request->chunked, bytes + *taken, length - *taken, &data, &fault_text);
        if (fault_text != NULL) {
            return FAILED(request, ERR_INVALID_REQUEST, "%s", fault_text);
        }
        uint64_t room = request->body_bytes_max - request->body_bytes;
        if (data.length > room || chunked_left(&request->chunked) > room - data.length) {
            return too_large(request);
        }
        give_body(request, data);
    }
    return chunked_is_over(&request->chunked) ? HTTP_COMPLETE : HTTP_NEED_MORE;
}

static enum http_progress feed_body(struct http_request *request, const uint8_t *bytes,
                                    size_t length, size_t *taken)
{
    ASSERT(request->is_body_taken);
    if (request->content_length == HTTP_LENGTH_UNKNOWN) {
        return feed_chunks(request, bytes, length, taken);
    }
    uint64_t left = request->content_length - request->body_bytes;
    *taken = length < left ? length : (size_t)left;
    give_body(request, slice_from(bytes, *taken));
    return *taken == left ? HTTP_COMPLETE : HTTP_NEED_MORE;
}

enum http_progress http_request_feed(struct http_request *request, const uint8_t *bytes,
                                     size_t length, size_t *consumed)
{
    ASSERT(!request->is_complete && request->fault.error == ERR_NONE);
    if (!request->lines.is_over) {
        return feed_header(request, bytes, length, consumed);
    }
    enum http_progress progress = feed_body(request, bytes, length, consumed);
    request->is_complete = progress == HTTP_COMPLETE;
    return progress;
}
