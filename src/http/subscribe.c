#include "http/subscribe.h"

#include "base/text.h"
#include "event/event.h"
#include "http/accept.h"
#include "http/parameter.h"
#include "http/resume_token.h"

enum parameter_kind {
    PARAMETER_OTHER,
    PARAMETER_STREAM,
    PARAMETER_STREAM_ID,
    PARAMETER_SESSION_ID,
    PARAMETER_RESUME_TOKEN,
    PARAMETER_LAST_EVENT_ID,
    PARAMETER_FROM,
    PARAMETER_ENVELOPE,
    PARAMETER_HEARTBEAT,
    PARAMETER_BATCH,
    PARAMETER_CLIENT,
    PARAMETER_OVERFLOW,
    PARAMETER_LAG_EVENTS,
    PARAMETER_LAG_BYTES,
    PARAMETER_SETTING, // and one for each further enum subscribe_setting
    PARAMETER_COUNT = PARAMETER_SETTING + SUBSCRIBE_SETTINGS,
};
STATIC_ASSERT(PARAMETER_COUNT <= 32, "struct parsing has a bit for each");

// A + is itself where a value has no spaces: base64 and time zones have it, and clients forget to
// escape it.
static const struct parameter {
    const char *name;
    unsigned kind; // enum parameter_kind
    enum percent_part part;
} parameters[] = {
    {"stream", PARAMETER_STREAM, PERCENT_QUERY},
    {"stream_id", PARAMETER_STREAM_ID, PERCENT_QUERY},
    {"sessionId", PARAMETER_SESSION_ID, PERCENT_QUERY},
    {"resume_token", PARAMETER_RESUME_TOKEN, PERCENT_PATH},
    {"last_event_id", PARAMETER_LAST_EVENT_ID, PERCENT_PATH},
    {"lastEventId", PARAMETER_LAST_EVENT_ID, PERCENT_PATH},
    {"from", PARAMETER_FROM, PERCENT_PATH},
    {"envelope", PARAMETER_ENVELOPE, PERCENT_PATH},
    {"heartbeat", PARAMETER_HEARTBEAT, PERCENT_PATH},
    {"batch", PARAMETER_BATCH, PERCENT_PATH},
    {"client", PARAMETER_CLIENT, PERCENT_PATH},
    {"overflow", PARAMETER_OVERFLOW, PERCENT_PATH},
    {"lag_events", PARAMETER_LAG_EVENTS, PERCENT_PATH},
    {"lag_bytes", PARAMETER_LAG_BYTES, PERCENT_PATH},
};

// How each route names its streams, and what it starts with.
static const struct {
    enum parameter_kind name; // PARAMETER_OTHER: in the path
    const char *name_text;
    enum subscribe_start start;
    enum subscribe_form form;
    bool is_unknown_404;
} styles[] = {
    [HTTP_ROUTE_STREAM] = {PARAMETER_OTHER, "", SUBSCRIBE_LATEST, SUBSCRIBE_NATIVE, false},
    [HTTP_ROUTE_EVENTS] = {PARAMETER_STREAM, "stream", SUBSCRIBE_LATEST, SUBSCRIBE_ENVELOPE, false},
    [HTTP_ROUTE_STREAM_ALIAS] = {PARAMETER_STREAM_ID, "stream_id", SUBSCRIBE_EARLIEST,
                                 SUBSCRIBE_NATIVE, true},
    [HTTP_ROUTE_SESSION_ALIAS] = {PARAMETER_SESSION_ID, "sessionId", SUBSCRIBE_LATEST,
                                  SUBSCRIBE_NATIVE, false},
};

struct parsing {
    struct subscribe_request *subscribe;
    struct http_request *request;
    const struct http_route *route;
    struct http_fault *fault;
    uint32_t seen; // bit per parameter_kind
    // Starting points, weakest first.
    bool has_from;
    bool has_token;
    bool has_query_id;
    enum subscribe_start from, query_id;
    uint64_t from_value, query_id_value;
    struct http_parameter token;
};

#define FAIL(parsing, error, at, ...) \
    HTTP_PARAMETER_FAULT((parsing)->fault, (error), (at), __VA_ARGS__)

