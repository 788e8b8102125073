#include "log/open_repair.h"

#include "base/assert.h"
#include "base/logger.h"
#include "log/core.h"

#include <errno.h>
#include <stdlib.h>

// --- writing again ---

static int rewrite(const struct log *log, const struct segment *segment, uint64_t offset,
                   uint64_t length)
{
    enum { CHUNK = 1 << 20 };
    uint8_t *bytes = length == 0 ? NULL : malloc(CHUNK);
    if (bytes == NULL) {
        return length == 0 ? 0 : -ENOMEM;
    }
    int error = 0;
    for (uint64_t done = 0; done < length && error == 0;) {
        size_t part = length - done < CHUNK ? (size_t)(length - done) : CHUNK;
        int64_t got = disk_read_now(log->disk, segment->file, bytes, part, offset + done);
        if (got == (int64_t)part) {
            got = disk_write_now(log->disk, segment->file, bytes, part, offset + done);
        }
        error = got == (int64_t)part ? 0 : got < 0 ? (int)got : -EIO;
        done += part;
    }
    free(bytes);
    return error != 0 ? error : disk_sync_now(log->disk, segment->file);
}

int open_sync_segment(const struct log *log, const struct segment *segment, uint64_t synced_through)
{
    uint64_t begin = segment_position(segment->facts.number, log->options.segment_bytes, 0);
    uint64_t first = begin + SEGMENT_HEADER_BYTES;
    uint64_t from = synced_through > first ? synced_through : first;
    uint64_t end = segment->facts.end_position;
    int error = end > from ? rewrite(log, segment, from - begin, end - from) : 0;
    if (error == 0) {
        // It may have just lost SEGMENT_PENDING.
        error = rewrite(log, segment, 0, SEGMENT_HEADER_BYTES);
    }
    if (error == 0 && segment->state == SEGMENT_SEALED) {
        error = rewrite(log, segment, segment->facts.index_offset, segment->facts.index_length);
    }
    return error;
}

// --- indexes ---

int open_load_head(const struct log *log, struct segment *segment)
{
    uint8_t start[BLOCK_HEADER_BYTES + SEAL_HEADER_BYTES];
    uint32_t offset;
    uint32_t length;
    int64_t got =
        disk_read_now(log->disk, segment->file, start, sizeof(start), segment->facts.index_offset);
    if (got != (int64_t)sizeof(start) ||
        !seal_head_find(slice_from(start, sizeof(start)), segment->facts.salt,
                        segment->facts.number, &offset, &length)) {
        return -EBADMSG;
    }
    uint8_t *head = malloc((size_t)length + 1);
    if (head == NULL) {
        return -ENOMEM;
    }
    int error = -EBADMSG;
    if (disk_read_now(log->disk, segment->file, head, length,
                      segment->facts.index_offset + offset) == (int64_t)length) {
        error =
            seal_head_load(&segment->head, slice_from(start, sizeof(start)),
                           slice_from(head, length), segment->facts.salt, segment->facts.number);
    }
    free(head);
    if (error == 0) {
        segment_set_sealed(segment);
    }
    return error;
}

struct stream_run {
    uint64_t number;
    struct log_run run;
};

struct collection {
    struct segment *segment;
    uint64_t segment_bytes;
    struct stream_run *runs;
    size_t count;
    size_t room;
    bool is_out_of_memory;
};

static void collect(void *context, const struct recovery_segment *from, uint64_t position,
                    const uint8_t *block)
{
    (void)from;
    struct collection *collection = context;
    const struct block_header *header = block_header_of(block);
    const struct block_stream *entries = block_streams(block);
    if (header->last_id > collection->segment->facts.last_id) {
        segment_note_block(collection->segment, collection->segment_bytes, position, header);
    }
    for (uint32_t i = 0; i < header->stream_count; i++) {
        if (collection->count == collection->room) {
            size_t room = collection->room == 0 ? 1024 : collection->room * 2;
            struct stream_run *grown = realloc(collection->runs, room * sizeof(*grown));
            if (grown == NULL) {
                collection->is_out_of_memory = true;
                return;
            }
            collection->runs = grown;
            collection->room = room;
        }
        if (entries[i].count > 0) {
            collection->runs[collection->count++] =
                (struct stream_run){entries[i].number, log_run_of(position, block, i)};
        }
    }
}

static int compare_runs(const void *one, const void *other)
{
    const struct stream_run *a = one;
    const struct stream_run *b = other;
    if (a->number != b->number) {
        return a->number < b->number ? -1 : 1;
    }
    return a->run.first_id < b->run.first_id ? -1 : a->run.first_id > b->run.first_id;
}

static int write_index(struct log *log, struct segment *segment, struct slice bytes)
{
    uint64_t offset = segment->facts.end_position -
                      segment_position(segment->facts.number, log->options.segment_bytes, 0);
    int64_t put = disk_write_now(log->disk, segment->file, bytes.at, bytes.length, offset);
    int error = put < 0 ? (int)put : disk_sync_now(log->disk, segment->file);
    if (error == 0) {
        segment->facts.index_offset = offset;
        segment->facts.index_length = (uint32_t)bytes.length;
        error = open_load_head(log, segment);
    }
    return error;
}

static int put_index(struct log *log, struct segment *segment, const struct collection *collection)
{
    struct buffer out;
    struct seal_writer writer;
    buffer_init(&out, UINT32_MAX / 2);
    seal_begin(&writer, &out, segment->facts.salt, segment->facts.number);
    for (size_t i = 0; i < collection->count; i++) {
        const struct stream_run *run = &collection->runs[i];
        bool overlaps =
            i > 0 && run[-1].number == run->number && run[-1].run.last_id >= run->run.first_id;
        if (!overlaps) { // as a block that lists a stream twice would
            seal_add_run(&writer, run->number, &run->run);
        }
    }
    int error = seal_finish(&writer, segment->marks, segment->mark_count, segment->facts.first_id,
                            segment->facts.last_id, segment->facts.end_position,
                            segment->facts.last_time_ms, segment->facts.last_position);
    error = error != 0 ? error : write_index(log, segment, buffer_slice(&out));
    buffer_free(&out);
    return error;
}

int open_rebuild_index(struct log *log, struct recovery *recovery, size_t index,
                       struct segment *segment)
{
    LOG_WARN("log", "the index of segment %llu is built again from its blocks",
             (unsigned long long)segment->facts.number);
    struct collection collection = {.segment = segment,
                                    .segment_bytes = log->options.segment_bytes};
    const struct recovery_visitor visitor = {.context = &collection, .block = collect};
    segment->facts.index_offset = 0;
    segment->facts.index_length = 0;
    int error = recovery_read_segment(recovery, index, &visitor);
    if (error == 0 && collection.is_out_of_memory) {
        error = -ENOMEM;
    }
    if (error == 0 && segment->facts.last_id != 0) {
        if (collection.count > 0) {
            qsort(collection.runs, collection.count, sizeof(collection.runs[0]), compare_runs);
        }
        error = put_index(log, segment, &collection);
    }
    free(collection.runs);
    return error;
}

void open_drop_runs(struct log *log, const struct segment *segment)
{
    uint64_t end = segment_position(segment->facts.number + 1, log->options.segment_bytes, 0);
    for (uint32_t slot = 0; slot < log->streams.touched; slot++) {
        struct log_stream *stream = streams_at(&log->streams, slot);
        if (stream->number != 0) {
            index_drop_before(&log->index, stream, end);
        }
    }
}
