// Formats events as ringcast does and feeds them to the bare server.
#include "outlet.h"

#include "event/frame.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bare_state {
    uint64_t id; // of the last event
    size_t length;
    uint8_t message[BARE_MESSAGE_BYTES_MAX];
};

static int bare_open(struct outlet *outlet, const char *where)
{
    (void)where;
    outlet->state = calloc(1, sizeof(struct bare_state));
    if (outlet->state == NULL) {
        (void)snprintf(outlet->error, sizeof outlet->error, "no memory");
        return -ENOMEM;
    }
    return 0;
}

// Appends a part: as many of the events as are one stream's, fit, and make one send. Returns how
// many.
static size_t part_append(const struct outlet *outlet, const struct outlet_event *events,
                          size_t count)
{
    struct bare_state *state = outlet->state;
    const struct options *options = outlet->options;
    struct bare_part part = {.what = outlet->bare->keeps ? BARE_KEEP : BARE_SEND,
                             .stream = events[0].stream};
    size_t start = state->length;
    size_t length = start + sizeof part;
    size_t done = 0;
    while (done < count && done < options->coalesce && events[done].stream == part.stream) {
        struct event event = {.data = {events[done].data, events[done].length}};
        if (length + frame_size_max(&event, FRAME_FORM_TEXT) > sizeof state->message) {
            break;
        }
        length += frame_write(state->message + length, &event, FRAME_FORM_TEXT, ++state->id);
        done++;
    }
    if (done > 0) {
        part.length = (uint32_t)(length - start - sizeof part);
        memcpy(state->message + start, &part, sizeof part);
        state->length = length;
    }
    return done;
}

static int bare_publish(struct outlet *outlet, const struct outlet_event *events, size_t count)
{
    struct bare_state *state = outlet->state;
    size_t done = 0;
    while (done < count) {
        size_t taken = part_append(outlet, events + done, count - done);
        done += taken;
        if (taken > 0 && done < count) {
            continue;
        }
        // All of it, or the message is full.
        int result =
            state->length > 0 ? bare_send(outlet->bare, state->message, state->length) : -EMSGSIZE;
        state->length = 0;
        if (result < 0) {
            (void)snprintf(outlet->error, sizeof outlet->error, "feeding the bare server: %s",
                           strerror(-result));
            return result;
        }
    }
    return 0;
}

static int bare_nothing(struct outlet *outlet)
{
    (void)outlet;
    return 0;
}

static void bare_close(struct outlet *outlet)
{
    free(outlet->state);
    outlet->state = NULL;
}

const struct outlet_kind outlet_kind_bare = {
    .prefix = "",
    .open = bare_open,
    .publish = bare_publish,
    .idle = bare_nothing,
    .flush = bare_nothing,
    .close = bare_close,
};
