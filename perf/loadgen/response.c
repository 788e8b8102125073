#include "response.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/text.h"

#include <errno.h>
#include <string.h>

enum chunk_state {
    CHUNK_SIZE = 0,     // among the digits of a chunk's size
    CHUNK_SIZE_REST,    // behind them: extensions, up to the LF
    CHUNK_DATA,         // chunk_left bytes of the body
    CHUNK_DATA_END,     // the CR LF behind them
    CHUNK_TRAILER,      // at the beginning of a line behind the last chunk
    CHUNK_TRAILER_LINE, // within such a line
};

static const uint64_t CHUNK_BYTES_MAX = UINT64_C(1) << 48;

static bool take_status(struct response *response, struct slice line)
{
    uint64_t status = 0;
    static const struct slice version = SLICE_LITERAL("HTTP/1.");
    // "HTTP/1.1 200": the version's last digit and the blank stand in between.
    if (line.length < 12 || !slice_starts_with(line, version) || line.at[8] != ' ' ||
        !text_parse_u64(slice_from(line.at + 9, 3), &status)) {
        return false;
    }
    response->status = (uint16_t)status;
    return true;
}

static void take_field(struct response *response, struct slice line)
{
    struct slice value = line;
    struct slice name = slice_split(&value, ':');
    if (value.at == NULL) {
        return;
    }
    value = slice_trim(value);
    static const struct slice chunked = SLICE_LITERAL("chunked");
    static const struct slice event_stream = SLICE_LITERAL("text/event-stream");
    if (slice_equal_ignoring_case(name, slice_of("transfer-encoding"))) {
        response->is_chunked = slice_equal_ignoring_case(value, chunked);
    } else if (slice_equal_ignoring_case(name, slice_of("content-type"))) {
        response->is_event_stream =
            value.length >= event_stream.length &&
            slice_equal_ignoring_case(slice_first(value, event_stream.length), event_stream);
    }
}

// --- the event stream ---

static struct slice field_value(const uint8_t *line, size_t length, size_t name_length)
{
    size_t start = name_length + 1;
    if (start < length && line[start] == ' ') {
        start++;
    }
    return slice_from(line + start, length - start);
}

static bool line_is_field(const uint8_t *line, size_t length, const char *name, size_t name_length)
{
    return length > name_length && line[name_length] == ':' && memcmp(line, name, name_length) == 0;
}

static void take_id(struct response *response, struct slice value)
{
    if (value.length > RESPONSE_ID_BYTES_MAX) {
        value.length = 0;
    }
    response->id.length = (uint8_t)value.length;
    memcpy(response->id.text, value.at, value.length);
}

// A gap's count, where its line says it.
static void take_gap(struct response *response, struct slice json)
{
    static const char key[] = "\"count\":";
    const uint8_t *found = memmem(json.at, json.length, key, sizeof key - 1);
    if (found == NULL) {
        return;
    }
    struct slice rest = slice_after(json, (size_t)(found - json.at) + sizeof key - 1);
    size_t digits = 0;
    while (digits < rest.length && rest.at[digits] >= '0' && rest.at[digits] <= '9') {
        digits++;
    }
    // What stands behind shows that all of them were seen.
    response->has_gap_count =
        digits < rest.length && text_parse_u64(slice_first(rest, digits), &response->gap_count);
}

static void take_data(struct response *response, struct slice value)
{
    if (response->notice == NOTICE_GAP) {
        take_gap(response, value);
    } else if (!response->has_payload) {
        response->has_payload = payload_read(&response->payload, value.at, value.length);
    }
}

// One line of the event stream. False: the callback wants no more.
static bool take_event_line(struct response *response, const uint8_t *line, size_t length,
                            response_callback callback, void *context)
{
    if (length == 0) {
        bool goes_on = true;
        if (response->notice != NOTICE_NONE) {
            bool is_gap = response->notice == NOTICE_GAP;
            goes_on = callback(context, response, is_gap ? RESPONSE_GAP : RESPONSE_LEAVE);
        } else if (response->has_payload) {
            goes_on = callback(context, response, RESPONSE_EVENT);
        }
        response->notice = NOTICE_NONE;
        response->has_gap_count = false;
        response->has_payload = false;
        if (response->keeps_ids) {
            response->last_id = response->id;
        }
        return goes_on;
    }
    if (line_is_field(line, length, "data", 4)) {
        take_data(response, field_value(line, length, 4));
    } else if (line_is_field(line, length, "event", 5)) {
        struct slice name = field_value(line, length, 5);
        response->notice = slice_equal_text(name, "gap")          ? NOTICE_GAP
                           : slice_equal_text(name, "disconnect") ? NOTICE_DISCONNECT
                                                                  : NOTICE_NONE;
    } else if (response->keeps_ids && line_is_field(line, length, "id", 2)) {
        take_id(response, field_value(line, length, 2));
    }
    return true;
}

