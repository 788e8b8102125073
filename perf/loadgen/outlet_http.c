// Publishes each event as a POST. A stream keeps to one connection, so its events stay in order.
#include "outlet.h"

#include "post.h"
#include "post_request.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ANSWER_MS_MAX = 10 * 1000, // without any answer
};

struct http_state {
    struct post_request request;
    uint32_t count;
    struct post posts[OPTIONS_PUBLISH_CONNECTIONS_MAX];
    struct pollfd polls[OPTIONS_PUBLISH_CONNECTIONS_MAX];
};

static void http_close(struct outlet *outlet)
{
    struct http_state *state = outlet->state;
    for (uint32_t i = 0; i < state->count; i++) {
        post_close(&state->posts[i]);
    }
    post_request_close(&state->request);
    free(state);
    outlet->state = NULL;
}

static int http_open(struct outlet *outlet, const char *where)
{
    (void)where; // the prefix is part of the URL
    const struct options *options = outlet->options;
    struct http_state *state = calloc(1, sizeof *state);
    if (state == NULL) {
        (void)snprintf(outlet->error, sizeof outlet->error, "no memory");
        return -ENOMEM;
    }
    outlet->state = state;
    int result = post_request_open(&state->request, options, outlet->error, sizeof outlet->error);
    while (result == 0 && state->count < options->publish_connections) {
        result = post_open(&state->posts[state->count++], &state->request.target,
                           options->publish_pipeline, outlet->error, sizeof outlet->error);
    }
    if (result < 0) {
        http_close(outlet);
    }
    return result;
}

// Sends what there is to send, and takes the answers that come within the time. Returns how many
// connections had news, or -errno.
static int exchange(struct http_state *state, int timeout_ms)
{
    for (uint32_t i = 0; i < state->count; i++) {
        struct post *post = &state->posts[i];
        int result = post_send(post);
        if (result < 0) {
            return result;
        }
        bool has_unsent = post_has_unsent(post);
        state->polls[i] = (struct pollfd){
            .fd = post->fd,
            .events = (short)(has_unsent ? POLLIN | POLLOUT : POLLIN),
        };
    }
    int ready = poll(state->polls, state->count, timeout_ms);
    for (uint32_t i = 0; ready > 0 && i < state->count; i++) {
        if ((state->polls[i].revents & ~POLLOUT) != 0) {
            int result = post_receive(&state->posts[i]);
            if (result < 0) {
                return result;
            }
        }
    }
    return ready < 0 && errno != EINTR ? -errno : ready;
}

// The same, when an answer has to come.
static int await_news(struct outlet *outlet)
{
    int ready = exchange(outlet->state, ANSWER_MS_MAX);
    if (ready == 0) {
        (void)snprintf(outlet->error, sizeof outlet->error,
                       "publishing to %.200s: no answer for %d s", outlet->options->publish,
                       ANSWER_MS_MAX / 1000);
        return -ETIMEDOUT;
    }
    return ready < 0 ? ready : 0;
}

// Puts the event on its connection. Returns 0 or -errno.
static int event_append(struct outlet *outlet, struct post *post, const struct outlet_event *event)
{
    struct post_request *request = &((struct http_state *)outlet->state)->request;
    int result = post_request_make(request, event->stream, slice_from(event->data, event->length));
    if (result < 0) {
        (void)snprintf(outlet->error, sizeof outlet->error, "a request to %.200s is too long",
                       outlet->options->publish);
        return result;
    }
    return post_append(post, buffer_slice(&request->head), buffer_slice(&request->body));
}

static int http_idle(struct outlet *outlet)
{
    int ready = exchange(outlet->state, 0);
    return ready < 0 ? ready : 0;
}

static int http_publish(struct outlet *outlet, const struct outlet_event *events, size_t count)
{
    struct http_state *state = outlet->state;
    int result = http_idle(outlet);
    for (size_t i = 0; i < count && result == 0; i++) {
        struct post *post = &state->posts[events[i].stream % state->count];
        while (result == 0 && post_is_full(post)) {
            result = await_news(outlet);
        }
        if (result == 0) {
            result = event_append(outlet, post, &events[i]);
        }
    }
    for (uint32_t i = 0; i < state->count && result == 0; i++) {
        result = post_send(&state->posts[i]);
    }
    return result;
}

static int http_flush(struct outlet *outlet)
{
    struct http_state *state = outlet->state;
    int result = 0;
    for (uint32_t i = 0; i < state->count && result == 0; i++) {
        while (result == 0 && state->posts[i].count > 0) {
            result = await_news(outlet);
        }
    }
    return result;
}

const struct outlet_kind outlet_kind_http = {
    .prefix = "http://",
    .takes_body = true,
    .open = http_open,
    .publish = http_publish,
    .idle = http_idle,
    .flush = http_flush,
    .close = http_close,
};
