// layer: event
// Writing an event's SSE frame, beside copying as many bytes: the least that it can cost.
#include "micro.h"

#include "event/frame.h"

#include <string.h>

enum {
    FRAME_SIZE = 4096,
};

static uint8_t frame[FRAME_SIZE];
static uint8_t source[FRAME_SIZE];

static void write_frames(void *context, uint64_t count)
{
    const struct event *event = context;
    for (uint64_t i = 0; i < count; i++) {
        enum frame_form form = frame_form_of(event);
        if (frame_size_max(event, form) <= sizeof frame) {
            (void)frame_write(frame, event, form, 1000000 + i);
        }
        micro_keep(frame);
    }
}

static void copy_bytes(void *context, uint64_t count)
{
    size_t length = *(const size_t *)context;
    for (uint64_t i = 0; i < count; i++) {
        memcpy(frame, source, length);
        micro_keep(frame);
    }
}

static void measure(const char *name, const char *floor_name, char *data, size_t length)
{
    struct event event = {.data = slice_from(data, length), .priority = PRIORITY_NORMAL};
    size_t written = frame_write(frame, &event, frame_form_of(&event), 1000000);
    micro_run(name, CLOCK_THREAD_CPUTIME_ID, write_frames, &event);
    micro_run(floor_name, CLOCK_THREAD_CPUTIME_ID, copy_bytes, &written);
}

int main(void)
{
    static char data[1000];
    memset(data, 'x', sizeof data);
    measure("frame, 64 bytes", "  floor: memcpy of it", data, 64);
    measure("frame, 200 bytes", "  floor: memcpy of it", data, 200);
    for (size_t i = 49; i < sizeof data; i += 50) {
        data[i] = '\n';
    }
    measure("frame, 1000 bytes in 20 lines", "  floor: memcpy of it", data, sizeof data);
    return 0;
}
