// Look-ups in the log and their answers, kept a while: 100,000 clients that resume one stream are
// one look-up. One thread.
//
// A history with an answer covers low < id <= lookup.end_id of its stream. The worker lends
// history->lookup to the log while is_asking. Bounded by a pool; the least recently used answer
// goes first, but none that was used in this round (a send that is cut short is walked again), and
// none before somebody who waited for it had his turn.
#pragma once

#include "stream/stream.h"

struct history {
    struct list_node stream_node; // in stream->histories
    struct list_node age_node;    // in the table's `answered`, or its `unsent`
    struct stream *stream;
    bool is_asking;
    bool is_pinned; // its waiters are being told: not to be pushed out
    bool is_used;   // history_find gave it out since it was answered
    uint64_t round; // in which it was answered or last given out
    uint64_t low;
    uint64_t gap_to; // events of the stream above low up to and with this id are gone; 0: none
    // Reading ahead from disk: runs before ahead_end have been asked for; a reader that comes to
    // run ahead_at asks for more.
    uint32_t ahead_at;
    uint32_t ahead_end;
    struct waiters waiters;
    struct log_lookup lookup;
};

struct history_table {
    struct pool pool;
    struct list answered;   // least recently used first
    struct list unsent;     // not yet taken by the log's inbox
    struct waiters starved; // wanted a look-up when there was no room for one
    uint64_t round;
    uint32_t asking; // without an answer yet
};

int history_table_init(struct history_table *table, uint32_t histories_max);
void history_table_free(struct history_table *table);

// An answer that covers `cursor`, or NULL.
struct history *history_find(struct history_table *table, struct stream *stream, uint64_t cursor);
// The first run of an answer with an id above `cursor`, or NULL.
const struct log_run *history_run(const struct history *history, uint64_t cursor);

// Makes `handle` wait for the answer to this question; an equal one under way is shared (for
// LOG_FROM_ID: one that starts at or before). is_fresh: only one that the log cannot have answered
// yet. With all in use it waits in `starved`. New questions stand in `unsent`. False when memory
// ran out.
bool history_ask(struct history_table *table, struct stream *stream, enum log_lookup_from from,
                 uint64_t value, bool is_fresh, uint64_t handle);

// Asks for what follows `from`, for a reader that will come to it; nobody waits. Does nothing where
// it is known or asked for already, or much else is asked.
void history_ask_ahead(struct history_table *table, struct stream *stream, uint64_t from);

// Begins a round. Takes as many of `starved` as there is room for, the first ones first, into
// `woken` (which is empty): they are to ask again.
void history_round(struct history_table *table, struct waiters *woken);
// Whether some starve that a later round has room for, without an answer of the log.
bool history_needs_round(const struct history_table *table);

// The answer came. The history is kept (or, with lookup.error, to be dropped with history_drop
// after its waiters were told).
struct history *history_answered(struct history_table *table, struct log_lookup *lookup);
void history_drop(struct history_table *table, struct history *history);
// Drops all answers of a stream: their positions are no longer good, or the stream goes.
void history_drop_answers(struct history_table *table, struct stream *stream);
