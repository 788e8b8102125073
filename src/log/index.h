// The runs of the segments that are not sealed yet, in memory: for each stream a list of chunks,
// newest last, found through log_stream.newest_run. Chunks hold 1, 4, 16 or 64 runs, so that a
// stream with one event costs little and a busy one is walked fast. Bounded by runs_max; all memory
// is reserved at start and costs from its first use on. One thread.
#ifndef RINGCAST_LOG_INDEX_H
#define RINGCAST_LOG_INDEX_H

#include "base/pool.h"
#include "log/block.h"
#include "log/run.h"
#include "log/streams.h"

#include <stdbool.h>
#include <stdint.h>

enum { INDEX_CLASSES = 4 };

struct index_chunk {
    uint32_t older; // STREAM_NONE: the oldest
    uint32_t newer; // of the newest: the oldest
    uint32_t first; // runs before it were dropped
    uint32_t end;
    struct log_run runs[];
};

struct index {
    struct pool pools[INDEX_CLASSES];
    uint32_t count; // runs held
    uint32_t runs_max;
};

// 0 or -ENOMEM.
int index_init(struct index *index, uint32_t runs_max);
void index_free(struct index *index);

static inline bool index_has_room(const struct index *index, uint64_t runs)
{
    return index->count + runs <= index->runs_max;
}

// Adds the stream's newest run. There is room (asserted).
void index_add(struct index *index, struct log_stream *stream, const struct log_run *run);
// Drops the stream's runs whose block stands before position.
void index_drop_before(struct index *index, struct log_stream *stream, uint64_t position);
// Drops the stream's runs that end at or before id.
void index_drop_through(struct index *index, struct log_stream *stream, uint64_t id);

// A place in a stream's list. Valid until the index changes.
struct index_cursor {
    uint32_t chunk; // STREAM_NONE: past an end
    uint32_t at;
};
struct index_cursor index_newest(const struct index *index, const struct log_stream *stream);
struct index_cursor index_oldest(const struct index *index, const struct log_stream *stream);
// The run there, or NULL past an end. May be changed in place (when blocks are written anew
// elsewhere).
struct log_run *index_run(const struct index *index, struct index_cursor cursor);
void index_step_older(const struct index *index, struct index_cursor *cursor);
void index_step_newer(const struct index *index, const struct log_stream *stream,
                      struct index_cursor *cursor);
// The oldest run with last_id > id; past the end if there is none. Walks back from the newest,
// whole chunks at a time: ids that are asked for are mostly recent.
struct index_cursor index_find_id(const struct index *index, const struct log_stream *stream,
                                  uint64_t id);
// The same for last_sequence > sequence.
struct index_cursor index_find_sequence(const struct index *index, const struct log_stream *stream,
                                        uint64_t sequence);

#endif
