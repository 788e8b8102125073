#include "log/handout.h"

#include "base/assert.h"
#include "base/clock.h"
#include "log/core.h"

#include <errno.h>
#include <sys/mman.h>

int handout_init(struct log *log)
{
    struct handout *handout = &log->handout;
    handout->recent =
        mmap(NULL, HANDOUT_RECENT_MAX * sizeof(*handout->recent), PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (handout->recent == MAP_FAILED) {
        handout->recent = NULL;
        return -ENOMEM;
    }
    return 0;
}

void handout_free(struct log *log)
{
    struct handout *handout = &log->handout;
    if (handout->recent != NULL) {
        (void)munmap(handout->recent, HANDOUT_RECENT_MAX * sizeof(*handout->recent));
        handout->recent = NULL;
    }
}

static struct handout_recent *recent_at(const struct handout *handout, uint64_t at)
{
    return &handout->recent[at & (HANDOUT_RECENT_MAX - 1)];
}

static void recent_add(struct log *log, uint64_t position, const struct block_header *header)
{
    struct handout *handout = &log->handout;
    if (handout->recent_tail - handout->recent_head == HANDOUT_RECENT_MAX) {
        handout->recent_head++;
    }
    *recent_at(handout, handout->recent_tail++) = (struct handout_recent){
        .position = position, .first_id = header->first_id, .length = header->length};
}

// The place of the first recent block whose first id is at or above id.
static uint64_t recent_find(const struct handout *handout, uint64_t id)
{
    uint64_t low = handout->recent_head;
    uint64_t high = handout->recent_tail;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (recent_at(handout, middle)->first_id >= id) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

void handout_moved(struct log *log, uint64_t first_id, uint64_t to)
{
    uint64_t place = recent_find(&log->handout, first_id);
    if (place < log->handout.recent_tail) {
        struct handout_recent *recent = recent_at(&log->handout, place);
        if (recent->first_id == first_id) {
            recent->position = to;
        }
    }
}

static bool deliver(struct log *log, unsigned reader, const struct log_message *message,
                    uint32_t leaving)
{
    const struct log_callbacks *callbacks = &log->callbacks;
    return callbacks->deliver != NULL &&
           callbacks->deliver(callbacks->context, reader, message, leaving);
}

void handout_answer(struct log *log, unsigned reader, const struct log_message *message)
{
    // The reader keeps within its quota, so that there is always room.
    bool delivered = deliver(log, reader, message, 0);
    ASSERT(delivered || log->callbacks.deliver == NULL);
}

// taken_ns: of its first event; 0: it is long ago.
static bool deliver_block(struct log *log, unsigned reader, uint64_t position, uint32_t length,
                          uint64_t first_id, uint64_t taken_ns)
{
    struct log_message message = {.kind = LOG_BLOCK,
                                  .length = length,
                                  .reader = reader,
                                  .position = position,
                                  .id = first_id,
                                  .spare2 = taken_ns,
                                  .number =
                                      block_header_of(log_tail_at(log->tail, position))->last_id};
    return deliver(log, reader, &message, log->options.reader_reserve);
}

static void lap(struct log *log, unsigned reader, uint64_t first_id)
{
    struct handout_reader *state = &log->handout.readers[reader];
    state->lapped = true;
    state->catching_up = false;
    state->next_id = first_id;
    log->handout.catching_up &= ~(UINT64_C(1) << reader);
    log->counts.laps++;
    // First the mark, then the bell: a reader that goes to sleep after the bell has seen the mark.
    log_tail_set_lapped(log->tail, reader, true);
    if (log->callbacks.wake != NULL) {
        log->callbacks.wake(log->callbacks.context, reader);
    }
}

static void apply_control(struct log *log, const uint8_t *block, const uint32_t *slots)
{
    const struct block_header *header = block_header_of(block);
    const struct block_record *records = block_records(block);
    for (uint32_t i = 0; i < header->record_count; i++) {
        const struct block_record *record = &records[i];
        struct log_stream *stream = streams_at(&log->streams, slots[record->stream]);
        if (record->kind != RECORD_EVENT) {
            ASSERT(stream->controls > 0);
            stream->controls--;
        }
        retention_take_record(log, stream, record,
                              slice_from(block + record->extra_offset, record->extra_length));
    }
}

// Takes the block's runs in; returns the readers that watch one of its streams. *has_control:
// whether apply_control has something to do.
static uint64_t take_streams(struct log *log, uint64_t position, const uint8_t *block,
                             const uint32_t *slots, uint32_t stream_count, bool *has_control)
{
    const struct block_stream *entries = block_streams(block);
    uint64_t interest = 0;
    *has_control = false;
    for (uint32_t i = 0; i < stream_count; i++) {
        const struct block_stream *entry = &entries[i];
        struct log_stream *stream = streams_at(&log->streams, slots[i]);
        ASSERT(stream->number == entry->number && stream->pending >= entry->count);
        // An event of a deleted stream makes it anew.
        *has_control = *has_control || (entry->flags & BLOCK_STREAM_HAS_CONTROL) != 0 ||
                       stream->handed_life == STREAM_DELETED;
        if (entry->count == 0) {
            continue;
        }
        const struct log_run run = log_run_of(position, block, i);
        index_add(&log->index, stream, &run);
        stream->last_id = entry->last_id;
        stream->pending -= entry->count;
        struct stream_extra *extra = streams_extra(&log->streams, stream);
        if (extra != NULL) {
            extra->cumulative_bytes += entry->frame_bytes;
            interest |= extra->interest;
        }
    }
    return interest;
}

static void note_written(struct log *log, const struct inflight *block,
                         const struct block_header *header)
{
    distribution_add(&log->counts.write_ns, clock_monotonic_ns() - block->taken_ns, 1);
    distribution_add(&log->counts.block_events, header->record_count, 1);
}

void handout_block(struct log *log, const struct inflight *written, uint64_t position)
{
    const uint8_t *block = log_tail_at(log->tail, position);
    const struct block_header *header = block_header_of(block);
    recent_add(log, position, header);
    note_written(log, written, header);
    bool has_control;
    uint64_t interest =
        take_streams(log, position, block, written->slots, written->stream_count, &has_control);
    while (interest != 0) {
        unsigned reader = (unsigned)__builtin_ctzll(interest);
        interest &= interest - 1;
        // A lapped one gets this block when it has caught up with it.
        if (!log->handout.readers[reader].lapped &&
            !deliver_block(log, reader, position, header->length, header->first_id,
                           written->taken_ns)) {
            lap(log, reader, header->first_id);
        }
    }
    // Behind the block: who is told of a stream's end has had its events.
    if (has_control) {
        apply_control(log, block, written->slots);
    }
}

void handout_resume(struct log *log, unsigned reader)
{
    ASSERT(reader < log->options.readers);
    struct handout_reader *state = &log->handout.readers[reader];
    log_tail_set_lapped(log->tail, reader, false);
    if (state->lapped) {
        state->catching_up = true;
        log->handout.catching_up |= UINT64_C(1) << reader;
    }
}

static void caught_up(struct log *log, unsigned reader)
{
    log->handout.readers[reader] = (struct handout_reader){0};
    log->handout.catching_up &= ~(UINT64_C(1) << reader);
}

// What it missed is no longer in memory: it starts again from here.
static void give_up(struct log *log, unsigned reader)
{
    struct log_message message = {.kind = LOG_LAPPED,
                                  .reader = reader,
                                  .position = log->writer.handed.position,
                                  .id = log->writer.handed.id};
    if (deliver(log, reader, &message, log->options.reader_reserve)) {
        caught_up(log, reader);
    } else {
        lap(log, reader, log->handout.readers[reader].next_id);
    }
}

static bool watches(const struct log *log, unsigned reader, const uint8_t *block)
{
    const struct block_stream *entries = block_streams(block);
    for (uint32_t i = 0; i < block_header_of(block)->stream_count; i++) {
        const struct log_stream *stream = streams_by_number(&log->streams, entries[i].number);
        if (stream != NULL && entries[i].count > 0 &&
            (streams_interest(&log->streams, stream) >> reader & 1) != 0) {
            return true;
        }
    }
    return false;
}

static bool catch_up(struct log *log, unsigned reader, uint32_t *budget)
{
    struct handout *handout = &log->handout;
    struct handout_reader *state = &handout->readers[reader];
    uint64_t place = recent_find(handout, state->next_id);
    bool is_kept = place < handout->recent_tail &&
                   recent_at(handout, place)->first_id == state->next_id &&
                   recent_at(handout, place)->position >= handout->floor;
    if (!is_kept) {
        give_up(log, reader);
        return false;
    }
    for (; place < handout->recent_tail; place++) {
        const struct handout_recent *recent = recent_at(handout, place);
        if (*budget == 0) {
            state->next_id = recent->first_id;
            return true;
        }
        --*budget;
        if (watches(log, reader, log_tail_at(log->tail, recent->position)) &&
            !deliver_block(log, reader, recent->position, recent->length, recent->first_id, 0)) {
            lap(log, reader, recent->first_id);
            return false;
        }
    }
    caught_up(log, reader);
    return false;
}

bool handout_round(struct log *log)
{
    uint32_t budget = HANDOUT_RESENT_A_ROUND;
    bool more = false;
    for (uint64_t rest = log->handout.catching_up; rest != 0; rest &= rest - 1) {
        more = catch_up(log, (unsigned)__builtin_ctzll(rest), &budget) || more;
    }
    return more;
}

void handout_floor(struct log *log)
{
    struct handout *handout = &log->handout;
    const struct writer *writer = &log->writer;
    uint64_t tail_bytes = log->options.tail_bytes;
    // Half the tail stays readable; a quarter where an append waits for room.
    uint64_t keep = writer->wants_room ? tail_bytes / 4 : tail_bytes / 2;
    uint64_t floor = writer->handed.position > keep ? writer->handed.position - keep : 0;
    if (writer->wants_room && writer->active != NULL) {
        uint64_t need = writer->next_position + log->block_bytes_max;
        floor = need > tail_bytes && need - tail_bytes > floor ? need - tail_bytes : floor;
    }
    uint64_t needed = writer_needed_from(log);
    floor = floor < needed ? floor : needed;
    uint64_t step = writer->wants_room ? 1 : tail_bytes / 16;
    if (floor >= handout->floor + step && !fault_is_on(log)) {
        handout->floor = floor;
        log_tail_announce(log->tail, floor);
    }
}

void handout_discarded(struct log *log, const struct log_stream *stream)
{
    struct log_message message = {
        .kind = LOG_DISCARDED, .number = stream->number, .id = stream->discarded_id};
    uint64_t interest = streams_interest(&log->streams, stream);
    for (; interest != 0; interest &= interest - 1) {
        unsigned reader = (unsigned)__builtin_ctzll(interest);
        message.reader = reader;
        (void)deliver(log, reader, &message, log->options.reader_reserve);
    }
}

void handout_changed_again(struct log *log, const struct log_stream *stream)
{
    struct stream_extra *extra = streams_extra(&log->streams, stream);
    struct log_message message = {.kind = LOG_CHANGED, .number = stream->number};
    log_message_set_change(&message, &extra->settings.flow, (enum stream_life)stream->handed_life,
                           stream->is_made, stream->deletions);
    for (uint64_t rest = extra->untold; rest != 0; rest &= rest - 1) {
        unsigned reader = (unsigned)__builtin_ctzll(rest);
        message.reader = reader;
        // A lapped one has blocks to come, of which a life must not get ahead.
        if (!log->handout.readers[reader].lapped &&
            deliver(log, reader, &message, log->options.reader_reserve)) {
            extra->untold &= ~(UINT64_C(1) << reader);
        }
    }
}

void handout_changed(struct log *log, const struct log_stream *stream)
{
    struct stream_extra *extra = streams_extra(&log->streams, stream);
    extra->untold = extra->interest;
    handout_changed_again(log, stream);
}
