// Publishes through libringcast over a broker's Unix socket.
#include "outlet.h"

#include "target.h"

#include "base/bytes.h"

#include <ringcast/client.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FLUSH_MS_MAX = 10 * 1000,
    NAME_SIZE = 256,
};

struct unix_state {
    struct rc_client *client;
    char (*names)[NAME_SIZE]; // of the streams
    struct rc_event events[OPTIONS_BATCH_MAX];
    int refusal; // the first code that was not RC_OK
};

static int fail(struct outlet *outlet, int code, const char *what)
{
    (void)snprintf(outlet->error, sizeof outlet->error, "publishing: %s: %s%s%s", what,
                   rc_code_text(code), code == RC_NO_CONNECTION ? ", " : "",
                   code == RC_NO_CONNECTION ? strerror(errno) : "");
    return -EIO;
}

static void on_answer(void *context, const struct rc_result *result)
{
    struct unix_state *state = context;
    // What was unanswered when the client is closed is told as RC_NOT_SENT: no refusal.
    if (result->code != RC_OK && result->code != RC_NOT_SENT && state->refusal == RC_OK) {
        state->refusal = result->code;
    }
}

static int names_make(struct unix_state *state, const struct options *options)
{
    state->names = calloc(options->streams, sizeof *state->names);
    if (state->names == NULL) {
        return -ENOMEM;
    }
    for (uint32_t stream = 0; stream < options->streams; stream++) {
        struct buffer name;
        buffer_wrap(&name, state->names[stream], NAME_SIZE - 1);
        target_stream_name(&name, options, stream);
        if (buffer_failure(&name) != 0) {
            return -EINVAL;
        }
    }
    return 0;
}

static void unix_close(struct outlet *outlet)
{
    struct unix_state *state = outlet->state;
    rc_close(state->client);
    free(state->names);
    free(state);
    outlet->state = NULL;
}

static int unix_open(struct outlet *outlet, const char *where)
{
    struct unix_state *state = calloc(1, sizeof *state);
    if (state == NULL || names_make(state, outlet->options) < 0) {
        (void)snprintf(outlet->error, sizeof outlet->error, "no memory, or stream names too long");
        if (state != NULL) {
            free(state->names);
        }
        free(state);
        return -ENOMEM;
    }
    outlet->state = state;
    // Repeats would be found by the check; numbering them costs the broker a look-up that real
    // producers need, so it stays on.
    int code = rc_client_open(where, NULL, &state->client);
    if (code != RC_OK) {
        int result = fail(outlet, code, where);
        unix_close(outlet);
        return result;
    }
    return 0;
}

static int refusal_check(struct outlet *outlet)
{
    const struct unix_state *state = outlet->state;
    return state->refusal == RC_OK ? 0
                                   : fail(outlet, state->refusal, "the broker refused an event");
}

static int unix_publish(struct outlet *outlet, const struct outlet_event *events, size_t count)
{
    struct unix_state *state = outlet->state;
    size_t bytes_max = rc_batch_bytes_max(state->client);
    size_t done = 0;
    while (done < count) {
        size_t taken = 0;
        size_t bytes = 0;
        while (done + taken < count && taken < outlet->options->batch) {
            const struct outlet_event *event = &events[done + taken];
            state->events[taken] = (struct rc_event){
                .stream = state->names[event->stream],
                .data = event->data,
                .data_length = event->length,
                .ack = outlet->options->ack,
            };
            bytes += rc_event_bytes(&state->events[taken]);
            if (taken > 0 && bytes > bytes_max) {
                break;
            }
            taken++;
        }
        int code = taken == 1 ? rc_publish(state->client, state->events, on_answer, state)
                              : rc_batch(state->client, state->events, taken, on_answer, state);
        if (code != RC_OK) {
            return fail(outlet, code, rc_message(state->client));
        }
        done += taken;
    }
    return refusal_check(outlet);
}

static int unix_idle(struct outlet *outlet)
{
    const struct unix_state *state = outlet->state;
    int code = rc_poll(state->client, 0);
    return code < 0 ? fail(outlet, code, rc_message(state->client)) : refusal_check(outlet);
}

static int unix_flush(struct outlet *outlet)
{
    const struct unix_state *state = outlet->state;
    int code = rc_flush(state->client, FLUSH_MS_MAX);
    return code != RC_OK ? fail(outlet, code, rc_message(state->client)) : refusal_check(outlet);
}

const struct outlet_kind outlet_kind_unix = {
    .prefix = "unix:",
    .open = unix_open,
    .publish = unix_publish,
    .idle = unix_idle,
    .flush = unix_flush,
    .close = unix_close,
};
