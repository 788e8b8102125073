#include "event/frame.h"

#include "base/base64.h"
#include "base/text.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
    ID_LINE_BYTES_MAX = sizeof "id: \n" - 1 + TEXT_U64_BYTES_MAX,
    RETRY_LINE_BYTES_MAX = sizeof "retry: \n" - 1 + 10,
    TYPE_LINE_BYTES = sizeof "event: \n" - 1,
    DATA_LINE_BYTES = sizeof "data: \n" - 1,
};

static const char data_prefix[] = "data: ";
enum { DATA_PREFIX_BYTES = sizeof data_prefix - 1 };

enum frame_form frame_form_of(const struct event *event)
{
    if (event->binary) {
        return FRAME_FORM_BINARY;
    }
    if (event->data.length == 0 || (memchr(event->data.at, '\r', event->data.length) == NULL &&
                                    memchr(event->data.at, 0, event->data.length) == NULL)) {
        return FRAME_FORM_TEXT;
    }
    return FRAME_FORM_RAW;
}

// The first CR or LF, or end.
static const uint8_t *find_line_end(const uint8_t *at, const uint8_t *end)
{
#ifdef __SSE2__
    const __m128i carriage_return = _mm_set1_epi8('\r');
    const __m128i line_feed = _mm_set1_epi8('\n');
    for (; end - at >= 16; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        int found = _mm_movemask_epi8(
            _mm_or_si128(_mm_cmpeq_epi8(bytes, carriage_return), _mm_cmpeq_epi8(bytes, line_feed)));
        if (found != 0) {
            return at + __builtin_ctz((unsigned)found);
        }
    }
#endif
    while (at < end && *at != '\r' && *at != '\n') {
        at++;
    }
    return at;
}

static size_t count_line_feeds(const uint8_t *at, const uint8_t *end)
{
    size_t count = 0;
#ifdef __SSE2__
    const __m128i line_feed = _mm_set1_epi8('\n');
    for (; end - at >= 16; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        count += (unsigned)__builtin_popcount(
            (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, line_feed)));
    }
#endif
    for (; at < end; at++) {
        count += *at == '\n';
    }
    return count;
}

// Past the line end at `at` (CR LF is one), which is not the end of the data.
static const uint8_t *skip_line_end(const uint8_t *at, const uint8_t *end)
{
    return at[0] == '\r' && end - at >= 2 && at[1] == '\n' ? at + 2 : at + 1;
}

static size_t count_lines(struct slice data, enum frame_form form)
{
    if (form == FRAME_FORM_BINARY || data.length == 0) {
        return 1;
    }
    const uint8_t *at = data.at;
    const uint8_t *end = data.at + data.length;
    if (form == FRAME_FORM_TEXT) {
        return 1 + count_line_feeds(at, end);
    }
    size_t lines = 1;
    while ((at = find_line_end(at, end)) < end) {
        at = skip_line_end(at, end);
        lines++;
    }
    return lines;
}

size_t frame_size_max(const struct event *event, enum frame_form form)
{
    size_t data = form == FRAME_FORM_BINARY
                      ? base64_encoded_length(event->data.length, BASE64_STANDARD)
                      : event->data.length;
    // Each line end of the data gives way to the frame's own.
    size_t lines = count_lines(event->data, form);
    return ID_LINE_BYTES_MAX +
           (event->type.length == 0 ? 0 : TYPE_LINE_BYTES + event->type.length) +
           (event->retry_ms == 0 ? 0 : RETRY_LINE_BYTES_MAX) + lines * DATA_LINE_BYTES + data -
           (lines - 1) + 1;
}

static uint8_t *put(uint8_t *out, const void *bytes, size_t length)
{
    memcpy(out, bytes, length);
    return out + length;
}

static uint8_t *put_number_line(uint8_t *out, const char *prefix, size_t prefix_length,
                                uint64_t number)
{
    char digits[TEXT_U64_BYTES_MAX];
    out = put(out, prefix, prefix_length);
    out = put(out, digits, text_format_u64(number, digits));
    *out++ = '\n';
    return out;
}

static uint8_t *put_data_line(uint8_t *out, const uint8_t *from, const uint8_t *to)
{
    out = put(out, data_prefix, DATA_PREFIX_BYTES);
    out = put(out, from, (size_t)(to - from));
    *out++ = '\n';
    return out;
}

