#include "log/index.h"

#include "base/assert.h"

#include <errno.h>
#include <string.h>

// A chunk's name: its class in the highest bits, its place in that class's pool below.
enum { CLASS_SHIFT = 30 };
#define PLACE_MASK ((UINT32_C(1) << CLASS_SHIFT) - 1)

static const uint32_t class_runs[INDEX_CLASSES] = {1, 4, 16, 64};

int index_init(struct index *index, uint32_t runs_max)
{
    ASSERT(runs_max > 0 && runs_max < PLACE_MASK);
    memset(index, 0, sizeof(*index));
    index->runs_max = runs_max;
    for (unsigned class = 0; class < INDEX_CLASSES; class ++) {
        size_t bytes = sizeof(struct index_chunk) + class_runs[class] * sizeof(struct log_run);
        // Every chunk holds a run at least. Larger ones come after full smaller ones, so that fewer
        // of them are needed; where one class is used up after all, the smallest always serves.
        uint32_t capacity = runs_max / (class == 0 ? 1 : class_runs[class - 1]) + 1;
        if (pool_init(&index->pools[class], bytes, 8, capacity) != 0) {
            index_free(index);
            return -ENOMEM;
        }
    }
    return 0;
}

void index_free(struct index *index)
{
    for (unsigned class = 0; class < INDEX_CLASSES; class ++) {
        if (index->pools[class].objects != NULL) {
            pool_destroy(&index->pools[class]);
        }
    }
    memset(index, 0, sizeof(*index));
}

static struct index_chunk *chunk_at(const struct index *index, uint32_t name)
{
    return pool_at(&index->pools[name >> CLASS_SHIFT], name & PLACE_MASK);
}

static uint32_t chunk_make(struct index *index, unsigned class)
{
    struct index_chunk *chunk = pool_alloc(&index->pools[class]);
    if (chunk == NULL) {
        class = 0;
        chunk = pool_alloc(&index->pools[0]);
        ASSERT(chunk != NULL);
    }
    return ((uint32_t) class << CLASS_SHIFT) | pool_index(&index->pools[class], chunk);
}

static void chunk_release(struct index *index, uint32_t name)
{
    pool_free(&index->pools[name >> CLASS_SHIFT], chunk_at(index, name));
}

void index_add(struct index *index, struct log_stream *stream, const struct log_run *run)
{
    ASSERT(index->count < index->runs_max);
    uint32_t newest = stream->newest_run;
    struct index_chunk *chunk = newest == STREAM_NONE ? NULL : chunk_at(index, newest);
    if (chunk == NULL || chunk->end == class_runs[newest >> CLASS_SHIFT]) {
        unsigned class = chunk == NULL ? 0 : (newest >> CLASS_SHIFT) + 1;
        uint32_t made = chunk_make(index, class < INDEX_CLASSES ? class : INDEX_CLASSES - 1);
        struct index_chunk *fresh = chunk_at(index, made);
        fresh->first = 0;
        fresh->end = 0;
        fresh->older = newest;
        fresh->newer = chunk == NULL ? made : chunk->newer;
        if (chunk != NULL) {
            chunk->newer = made;
        }
        stream->newest_run = made;
        chunk = fresh;
    }
    ASSERT(chunk->end == chunk->first || chunk->runs[chunk->end - 1].last_id < run->first_id);
    chunk->runs[chunk->end++] = *run;
    index->count++;
}

// Takes the oldest chunk, which is empty, out of the list.
static void drop_chunk(struct index *index, struct log_stream *stream, uint32_t oldest)
{
    struct index_chunk *newest = chunk_at(index, stream->newest_run);
    if (oldest == stream->newest_run) {
        stream->newest_run = STREAM_NONE;
    } else {
        uint32_t next = chunk_at(index, oldest)->newer;
        newest->newer = next;
        chunk_at(index, next)->older = STREAM_NONE;
    }
    chunk_release(index, oldest);
}

