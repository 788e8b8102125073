#include "stream/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

enum {
    WINDOW_RUNS_MIN = 8,
    WINDOW_RUNS_MAX = 1024,
    COMPACT_HOLES_MIN = 16,
};

static struct slice key_of(const void *owner, uint32_t value)
{
    const struct stream_table *table = owner;
    const struct stream *stream = pool_at(&table->pool, value);
    return slice_from(stream->name, stream->name_length);
}

int stream_table_init(struct stream_table *table, uint32_t streams_max)
{
    int error =
        pool_init(&table->pool, sizeof(struct stream), _Alignof(struct stream), streams_max);
    if (error != 0) {
        return error;
    }
    name_map_init(&table->by_name, key_of, table);
    u64_map_init(&table->by_number);
    list_init(&table->dirty);
    return 0;
}

static void stream_release(struct stream *stream)
{
    free(stream->name);
    free(stream->subscribers);
    window_free(&stream->window);
    waiters_free(&stream->starters);
}

void stream_table_free(struct stream_table *table)
{
    for (uint32_t i = pool_next_live(&table->pool, 0); i != POOL_INDEX_NONE;
         i = pool_next_live(&table->pool, i + 1)) {
        stream_release(pool_at(&table->pool, i));
    }
    name_map_free(&table->by_name);
    u64_map_free(&table->by_number);
    pool_destroy(&table->pool);
}

struct stream *stream_table_at(const struct stream_table *table, uint32_t index)
{
    return pool_at(&table->pool, index);
}

uint32_t stream_table_index(const struct stream_table *table, const struct stream *stream)
{
    return pool_index(&table->pool, stream);
}

struct stream *stream_table_find(const struct stream_table *table, struct slice name)
{
    uint32_t index;
    return name_map_get(&table->by_name, name, &index) ? stream_table_at(table, index) : NULL;
}

struct stream *stream_table_by_number(const struct stream_table *table, uint64_t number)
{
    uint32_t index;
    return u64_map_get(&table->by_number, number, &index) ? stream_table_at(table, index) : NULL;
}

struct stream *stream_table_open(struct stream_table *table, struct slice name)
{
    struct stream *stream = pool_alloc(&table->pool);
    if (stream == NULL) {
        return NULL;
    }
    memset(stream, 0, sizeof(*stream));
    list_init(&stream->histories);
    stream->name = malloc(name.length);
    stream->name_length = (uint32_t)name.length;
    if (stream->name == NULL) {
        pool_free(&table->pool, stream);
        return NULL;
    }
    memcpy(stream->name, name.at, name.length);
    if (name_map_put(&table->by_name, name, stream_table_index(table, stream)) != 0) {
        stream_release(stream);
        pool_free(&table->pool, stream);
        return NULL;
    }
    stream->request.owner = stream;
    stream->request.name = slice_from(stream->name, stream->name_length);
    return stream;
}

bool stream_table_answered(struct stream_table *table, struct stream *stream)
{
    const struct log_stream_state *state = &stream->request.state;
    ASSERT(state->number != 0);
    if (u64_map_put(&table->by_number, state->number, stream_table_index(table, stream)) != 0) {
        return false;
    }
    stream->state = STREAM_LIVE;
    stream->number = state->number;
    stream->last_id = state->last_id;
    stream_learn(stream, state->log_last_id, state->last_sequence);
    stream_learn(stream, state->last_id, state->last_sequence);
    stream_discard(stream, state->discarded_id);
    stream->discarded_sequence = state->discarded_sequence;
    stream->log_last_id = state->log_last_id;
    stream->flow = state->flow;
    stream->life = state->life;
    stream->is_made = state->is_made;
    stream->deletions = state->deletions;
    stream->pass_from = state->last_id;
    window_init(&stream->window, state->last_id);
    return true;
}

static void forget_name(struct stream_table *table, const struct stream *stream)
{
    name_map_remove(&table->by_name, slice_from(stream->name, stream->name_length), NULL);
    if (stream->number != 0) {
        u64_map_remove(&table->by_number, stream->number, NULL);
    }
}

void stream_table_close(struct stream_table *table, struct stream *stream)
{
    ASSERT(stream_readers(stream) == 0);
    ASSERT(list_is_empty(&stream->histories));
    ASSERT(stream->state != STREAM_ASKING);
    ASSERT(!list_is_linked(&stream->slowest.blocking_node));
    if (stream->is_dirty) {
        list_remove(&stream->dirty_node);
    }
    if (!stream->is_left) {
        forget_name(table, stream);
    }
    stream_release(stream);
    pool_free(&table->pool, stream);
}

