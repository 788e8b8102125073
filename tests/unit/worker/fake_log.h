// A log thread for tests of the worker, run by the test itself: it keeps all that was published in
// memory, and in a file for reads of cold blocks, and answers what the worker asks. The worker runs
// on a thread of its own with real sockets.
#pragma once

#include "worker/worker.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    FAKE_STREAMS_MAX = 256,
    FAKE_BLOCKS_MAX = 1 << 16,
    FAKE_SEGMENT_BYTES = 64 << 20,
    FAKE_TAIL_BYTES = 64 << 20,
};

struct fake_event {
    const char *stream;
    const char *data;
    uint32_t ttl_ms;
    uint64_t time_ms;
};

struct fake_options {
    struct shard_options shard; // zero members get values fit for tests
    uint32_t inbox_capacity;
};

void fake_start(const struct fake_options *options);
void fake_stop(void); // tells the worker to stop, waits for its end, frees

// One block with these events. Returns the id of the last.
uint64_t fake_publish(const struct fake_event *events, uint32_t count);
uint64_t fake_publish_one(const char *stream, const char *data);
// Answers messages for that long.
void fake_run(uint64_t for_ms);
// Everything published so far is only on disk now.
void fake_make_cold(void);
// Everything of the stream up to now is gone.
void fake_discard(const char *stream);
// Damages the stored bytes of all blocks so far.
void fake_corrupt(void);
// From now on (true) blocks are not delivered, as with a full inbox; false: the worker is told and
// may resume.
void fake_lap(bool lap, bool keep_memory);
uint32_t fake_lookups(void);
uint32_t fake_unsubscribes(void);
struct worker *fake_worker(void);

// A client: connects and sends the request text.
int fake_connect(const char *request, int receive_buffer_bytes);
// Reads until `until` appears, end_of_stream, or the time is over, running the log meanwhile.
// Appends to text (NUL-terminated).
struct fake_text {
    char *bytes;
    size_t length;
    size_t capacity;
    bool is_over;
};
bool fake_read(int socket, struct fake_text *text, const char *until, uint64_t for_ms);
void fake_text_free(struct fake_text *text);
