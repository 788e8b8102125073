// Ephemeral events: to the readers of their stream, without id and without the log.
#include "base/assert.h"
#include "log/core.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct slice put(uint8_t **at, struct slice from)
{
    struct slice copy = slice_from(*at, from.length);
    if (from.length > 0) {
        memcpy(*at, from.at, from.length);
    }
    *at += from.length;
    return copy;
}

static struct log_transient *make(const struct log *log, uint64_t number, const struct event *event)
{
    enum frame_form form = frame_form_of(event);
    size_t bytes = event->stream.length + event->type.length + event->data.length +
                   frame_size_max(event, form);
    struct log_transient *transient = malloc(sizeof(*transient) + bytes);
    if (transient == NULL) {
        return NULL;
    }
    *transient = (struct log_transient){.references = 1,
                                        .priority = (uint32_t)event->priority,
                                        .number = number,
                                        .time_ms = log->time_ms};
    uint8_t *at = transient->bytes;
    transient->name = put(&at, event->stream);
    transient->type = put(&at, event->type);
    transient->data = put(&at, event->data);
    transient->frame = slice_from(at, frame_write(at, event, form, 0));
    return transient;
}

static void release(struct log_transient *transient, uint32_t references)
{
    // Release: what this reader read is over before the memory goes; acquire: so is what others
    // read.
    if (__atomic_fetch_sub(&transient->references, references, __ATOMIC_ACQ_REL) == references) {
        free(transient);
    }
}

int handout_transient(struct log *log, const struct log_stream *stream, const struct event *event)
{
    uint64_t interest = stream == NULL ? 0 : streams_interest(&log->streams, stream);
    if (interest == 0 || log->callbacks.deliver == NULL) {
        return 0;
    }
    struct log_transient *transient = make(log, stream->number, event);
    if (transient == NULL) {
        return -ENOMEM;
    }
    // All references are made before the first reader can release its own.
    transient->references += (uint32_t)__builtin_popcountll(interest);
    uint32_t unused = 1;
    for (; interest != 0; interest &= interest - 1) {
        struct log_message message = {.kind = LOG_TRANSIENT,
                                      .reader = (uint32_t)__builtin_ctzll(interest),
                                      .number = stream->number,
                                      .pointer = transient};
        // A full inbox: it may be lost.
        unused += !log->callbacks.deliver(log->callbacks.context, message.reader, &message,
                                          log->options.reader_reserve);
    }
    release(transient, unused);
    return 0;
}

void log_transient_release(struct log_transient *transient)
{
    release(transient, 1);
}