static enum rc_error add_stream(struct parsing *parsing, struct http_parameter name)
{
    struct subscribe_request *subscribe = parsing->subscribe;
    if (!event_name_is_valid(name.value)) {
        return FAIL(parsing, ERR_INVALID_NAME, name.position,
                    "A stream's name is 1 to %d bytes of UTF-8 without control characters",
                    NAME_BYTES_MAX);
    }
    for (uint32_t i = 0; i < subscribe->stream_count; i++) {
        if (slice_equal(subscribe->streams[i], name.value)) {
            return ERR_NONE;
        }
    }
    if (subscribe->stream_count == CONNECTION_STREAMS_MAX) {
        enum rc_error error =
            FAIL(parsing, ERR_TOO_MANY_STREAMS, name.position,
                 "One connection reads at most %d streams", CONNECTION_STREAMS_MAX);
        parsing->fault->status = 400; // the table's 503 is for the broker's own limit
        return error;
    }
    subscribe->streams[subscribe->stream_count++] = name.value;
    return ERR_NONE;
}

// An id that is not a number of ours is not refused: an EventSource that once spoke to another
// server sends it with every attempt, and could never be told otherwise.
static void read_event_id(struct slice text, enum subscribe_start *start, uint64_t *value)
{
    *start = text.length < HTTP_LAST_EVENT_ID_BYTES_MAX && text_parse_u64(text, value)
                 ? SUBSCRIBE_AFTER_ID
                 : SUBSCRIBE_UNKNOWN;
}

static bool cut_prefix(struct slice *text, const char *prefix)
{
    if (!slice_starts_with(*text, slice_of(prefix))) {
        return false;
    }
    *text = slice_after(*text, strlen(prefix));
    return true;
}

static enum rc_error read_from(struct parsing *parsing, struct http_parameter from)
{
    struct slice text = from.value;
    uint64_t value = 0;
    if (slice_equal_text(text, "earliest")) {
        parsing->from = SUBSCRIBE_EARLIEST;
    } else if (slice_equal_text(text, "latest")) {
        parsing->from = SUBSCRIBE_LATEST;
    } else if (text_parse_u64(text, &value)) {
        parsing->from = SUBSCRIBE_AFTER_ID;
    } else if (cut_prefix(&text, "last:") && text_parse_u64(text, &value)) {
        parsing->from = SUBSCRIBE_LAST;
    } else if (cut_prefix(&text, "time:") &&
               (text_parse_u64(text, &value) || text_parse_rfc3339(text, &value))) {
        parsing->from = SUBSCRIBE_SINCE_TIME;
    } else {
        return FAIL(parsing, ERR_INVALID_PARAMETER, from.position,
                    "from is earliest, latest, an id, last:N, time:UNIX_MS or time:RFC_3339, not "
                    "\"%.*s\"",
                    from.value.length > 40 ? 40 : (int)from.value.length,
                    (const char *)from.value.at);
    }
    parsing->from_value = value;
    parsing->has_from = true;
    return ERR_NONE;
}

static enum rc_error read_envelope(struct parsing *parsing, struct http_parameter flag)
{
    if (slice_equal_text(flag.value, "1")) {
        parsing->subscribe->form = SUBSCRIBE_ENVELOPE;
    } else if (slice_equal_text(flag.value, "0")) {
        parsing->subscribe->form = SUBSCRIBE_NATIVE;
    } else {
        return FAIL(parsing, ERR_INVALID_PARAMETER, flag.position, "envelope is 0 or 1");
    }
    return ERR_NONE;
}

static enum rc_error read_heartbeat(struct parsing *parsing, struct http_parameter mode)
{
    if (slice_equal_text(mode.value, "comment")) {
        parsing->subscribe->heartbeat = SUBSCRIBE_HEARTBEAT_COMMENT;
    } else if (slice_equal_text(mode.value, "event")) {
        parsing->subscribe->heartbeat = SUBSCRIBE_HEARTBEAT_EVENT;
    } else if (slice_equal_text(mode.value, "off")) {
        parsing->subscribe->heartbeat = SUBSCRIBE_HEARTBEAT_OFF;
    } else {
        return FAIL(parsing, ERR_INVALID_PARAMETER, mode.position,
                    "heartbeat is comment, event or off");
    }
    return ERR_NONE;
}

static enum rc_error read_batch(struct parsing *parsing, struct http_parameter form)
{
    if (!slice_equal_text(form.value, "event")) {
        return FAIL(parsing, ERR_INVALID_PARAMETER, form.position, "batch is event");
    }
    parsing->subscribe->is_batch_event = true;
    return ERR_NONE;
}

static enum rc_error read_client(struct parsing *parsing, struct http_parameter name)
{
    if (!subscribe_client_parse(name.value, &parsing->subscribe->client)) {
        return FAIL(parsing, ERR_INVALID_PARAMETER, name.position,
                    "client is " SUBSCRIBE_CLIENTS_ALLOWED);
    }
    return ERR_NONE;
}

