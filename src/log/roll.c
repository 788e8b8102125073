#include "log/roll.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/logger.h"
#include "base/random.h"
#include "log/core.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int roll_init(struct log *log)
{
    log->roll.header = aligned_alloc(SEGMENT_HEADER_BYTES, SEGMENT_HEADER_BYTES);
    return log->roll.header == NULL ? -ENOMEM : 0;
}

void roll_free(struct log *log)
{
    if (log->roll.spare != NULL) {
        log_close_file(log, log->roll.spare->file);
        segment_destroy(log->roll.spare);
        log->roll.spare = NULL;
    }
    free(log->roll.header);
    log->roll.header = NULL;
}

bool roll_is_ready(const struct log *log)
{
    return log->roll.spare != NULL && !chain_is_full(&log->chain);
}

uint64_t roll_first_position(const struct log *log)
{
    ASSERT(log->roll.spare != NULL);
    return log->roll.spare->facts.end_position;
}

bool roll_to_next(struct log *log)
{
    struct roll *roll = &log->roll;
    if (!roll_is_ready(log)) {
        return false;
    }
    struct segment *segment = roll->spare;
    roll->spare = NULL;
    roll->previous_end = 0;
    if (log->writer.active != NULL) {
        log->writer.active->state = SEGMENT_ROLLED;
    }
    chain_add(&log->chain, segment);
    log_tail_segment_set(log->tail, segment->facts.number, segment->file, segment->facts.salt);
    writer_begin_segment(log, segment);
    roll_prepare_due(log);
    return true;
}

// Names and header of the next segment. Returns the file to take over, or NULL.
static const char *describe_next(struct log *log, uint64_t previous_end, uint32_t flags)
{
    struct roll *roll = &log->roll;
    roll->number = roll->next_number++;
    roll->salt = random_u64();
    struct segment_header header = {
        .salt = roll->salt,
        .number = roll->number,
        .segment_bytes = log->options.segment_bytes,
        .first_id = log->next_id,
        .previous_end = previous_end,
        .created_ms = clock_realtime_ms(),
        .flags = flags,
    };
    segment_header_encode(&header, roll->header);
    segment_name(roll->number, roll->name);
    roll->recycle_name[0] = '\0';
    if (roll->recycle_count > 0) {
        segment_name(roll->recycle[--roll->recycle_count], roll->recycle_name);
    }
    return roll->recycle_name[0] != '\0' ? roll->recycle_name : NULL;
}

void roll_submit_prepare(struct log *log, uint64_t previous_end, uint32_t flags)
{
    struct roll *roll = &log->roll;
    ASSERT(!roll->preparing);
    roll->preparing = true;
    const char *recycle = describe_next(log, previous_end, flags);
    disk_submit_prepare(log->disk, roll->name, recycle, log->options.segment_bytes, roll->header,
                        SEGMENT_HEADER_BYTES, tag_make(TAG_PREPARE, 0));
}

int roll_prepare_now(struct log *log)
{
    struct roll *roll = &log->roll;
    const char *recycle = describe_next(log, roll->previous_end, 0);
    int file = disk_prepare_now(log->disk, roll->name, recycle, log->options.segment_bytes,
                                roll->header, SEGMENT_HEADER_BYTES);
    if (file < 0) {
        return file;
    }
    roll->spare = segment_make(&log->chain, roll->number, roll->salt, file);
    if (roll->spare == NULL) {
        log_close_file(log, file);
        return -ENOMEM;
    }
    return 0;
}

void roll_by_age(struct log *log)
{
    const struct segment *active = log->writer.active;
    uint64_t age = log->options.retention_age_ms / ROLL_AGE_SHARE;
    age = age > ROLL_AGE_MS_MIN ? age : ROLL_AGE_MS_MIN;
    if (log->options.retention_age_ms != 0 && active != NULL && active->facts.first_id != 0 &&
        active->facts.first_time_ms + age < log->time_ms &&
        !builder_is_open(&log->writer.builder) && !log->draining) {
        (void)roll_to_next(log);
    }
}

static void remove_file(struct log *log, const char *name)
{
    log->roll.removing++;
    disk_submit_remove(log->disk, name, tag_make(TAG_REMOVE, 0));
}

void roll_prepare_due(struct log *log)
{
    struct roll *roll = &log->roll;
    if (roll->spare == NULL && !roll->preparing && !fault_is_on(log) && !log->draining &&
        !chain_is_full(&log->chain) && log->now_ms >= roll->retry_at_ms) {
        roll_submit_prepare(log, roll->previous_end, 0);
    }
}

void roll_drop_prepared(struct log *log)
{
    // Whatever became of the two files: the number is not used again, and nothing may come back to
    // life.
    remove_file(log, log->roll.name);
    if (log->roll.recycle_name[0] != '\0') {
        remove_file(log, log->roll.recycle_name);
    }
}

static void prepare_failed(struct log *log, int error)
{
    struct roll *roll = &log->roll;
    if (roll->failure == 0) {
        LOG_ERROR("log", "cannot prepare segment %s: %s; trying again each second", roll->name,
                  strerror(-error));
    }
    roll->failure = error;
    roll->retry_at_ms = log->now_ms + ROLL_RETRY_MS;
    log->counts.write_failures++;
    roll_drop_prepared(log);
}

void roll_prepare_done(struct log *log, int64_t result)
{
    struct roll *roll = &log->roll;
    ASSERT(roll->preparing);
    roll->preparing = false;
    if (result < 0) {
        prepare_failed(log, (int)result);
        return;
    }
    struct segment *spare = segment_make(&log->chain, roll->number, roll->salt, (int)result);
    if (spare == NULL) {
        log_close_file(log, (int)result);
        prepare_failed(log, -ENOMEM);
        return;
    }
    if (roll->failure != 0) {
        LOG_INFO("log", "segment %s is prepared; writing goes on", roll->name);
        roll->failure = 0;
        roll->has_refused = false;
    }
    roll->spare = spare;
}

void roll_retire_file(struct log *log, uint64_t number)
{
    struct roll *roll = &log->roll;
    if (roll->recycle_count < ROLL_RECYCLE_MAX && roll->failure == 0) {
        roll->recycle[roll->recycle_count++] = number;
        return;
    }
    char name[SEGMENT_NAME_BYTES];
    segment_name(number, name);
    remove_file(log, name);
}

uint64_t roll_next_ms(const struct log *log)
{
    const struct roll *roll = &log->roll;
    if (roll->spare != NULL || roll->preparing || fault_is_on(log) || log->draining) {
        return UINT64_MAX;
    }
    return roll->retry_at_ms > log->now_ms ? roll->retry_at_ms - log->now_ms : 0;
}
