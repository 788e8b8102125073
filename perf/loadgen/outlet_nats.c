// Publishes to NATS core: PUB, which is not answered. A PING at the end is, when all before it was
// taken.
#include "messages.h"
#include "outlet_tcp.h"
#include "target.h"

#include <errno.h>
#include <stdio.h>

static int nats_take_line(struct outlet *outlet, struct slice line)
{
    struct outlet_tcp *tcp = outlet->state;
    static const struct slice info = SLICE_LITERAL("INFO ");
    if (slice_equal_text(line, "PING")) {
        return buffer_append_text(&tcp->out, messages_nats.pong);
    }
    if (slice_equal_text(line, "PONG") && tcp->unanswered > 0) {
        tcp->unanswered--;
        return 0;
    }
    if (slice_starts_with(line, info)) {
        return 0;
    }
    (void)snprintf(outlet->error, sizeof outlet->error, "publishing: the server said '%.*s'",
                   SLICE_ARGUMENTS(line));
    return -EIO;
}

static int nats_open(struct outlet *outlet, const char *where)
{
    int result = outlet_tcp_open(outlet, messages_nats.scheme, where, nats_take_line);
    if (result < 0) {
        return result;
    }
    struct outlet_tcp *tcp = outlet->state;
    (void)buffer_append_text(&tcp->out, "CONNECT {\"verbose\":false,\"pedantic\":false}\r\n");
    result = outlet_tcp_send(outlet);
    if (result < 0) {
        outlet_tcp_close(outlet);
    }
    return result;
}

static int nats_publish(struct outlet *outlet, const struct outlet_event *events, size_t count)
{
    struct outlet_tcp *tcp = outlet->state;
    struct buffer *out = &tcp->out;
    for (size_t i = 0; i < count; i++) {
        (void)buffer_append_text(out, "PUB ");
        target_stream_name(out, outlet->options, events[i].stream);
        (void)buffer_printf(out, " %zu\r\n", events[i].length);
        (void)buffer_append(out, events[i].data, events[i].length);
        (void)buffer_append_text(out, "\r\n");
    }
    return outlet_tcp_send(outlet);
}

static int nats_flush(struct outlet *outlet)
{
    struct outlet_tcp *tcp = outlet->state;
    (void)buffer_append_text(&tcp->out, "PING\r\n");
    tcp->unanswered++;
    int result = outlet_tcp_send(outlet);
    return result < 0 ? result : outlet_tcp_flush(outlet);
}

const struct outlet_kind outlet_kind_nats = {
    .prefix = "nats:",
    .open = nats_open,
    .publish = nats_publish,
    .idle = outlet_tcp_idle,
    .flush = nats_flush,
    .close = outlet_tcp_close,
};
