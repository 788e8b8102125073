// Formats events as ringcast does and feeds them to the bare server.
#include "outlet.h"

#include "event/frame.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bare_state {
    uint64_t id; // of the last event
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

static int bare_publish(struct outlet *outlet, const struct outlet_event *events, size_t count)
{
    struct bare_state *state = outlet->state;
    size_t done = 0;
    while (done < count) {
        uint32_t stream = events[done].stream;
        size_t length = BARE_HEADER_BYTES;
        uint32_t frames = 0;
        while (done < count && frames < outlet->options->coalesce &&
               events[done].stream == stream) {
            struct event event = {.data = {events[done].data, events[done].length}};
            size_t size = frame_size_max(&event, FRAME_FORM_TEXT);
            if (length + size > sizeof state->message) {
                break;
            }
            length += frame_write(state->message + length, &event, FRAME_FORM_TEXT, ++state->id);
            frames++;
            done++;
        }
        int result =
            frames == 0 ? -EMSGSIZE : bare_send(outlet->bare, stream, state->message, length);
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