static uint8_t *put_text(uint8_t *out, const uint8_t *at, const uint8_t *end)
{
    const uint8_t *line_end;
    while ((line_end = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        out = put_data_line(out, at, line_end);
        at = line_end + 1;
    }
    return put_data_line(out, at, end);
}

static uint8_t *put_raw(uint8_t *out, const uint8_t *at, const uint8_t *end)
{
    const uint8_t *line_end;
    while ((line_end = find_line_end(at, end)) < end) {
        out = put_data_line(out, at, line_end);
        at = skip_line_end(line_end, end);
    }
    return put_data_line(out, at, end);
}

static uint8_t *put_base64(uint8_t *out, struct slice data)
{
    out = put(out, data_prefix, DATA_PREFIX_BYTES);
    out += base64_encode((char *)out, data, BASE64_STANDARD);
    *out++ = '\n';
    return out;
}

size_t frame_write(uint8_t *out, const struct event *event, enum frame_form form, uint64_t id)
{
    uint8_t *start = out;
    if (id != 0) {
        out = put_number_line(out, "id: ", sizeof "id: " - 1, id);
    }
    if (event->type.length > 0) {
        out = put(out, "event: ", sizeof "event: " - 1);
        out = put(out, event->type.at, event->type.length);
        *out++ = '\n';
    }
    if (event->retry_ms != 0) {
        out = put_number_line(out, "retry: ", sizeof "retry: " - 1, event->retry_ms);
    }
    // An empty slice may have no address; what is read below lies between two equal ones then.
    static const uint8_t nothing;
    const uint8_t *data = event->data.length == 0 ? &nothing : event->data.at;
    switch (form) {
    case FRAME_FORM_TEXT: out = put_text(out, data, data + event->data.length); break;
    case FRAME_FORM_RAW: out = put_raw(out, data, data + event->data.length); break;
    case FRAME_FORM_BINARY: out = put_base64(out, event->data); break;
    }
    *out++ = '\n';
    return (size_t)(out - start);
}

// The bytes up to and with the end of the frame that is under way. 0: there is none.
static size_t length_to_end(struct slice text)
{
    static const char end[] = "\n\n"; // no line of a frame is empty
    enum { END_BYTES = sizeof end - 1 };
    const uint8_t *found = text.length == 0 ? NULL : memmem(text.at, text.length, end, END_BYTES);
    return found == NULL ? 0 : (size_t)(found - text.at) + END_BYTES;
}

static bool read_id(struct slice frame, uint64_t *id)
{
    enum { PREFIX_BYTES = sizeof "id: " - 1 };
    return frame.length >= PREFIX_BYTES && memcmp(frame.at, "id: ", PREFIX_BYTES) == 0 &&
           text_parse_u64(slice_after(slice_first(frame, slice_find(frame, '\n')), PREFIX_BYTES),
                          id);
}

bool frame_next(struct slice *frames, struct slice *frame, uint64_t *id)
{
    size_t length = length_to_end(*frames);
    if (length == 0 || !read_id(*frames, id)) {
        return false;
    }
    *frame = slice_first(*frames, length);
    *frames = slice_after(*frames, length);
    return true;
}

void frame_skip_through(struct slice *frames, uint64_t id)
{
    enum { SEARCHED_BYTES = 512 }; // below it, going on frame by frame is as fast
    size_t low = 0;                // a frame begins here, and all before it are to be skipped
    size_t high = frames->length;
    while (high - low > SEARCHED_BYTES) {
        size_t middle = low + (high - low) / 2;
        size_t step = length_to_end(slice_from(frames->at + middle, high - middle));
        size_t start = middle + step;
        uint64_t found;
        if (step > 0 && start < high && read_id(slice_after(*frames, start), &found) &&
            found <= id) {
            low = start;
        } else {
            high = middle;
        }
    }
    *frames = slice_after(*frames, low);
    struct slice rest = *frames;
    struct slice frame;
    uint64_t found;
    while (frame_next(&rest, &frame, &found) && found <= id) {
        *frames = rest;
    }
}

// The next data line's text; false where there is none.
static bool next_data_line(struct slice *frame, struct slice *text)
{
    while (frame->length > 0) {
        size_t length = slice_find(*frame, '\n');
        if (length == frame->length) {
            return false;
        }
        struct slice line = slice_first(*frame, length);
        *frame = slice_after(*frame, length + 1);
        if (line.length >= DATA_PREFIX_BYTES &&
            memcmp(line.at, data_prefix, DATA_PREFIX_BYTES) == 0) {
            *text = slice_after(line, DATA_PREFIX_BYTES);
            return true;
        }
    }
    return false;
}

bool frame_find(struct slice frames, size_t offset, size_t *start, uint64_t *id)
{
    if (offset >= frames.length) {
        return false;
    }
    // Back to the empty line before it.
    size_t at = offset;
    while (at > 0) {
        const uint8_t *line_feed = memrchr(frames.at, '\n', at);
        at = line_feed == NULL ? 0 : (size_t)(line_feed - frames.at);
        if (at > 0 && frames.at[at - 1] == '\n') {
            at++;
            break;
        }
    }
    *start = at;
    return read_id(slice_after(frames, at), id);
}

uint32_t frame_count(struct slice frames)
{
    uint32_t count = 0;
    for (size_t length; (length = length_to_end(frames)) > 0; count++) {
        frames = slice_after(frames, length);
    }
    return count;
}

struct slice frame_type(struct slice frame)
{
    static const struct slice id_prefix = SLICE_LITERAL("id: ");
    static const struct slice type_prefix = SLICE_LITERAL("event: ");
    if (slice_starts_with(frame, id_prefix)) {
        size_t end = slice_find(frame, '\n');
        frame = slice_after(frame, end < frame.length ? end + 1 : end);
    }
    return slice_starts_with(frame, type_prefix)
               ? slice_after(slice_first(frame, slice_find(frame, '\n')), type_prefix.length)
               : slice_empty();
}

bool frame_data_append(struct buffer *out, struct slice frame)
{
    struct slice text;
    bool is_first = true;
    while (next_data_line(&frame, &text)) {
        if ((!is_first && buffer_append_byte(out, '\n') != 0) ||
            buffer_append_slice(out, text) != 0) {
            return false;
        }
        is_first = false;
    }
    return !is_first && frame.length == 0;
}

size_t frame_data_length(struct slice frame)
{
    struct slice text;
    size_t length = 0;
    for (uint32_t lines = 0; next_data_line(&frame, &text); lines++) {
        length += text.length + (lines > 0);
    }
    return length;
}
