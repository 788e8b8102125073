// Look-ups in the log and their answers, kept a while: 100,000 clients that resume one stream are
// one look-up. One thread.
//
// A history with an answer covers low < id <= lookup.end_id of its stream. The worker lends
// history->lookup to the log while is_asking. Bounded by a pool; the least recently used answer
// goes first.
#pragma once

#include "stream/stream.h"

struct history {
    struct list_node stream_node; // in stream->histories
    struct list_node age_node;    // in the table's `answered`, or its `unsent`
    struct stream *stream;
    bool is_asking;
    bool is_pinned; // its waiters are being told: not to be pushed out
    uint64_t low;
    uint64_t gap_to; // events of the stream above low up to and with this id are gone; 0: none
    struct waiters waiters;
    struct log_lookup lookup;
};

struct history_table {
    struct pool pool;
    struct list answered;   // least recently used first
    struct list unsent;     // not yet taken by the log's inbox
    struct waiters starved; // wanted a look-up when all were asking
};

int history_table_init(struct history_table *table, uint32_t histories_max);
void history_table_free(struct history_table *table);

// An answer that covers `cursor`, or NULL.
struct history *history_find(struct history_table *table, struct stream *stream, uint64_t cursor);
// The first run of an answer with an id above `cursor`, or NULL.
const struct log_run *history_run(const struct history *history, uint64_t cursor);

// Makes `handle` wait for the answer to this question; an equal one under way is shared (for
// LOG_FROM_ID: one that starts at or before). With all in use it waits in `starved`. New questions
// stand in `unsent`. False when memory ran out.
bool history_ask(struct history_table *table, struct stream *stream, enum log_lookup_from from,
                 uint64_t value, uint64_t handle);

// The answer came. The history is kept (or, with lookup.error, to be dropped with history_drop
// after its waiters were told).
struct history *history_answered(struct history_table *table, struct log_lookup *lookup);
void history_drop(struct history_table *table, struct history *history);
// Drops all answers of a stream: their positions are no longer good, or the stream goes.
void history_drop_answers(struct history_table *table, struct stream *stream);
