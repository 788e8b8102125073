// What a log's blocks say, all of them read: streams, producers, runs; and whether indexes and
// checkpoint agree with that. Ground of verify and repair. One thread; blocks on the disk.
#ifndef RINGCAST_CLI_LOG_SURVEY_H
#define RINGCAST_CLI_LOG_SURVEY_H

#include "base/map.h"
#include "log/recovery.h"
#include "log/run.h"

#include <stdbool.h>
#include <stdint.h>

struct survey_stream {
    struct checkpoint_stream state; // name and content type point into `names`
    uint64_t name_offset;
    uint64_t content_type_offset;
    uint64_t checkpointed_id; // of its last event that the checkpoint should reflect
    uint64_t last_record_id;  // of any kind
    bool has_ended;           // an end of it stands in the blocks
};

// A valid block, and what its header says stands before it.
struct survey_block {
    uint64_t position;
    uint64_t previous;
    uint64_t length;
    uint64_t first_id;
    uint64_t last_id;
};

struct survey_run {
    uint64_t number;
    struct log_run run;
};

// A run that an index lacks.
struct survey_missing {
    uint64_t number;
    uint64_t last_id;
    uint64_t segment;
    uint64_t index_offset;
};

struct survey_counts {
    uint64_t events;
    uint64_t controls;
    uint64_t frame_bytes;
    uint64_t first_id;
    uint64_t indexes; // valid ones
};

// A growable array of anything.
struct survey_array {
    uint8_t *items;
    size_t count;
    size_t capacity;
    size_t item_bytes;
};

struct log_survey {
    struct recovery recovery;
    struct survey_counts counts;
    struct survey_array streams;   // struct survey_stream
    struct survey_array producers; // struct checkpoint_producer
    struct survey_array blocks;    // struct survey_block, of the whole log
    struct survey_array runs;      // struct survey_run, of the segment being read
    struct survey_array marks;     // struct seal_mark, of the same
    struct survey_array missing;   // struct survey_missing
    struct survey_array discards;  // uint64_t: up to which id, of the checkpoint's streams
    struct u64_map by_number;
    struct u64_map discards_by_number;
    struct buffer names;
    uint64_t faults; // those of recovery and of comparing
    void *context;
    void (*fault)(void *context, const struct recovery_fault *fault);
    // Called with runs (sorted) and marks in place, for each segment that was read. May be NULL.
    void (*segment)(void *context, struct log_survey *survey,
                    const struct recovery_segment *segment);
    bool is_out_of_memory;
};

// Reads everything. `fault` is told what is wrong. 0, or -errno with one line in message (then
// nothing is left to free).
int log_survey_make(struct log_survey *survey, struct disk *disk, void *context,
                    void (*fault)(void *context, const struct recovery_fault *fault),
                    void (*segment)(void *context, struct log_survey *survey,
                                    const struct recovery_segment *segment),
                    char *message, size_t message_size);
void log_survey_free(struct log_survey *survey);

// Whether the segment's index holds exactly the runs of its blocks, but for those that are known by
// now to be discarded; tells the fault otherwise, but for runs that a discard to come may explain.
// From `segment` only.
bool log_survey_compare_index(struct log_survey *survey, const struct recovery_segment *segment);
// Whether discards explain what the indexes lack; tells the faults. After log_survey_make.
bool log_survey_judge_missing(struct log_survey *survey);
// Whether the checkpoint, where there is one, agrees with the blocks; tells each fault. After
// log_survey_make.
bool log_survey_compare_checkpoint(struct log_survey *survey);

static inline struct survey_stream *log_survey_stream(const struct log_survey *survey, size_t i)
{
    return (struct survey_stream *)(void *)survey->streams.items + i;
}

#endif