static enum rc_error read_overflow(struct parsing *parsing, struct http_parameter policy)
{
    if (!overflow_policy_parse(policy.value, &parsing->subscribe->overflow)) {
        return FAIL(parsing, ERR_INVALID_PARAMETER, policy.position,
                    "overflow is drop_oldest, drop_newest, drop_lowest, disconnect or block");
    }
    return ERR_NONE;
}

// 0 would say that there is no limit: a request only tightens the broker's.
static enum rc_error read_lag(struct parsing *parsing, const struct parameter *parameter,
                              struct http_parameter limit)
{
    bool is_events = parameter->kind == PARAMETER_LAG_EVENTS;
    uint64_t *value = is_events ? &parsing->subscribe->lag_events : &parsing->subscribe->lag_bytes;
    bool is_number =
        is_events ? text_parse_u64(limit.value, value) : text_parse_size(limit.value, value);
    if (!is_number || *value == 0) {
        return FAIL(parsing, ERR_INVALID_PARAMETER, limit.position, "%s is 1 or more%s",
                    parameter->name, is_events ? "" : ", as 65536 or 64KiB");
    }
    return ERR_NONE;
}

static enum rc_error read_setting(struct parsing *parsing, enum subscribe_setting setting,
                                  struct http_parameter text)
{
    if (!subscribe_setting_parse(setting, text.value, &parsing->subscribe->settings[setting])) {
        return FAIL(parsing, ERR_INVALID_PARAMETER, text.position, "%s is %s",
                    subscribe_setting_name(setting), subscribe_setting_allowed(setting));
    }
    parsing->subscribe->settings_given |= UINT32_C(1) << setting;
    return ERR_NONE;
}

static enum rc_error read_parameter(struct parsing *parsing, const struct parameter *parameter,
                                    struct http_parameter located)
{
    uint32_t bit = UINT32_C(1) << parameter->kind;
    if ((parsing->seen & bit) != 0 && parameter->kind != PARAMETER_STREAM) {
        return FAIL(parsing, ERR_INVALID_PARAMETER, located.position, "%s is given twice",
                    parameter->name);
    }
    parsing->seen |= bit;
    switch (parameter->kind) {
    case PARAMETER_STREAM:
    case PARAMETER_STREAM_ID:
    case PARAMETER_SESSION_ID: return add_stream(parsing, located);
    case PARAMETER_RESUME_TOKEN:
        parsing->has_token = true;
        parsing->token = located;
        return ERR_NONE;
    case PARAMETER_LAST_EVENT_ID:
        parsing->has_query_id = located.value.length > 0;
        read_event_id(located.value, &parsing->query_id, &parsing->query_id_value);
        return ERR_NONE;
    case PARAMETER_FROM: return read_from(parsing, located);
    case PARAMETER_ENVELOPE: return read_envelope(parsing, located);
    case PARAMETER_HEARTBEAT: return read_heartbeat(parsing, located);
    case PARAMETER_BATCH: return read_batch(parsing, located);
    case PARAMETER_CLIENT: return read_client(parsing, located);
    case PARAMETER_OVERFLOW: return read_overflow(parsing, located);
    case PARAMETER_LAG_EVENTS:
    case PARAMETER_LAG_BYTES: return read_lag(parsing, parameter, located);
    case PARAMETER_OTHER: UNREACHABLE();
    default:
        return read_setting(parsing, (enum subscribe_setting)(parameter->kind - PARAMETER_SETTING),
                            located);
    }
}

// The parameter of this name, where the route has one. Names of streams belong to one route each.
static bool parameter_find(const struct parsing *parsing, struct slice name,
                           struct parameter *parameter)
{
    enum subscribe_setting setting;
    if (subscribe_setting_find(name, &setting)) {
        *parameter = (struct parameter){subscribe_setting_name(setting),
                                        PARAMETER_SETTING + (unsigned)setting, PERCENT_PATH};
        return true;
    }
    for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++) {
        *parameter = parameters[i];
        if (slice_equal_text(name, parameter->name)) {
            bool is_stream_name = parameter->kind <= PARAMETER_SESSION_ID;
            return !is_stream_name || parameter->kind == styles[parsing->route->kind].name;
        }
    }
    return false;
}

