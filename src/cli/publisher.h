// Publishes many events through libringcast: in batches, with a count of what became of them. One
// thread; blocks.
#ifndef RINGCAST_CLI_PUBLISHER_H
#define RINGCAST_CLI_PUBLISHER_H

#include "base/bytes.h"
#include "cli/terminal.h"

#include <ringcast/client.h>

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { PUBLISHER_BATCH_EVENTS_MAX = 1024, PUBLISHER_BATCH_BYTES = 64 << 10 };

struct publisher {
    struct rc_client *client; // borrowed; opened with `nonblocking`
    struct rc_event pattern;  // all but the data
    bool is_verbose;          // a line on stdout for each event, which then goes by itself
    bool counts_lines;        // refusals name the line
    uint64_t patience_ms;     // without any answer
    const volatile sig_atomic_t *stop;

    struct rc_event events[PUBLISHER_BATCH_EVENTS_MAX];
    uint64_t lines[PUBLISHER_BATCH_EVENTS_MAX];
    uint32_t count;
    size_t bytes;
    uint64_t published; // handed to the client
    uint64_t accepted;
    uint64_t duplicates;
    uint64_t refused;
    uint64_t last_id;
    uint64_t last_sequence;
    uint64_t answered_at_ms;
    bool has_failed; // for good, and told
    struct terminal_progress progress;
};

// Adds an event; `data` stays valid until the next publisher_send. False: it failed for good.
bool publisher_add(struct publisher *publisher, struct slice data, uint64_t line);

// Hands over what was added. False: it failed for good, or was told to stop.
bool publisher_send(struct publisher *publisher);

// One that never gets there: `format` says why.
void publisher_refuse(struct publisher *publisher, uint64_t line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Takes answers, waiting up to `wait_ms`. False as above.
bool publisher_poll(struct publisher *publisher, int wait_ms);

// Waits for all answers.
bool publisher_finish(struct publisher *publisher);

#endif
