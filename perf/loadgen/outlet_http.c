// Publishes each event as a POST. A stream keeps to one connection, so its events stay in order.
#include "outlet.h"

#include "post.h"
#include "target.h"
#include "template.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    ANSWER_MS_MAX = 10 * 1000, // without any answer
    HEAD_BYTES_MAX = 64 << 10,
    BODY_BYTES_MAX = 32 << 20,
};

struct http_state {
    struct target target;
    struct buffer fields; // of every request, from its version on
    struct buffer head;   // of the request being made
    struct buffer body;
    uint32_t count;
    struct post posts[OPTIONS_PUBLISH_CONNECTIONS_MAX];
    struct pollfd polls[OPTIONS_PUBLISH_CONNECTIONS_MAX];
};

static void fields_make(struct buffer *fields, const struct target *target)
{
    const struct options_headers *headers = &target->options->publish_headers;
    static const char content_type[] = "Content-Type:";
    bool has_content_type = false;
    (void)buffer_printf(fields, " HTTP/1.1\r\nHost: %s\r\nUser-Agent: ringcast-bench\r\n",
                        target->authority);
    for (uint32_t i = 0; i < headers->count; i++) {
        (void)buffer_printf(fields, "%s\r\n", headers->lines[i]);
        has_content_type |=
            strncasecmp(headers->lines[i], content_type, sizeof content_type - 1) == 0;
    }
    if (!has_content_type) {
        (void)buffer_printf(fields, "%s text/plain\r\n", content_type);
    }
    (void)buffer_append_text(fields, "Content-Length: ");
}

static void http_close(struct outlet *outlet)
{
    struct http_state *state = outlet->state;
    for (uint32_t i = 0; i < state->count; i++) {
        post_close(&state->posts[i]);
    }
    buffer_free(&state->fields);
    buffer_free(&state->head);
    buffer_free(&state->body);
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
    buffer_init(&state->fields, HEAD_BYTES_MAX);
    buffer_init(&state->head, HEAD_BYTES_MAX);
    buffer_init(&state->body, BODY_BYTES_MAX);
    int result =
        target_open(&state->target, options->publish, options, outlet->error, sizeof outlet->error);
    if (result == 0) {
        fields_make(&state->fields, &state->target);
    }
    while (result == 0 && state->count < options->publish_connections) {
        result = post_open(&state->posts[state->count++], &state->target, options->publish_pipeline,
                           outlet->error, sizeof outlet->error);
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

// Puts the request for an event into head and body. Returns 0 or -errno.
static int request_make(struct outlet *outlet, const struct outlet_event *event)
{
    struct http_state *state = outlet->state;
    const char *body = outlet->options->body;
    struct slice data = slice_from(event->data, event->length);
    buffer_clear(&state->head);
    buffer_clear(&state->body);
    if (body == NULL) {
        (void)buffer_append_slice(&state->body, data);
    } else {
        target_expand(&state->body, outlet->options, body, TEMPLATE_TEXT, event->stream, data);
    }
    (void)buffer_append_text(&state->head, "POST ");
    target_expand(&state->head, outlet->options, state->target.path, TEMPLATE_URL, event->stream,
                  slice_empty());
    (void)buffer_append_slice(&state->head, buffer_slice(&state->fields));
    (void)buffer_append_u64(&state->head, buffer_length(&state->body));
    (void)buffer_append_text(&state->head, "\r\n\r\n");
    if (buffer_failure(&state->fields) != 0 || buffer_failure(&state->head) != 0 ||
        buffer_failure(&state->body) != 0) {
        (void)snprintf(outlet->error, sizeof outlet->error, "a request to %.200s is too long",
                       outlet->options->publish);
        return -ENOBUFS;
    }
    return 0;
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
            result = request_make(outlet, &events[i]);
        }
        if (result == 0) {
            result = post_append(post, buffer_slice(&state->head), buffer_slice(&state->body));
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
