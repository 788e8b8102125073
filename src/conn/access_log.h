// The access log: a line for each request that is answered, or whose client went before; of a
// subscription one at its start and one at its end. In the logger's format (base/logger_line.h),
// through the worker's ring (io/appender.h): what there is no room for is dropped and counted, and
// a line says how many. Nothing secret is in it: no query, no field but User-Agent and
// X-Request-Id, and of a token its subject.
//
// What the end of a subscription tells is counted in a table of its own, which is not there before
// an access log is. The worker's thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "io/appender.h"

struct shard;
struct conn;
struct context;
struct access_file;
struct access_stream; // what is kept of a subscription's request

struct access_log {
    struct appender appender;
    struct access_file *file; // in use, a reference; NULL: none
    uint64_t dropped_told;    // of appender.lines_dropped
};

// What a connection was sent since its stream began. What a short send left is taken out again.
struct conn_tally {
    uint64_t events;
    uint64_t bytes;
    uint32_t last_events; // of the newest send
    uint32_t last_bytes;
    struct access_stream *stream; // NULL: its end is not told
};

void access_log_init(struct shard *shard);
void access_log_free(struct shard *shard); // after loop_free

// Goes on with the file of the terms. At the start of a round.
void access_log_take_file(struct shard *shard, struct access_file *file);

// An answer was written. context: NULL where a request was refused for which there was none.
void access_log_answered(struct shard *shard, struct conn *conn, struct context *context,
                         int status, uint64_t bytes);
// The request goes without an answer.
void access_log_unanswered(struct shard *shard, struct conn *conn, struct context *context);
// Its stream begins: counts from here on.
void access_log_stream_begins(struct shard *shard, struct conn *conn, struct context *context);
// Its stream ends. Harmless for one that has none.
void access_log_stream_ends(struct shard *shard, struct conn *conn);

// Begins to write what the round brought.
void access_log_round(struct shard *shard);
// Whether all is written.
bool access_log_is_idle(const struct shard *shard);
