// Publishes through libringcast, over a broker's Unix socket.
#include "producer.h"

#include "target.h"

#include <ringcast/client.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    NAME_SIZE = 256,
    POLL_MS = 100,
    FLUSH_MS_MAX = 10 * 1000,
};

static const char prefix[] = "unix:";

// A request that is not answered.
struct request {
    struct producer *producer;
    uint64_t sent_ns;
    uint32_t count;
};

struct unix_producer {
    struct rc_client *client;
    char (*names)[NAME_SIZE];
    struct rc_event *events;
    uint8_t *bytes; // of a batch
    struct request *requests;
    uint32_t *free_requests; // by number
    uint32_t free_count;
    uint64_t unanswered; // events
    int code;            // the first that was not RC_OK
};

static void fail(struct producer *producer, int code, const char *message)
{
    struct unix_producer *own = producer->state;
    if (own->code == RC_OK) {
        own->code = code;
        (void)snprintf(producer->error, sizeof producer->error, "%s",
                       message[0] == 0 ? rc_code_text(code) : message);
    }
}

static void on_answer(void *context, const struct rc_result *result)
{
    struct request *request = context;
    struct producer *producer = request->producer;
    struct unix_producer *own = producer->state;
    if (result->code == RC_OK) {
        producer_acknowledge(producer, request->sent_ns, request->count);
    } else {
        producer->refused += request->count;
        fail(producer, result->code, result->message);
    }
    own->unanswered -= request->count;
    own->free_requests[own->free_count++] = (uint32_t)(request - own->requests);
}

static int batch_publish(struct producer *producer, uint32_t count)
{
    const struct options *options = producer->options;
    struct unix_producer *own = producer->state;
    uint32_t number = own->free_requests[--own->free_count];
    struct request *request = &own->requests[number];
    request->sent_ns = clock_monotonic_ns();
    request->count = count;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *data = own->bytes + (size_t)i * options->size_bytes;
        uint32_t stream = producer_next_event(producer, data, request->sent_ns);
        own->events[i] = (struct rc_event){.stream = own->names[stream],
                                           .data = data,
                                           .data_length = options->size_bytes,
                                           .ack = options->ack};
    }
    own->unanswered += count;
    int code = count == 1 ? rc_publish(own->client, own->events, on_answer, request)
                          : rc_batch(own->client, own->events, count, on_answer, request);
    if (code != RC_OK) {
        own->unanswered -= count;
        own->free_requests[own->free_count++] = number;
    }
    return code;
}

static void unix_run(struct producer *producer)
{
    const struct options *options = producer->options;
    struct unix_producer *own = producer->state;
    int code = RC_OK;
    while (code >= RC_OK && own->code == RC_OK && clock_monotonic_ns() < producer->end_ns) {
        uint64_t room = options->window - own->unanswered;
        if (room == 0 || own->free_count == 0 || (room < options->batch && own->unanswered > 0)) {
            code = rc_poll(own->client, POLL_MS);
        } else {
            code =
                batch_publish(producer, (uint32_t)(room < options->batch ? room : options->batch));
        }
    }
    if (code >= RC_OK) {
        code = rc_flush(own->client, FLUSH_MS_MAX);
    }
    if (code != RC_OK) {
        fail(producer, code, rc_message(own->client));
    }
    producer->refused += own->unanswered;
}

static void unix_close(struct producer *producer)
{
    struct unix_producer *own = producer->state;
    if (own == NULL) {
        return;
    }
    rc_close(own->client); // answers what is left: before what that needs is freed
    free(own->names);
    free(own->events);
    free(own->bytes);
    free(own->requests);
    free(own->free_requests);
    free(own);
    producer->state = NULL;
}

static bool unix_open(struct producer *producer, uint32_t index)
{
    (void)index;
    const struct options *options = producer->options;
    struct unix_producer *own = calloc(1, sizeof *own);
    if (own == NULL) {
        (void)snprintf(producer->error, sizeof producer->error, "no memory");
        return false;
    }
    producer->state = own;
    own->names = calloc(options->streams, sizeof *own->names);
    own->events = calloc(options->batch, sizeof *own->events);
    own->bytes = malloc((size_t)options->batch * options->size_bytes);
    own->requests = calloc(options->window, sizeof *own->requests);
    own->free_requests = calloc(options->window, sizeof *own->free_requests);
    if (own->names == NULL || own->events == NULL || own->bytes == NULL || own->requests == NULL ||
        own->free_requests == NULL) {
        fail(producer, RC_NO_MEMORY, "");
        return false;
    }
    for (uint32_t i = 0; i < options->window; i++) {
        own->requests[i].producer = producer;
        own->free_requests[own->free_count++] = i;
    }
    for (uint32_t i = 0; i < options->streams; i++) {
        struct buffer name;
        buffer_wrap(&name, own->names[i], NAME_SIZE - 1);
        target_stream_name(&name, options, i);
    }
    int code = rc_client_open(options->publish + sizeof prefix - 1, NULL, &own->client);
    if (code != RC_OK) {
        fail(producer, code, "");
    }
    return code == RC_OK;
}

const struct producer_kind producer_kind_unix = {
    .prefix = prefix,
    .open = unix_open,
    .run = unix_run,
    .close = unix_close,
};
