// Each event is a POST. The connections of --publish-connections are dealt to the producers; each
// has
// --publish-pipeline requests unanswered.
#include "producer.h"

#include "post.h"
#include "post_request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    EVENTS_MAX = 64,
    WAIT_MS = 100,
    LAST_ANSWERS_MS_MAX = 10 * 1000,
};

struct connection {
    struct post post;
    uint32_t watched; // epoll knows the descriptor of post.opened as it was then; 0: none
    bool is_writing;
    uint64_t *sent_ns; // of the unanswered, a ring of publish_pipeline
    uint32_t oldest;
};

struct http_producer {
    struct post_request request;
    struct connection *connections;
    uint32_t count;
    int epoll_fd;
    uint8_t *data;
};

static void http_close(struct producer *producer)
{
    struct http_producer *http = producer->state;
    if (http == NULL) {
        return;
    }
    for (uint32_t i = 0; i < http->count; i++) {
        post_close(&http->connections[i].post);
        free(http->connections[i].sent_ns);
    }
    free(http->connections);
    free(http->data);
    post_request_close(&http->request);
    if (http->epoll_fd >= 0) {
        close(http->epoll_fd);
    }
    free(http);
    producer->state = NULL;
}

static bool no_memory(struct producer *producer)
{
    (void)snprintf(producer->error, sizeof producer->error, "no memory");
    return false;
}

static bool http_open(struct producer *producer, uint32_t index)
{
    const struct options *options = producer->options;
    struct http_producer *http = calloc(1, sizeof *http);
    if (http == NULL) {
        return no_memory(producer);
    }
    producer->state = http;
    http->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (post_request_open(&http->request, options, producer->error, sizeof producer->error) < 0) {
        return false;
    }
    uint32_t share = options->publish_connections / options->producers +
                     (index < options->publish_connections % options->producers);
    http->connections = calloc(share, sizeof *http->connections);
    http->data = malloc(options->size_bytes);
    if (http->connections == NULL || http->data == NULL || http->epoll_fd < 0) {
        return no_memory(producer);
    }
    while (http->count < share) {
        struct connection *connection = &http->connections[http->count++];
        connection->sent_ns = calloc(options->publish_pipeline, sizeof *connection->sent_ns);
        if (connection->sent_ns == NULL) {
            return no_memory(producer);
        }
        if (post_open(&connection->post, &http->request.target, options->publish_pipeline,
                      producer->error, sizeof producer->error) < 0) {
            return false;
        }
    }
    return true;
}

// Has epoll know its descriptor, which is a new one after the server has ended the connection.
static void watch(const struct http_producer *http, struct connection *connection)
{
    const struct post *post = &connection->post;
    bool is_writing = post_has_unsent(post);
    bool is_new = connection->watched != post->opened;
    if (post->fd < 0 || (!is_new && is_writing == connection->is_writing)) {
        return;
    }
    struct epoll_event event = {.events = is_writing ? EPOLLIN | EPOLLOUT : EPOLLIN,
                                .data.u32 = (uint32_t)(connection - http->connections)};
    (void)epoll_ctl(http->epoll_fd, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, post->fd, &event);
    connection->watched = post->opened;
    connection->is_writing = is_writing;
}

// Publishes until as many are unanswered as may be.
static bool fill(struct producer *producer, struct connection *connection)
{
    struct http_producer *http = producer->state;
    const struct options *options = producer->options;
    uint64_t now_ns = clock_monotonic_ns();
    while (now_ns < producer->end_ns && !post_is_full(&connection->post)) {
        uint32_t stream = producer_next_event(producer, http->data, now_ns);
        uint32_t place = (connection->oldest + connection->post.count) % options->publish_pipeline;
        connection->sent_ns[place] = now_ns;
        if (post_request_make(&http->request, stream, slice_from(http->data, options->size_bytes)) <
            0) {
            (void)snprintf(producer->error, sizeof producer->error, "a request is too long");
            return false;
        }
        if (post_append(&connection->post, buffer_slice(&http->request.head),
                        buffer_slice(&http->request.body)) < 0) {
            return false;
        }
    }
    if (post_send(&connection->post) < 0) {
        return false;
    }
    watch(http, connection);
    return true;
}

static bool take_answers(struct producer *producer, struct connection *connection)
{
    uint32_t before = connection->post.count;
    if (post_receive(&connection->post) < 0) {
        return false;
    }
    for (uint32_t i = connection->post.count; i < before; i++) {
        producer_acknowledge(producer, connection->sent_ns[connection->oldest], 1);
        connection->oldest = (connection->oldest + 1) % producer->options->publish_pipeline;
    }
    return true;
}

static uint64_t count_unanswered(const struct http_producer *http)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < http->count; i++) {
        count += http->connections[i].post.count;
    }
    return count;
}

static bool is_over(const struct producer *producer, uint64_t now_ns)
{
    uint64_t last_ns = producer->end_ns + UINT64_C(1000000) * LAST_ANSWERS_MS_MAX;
    return now_ns >= producer->end_ns &&
           (now_ns >= last_ns || count_unanswered(producer->state) == 0);
}

static void http_run(struct producer *producer)
{
    struct http_producer *http = producer->state;
    bool is_good = true;
    for (uint32_t i = 0; i < http->count && is_good; i++) {
        is_good = fill(producer, &http->connections[i]);
    }
    while (is_good && !is_over(producer, clock_monotonic_ns())) {
        struct epoll_event events[EVENTS_MAX];
        int count = epoll_wait(http->epoll_fd, events, EVENTS_MAX, WAIT_MS);
        for (int i = 0; i < count && is_good; i++) {
            struct connection *connection = &http->connections[events[i].data.u32];
            is_good = take_answers(producer, connection) && fill(producer, connection);
        }
    }
    producer->refused += count_unanswered(http);
    if (is_good && producer->refused > 0) {
        (void)snprintf(producer->error, sizeof producer->error, "no answer for %d s",
                       LAST_ANSWERS_MS_MAX / 1000);
    }
}

const struct producer_kind producer_kind_http = {
    .prefix = "http://",
    .open = http_open,
    .run = http_run,
    .close = http_close,
};
