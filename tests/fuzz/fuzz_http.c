// layer: http
// A request, whole and in pieces, its body beside llhttp's reading of it; then its route, its
// subscription and its refusal. The first byte says where the pieces end.
#include "base/json.h"
#include "base/utf8.h"
#include "event/event.h"
#include "http/response.h"
#include "http/subscribe.h"

#include <llhttp.h>
#include <stdlib.h>

enum { BODY_BYTES_MAX = 256 };

struct parsed {
    struct http_request request;
    enum http_progress progress;
    size_t consumed;
    size_t body_length;
    uint8_t body[BODY_BYTES_MAX];
};

static void take_body(void *context, struct slice bytes)
{
    struct parsed *parsed = context;
    ASSERT(bytes.length > 0 && bytes.length <= BODY_BYTES_MAX - parsed->body_length);
    memcpy(parsed->body + parsed->body_length, bytes.at, bytes.length);
    parsed->body_length += bytes.length;
}

// A copy of each piece of exactly its size, so that the sanitizer sees a read beyond it.
static void parse(struct parsed *parsed, const uint8_t *bytes, size_t length, size_t piece_bytes)
{
    http_request_init(&parsed->request);
    parsed->progress = HTTP_NEED_MORE;
    parsed->consumed = 0;
    parsed->body_length = 0;
    while (parsed->progress == HTTP_NEED_MORE && parsed->consumed < length) {
        size_t rest = length - parsed->consumed;
        size_t piece = rest < piece_bytes ? rest : piece_bytes;
        uint8_t *copy = malloc(piece);
        ASSERT(copy != NULL);
        memcpy(copy, bytes + parsed->consumed, piece);
        size_t consumed;
        parsed->progress = http_request_feed(&parsed->request, copy, piece, &consumed);
        ASSERT(consumed <= piece);
        ASSERT(parsed->progress != HTTP_NEED_MORE || consumed == piece);
        if (parsed->progress == HTTP_HEADER) {
            parsed->body_length = 0;
            parsed->progress =
                http_request_take_body(&parsed->request, BODY_BYTES_MAX, take_body, parsed)
                    ? HTTP_NEED_MORE
                    : HTTP_FAILED;
        }
        parsed->consumed += consumed;
        free(copy);
    }
}

// --- the same by llhttp alone, which knows bodies too ---

struct other {
    uint8_t body[BODY_BYTES_MAX];
    size_t body_length;
    bool is_complete;
};

static int other_body(llhttp_t *parser, const char *at, size_t length)
{
    struct other *other = parser->data;
    ASSERT(length <= BODY_BYTES_MAX - other->body_length);
    memcpy(other->body + other->body_length, at, length);
    other->body_length += length;
    return 0;
}

static int other_complete(llhttp_t *parser)
{
    struct other *other = parser->data;
    other->is_complete = true;
    return HPE_PAUSED;
}

// A body that we take is read in the same way by others. (Of extensions, llhttp takes fewer.)
static void check_body(const struct parsed *parsed, const uint8_t *bytes)
{
    if (parsed->request.chunked.extension_bytes > 0 ||
        http_request_content_length(&parsed->request) == 0) {
        return;
    }
    static struct other other;
    memset(&other, 0, sizeof(other));
    llhttp_settings_t settings;
    llhttp_settings_init(&settings);
    settings.on_body = other_body;
    settings.on_message_complete = other_complete;
    llhttp_t parser;
    llhttp_init(&parser, HTTP_REQUEST, &settings);
    parser.data = &other;
    llhttp_errno_t code = llhttp_execute(&parser, (const char *)bytes, parsed->consumed);
    ASSERT(other.is_complete);
    ASSERT(code != HPE_PAUSED ||
           llhttp_get_error_pos(&parser) == (const char *)bytes + parsed->consumed);
    ASSERT(slice_equal(slice_from(other.body, other.body_length),
                       slice_from(parsed->body, parsed->body_length)));
}

static void check_refusal(const struct http_fault *fault)
{
    static char storage[HTTP_RESPONSE_BYTES_MAX];
    struct buffer out;
    buffer_wrap(&out, storage, sizeof(storage));
    ASSERT(fault->error != ERR_NONE);
    ASSERT(http_response_problem(&out, &(struct http_answer){.is_keep_alive = true},
                                 &(struct http_problem){.fault = fault}) == 0);
    const char *body = memmem(storage, buffer_length(&out), "\r\n\r\n", 4);
    ASSERT(body != NULL);
    size_t start = (size_t)(body + 4 - storage);
    ASSERT(json_validate(slice_after(buffer_slice(&out), start), NULL) == JSON_OK);
}

static void check_subscription(struct http_request *request)
{
    struct http_route route;
    struct http_fault fault;
    if (http_route_find(&route, request, HTTP_AUDIENCE_PUBLIC, &fault) != ERR_NONE) {
        check_refusal(&fault);
        return;
    }
    if (!http_route_is_subscription(route.kind)) {
        return;
    }
    static struct subscribe_request subscribe;
    if (subscribe_parse(&subscribe, request, &route, &fault) != ERR_NONE) {
        check_refusal(&fault);
        return;
    }
    ASSERT(subscribe.stream_count >= 1 && subscribe.stream_count <= CONNECTION_STREAMS_MAX);
    for (uint32_t i = 0; i < subscribe.stream_count; i++) {
        ASSERT(event_name_is_valid(subscribe.streams[i]));
        for (uint32_t j = 0; j < i; j++) {
            ASSERT(!slice_equal(subscribe.streams[i], subscribe.streams[j]));
        }
    }
    ASSERT(subscribe.start <= SUBSCRIBE_UNKNOWN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct parsed whole;
    static struct parsed pieces;
    if (size < 1) {
        return 0;
    }
    parse(&whole, data + 1, size - 1, size);
    parse(&pieces, data + 1, size - 1, 1 + (size_t)data[0] % 64);
    ASSERT(whole.progress == pieces.progress);
    ASSERT(whole.request.fault.error == pieces.request.fault.error);
    if (whole.progress == HTTP_FAILED) {
        check_refusal(&whole.request.fault);
    }
    if (whole.progress == HTTP_COMPLETE) {
        ASSERT(whole.consumed == pieces.consumed);
        ASSERT(whole.request.method == pieces.request.method);
        ASSERT(
            slice_equal(http_request_target(&whole.request), http_request_target(&pieces.request)));
        for (unsigned field = 0; field < HTTP_FIELD_COUNT; field++) {
            ASSERT(slice_equal(http_request_field(&whole.request, (enum http_field)field),
                               http_request_field(&pieces.request, (enum http_field)field)));
        }
        ASSERT(slice_equal(slice_from(whole.body, whole.body_length),
                           slice_from(pieces.body, pieces.body_length)));
        check_body(&whole, data + 1);
        check_subscription(&whole.request);
    }
    return 0;
}
