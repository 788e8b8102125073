// Where the first event asked for stands: by sequence, by count or bytes from the end, by time.
// Newest first, since resume points are recent.
#include "base/assert.h"
#include "log/core.h"

static bool is_by_weight(const struct lookup *lookup)
{
    return lookup->request->from != LOG_FROM_SEQUENCE;
}

static uint64_t weight_of(const struct lookup *lookup, const struct log_run *run)
{
    return lookup->request->from == LOG_FROM_LAST ? run->count : run->frame_bytes;
}

static enum lookup_outcome look_into(struct lookup *lookup, const struct log_run *run)
{
    lookup->target = *run;
    lookup->goal = LOOKUP_FIND_EVENT;
    return LOOKUP_GO;
}

// The next older sealed segment that may hold events of the stream; NULL where there is none.
static struct segment *sealed_at_or_below(const struct log *log, uint64_t number,
                                          const struct log_stream *stream)
{
    uint32_t i = number == UINT64_MAX ? log->chain.count : chain_from(&log->chain, number + 1);
    while (i-- > 0) {
        struct segment *segment = log->chain.list[i];
        if (segment->state == SEGMENT_SEALED) {
            bool may_hold = segment->facts.last_id > stream->discarded_id;
            return may_hold ? segment : NULL;
        }
    }
    return NULL;
}

static void go_older(struct lookup *lookup, const struct segment *segment)
{
    lookup->segment = segment->facts.number - 1;
    lookup->page = SEAL_PAGE_NONE;
}

// --- by sequence ---

enum verdict { FOUND, OLDER, PAUSED, INSIDE };

// The first event with a higher sequence, within one sealed segment. FOUND: candidate is right.
// INSIDE: it stands in the block of target. OLDER: candidate may be improved by an older segment.
static enum verdict sequence_in(struct log *log, struct lookup *lookup, struct segment *segment,
                                uint64_t number)
{
    uint64_t sequence = lookup->value;
    if (lookup->page == SEAL_PAGE_NONE) {
        lookup->page = seal_page_of_sequence(&segment->head, number, sequence);
    }
    while (lookup->page != SEAL_PAGE_NONE) {
        uint32_t page = lookup->page;
        const uint8_t *bytes = lookup_page(log, lookup, segment, page);
        if (bytes == NULL) {
            return PAUSED;
        }
        int found = seal_page_find_sequence(bytes, number, sequence);
        if (found < 0) {
            lookup->page = seal_page_after(&segment->head, page, number);
            continue;
        }
        const struct seal_entry entry = seal_page_entries(bytes)[found];
        const struct log_run *runs = lookup_chunk(log, lookup, segment, &entry);
        if (runs == NULL) {
            return PAUSED;
        }
        for (uint32_t i = 0; i < entry.run_count; i++) {
            if (runs[i].last_sequence > sequence) {
                lookup->candidate = runs[i].first_id - 1;
                lookup->target = runs[i];
                return runs[i].first_sequence <= sequence ? INSIDE : i == 0 ? OLDER : FOUND;
            }
        }
        if (entry.last_in_stream == 0) {
            // The one sought is the first of the next chunk.
            if ((uint32_t)found + 1 < seal_page_count(bytes)) {
                lookup->candidate = seal_page_entries(bytes)[found + 1].first_id - 1;
            } else if (page + 1 < segment->head.page_count) {
                lookup->candidate = segment->head.fences[page + 1].first_id - 1;
            }
        }
        return FOUND;
    }
    return OLDER;
}

// --- by weight ---

// Takes runs from the newest to the oldest. True when enough are taken.
static bool take_run(struct lookup *lookup, const struct log_run *run)
{
    uint64_t weight = weight_of(lookup, run);
    if (weight > lookup->value) {
        return true;
    }
    lookup->value -= weight;
    lookup->candidate = run->first_id - 1;
    lookup->candidate_sequence = run->first_sequence - 1;
    return lookup->value == 0;
}

// After take_run said that it is enough with this run.
static enum lookup_outcome settle(struct lookup *lookup, const struct log_stream *stream,
                                  const struct log_run *run)
{
    // Bytes are counted by whole runs: retention need not be exact.
    if (lookup->value == 0 || lookup->request->from != LOG_FROM_LAST) {
        return lookup_found(lookup, stream, lookup->candidate);
    }
    return look_into(lookup, run);
}

