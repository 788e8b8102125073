#include "sample_log.h"

#include "base/assert.h"
#include "sim_disk.h"

#include <stdlib.h>

enum { BOOT = 1 };

static void put_file(const struct sample_log *log)
{
    char name[SEGMENT_NAME_BYTES];
    segment_name(log->segment, name);
    sim_put(name, buffer_slice(&log->file));
}

static void begin_segment(struct sample_log *log, uint64_t previous_end, uint32_t flags)
{
    log->salt = 0x5a17ull << 32 | log->segment;
    const struct segment_header header = {.salt = log->salt,
                                          .number = log->segment,
                                          .segment_bytes = SAMPLE_SEGMENT_BYTES,
                                          .first_id = log->next_id,
                                          .previous_end = previous_end,
                                          .created_ms = 1000,
                                          .flags = flags};
    buffer_clear(&log->file);
    segment_header_encode(&header, buffer_reserve(&log->file, SEGMENT_HEADER_BYTES));
    buffer_commit(&log->file, SEGMENT_HEADER_BYTES);
    log->position = segment_first_position(log->segment, SAMPLE_SEGMENT_BYTES);
    put_file(log);
}

void sample_log_meta(uint64_t id_limit, uint64_t next_id, bool clean)
{
    struct log_meta meta = {.segment_bytes = SAMPLE_SEGMENT_BYTES,
                            .id_limit = id_limit,
                            .next_id = next_id,
                            .clean = clean};
    meta.boot_id[0] = BOOT;
    uint8_t bytes[META_BYTES];
    meta_encode(&meta, bytes);
    sim_put(META_NAME, slice_from(bytes, sizeof bytes));
}

void sample_log_begin(struct sample_log *log)
{
    *log = (struct sample_log){.segment = 1, .next_id = 1};
    buffer_init(&log->file, 4 * SAMPLE_SEGMENT_BYTES);
    sample_log_meta(META_RESERVE, 0, false);
    begin_segment(log, 0, 0);
}

void sample_log_free(struct sample_log *log)
{
    buffer_free(&log->file);
}

void sample_log_append(struct sample_log *log, uint32_t count, size_t data_bytes)
{
    struct sample_event *events = calloc(count, sizeof *events);
    char *data = malloc(data_bytes + 1);
    ASSERT(events != NULL && data != NULL && log->block_count < SAMPLE_BLOCKS_MAX);
    memset(data, 'x', data_bytes);
    data[data_bytes] = 0;
    for (uint32_t i = 0; i < count; i++) {
        unsigned stream = 1 + (unsigned)(log->next_id % SAMPLE_STREAMS);
        events[i] =
            (struct sample_event){log->next_id++, ++log->sequences[stream], stream, data, false};
    }
    const struct sample_block block = {.salt = log->salt,
                                       .synced_through = log->synced,
                                       .previous_position = log->previous,
                                       .time_ms = 1000 + log->next_id,
                                       .events = events,
                                       .event_count = count};
    size_t before = buffer_length(&log->file);
    sample_block_build(&log->file, &block);
    uint32_t length = (uint32_t)(buffer_length(&log->file) - before);
    ASSERT(buffer_length(&log->file) <= SAMPLE_SEGMENT_BYTES);
    put_file(log);
    unsigned index = log->block_count++;
    log->blocks[index].position = log->position;
    log->blocks[index].first_id = events[0].id;
    log->blocks[index].last_id = events[count - 1].id;
    log->blocks[index].length = length;
    log->blocks[index].segment = log->segment;
    log->previous = log->position;
    log->position += length;
    free(events);
    free(data);
}

void sample_log_roll(struct sample_log *log, uint64_t previous_end, uint32_t flags)
{
    log->segment++;
    begin_segment(log, previous_end, flags);
}

struct checkpoint_segment sample_log_segment(const struct sample_log *log)
{
    struct checkpoint_segment segment = {
        .number = log->segment, .salt = log->salt, .end_position = log->position};
    for (unsigned i = 0; i < log->block_count; i++) {
        if (log->blocks[i].segment == log->segment) {
            segment.first_id = segment.first_id == 0 ? log->blocks[i].first_id : segment.first_id;
            segment.last_id = log->blocks[i].last_id;
            segment.last_position = log->blocks[i].position;
        }
    }
    return segment;
}

struct checkpoint_segment sample_log_seal(struct sample_log *log)
{
    struct checkpoint_segment segment = sample_log_segment(log);
    struct buffer index;
    struct seal_writer writer;
    buffer_init(&index, 1 << 20);
    seal_begin(&writer, &index, log->salt, log->segment);
    for (unsigned stream = 1; stream <= SAMPLE_STREAMS; stream++) {
        for (unsigned i = 0; i < log->block_count; i++) {
            if (log->blocks[i].segment != log->segment) {
                continue;
            }
            const uint8_t *block = log->file.storage + log->file.start +
                                   segment_offset_of(log->blocks[i].position, SAMPLE_SEGMENT_BYTES);
            const struct block_stream *streams = block_streams(block);
            for (uint32_t j = 0; j < block_header_of(block)->stream_count; j++) {
                if (streams[j].number == stream) {
                    const struct log_run run = log_run_of(log->blocks[i].position, block, j);
                    seal_add_run(&writer, stream, &run);
                }
            }
        }
    }
    const struct seal_mark mark = {1000, segment.first_id, segment.last_position};
    int failed = seal_finish(&writer, &mark, 1, segment.first_id, segment.last_id, log->synced,
                             1000, segment.last_position);
    ASSERT(failed == 0);
    segment.index_offset = buffer_length(&log->file);
    segment.index_length = (uint32_t)buffer_length(&index);
    buffer_append_slice(&log->file, buffer_slice(&index));
    buffer_free(&index);
    put_file(log);
    return segment;
}

void sample_log_checkpoint(struct sample_log *log, const struct checkpoint_segment *segments,
                           unsigned count)
{
    struct buffer bytes;
    struct checkpoint_writer writer;
    const struct checkpoint_head head = {.position = log->position,
                                         .last_id = log->next_id - 1,
                                         .last_position = log->previous,
                                         .next_stream_number = SAMPLE_STREAMS + 1,
                                         .segment_bytes = SAMPLE_SEGMENT_BYTES};
    buffer_init(&bytes, 1 << 20);
    checkpoint_begin(&writer, &bytes, &head);
    static const char *const names[] = {"stream/1", "stream/2", "stream/3"};
    for (unsigned i = 0; i < SAMPLE_STREAMS; i++) {
        const struct checkpoint_stream stream = {.number = i + 1,
                                                 .last_id = log->next_id - 1,
                                                 .last_sequence = log->sequences[i + 1],
                                                 .name = slice_of(names[i])};
        checkpoint_add_stream(&writer, &stream);
    }
    for (unsigned i = 0; i < count; i++) {
        checkpoint_add_segment(&writer, &segments[i]);
    }
    int failed = checkpoint_finish(&writer);
    ASSERT(failed == 0);
    sim_put(CHECKPOINT_NAME, buffer_slice(&bytes));
    buffer_free(&bytes);
}

const char *sample_log_place(const struct sample_log *log, unsigned index, uint64_t *offset)
{
    static char name[SEGMENT_NAME_BYTES];
    ASSERT(index < log->block_count);
    segment_name(log->blocks[index].segment, name);
    *offset = segment_offset_of(log->blocks[index].position, SAMPLE_SEGMENT_BYTES);
    return name;
}
