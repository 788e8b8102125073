// layer: event
// link: tests/unit/event/sse_parser.c

// An event made of the input: its attributes are walked, it is validated, and the frame of one that
// is valid, read back by an independent parser, holds exactly its lines.
#include "base/assert.h"
#include "base/base64.h"
#include "base/limits.h"
#include "event/frame.h"
#include "unit/event/sse_parser.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Takes the next `most` bytes at most, as many as the first one says.
static struct slice take(struct slice *rest, size_t most)
{
    if (rest->length == 0) {
        return slice_empty();
    }
    size_t length = rest->at[0] % (most + 1);
    *rest = slice_after(*rest, 1);
    length = length < rest->length ? length : rest->length;
    struct slice taken = slice_first(*rest, length);
    *rest = slice_after(*rest, length);
    return taken;
}

static void walk_attributes(struct slice list)
{
    struct attribute attribute;
    bool malformed;
    struct buffer copy;
    struct slice rest = list;
    buffer_init(&copy, list.length);
    while (event_attribute_next(&rest, &attribute, &malformed)) {
        ASSERT(event_attribute_append(&copy, attribute.kind, attribute.value));
    }
    size_t read = list.length - rest.length;
    ASSERT(malformed == (rest.length > 0));
    ASSERT(slice_equal(buffer_slice(&copy), slice_first(list, read)));
    buffer_free(&copy);
}

// CR, LF and CR LF become LF.
static size_t normalize(struct slice data, uint8_t *into)
{
    size_t length = 0;
    for (size_t i = 0; i < data.length; i++) {
        bool is_return = data.at[i] == '\r';
        into[length++] = is_return ? '\n' : data.at[i];
        i += is_return && i + 1 < data.length && data.at[i + 1] == '\n';
    }
    return length;
}

static void check_frame(const struct event *event, uint64_t id)
{
    enum frame_form form = frame_form_of(event);
    size_t most = frame_size_max(event, form);
    uint8_t *frame = malloc(most);
    uint8_t *expected = malloc(2 * event->data.length + 8);
    ASSERT(frame != NULL && expected != NULL);
    size_t length = frame_write(frame, event, form, id);
    ASSERT(length <= most && most <= FRAME_BYTES_MAX);
    struct sse_parser parser = {0};
    ASSERT(sse_parse(&parser, frame, length));
    ASSERT(parser.dispatched == 1 && parser.data_length == 0);
    size_t expected_length = form == FRAME_FORM_BINARY
                                 ? base64_encode((char *)expected, event->data, BASE64_STANDARD)
                                 : normalize(event->data, expected);
    ASSERT(slice_equal(slice_from(parser.event.data, parser.event.data_length),
                       slice_from(expected, expected_length)));
    struct slice type = event->type.length == 0 ? slice_of("message") : event->type;
    ASSERT(slice_equal(slice_from(parser.event.type, parser.event.type_length), type));
    ASSERT(parser.retry_ms == event->retry_ms);
    struct slice frames = slice_from(frame, length);
    struct slice first;
    uint64_t first_id;
    ASSERT(frame_next(&frames, &first, &first_id) == (id != 0));
    ASSERT(id == 0 || (first_id == id && first.length == length));
    if (form == FRAME_FORM_TEXT) {
        struct buffer back;
        buffer_init(&back, length);
        ASSERT(frame_data_append(&back, slice_from(frame, length)));
        ASSERT(slice_equal(buffer_slice(&back), event->data));
        buffer_free(&back);
    }
    sse_free(&parser);
    free(frame);
    free(expected);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = slice_from(data, size);
    struct slice numbers = take(&rest, 12);
    struct event event = {
        .stream = take(&rest, 255),
        .type = take(&rest, 255),
        .attributes = take(&rest, 200),
        .data = rest,
    };
    uint64_t id = 0;
    if (numbers.length >= 10) {
        event.binary = (numbers.at[0] & 1) != 0;
        event.priority = (enum event_priority)(numbers.at[0] >> 1 & 7);
        event.retry_ms = load_le32(numbers.at + 1);
        id = load_le64(numbers.at + 2);
    }
    walk_attributes(event.attributes);
    char message[200];
    enum rc_error error = event_validate(&event, message, sizeof message);
    ASSERT((error == ERR_NONE) == (message[0] == 0));
    if (error == ERR_NONE) {
        check_frame(&event, id);
    }
    // Frames that are none.
    struct slice frames = slice_from(data, size);
    struct slice frame;
    while (frame_next(&frames, &frame, &id)) {
        ASSERT(frame.length > 0 && frame.length <= size);
    }
    frames = slice_from(data, size);
    frame_skip_through(&frames, id);
    ASSERT(frames.length <= size);
    size_t start = 0;
    size_t offset = size == 0 ? 0 : id % (size + 1);
    ASSERT(!frame_find(slice_from(data, size), offset, &start, &id) || start <= offset);
    ASSERT(frame_count(slice_from(data, size)) <= size);
    ASSERT(frame_type(slice_from(data, size)).length <= size);
    struct buffer out;
    buffer_init(&out, size);
    frame_data_append(&out, slice_from(data, size));
    buffer_free(&out);
    return 0;
}