static bool feed_events(struct response *response, const uint8_t *at, const uint8_t *end,
                        response_callback callback, void *context)
{
    const uint8_t *line = NULL;
    size_t length = 0;
    while ((at = lines_next(&response->lines, at, end, &line, &length)) != NULL) {
        if (!take_event_line(response, line, length, callback, context)) {
            response->phase = RESPONSE_OVER;
            return false;
        }
    }
    return true;
}

// --- chunks ---

// A digit of a chunk's size, or what ends it. False: malformed.
static bool take_size_byte(struct response *response, uint8_t byte)
{
    int digit = text_hex_value(byte);
    if (digit >= 0) {
        response->chunk_left = response->chunk_left * 16 + (uint64_t)digit;
        return response->chunk_left <= CHUNK_BYTES_MAX;
    }
    if (byte == '\n') {
        response->chunk_state = response->chunk_left > 0 ? CHUNK_DATA : CHUNK_TRAILER;
        return true;
    }
    response->chunk_state = CHUNK_SIZE_REST;
    return byte == '\r' || byte == ';' || byte == ' ' || byte == '\t';
}

// A byte that is none of the body's. False: malformed.
static bool take_chunk_byte(struct response *response, uint8_t byte)
{
    switch ((enum chunk_state)response->chunk_state) {
    case CHUNK_SIZE: return take_size_byte(response, byte);
    case CHUNK_SIZE_REST:
        if (byte == '\n') {
            response->chunk_state = response->chunk_left > 0 ? CHUNK_DATA : CHUNK_TRAILER;
        }
        return true;
    case CHUNK_DATA_END:
        if (byte == '\n') {
            response->chunk_state = CHUNK_SIZE;
        }
        return byte == '\r' || byte == '\n';
    case CHUNK_TRAILER:
        if (byte == '\n') {
            response->phase = RESPONSE_OVER;
        } else if (byte != '\r') {
            response->chunk_state = CHUNK_TRAILER_LINE;
        }
        return true;
    case CHUNK_TRAILER_LINE:
        if (byte == '\n') {
            response->chunk_state = CHUNK_TRAILER;
        }
        return true;
    case CHUNK_DATA: break;
    }
    UNREACHABLE();
}

static int feed_chunks(struct response *response, const uint8_t *at, const uint8_t *end,
                       response_callback callback, void *context)
{
    while (at < end && response->phase == RESPONSE_BODY) {
        if (response->chunk_state != CHUNK_DATA) {
            if (!take_chunk_byte(response, *at++)) {
                return -EBADMSG;
            }
            continue;
        }
        uint64_t there = (uint64_t)(end - at);
        uint64_t taken = there < response->chunk_left ? there : response->chunk_left;
        if (!feed_events(response, at, at + taken, callback, context)) {
            return 0;
        }
        at += taken;
        response->chunk_left -= taken;
        if (response->chunk_left == 0) {
            response->chunk_state = CHUNK_DATA_END;
        }
    }
    if (response->phase == RESPONSE_OVER) {
        (void)callback(context, response, RESPONSE_END);
    }
    return 0;
}

// --- the head ---

// Returns what follows the head, NULL when it goes on, with *result 0 or -EBADMSG.
static const uint8_t *feed_head(struct response *response, const uint8_t *at, const uint8_t *end,
                                int *result)
{
    const uint8_t *line = NULL;
    size_t length = 0;
    while ((at = lines_next(&response->lines, at, end, &line, &length)) != NULL) {
        if (response->phase == RESPONSE_STATUS) {
            if (!take_status(response, slice_from(line, length))) {
                *result = -EBADMSG;
                return NULL;
            }
            response->phase = RESPONSE_FIELDS;
        } else if (length > 0) {
            take_field(response, slice_from(line, length));
        } else if (response->status < 200) {
            response->phase = RESPONSE_STATUS; // an interim response; the real one follows
        } else {
            response->phase = RESPONSE_BODY;
            return at;
        }
    }
    return NULL;
}

int response_feed(struct response *response, const uint8_t *at, size_t length,
                  response_callback callback, void *context)
{
    const uint8_t *end = at + length;
    if (response->phase == RESPONSE_STATUS || response->phase == RESPONSE_FIELDS) {
        int result = 0;
        at = feed_head(response, at, end, &result);
        if (at == NULL) {
            return result;
        }
        if (!callback(context, response, RESPONSE_HEAD)) {
            response->phase = RESPONSE_OVER;
        }
    }
    if (response->phase != RESPONSE_BODY) {
        return 0;
    }
    if (response->is_chunked) {
        return feed_chunks(response, at, end, callback, context);
    }
    (void)feed_events(response, at, end, callback, context);
    return 0;
}