static void drop(struct index *index, struct log_stream *stream, uint64_t position, uint64_t id)
{
    while (stream->newest_run != STREAM_NONE) {
        uint32_t oldest = chunk_at(index, stream->newest_run)->newer;
        struct index_chunk *chunk = chunk_at(index, oldest);
        while (chunk->first < chunk->end) {
            const struct log_run *run = &chunk->runs[chunk->first];
            if (run->block_position >= position && run->last_id > id) {
                return;
            }
            chunk->first++;
            index->count--;
        }
        drop_chunk(index, stream, oldest);
    }
}

void index_drop_before(struct index *index, struct log_stream *stream, uint64_t position)
{
    drop(index, stream, position, 0);
}

void index_drop_through(struct index *index, struct log_stream *stream, uint64_t id)
{
    drop(index, stream, 0, id);
}

struct index_cursor index_newest(const struct index *index, const struct log_stream *stream)
{
    struct index_cursor cursor = {.chunk = stream->newest_run};
    if (cursor.chunk != STREAM_NONE) {
        cursor.at = chunk_at(index, cursor.chunk)->end - 1;
    }
    return cursor;
}

struct index_cursor index_oldest(const struct index *index, const struct log_stream *stream)
{
    struct index_cursor cursor = {.chunk = stream->newest_run};
    if (cursor.chunk != STREAM_NONE) {
        cursor.chunk = chunk_at(index, cursor.chunk)->newer;
        cursor.at = chunk_at(index, cursor.chunk)->first;
    }
    return cursor;
}

struct log_run *index_run(const struct index *index, struct index_cursor cursor)
{
    return cursor.chunk == STREAM_NONE ? NULL : &chunk_at(index, cursor.chunk)->runs[cursor.at];
}

void index_step_older(const struct index *index, struct index_cursor *cursor)
{
    const struct index_chunk *chunk = chunk_at(index, cursor->chunk);
    if (cursor->at > chunk->first) {
        cursor->at--;
        return;
    }
    cursor->chunk = chunk->older;
    cursor->at = cursor->chunk == STREAM_NONE ? 0 : chunk_at(index, cursor->chunk)->end - 1;
}

void index_step_newer(const struct index *index, const struct log_stream *stream,
                      struct index_cursor *cursor)
{
    const struct index_chunk *chunk = chunk_at(index, cursor->chunk);
    if (cursor->at + 1 < chunk->end) {
        cursor->at++;
        return;
    }
    cursor->chunk = cursor->chunk == stream->newest_run ? STREAM_NONE : chunk->newer;
    cursor->at = cursor->chunk == STREAM_NONE ? 0 : chunk_at(index, cursor->chunk)->first;
}

static uint64_t key_of(const struct log_run *run, bool by_sequence)
{
    return by_sequence ? run->last_sequence : run->last_id;
}

static struct index_cursor find(const struct index *index, const struct log_stream *stream,
                                uint64_t value, bool by_sequence)
{
    struct index_cursor found = {.chunk = STREAM_NONE};
    for (uint32_t name = stream->newest_run; name != STREAM_NONE;) {
        const struct index_chunk *chunk = chunk_at(index, name);
        if (key_of(&chunk->runs[chunk->end - 1], by_sequence) <= value) {
            break;
        }
        uint32_t low = chunk->first; // the first run in [low, high] above value
        uint32_t high = chunk->end - 1;
        while (low < high) {
            uint32_t middle = low + (high - low) / 2;
            if (key_of(&chunk->runs[middle], by_sequence) > value) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        found = (struct index_cursor){.chunk = name, .at = low};
        if (low > chunk->first) {
            break;
        }
        name = chunk->older;
    }
    return found;
}

struct index_cursor index_find_id(const struct index *index, const struct log_stream *stream,
                                  uint64_t id)
{
    return find(index, stream, id, false);
}

struct index_cursor index_find_sequence(const struct index *index, const struct log_stream *stream,
                                        uint64_t sequence)
{
    return find(index, stream, sequence, true);
}