static enum rc_error read_query(struct parsing *parsing)
{
    struct slice rest = parsing->route->query;
    while (rest.at != NULL) {
        struct slice value = slice_split(&rest, '&');
        struct slice name = slice_split(&value, '=');
        struct http_parameter located;
        struct parameter parameter;
        struct http_fault ignored;
        if (http_parameter_decode(parsing->request, name, PERCENT_QUERY, &located, &ignored) !=
                ERR_NONE ||
            !parameter_find(parsing, located.value, &parameter)) {
            continue; // none of ours
        }
        located.value = slice_empty();
        enum rc_error error = ERR_NONE;
        if (value.at != NULL) {
            error = http_parameter_decode(parsing->request, value, parameter.part, &located,
                                          parsing->fault);
        }
        if (error == ERR_NONE) {
            error = read_parameter(parsing, &parameter, located);
        }
        if (error != ERR_NONE) {
            return error;
        }
    }
    return ERR_NONE;
}

static enum rc_error read_token(struct parsing *parsing, uint64_t *sequence)
{
    const struct subscribe_request *subscribe = parsing->subscribe;
    size_t position = parsing->token.position;
    struct resume_token token;
    const char *trouble = resume_token_parse(parsing->token.value, &token);
    if (trouble != NULL) {
        return FAIL(parsing, ERR_INVALID_RESUME_TOKEN, position,
                    "resume_token is base64 of stream:sequence, but %s", trouble);
    }
    if (subscribe->stream_count != 1) {
        return FAIL(parsing, ERR_INVALID_RESUME_TOKEN, position,
                    "resume_token holds the place in one stream; with several, use last_event_id");
    }
    if (!slice_equal(resume_token_stream(&token), subscribe->streams[0])) {
        return FAIL(parsing, ERR_INVALID_RESUME_TOKEN, position,
                    "resume_token is of another stream");
    }
    *sequence = token.sequence;
    return ERR_NONE;
}

// The strongest starting point wins.
static enum rc_error choose_start(struct parsing *parsing)
{
    struct subscribe_request *subscribe = parsing->subscribe;
    if (parsing->has_from) {
        subscribe->start = parsing->from;
        subscribe->start_value = parsing->from_value;
    }
    if (parsing->has_token) {
        enum rc_error error = read_token(parsing, &subscribe->start_value);
        if (error != ERR_NONE) {
            return error;
        }
        subscribe->start = SUBSCRIBE_AFTER_SEQUENCE;
    }
    if (parsing->has_query_id) {
        subscribe->start = parsing->query_id;
        subscribe->start_value = parsing->query_id_value;
    }
    struct slice last_event_id = http_request_field(parsing->request, HTTP_FIELD_LAST_EVENT_ID);
    if (last_event_id.length > 0) {
        subscribe->start_value = 0;
        read_event_id(last_event_id, &subscribe->start, &subscribe->start_value);
    }
    subscribe->is_start_given = parsing->has_from || parsing->has_token || parsing->has_query_id ||
                                last_event_id.length > 0;
    return ERR_NONE;
}

enum rc_error subscribe_parse(struct subscribe_request *subscribe, struct http_request *request,
                              const struct http_route *route, struct http_fault *fault)
{
    ASSERT(http_route_is_subscription(route->kind));
    struct parsing parsing = {
        .subscribe = subscribe, .request = request, .route = route, .fault = fault};
    subscribe->form = styles[route->kind].form;
    subscribe->start = styles[route->kind].start;
    subscribe->start_value = 0;
    subscribe->is_unknown_404 = styles[route->kind].is_unknown_404;
    subscribe->heartbeat = SUBSCRIBE_HEARTBEAT_COMMENT;
    subscribe->is_batch_event = false;
    subscribe->client = SUBSCRIBE_CLIENT_NONE;
    subscribe->settings_given = 0;
    subscribe->overflow = OVERFLOW_UNSET;
    subscribe->lag_events = 0;
    subscribe->lag_bytes = 0;
    subscribe->stream_count = 0;
    if (http_accept_quality(http_request_field(request, HTTP_FIELD_ACCEPT), "text/event-stream") ==
        0) {
        return http_fault_set(fault, ERR_NOT_ACCEPTABLE,
                              "Streams are served as text/event-stream, which Accept rules out");
    }
    if (styles[route->kind].name == PARAMETER_OTHER) {
        subscribe->streams[subscribe->stream_count++] = route->name;
    }
    enum rc_error error = read_query(&parsing);
    if (error == ERR_NONE && subscribe->stream_count == 0) {
        error = http_fault_set(fault, ERR_MISSING_PARAMETER, "The parameter %s is missing",
                               styles[route->kind].name_text);
    }
    return error == ERR_NONE ? choose_start(&parsing) : error;
}
