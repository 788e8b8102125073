// Writes what ringcast would send of the first stream to the bare server's file, frame by frame.
#include "outlet.h"

#include "event/frame.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct file_state {
    FILE *file;
    uint64_t id; // of the last event of any stream
    size_t frame_size;
    uint8_t *frame;
};

static int fail(struct outlet *outlet, int error)
{
    (void)snprintf(outlet->error, sizeof outlet->error, "%.200s: %s", outlet->options->file,
                   strerror(error));
    return -error;
}

static void file_close(struct outlet *outlet)
{
    struct file_state *state = outlet->state;
    if (state->file != NULL) {
        (void)fclose(state->file);
    }
    free(state->frame);
    free(state);
    outlet->state = NULL;
}

static int file_open(struct outlet *outlet, const char *where)
{
    static const uint8_t line[OPTIONS_SIZE_MAX];
    struct event longest = {.data = {line, outlet->options->size_bytes}};
    struct file_state *state = calloc(1, sizeof *state);
    if (state == NULL) {
        return fail(outlet, ENOMEM);
    }
    outlet->state = state;
    state->frame_size = frame_size_max(&longest, FRAME_FORM_TEXT);
    state->frame = malloc(state->frame_size);
    state->file = fopen(where, "we");
    if (state->frame == NULL || state->file == NULL) {
        int result = fail(outlet, state->frame == NULL ? ENOMEM : errno);
        file_close(outlet);
        return result;
    }
    return 0;
}

static int file_publish(struct outlet *outlet, const struct outlet_event *events, size_t count)
{
    struct file_state *state = outlet->state;
    for (size_t i = 0; i < count; i++) {
        state->id++;
        if (events[i].stream != 0) {
            continue;
        }
        struct event event = {.data = {events[i].data, events[i].length}};
        size_t length = frame_write(state->frame, &event, FRAME_FORM_TEXT, state->id);
        if (fwrite(state->frame, 1, length, state->file) != length) {
            return fail(outlet, errno);
        }
    }
    return 0;
}

static int file_idle(struct outlet *outlet)
{
    (void)outlet;
    return 0;
}

static int file_flush(struct outlet *outlet)
{
    const struct file_state *state = outlet->state;
    return fflush(state->file) == 0 ? 0 : fail(outlet, errno);
}

const struct outlet_kind outlet_kind_file = {
    .prefix = "",
    .open = file_open,
    .publish = file_publish,
    .idle = file_idle,
    .flush = file_flush,
    .close = file_close,
};
