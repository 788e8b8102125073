// Publishes to Redis: PUBLISH, a batch at a time, without waiting for the answers.
#include "messages.h"
#include "outlet_tcp.h"
#include "target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    FLUSH_MS_MAX = 10 * 1000,
};

struct redis_state {
    struct outlet_tcp tcp;
    uint64_t unanswered;
};

static int redis_take_line(struct outlet *outlet, struct slice line)
{
    struct redis_state *state = outlet->state;
    // ":3": to how many subscribers it went.
    if (line.length > 0 && line.at[0] == ':' && state->unanswered > 0) {
        state->unanswered--;
        return 0;
    }
    (void)snprintf(outlet->error, sizeof outlet->error, "publishing: the server answered '%.*s'",
                   SLICE_ARGUMENTS(line));
    return -EIO;
}

static void redis_close(struct outlet *outlet)
{
    struct redis_state *state = outlet->state;
    outlet_tcp_free(&state->tcp);
    free(state);
    outlet->state = NULL;
}

static int redis_open(struct outlet *outlet, const char *where)
{
    struct redis_state *state = calloc(1, sizeof *state);
    if (state == NULL) {
        (void)snprintf(outlet->error, sizeof outlet->error, "no memory");
        return -ENOMEM;
    }
    outlet->state = state;
    int result = outlet_tcp_open(outlet, &state->tcp, messages_redis.scheme, where);
    state->tcp.take_line = redis_take_line;
    if (result < 0) {
        redis_close(outlet);
    }
    return result;
}

static int redis_publish(struct outlet *outlet, const struct outlet_event *events, size_t count)
{
    struct redis_state *state = outlet->state;
    struct buffer *out = &state->tcp.out;
    for (size_t i = 0; i < count; i++) {
        uint8_t bytes[TARGET_NAME_BYTES_MAX];
        struct buffer name;
        buffer_wrap(&name, bytes, sizeof bytes);
        target_stream_name(&name, outlet->options, events[i].stream);
        (void)buffer_printf(out, "*3\r\n$7\r\nPUBLISH\r\n$%zu\r\n", buffer_length(&name));
        (void)buffer_append_slice(out, buffer_slice(&name));
        (void)buffer_printf(out, "\r\n$%zu\r\n", events[i].length);
        (void)buffer_append(out, events[i].data, events[i].length);
        (void)buffer_append_text(out, "\r\n");
    }
    state->unanswered += count;
    return outlet_tcp_send(outlet, &state->tcp);
}

static int redis_idle(struct outlet *outlet)
{
    struct redis_state *state = outlet->state;
    return outlet_tcp_take(outlet, &state->tcp, 0);
}

static int redis_flush(struct outlet *outlet)
{
    struct redis_state *state = outlet->state;
    int result = 0;
    while (result == 0 && state->unanswered > 0) {
        result = outlet_tcp_take(outlet, &state->tcp, FLUSH_MS_MAX);
    }
    return result;
}

const struct outlet_kind outlet_kind_redis = {
    .prefix = "redis:",
    .open = redis_open,
    .publish = redis_publish,
    .idle = redis_idle,
    .flush = redis_flush,
    .close = redis_close,
};
