// The SSE frame of an event (WHATWG HTML, section 9.2.6 "Interpreting an event stream"), written
// once by the log thread.
//
//     id: 1042\n  event: text\n  retry: 5000\n  data: first line\n  data: second line\n  \n
//
// `id:` is left out for ephemeral events (id 0), `event:` where there is no type. Data is split at
// LF, CR and CRLF.
#pragma once

#include "event/event.h"

enum {
    // An event whose frame would be larger (a payload of nothing but line ends grows sevenfold) is
    // ERR_TOO_LARGE.
    FRAME_BYTES_MAX = 2 << 20,
};

// How the payload can be had back from what is stored.
enum frame_form {
    FRAME_FORM_TEXT = 0, // the data lines joined by LF are the payload, byte for byte
    FRAME_FORM_RAW =
        1, // CR or NUL in it: the frame is a rendition, the payload is stored beside it
    FRAME_FORM_BINARY = 2, // as RAW, and the frame carries base64
};

enum frame_form frame_form_of(const struct event *event);

// Upper bound, exact for the data's line count, of what frame_write will write.
size_t frame_size_max(const struct event *event, enum frame_form form);

// Writes the frame to out (at least frame_size_max bytes); returns its length. id 0 writes no `id:`
// line.
size_t frame_write(uint8_t *out, const struct event *event, enum frame_form form, uint64_t id);

// Takes the first frame off `frames`, which frame_write wrote, end to end, with ids. False where
// there is none: at the end, or where something else stands. Safe on any bytes.
bool frame_next(struct slice *frames, struct slice *frame, uint64_t *id);

// Takes the frames with ids up to `id` off `frames`, whose ids rise, without looking at each of
// them. Where something else than frames stands, at most as many. Safe on any bytes.
void frame_skip_through(struct slice *frames, uint64_t id);

// Which of `frames` holds the byte at `offset`: where it begins, and its id. False where none does.
// Safe on any bytes.
bool frame_find(struct slice frames, size_t offset, size_t *start, uint64_t *id);
// How many frames there are; what is left of one at the end is not counted.
uint32_t frame_count(struct slice frames);

// The event's type by a frame that frame_write wrote, with an id or without; empty: none. Safe on
// any bytes.
struct slice frame_type(struct slice frame);

// The reverse for renditions: appends the payload of a frame of FRAME_FORM_TEXT (its data lines
// joined by LF).
bool frame_data_append(struct buffer *out, struct slice frame);
// How many bytes that would append.
size_t frame_data_length(struct slice frame);
