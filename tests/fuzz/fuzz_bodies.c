// layer: wire

// Bodies of requests that publish or set: whatever they hold, events that are given out are valid,
// within the limits and whole in the body or the batch; what is refused says why and where, in
// UTF-8. The first byte is the kind of body and whether the request has defaults of its own.
#include "base/limits.h"
#include "base/utf8.h"
#include "wire/publish_body.h"
#include "wire/settings_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DATA_BYTES_MAX = 4096, EVENTS_MAX = 50 };

static void check_message(const char *message)
{
    ASSERT(message[0] != 0);
    ASSERT(utf8_is_valid(slice_of(message)));
}

static void check_events(const struct publish_batch *batch, const struct publish_defaults *defaults,
                         size_t body_bytes)
{
    ASSERT(batch->count >= 1 && batch->count <= EVENTS_MAX);
    ASSERT(batch->texts.taken_bytes <= 2 * body_bytes + (64 << 10));
    uint64_t sum = 0;
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct event *event = &batch->events[i];
        char message[MEMBER_MESSAGE_BYTES];
        ASSERT(event_validate(event, message, sizeof message) == ERR_NONE);
        ASSERT(event->data.length <= DATA_BYTES_MAX);
        ASSERT(slice_equal(event->stream, defaults->event.stream));
        ASSERT(defaults->event.producer_id == 0 ||
               event->producer_sequence == defaults->event.producer_sequence + i);
        for (size_t j = 0; j < event->data.length; j++) {
            sum += event->data.at[j]; // a sanitizer sees each byte touched
        }
    }
    ASSERT(sum <= UINT64_C(255) * DATA_BYTES_MAX * EVENTS_MAX);
}

// Whether the body was taken as that kind.
static bool publish(enum body_kind kind, struct slice body, const struct publish_defaults *defaults)
{
    struct publish_batch batch;
    struct publish_fault fault = {0};
    enum publish_progress progress = PUBLISH_MORE;
    publish_batch_begin(&batch, body);
    while (progress == PUBLISH_MORE) {
        progress = publish_body_parse(kind, body, defaults, &batch, &fault);
    }
    ASSERT(kind != BODY_RAW || batch.texts.newest == NULL);
    if (progress == PUBLISH_DONE) {
        check_events(&batch, defaults, body.length);
    }
    publish_batch_free(&batch);
    if (progress == PUBLISH_DONE) {
        return true;
    }
    check_message(fault.message);
    ASSERT(fault.error != ERR_NONE && fault.index <= EVENTS_MAX);
    ASSERT(fault.position == MEMBER_POSITION_NONE || fault.position <= body.length);
    return false;
}

static void set(struct slice body)
{
    struct arena texts;
    struct stream_settings settings;
    struct slice content_type;
    struct member_fault fault = {0};
    arena_init(&texts, body.length);
    if (settings_json_parse(body, &texts, &settings, &content_type, &fault)) {
        ASSERT((settings.parts & ~(uint64_t)(SETTINGS_RETENTION | SETTINGS_FLOW)) == 0);
        ASSERT(stream_flow_is_valid(&settings.flow));
        ASSERT(content_type.length <= ATTRIBUTE_BYTES_MAX && utf8_is_valid(content_type));
    } else {
        check_message(fault.message);
        ASSERT(fault.error != ERR_NONE);
        ASSERT(fault.position == MEMBER_POSITION_NONE || fault.position <= body.length);
    }
    arena_free(&texts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    uint8_t storage[64];
    struct buffer attributes;
    buffer_wrap(&attributes, storage, sizeof storage);
    event_attribute_append(&attributes, ATTRIBUTE_TAG, slice_of("asked"));
    event_attribute_append(&attributes, ATTRIBUTE_SOURCE, slice_of("query"));
    struct publish_defaults defaults = {
        .event = {.stream = SLICE_LITERAL("s"), .priority = PRIORITY_NORMAL},
        .event_bytes_max = DATA_BYTES_MAX,
        .events_max = EVENTS_MAX,
    };
    if ((data[0] & 8) != 0) {
        defaults.event.attributes = buffer_slice(&attributes);
        defaults.event.producer_id = 1;
        defaults.event.producer_sequence = 1;
    }
    struct slice body = slice_from(data + 1, size - 1);
    enum body_kind kind = (enum body_kind)(data[0] % BODY_KINDS);
    bool is_taken = publish(kind, body, &defaults);
    // An object on one line is a batch of one.
    if (kind == BODY_JSON && is_taken && slice_find(body, '\n') == body.length) {
        ASSERT(publish(BODY_NDJSON, body, &defaults));
    }
    set(body);
    return 0;
}