// The entry to look at next, from the newest back: NULL where the segment has no more, or *paused.
static const struct seal_entry *entry_back(struct log *log, struct lookup *lookup,
                                           struct segment *segment, uint64_t number, bool *paused)
{
    if (lookup->page == SEAL_PAGE_NONE) {
        lookup->page = seal_page_of_last(&segment->head, number);
        lookup->entry = UINT32_MAX;
    }
    if (lookup->page == SEAL_PAGE_NONE) {
        return NULL;
    }
    const uint8_t *bytes = lookup_page(log, lookup, segment, lookup->page);
    if (bytes == NULL) {
        *paused = true;
        return NULL;
    }
    if (lookup->entry == UINT32_MAX) {
        int last = seal_page_find_last(bytes, number);
        if (last < 0) {
            return NULL;
        }
        lookup->entry = (uint32_t)last;
    }
    return &seal_page_entries(bytes)[lookup->entry];
}

// Steps to the entry before. False where the segment has none.
static bool step_back(struct lookup *lookup, const struct seal_entry *entry, uint64_t number)
{
    if (lookup->entry > 0) {
        lookup->entry--;
        return entry[-1].number == number;
    }
    if (lookup->page == 0) {
        return false;
    }
    lookup->page--;
    lookup->entry = UINT32_MAX;
    return true;
}

static enum lookup_outcome weigh_sealed(struct log *log, struct lookup *lookup,
                                        struct segment *segment, const struct log_stream *stream)
{
    uint64_t number = lookup->request->number;
    for (;;) {
        bool paused = false;
        const struct seal_entry *entry = entry_back(log, lookup, segment, number, &paused);
        if (paused) {
            return lookup_pause(lookup);
        }
        if (entry == NULL || entry->last_id <= stream->discarded_id) {
            go_older(lookup, segment);
            return LOOKUP_GO;
        }
        if (lookup->request->from == LOG_FROM_LAST && entry->event_count < lookup->value &&
            entry->last_id <= lookup->candidate) {
            lookup->value -= entry->event_count;
            lookup->candidate = entry->first_id - 1;
            lookup->candidate_sequence = entry->first_sequence - 1;
        } else {
            const struct log_run *runs = lookup_chunk(log, lookup, segment, entry);
            if (runs == NULL) {
                return lookup_pause(lookup);
            }
            for (uint32_t i = entry->run_count; i-- > 0;) {
                // Runs that are still in memory, too, were counted there.
                if (runs[i].first_id <= lookup->candidate && take_run(lookup, &runs[i])) {
                    return settle(lookup, stream, &runs[i]);
                }
            }
        }
        if (!step_back(lookup, entry, number)) {
            go_older(lookup, segment);
            return LOOKUP_GO;
        }
    }
}

// --- both ---

// Looks at the runs in memory. LOOKUP_WAIT: nothing decided, go on with sealed segments.
static enum lookup_outcome find_in_memory(struct log *log, struct lookup *lookup,
                                          const struct log_stream *stream)
{
    lookup->candidate = stream->last_id;
    lookup->segment = UINT64_MAX;
    if (!is_by_weight(lookup)) {
        const struct log_run *run =
            index_run(&log->index, index_find_sequence(&log->index, stream, lookup->value));
        if (run != NULL) {
            lookup->candidate = run->first_id - 1;
            if (run->first_sequence <= lookup->value) {
                return look_into(lookup, run);
            }
        }
        bool is_first = run != NULL && run->first_sequence == lookup->value + 1;
        bool is_ahead = lookup->value >= streams_handed_sequence(stream);
        return is_first || is_ahead ? lookup_found(lookup, stream, lookup->candidate) : LOOKUP_WAIT;
    }
    if (lookup->value == 0) {
        return lookup_found(lookup, stream, stream->last_id);
    }
    struct index_cursor cursor = index_newest(&log->index, stream);
    const struct log_run *run;
    while ((run = index_run(&log->index, cursor)) != NULL) {
        if (take_run(lookup, run)) {
            return settle(lookup, stream, run);
        }
        index_step_older(&log->index, &cursor);
    }
    return LOOKUP_WAIT;
}

enum lookup_outcome lookup_find(struct log *log, struct lookup *lookup, struct log_stream *stream)
{
    if (!lookup->looked_in_memory) {
        lookup->looked_in_memory = true;
        if (lookup->request->from == LOG_FROM_SEQUENCE &&
            lookup->value < stream->discarded_sequence) {
            return lookup_found(lookup, stream, stream->discarded_id);
        }
        enum lookup_outcome outcome = find_in_memory(log, lookup, stream);
        if (outcome != LOOKUP_WAIT) {
            return outcome;
        }
    }
    struct segment *segment = sealed_at_or_below(log, lookup->segment, stream);
    if (segment == NULL) {
        // Nothing older: from the first event that there is.
        return lookup_found(lookup, stream,
                            is_by_weight(lookup) && lookup->value > 0 ? stream->discarded_id
                                                                      : lookup->candidate);
    }
    if (segment->facts.number != lookup->segment) {
        lookup->page = SEAL_PAGE_NONE;
        lookup->segment = segment->facts.number;
    }
    if (is_by_weight(lookup)) {
        return weigh_sealed(log, lookup, segment, stream);
    }
    switch (sequence_in(log, lookup, segment, stream->number)) {
    case FOUND: return lookup_found(lookup, stream, lookup->candidate);
    case INSIDE: lookup->goal = LOOKUP_FIND_EVENT; return LOOKUP_GO;
    case OLDER: go_older(lookup, segment); return LOOKUP_GO;
    case PAUSED: return lookup_pause(lookup);
    }
    UNREACHABLE();
}

