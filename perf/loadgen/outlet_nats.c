// Publishes to NATS core: PUB, which is not answered. A PING at the end is, when all before it was
// taken.
#include "messages.h"
#include "outlet_tcp.h"
#include "target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    FLUSH_MS_MAX = 10 * 1000,
};

struct nats_state {
    struct outlet_tcp tcp;
    uint64_t pings; // unanswered
};

static int nats_take_line(struct outlet *outlet, struct slice line)
{
    struct nats_state *state = outlet->state;
    static const struct slice info = SLICE_LITERAL("INFO ");
    if (slice_equal_text(line, "PING")) {
        return buffer_append_text(&state->tcp.out, messages_nats.pong);
    }
    if (slice_equal_text(line, "PONG") && state->pings > 0) {
        state->pings--;
        return 0;
    }
    if (slice_starts_with(line, info)) {
        return 0;
    }
    (void)snprintf(outlet->error, sizeof outlet->error, "publishing: the server said '%.*s'",
                   SLICE_ARGUMENTS(line));
    return -EIO;
}

static void nats_close(struct outlet *outlet)
{
    struct nats_state *state = outlet->state;
    outlet_tcp_free(&state->tcp);
    free(state);
    outlet->state = NULL;
}

static int nats_open(struct outlet *outlet, const char *where)
{
    struct nats_state *state = calloc(1, sizeof *state);
    if (state == NULL) {
        (void)snprintf(outlet->error, sizeof outlet->error, "no memory");
        return -ENOMEM;
    }
    outlet->state = state;
    int result = outlet_tcp_open(outlet, &state->tcp, messages_nats.scheme, where);
    state->tcp.take_line = nats_take_line;
    if (result == 0) {
        (void)buffer_append_text(&state->tcp.out,
                                 "CONNECT {\"verbose\":false,\"pedantic\":false}\r\n");
        result = outlet_tcp_send(outlet, &state->tcp);
    }
    if (result < 0) {
        nats_close(outlet);
    }
    return result;
}

static int nats_publish(struct outlet *outlet, const struct outlet_event *events, size_t count)
{
    struct nats_state *state = outlet->state;
    struct buffer *out = &state->tcp.out;
    for (size_t i = 0; i < count; i++) {
        (void)buffer_append_text(out, "PUB ");
        target_stream_name(out, outlet->options, events[i].stream);
        (void)buffer_printf(out, " %zu\r\n", events[i].length);
        (void)buffer_append(out, events[i].data, events[i].length);
        (void)buffer_append_text(out, "\r\n");
    }
    return outlet_tcp_send(outlet, &state->tcp);
}

static int nats_idle(struct outlet *outlet)
{
    struct nats_state *state = outlet->state;
    return outlet_tcp_take(outlet, &state->tcp, 0);
}

static int nats_flush(struct outlet *outlet)
{
    struct nats_state *state = outlet->state;
    (void)buffer_append_text(&state->tcp.out, "PING\r\n");
    state->pings++;
    int result = outlet_tcp_send(outlet, &state->tcp);
    while (result == 0 && state->pings > 0) {
        result = outlet_tcp_take(outlet, &state->tcp, FLUSH_MS_MAX);
    }
    return result;
}

const struct outlet_kind outlet_kind_nats = {
    .prefix = "nats:",
    .open = nats_open,
    .publish = nats_publish,
    .idle = nats_idle,
    .flush = nats_flush,
    .close = nats_close,
};