void stream_mark_dirty(struct stream_table *table, struct stream *stream)
{
    if (!stream->is_dirty) {
        stream->is_dirty = true;
        list_push_back(&table->dirty, &stream->dirty_node);
    }
}

// A hot stream's window is deep, so that a reader that falls behind is served without asking the
// log; a thousand quiet streams keep theirs small.
static uint32_t window_runs_for(const struct stream *stream)
{
    uint32_t runs = WINDOW_RUNS_MIN;
    while (runs < WINDOW_RUNS_MAX && runs < stream_readers(stream)) {
        runs *= 2;
    }
    return runs;
}

void stream_push(struct stream_table *table, struct stream *stream, const struct log_run *run)
{
    if (run->count == 0) {
        return; // control records only
    }
    ASSERT(run->first_id > stream->last_id);
    window_push(&stream->window, run, window_runs_for(stream));
    if (!stream->is_dirty) {
        stream->pass_from = stream->last_id;
        stream->pass_to = 0;
        stream->pass_next = 0;
    }
    stream->last_id = run->last_id;
    stream_learn(stream, run->last_id, run->last_sequence);
    stream_mark_dirty(table, stream);
}

void stream_learn(struct stream *stream, uint64_t id, uint64_t sequence)
{
    if (id > stream->known_id) {
        stream->known_id = id;
        stream->last_sequence = sequence;
    }
}

void stream_restart(struct stream_table *table, struct stream *stream, uint64_t id)
{
    if (id <= stream->window.covers_from) {
        return;
    }
    window_restart(&stream->window, id);
    stream->last_id = id > stream->last_id ? id : stream->last_id;
    stream->pass_to = 0;
    stream_mark_dirty(table, stream);
}

void stream_set_life(struct stream_table *table, struct stream *stream, enum stream_life life)
{
    if (stream->life == life) {
        return;
    }
    stream->life = life;
    if (stream_has_ended(stream)) {
        stream->pass_to = 0; // also those that this pass has seen
        stream_mark_dirty(table, stream);
    }
}

void stream_leave(struct stream_table *table, struct stream *stream)
{
    ASSERT(stream->state == STREAM_LIVE && !stream->is_left);
    forget_name(table, stream);
    stream->is_left = true;
    stream_discard(stream, stream->last_id);
    stream_set_life(table, stream, STREAM_DELETED);
}

// A discard has an id of its own: what stands between the last event and that is nothing that
// anybody could miss.
void stream_discard(struct stream *stream, uint64_t id)
{
    id = id < stream->last_id ? id : stream->last_id;
    if (id > stream->discarded_id) {
        stream->discarded_id = id;
        window_discard(&stream->window, id);
    }
}

bool stream_add(struct stream *stream, uint32_t connection, uint32_t *place)
{
    if (stream->subscriber_count == stream->subscriber_capacity) {
        uint32_t capacity = stream->subscriber_capacity == 0 ? 2 : stream->subscriber_capacity * 2;
        uint32_t *subscribers = realloc(stream->subscribers, capacity * sizeof(*subscribers));
        if (subscribers == NULL) {
            return false;
        }
        stream->subscribers = subscribers;
        stream->subscriber_capacity = capacity;
    }
    *place = stream->subscriber_count++;
    stream->subscribers[*place] = connection;
    return true;
}

void stream_remove(struct stream *stream, uint32_t place)
{
    ASSERT(place < stream->subscriber_count);
    ASSERT(stream->subscribers[place] != STREAM_SUBSCRIBER_NONE);
    stream->subscribers[place] = STREAM_SUBSCRIBER_NONE;
    stream->subscriber_holes++;
}

void stream_compact(struct stream *stream,
                    void (*moved)(void *context, struct stream *stream, uint32_t connection,
                                  uint32_t place),
                    void *context)
{
    if (stream->is_dirty || stream->subscriber_holes < COMPACT_HOLES_MIN ||
        stream->subscriber_holes < stream->subscriber_count / 4) {
        return;
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < stream->subscriber_count; i++) {
        uint32_t connection = stream->subscribers[i];
        if (connection == STREAM_SUBSCRIBER_NONE) {
            continue;
        }
        if (kept != i) {
            stream->subscribers[kept] = connection;
            moved(context, stream, connection, kept);
        }
        kept++;
    }
    stream->subscriber_count = kept;
    stream->subscriber_holes = 0;
    stream->slowest.next = 0; // a walk over them begins again
}
