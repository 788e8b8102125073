// A log thread for tests of the worker, run by the test itself: it keeps all that was published in
// memory, and in a file for reads of cold blocks, and answers what the worker asks. The worker runs
// on a thread of its own with real sockets.
#pragma once

#include "event/event.h"
#include "worker/worker.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    FAKE_STREAMS_MAX = 1024,
    FAKE_BLOCKS_MAX = 1 << 16,
    FAKE_HELD_MAX = 1024,
    FAKE_NO_HEARTBEAT = 1 << 30,
    FAKE_RELEASE_ALL = 1 << 30,
    FAKE_WAIT_MS = 5000,
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
    struct terms terms;         // the same; what it holds stays the test's
    uint32_t inbox_capacity;
    uint32_t log_inbox_capacity;
    uint32_t features_masked; // LOOP_FEATURE_*
};

void fake_start(const struct fake_options *options);
void fake_stop(void); // tells the worker to stop, waits for its end, frees

// One block with these events. Returns the id of the last.
uint64_t fake_publish(const struct fake_event *events, uint32_t count);
// From now on blocks are written as before their streams' frames stood side by side.
void fake_write_old_blocks(bool old);
uint64_t fake_publish_one(const char *stream, const char *data);
// What is published from now on has this priority, PRIORITY_NORMAL at first.
void fake_set_priority(enum event_priority priority);
// As fake_publish, each event with a priority of its own.
uint64_t fake_publish_with(const struct fake_event *events, const enum event_priority *priorities,
                           uint32_t count);
// The same, and with a type each; NULL: none.
uint64_t fake_publish_typed(const struct fake_event *events, const enum event_priority *priorities,
                            const char *const *types, uint32_t count);
// Answers messages for that long.
void fake_run(uint64_t for_ms);
// Everything published so far is only on disk now.
void fake_make_cold(void);
// Everything of the stream of this name up to now is gone.
void fake_discard(const char *name);
// It has ended, or was made (anew).
void fake_set_life(const char *name, enum stream_life life);
// The stream's own flow settings have changed.
void fake_set_flow(const char *name, const struct stream_flow *flow);
// Waits until the worker has told this of its slowest subscriber. False: it does not.
bool fake_wait_read(const char *name, uint64_t id);
uint64_t fake_read_of(const char *name);
uint32_t fake_reads(void); // messages that told of such, or that the worker lives
// Damages the stored frames of a block, the first is 0; false: there is none.
bool fake_corrupt_block(uint32_t number);
// Of all blocks so far.
static inline void fake_corrupt(void)
{
    for (uint32_t number = 0; fake_corrupt_block(number); number++) {
    }
}
// From now on (true) blocks are not delivered, as with a full inbox; false: the worker is told and
// may resume.
void fake_lap(bool lap, bool keep_memory);
// The next RESUMEs find the inbox full again: the worker is lapped once more at once.
void fake_lap_again(uint32_t times);
// From now on answers to subscriptions and look-ups are kept back.
void fake_hold(void);
// The first ones go out; FAKE_RELEASE_ALL: all, also those to come.
void fake_release(uint32_t count);
// Waits until that many are kept back.
void fake_wait_held(uint32_t count);
// Look-ups are answered with this error; ERR_NONE: as they should be.
void fake_fail_lookups(enum rc_error error);
// An ephemeral event of the stream transient->name; one reference of it is the worker's.
void fake_transient(struct log_transient *transient);
// Asks the worker and waits for its answer.
void fake_admin(struct admin_request *request);
// A number of its status (fake_status.c).
uint64_t fake_stat(const char *key);
uint32_t fake_connections(void); // as counted for the whole broker
uint32_t fake_lookups(void);
uint32_t fake_unsubscribes(void);
struct worker *fake_worker(void);
// What gets the tasks of HTTP clients, in chains, during fake_run.
void fake_on_tasks(void (*take)(struct task *chain));
void fake_answer_tasks(struct task *chain); // the worker is told with the next round
uint16_t fake_port(void);
void fake_round(uint64_t max_wait_ns); // of the log's loop

// --- fake_terms.c ---
// Zero members get values fit for tests.
void fake_fill_terms(struct terms *terms);

// --- fake_client.c ---
// A client: connects and sends the request text.
int fake_connect(const char *request, int receive_buffer_bytes);
// A GET of the target with these header fields, each with its line end.
int fake_get(const char *target, const char *fields);
// Reads until `until` appears, end_of_stream, or the time is over, running the log meanwhile.
// Appends to text (NUL-terminated).
struct fake_text {
    char *bytes;
    size_t length;
    size_t capacity;
    bool is_over;
};
bool fake_read(int client, struct fake_text *text, const char *until, uint64_t for_ms);
// As fake_read, for FAKE_WAIT_MS; fails the test where it does not come.
void fake_expect(int client, struct fake_text *text, const char *until);
void fake_text_free(struct fake_text *text);
