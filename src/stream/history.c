#include "stream/history.h"

#include <string.h>

#include "base/assert.h"
#include "base/error.h"

// Those who waited have their turn by then; if not, they are gone.
enum { UNUSED_ROUNDS_MAX = 64 };

int history_table_init(struct history_table *table, uint32_t histories_max)
{
    memset(table, 0, sizeof(*table));
    list_init(&table->answered);
    list_init(&table->unsent);
    return pool_init(&table->pool, sizeof(struct history), _Alignof(struct history), histories_max);
}

void history_table_free(struct history_table *table)
{
    for (uint32_t i = 0; i < table->pool.touched; i++) {
        struct history *history = pool_at(&table->pool, i);
        waiters_free(&history->waiters);
    }
    waiters_free(&table->starved);
    pool_destroy(&table->pool);
}

static bool covers(const struct history *history, uint64_t cursor)
{
    return !history->is_asking && history->low <= cursor && cursor < history->lookup.end_id;
}

struct history *history_find(struct history_table *table, struct stream *stream, uint64_t cursor)
{
    LIST_EACH (node, &stream->histories) {
        struct history *history = LIST_ENTRY(node, struct history, stream_node);
        if (covers(history, cursor)) {
            list_remove(&history->stream_node); // to the front: it is likely asked for again
            list_push_front(&stream->histories, &history->stream_node);
            list_remove(&history->age_node);
            list_push_back(&table->answered, &history->age_node);
            history->is_used = true;
            history->round = table->round;
            return history;
        }
    }
    return NULL;
}

const struct log_run *history_run(const struct history *history, uint64_t cursor)
{
    uint32_t low = 0;
    uint32_t high = history->lookup.run_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (history->lookup.runs[middle].last_id > cursor) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low < history->lookup.run_count ? &history->lookup.runs[low] : NULL;
}

static struct history *find_asking(const struct stream *stream, enum log_lookup_from from,
                                   uint64_t value, bool is_fresh)
{
    LIST_EACH (node, &stream->histories) {
        struct history *history = LIST_ENTRY(node, struct history, stream_node);
        bool is_sent = !list_is_linked(&history->age_node);
        if (history->is_asking && history->lookup.from == from && !(is_fresh && is_sent) &&
            (history->lookup.value == value ||
             (from == LOG_FROM_ID && history->lookup.value < value))) {
            return history;
        }
    }
    return NULL;
}

static bool may_go(const struct history_table *table, const struct history *history)
{
    uint64_t rounds = table->round - history->round;
    return !history->is_pinned && rounds > (history->is_used ? 0 : UNUSED_ROUNDS_MAX);
}

static void drop_oldest(struct history_table *table)
{
    LIST_EACH (node, &table->answered) {
        struct history *history = LIST_ENTRY(node, struct history, age_node);
        if (may_go(table, history)) {
            history_drop(table, history);
            return;
        }
    }
}

static void put_question(struct history_table *table, struct history *history,
                         struct stream *stream, enum log_lookup_from from, uint64_t value)
{
    history->stream = stream;
    history->is_asking = true;
    history->is_pinned = false;
    history->is_used = false;
    history->ahead_at = 0;
    history->ahead_end = 0;
    history->lookup.owner = history;
    history->lookup.number = stream->number;
    history->lookup.from = from;
    history->lookup.value = value;
    list_node_init(&history->stream_node);
    list_node_init(&history->age_node);
    list_push_back(&stream->histories, &history->stream_node);
    list_push_back(&table->unsent, &history->age_node);
    table->asking++;
}

bool history_ask(struct history_table *table, struct stream *stream, enum log_lookup_from from,
                 uint64_t value, bool is_fresh, uint64_t handle)
{
    ASSERT(stream->state == STREAM_LIVE);
    struct history *history = find_asking(stream, from, value, is_fresh);
    if (history != NULL) {
        return waiters_add(&history->waiters, handle);
    }
    if (pool_is_full(&table->pool)) {
        drop_oldest(table);
    }
    history = pool_alloc(&table->pool);
    if (history == NULL) {
        return waiters_add(&table->starved, handle);
    }
    ASSERT(history->waiters.count == 0); // its memory stays from the last use
    if (!waiters_add(&history->waiters, handle)) {
        pool_free(&table->pool, history);
        return false;
    }
    put_question(table, history, stream, from, value);
    return true;
}

void history_ask_ahead(struct history_table *table, struct stream *stream, uint64_t from)
{
    bool is_known = find_asking(stream, LOG_FROM_ID, from, false) != NULL;
    LIST_EACH (node, &stream->histories) {
        is_known = is_known || covers(LIST_ENTRY(node, struct history, stream_node), from);
    }
    if (is_known) {
        return;
    }
    if (pool_is_full(&table->pool)) {
        drop_oldest(table);
    }
    // Half of the room is left to those who wait.
    bool is_busy = table->asking >= table->pool.capacity / 2 || table->starved.count > 0;
    struct history *history = is_busy ? NULL : pool_alloc(&table->pool);
    if (history != NULL) {
        put_question(table, history, stream, LOG_FROM_ID, from);
    }
}

// Where events passed us by, or are yet to come, the answers tell how far the stream has come.
static void learn_sequence(struct stream *stream, const struct log_lookup *lookup)
{
    if (lookup->error != ERR_NONE) {
        return;
    }
    bool is_newest = lookup->from == LOG_FROM_LAST; // and without runs there is no event left
    uint64_t sequence = stream->last_sequence;
    if (lookup->run_count > 0) {
        const struct log_run *last = &lookup->runs[lookup->run_count - 1];
        stream_learn(stream, last->last_id, last->last_sequence);
        sequence = last->last_sequence;
    }
    if (!lookup->more && (lookup->run_count > 0 || is_newest)) {
        stream_learn(stream, lookup->end_id, sequence);
    }
}

struct history *history_answered(struct history_table *table, struct log_lookup *lookup)
{
    struct history *history = lookup->owner;
    ASSERT(&history->lookup == lookup && history->is_asking);
    ASSERT(lookup->run_count <= LOG_LOOKUP_RUNS);
    history->is_asking = false;
    table->asking--;
    history->round = table->round;
    learn_sequence(history->stream, lookup);
    history->low = lookup->from == LOG_FROM_ID ? lookup->value : lookup->start_id;
    history->gap_to = lookup->discarded_id > history->low ? lookup->discarded_id : 0;
    list_push_back(&table->answered, &history->age_node);
    return history;
}

void history_round(struct history_table *table, struct waiters *woken)
{
    table->round++;
    if (table->starved.count == 0) {
        return;
    }
    uint32_t room = table->pool.capacity - pool_used(&table->pool);
    LIST_EACH (node, &table->answered) {
        room += may_go(table, LIST_ENTRY(node, struct history, age_node));
    }
    waiters_take(&table->starved, room, woken);
}

bool history_needs_round(const struct history_table *table)
{
    return table->starved.count > 0 &&
           (!pool_is_full(&table->pool) || !list_is_empty(&table->answered));
}

void history_drop(struct history_table *table, struct history *history)
{
    ASSERT(!history->is_asking && history->waiters.count == 0);
    list_remove(&history->stream_node);
    list_remove(&history->age_node);
    pool_free(&table->pool, history);
}

void history_drop_answers(struct history_table *table, struct stream *stream)
{
    LIST_EACH_SAFE (node, &stream->histories) {
        struct history *history = LIST_ENTRY(node, struct history, stream_node);
        if (!history->is_asking && !history->is_pinned) {
            history_drop(table, history);
        }
    }
}