// --- within a block ---

// The first event of the run for which the look-up's condition holds, or NULL.
static const struct block_record *event_in(const struct lookup *lookup, const uint8_t *block)
{
    const struct log_run *run = &lookup->target;
    const struct block_record *records = block_records(block);
    uint64_t skip = lookup->request->from == LOG_FROM_LAST ? run->count - lookup->value : 0;
    for (uint32_t i = 0; i < block_header_of(block)->record_count; i++) {
        const struct block_record *record = &records[i];
        if (record->stream != run->stream_index || record->kind != RECORD_EVENT) {
            continue;
        }
        switch ((int)lookup->request->from) {
        case LOG_FROM_SEQUENCE:
            if (record->sequence > lookup->value) {
                return record;
            }
            break;
        case LOG_FROM_TIME:
            if (record->time_ms >= lookup->value) {
                return record;
            }
            break;
        default:
            if (skip == 0) {
                return record;
            }
            skip--;
        }
    }
    return NULL;
}

enum lookup_outcome lookup_find_event(struct log *log, struct lookup *lookup,
                                      const struct log_stream *stream)
{
    const uint8_t *block = lookup_block(log, lookup, &lookup->target);
    if (block == NULL) {
        return lookup_pause(lookup);
    }
    const struct block_record *event = event_in(lookup, block);
    lookup->candidate_sequence = event != NULL ? event->sequence - 1 : lookup->target.last_sequence;
    return lookup_found(lookup, stream, event != NULL ? event->id - 1 : lookup->target.last_id);
}

// --- by time ---

// Every event before the first one sought has an id at or below this.
static uint64_t time_lower_bound(const struct log *log, uint64_t time_ms)
{
    for (uint32_t i = log->chain.count; i-- > 0;) {
        const struct segment *segment = log->chain.list[i];
        if (segment->facts.first_id != 0 && segment->facts.first_time_ms < time_ms) {
            const struct seal_mark *mark = segment_mark_before(segment, time_ms);
            return (mark != NULL ? mark->first_id : segment->facts.first_id) - 1;
        }
    }
    return 0;
}

// Runs are collected, an answer's worth at a time, and among them the first is found by halving
// that has an event at or after the time: events' times ascend with their ids.
enum lookup_outcome lookup_find_time(struct log *log, struct lookup *lookup,
                                     struct log_stream *stream)
{
    struct log_lookup *request = lookup->request;
    if (lookup->candidate == 0) {
        uint64_t bound = time_lower_bound(log, lookup->value);
        lookup->candidate = 1;
        lookup->cursor = bound > stream->discarded_id ? bound : stream->discarded_id;
        request->start_id = bound;
        lookup->high = UINT32_MAX; // no runs yet
        lookup->page = SEAL_PAGE_NONE;
    }
    if (lookup->high == UINT32_MAX) {
        enum lookup_outcome outcome = lookup_collect(log, lookup, stream);
        if (outcome != LOOKUP_DONE || lookup->error != ERR_NONE) {
            return outcome;
        }
        lookup->low = 0;
        lookup->high = request->run_count;
    }
    while (lookup->low < lookup->high) {
        uint32_t middle = lookup->low + (lookup->high - lookup->low) / 2;
        lookup->target = request->runs[middle];
        const uint8_t *block = lookup_block(log, lookup, &lookup->target);
        if (block == NULL) {
            return lookup_pause(lookup);
        }
        const struct block_record *event = event_in(lookup, block);
        if (event != NULL) {
            lookup->candidate = event->id;
            lookup->candidate_sequence = event->sequence - 1;
            lookup->high = middle;
        } else {
            lookup->low = middle + 1;
        }
    }
    if (lookup->low < request->run_count) {
        return lookup_found(lookup, stream, lookup->candidate - 1);
    }
    if (request->more) {
        lookup->cursor = request->end_id;
        lookup->io_steps = 0;
        request->more = false;
        request->run_count = 0;
        lookup->high = UINT32_MAX;
        return LOOKUP_GO;
    }
    lookup->candidate_sequence = streams_handed_sequence(stream);
    return lookup_found(lookup, stream, stream->last_id);
}
