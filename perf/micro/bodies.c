// layer: wire
// Bodies of publish requests made into checked events.
#include "micro.h"

#include "base/assert.h"
#include "wire/publish_body.h"

enum { DATA_BYTES = 200, BATCH = 100 };

struct work {
    enum body_kind kind;
    struct slice body;
};

static const struct publish_defaults defaults = {
    .event = {.stream = SLICE_LITERAL("chat/42"), .priority = PRIORITY_NORMAL},
    .event_bytes_max = 1 << 20,
    .events_max = PUBLISH_EVENTS_MAX,
};

static void parse(void *context, uint64_t count)
{
    const struct work *work = context;
    for (uint64_t i = 0; i < count; i++) {
        struct publish_batch batch;
        struct publish_fault fault;
        publish_batch_begin(&batch, work->body);
        enum publish_progress progress =
            publish_body_parse(work->kind, work->body, &defaults, &batch, &fault);
        ASSERT(progress == PUBLISH_DONE);
        micro_keep(&batch);
        publish_batch_free(&batch);
    }
}

static void run(const char *name, enum body_kind kind, struct buffer *body)
{
    struct work work = {kind, buffer_slice(body)};
    micro_run(name, CLOCK_THREAD_CPUTIME_ID, parse, &work);
    buffer_free(body);
}

static void put_data(struct buffer *body)
{
    for (int i = 0; i < DATA_BYTES; i++) {
        buffer_append_byte(body, (uint8_t)('a' + i % 26));
    }
}

int main(void)
{
    struct buffer body;
    buffer_init(&body, 1 << 20);
    put_data(&body);
    run("raw body of 200 bytes", BODY_RAW, &body);
    buffer_append_text(&body, "{\"type\":\"text\",\"data\":\"");
    put_data(&body);
    buffer_append_text(&body, "\"}");
    run("JSON body, data of 200 bytes", BODY_JSON, &body);
    buffer_append_text(&body,
                       "{\"type\":\"text\",\"tags\":[\"a\",\"b\"],\"data\":{\"text\": \"\\n");
    put_data(&body);
    buffer_append_text(&body, "\"}}");
    run("  with tags, and JSON in it to be made compact", BODY_JSON, &body);
    for (int i = 0; i < BATCH; i++) {
        buffer_append_text(&body, "{\"type\":\"text\",\"data\":\"");
        put_data(&body);
        buffer_append_text(&body, "\"}\n");
    }
    run("NDJSON of 100 such events", BODY_NDJSON, &body);
    buffer_append_text(&body, "type=text&data=");
    put_data(&body);
    run("form, data of 200 bytes", BODY_FORM, &body);
    return 0;
}
