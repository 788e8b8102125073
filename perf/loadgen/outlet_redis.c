// Publishes to Redis: PUBLISH, a batch at a time, without waiting for the answers.
#include "messages.h"
#include "outlet_tcp.h"
#include "target.h"

#include <errno.h>
#include <stdio.h>

static int redis_take_line(struct outlet *outlet, struct slice line)
{
    struct outlet_tcp *tcp = outlet->state;
    // ":3": to how many subscribers it went.
    if (line.length > 0 && line.at[0] == ':' && tcp->unanswered > 0) {
        tcp->unanswered--;
        return 0;
    }
    (void)snprintf(outlet->error, sizeof outlet->error, "publishing: the server answered '%.*s'",
                   SLICE_ARGUMENTS(line));
    return -EIO;
}

static int redis_open(struct outlet *outlet, const char *where)
{
    return outlet_tcp_open(outlet, messages_redis.scheme, where, redis_take_line);
}

static int redis_publish(struct outlet *outlet, const struct outlet_event *events, size_t count)
{
    struct outlet_tcp *tcp = outlet->state;
    struct buffer *out = &tcp->out;
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
    tcp->unanswered += count;
    return outlet_tcp_send(outlet);
}

const struct outlet_kind outlet_kind_redis = {
    .prefix = "redis:",
    .open = redis_open,
    .publish = redis_publish,
    .idle = outlet_tcp_idle,
    .flush = outlet_tcp_flush,
    .close = outlet_tcp_close,
};
