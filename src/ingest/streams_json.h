// The log's streams as JSON: for tasks (conn/task.h), and for operators. For the files of
// src/ingest alone.
#ifndef RINGCAST_INGEST_STREAMS_JSON_H
#define RINGCAST_INGEST_STREAMS_JSON_H

#include "base/json_writer.h"
#include "conn/task.h"
#include "log/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    // Streams looked at for one page: beyond that it is cut short, and says where the next begins.
    STREAMS_JSON_LOOKS_MAX = 65536,
    // What a look comes to in a round's share of bytes (ingest/gateway.h).
    STREAMS_JSON_LOOK_BYTES = 16,
    STREAMS_JSON_END_BYTES = 64, // of a page, behind its streams
    // Where its name is held against patterns, and one more for each step of that.
    STREAMS_JSON_GRANT_BYTES = 256,
};

// Whether clients are to know of it: it was made or published to, and is not deleted.
bool streams_json_is_there(const struct log_stream_info *info);

// One object: name, state, ids, content type, settings. subscribers: NULL: not said.
void streams_json_write(struct json_writer *writer, const struct log_stream_info *info,
                        const uint64_t *subscribers);

// Writes a part of a LIST task's page, until *spent_bytes is `most_bytes`. True: the page is whole.
// Failures stick to task->json.
bool streams_json_page(const struct log *log, struct task *task, size_t *spent_bytes,
                       size_t most_bytes);

#endif
