// The runs behind lookup->cursor: first those of sealed segments, then those in memory.
#include "base/assert.h"
#include "log/core.h"

enum { IO_STEPS_MAX = 64 }; // reads for one answer; what is left is told by `more`

static bool is_full(const struct log_lookup *request)
{
    return request->run_count == LOG_LOOKUP_RUNS;
}

static void take(struct lookup *lookup, const struct log_run *run)
{
    struct log_lookup *request = lookup->request;
    ASSERT(!is_full(request));
    request->runs[request->run_count++] = *run;
    lookup->cursor = run->last_id;
}

// Whether memory holds every run of the stream behind the cursor.
static bool memory_has_all(const struct log *log, const struct lookup *lookup,
                           const struct log_stream *stream)
{
    const struct log_run *oldest = index_run(&log->index, index_oldest(&log->index, stream));
    return stream->last_id <= lookup->cursor ||
           (oldest != NULL && oldest->first_id <= lookup->cursor);
}

// The entry of the first chunk behind the cursor: NULL where there is none, or *paused.
static const struct seal_entry *find_entry(struct log *log, struct lookup *lookup,
                                           struct segment *segment, uint64_t number, bool *paused)
{
    if (lookup->page == SEAL_PAGE_NONE) {
        lookup->page = seal_page_of_id(&segment->head, number, lookup->cursor);
    }
    while (lookup->page != SEAL_PAGE_NONE) {
        const uint8_t *bytes = lookup_page(log, lookup, segment, lookup->page);
        if (bytes == NULL) {
            *paused = true;
            return NULL;
        }
        int entry = seal_page_find_id(bytes, number, lookup->cursor);
        if (entry >= 0) {
            return &seal_page_entries(bytes)[entry];
        }
        lookup->page = seal_page_after(&segment->head, lookup->page, number);
    }
    return NULL;
}

// One sealed segment. LOOKUP_DONE: nothing further of the stream is in it, or the answer is full.
static enum lookup_outcome collect_sealed(struct log *log, struct lookup *lookup,
                                          struct segment *segment)
{
    for (;;) {
        bool paused = false;
        const struct seal_entry *entry =
            find_entry(log, lookup, segment, lookup->request->number, &paused);
        if (paused) {
            return LOOKUP_WAIT;
        }
        if (entry == NULL) {
            return LOOKUP_DONE;
        }
        const struct log_run *runs = lookup_chunk(log, lookup, segment, entry);
        if (runs == NULL) {
            return LOOKUP_WAIT;
        }
        for (uint32_t i = 0; i < entry->run_count; i++) {
            if (runs[i].last_id <= lookup->cursor) {
                continue;
            }
            if (is_full(lookup->request)) {
                lookup->request->more = true;
                return LOOKUP_DONE;
            }
            take(lookup, &runs[i]);
        }
        lookup->page = SEAL_PAGE_NONE;
        if (entry->last_in_stream != 0) {
            return LOOKUP_DONE;
        }
    }
}

static void collect_memory(const struct log *log, struct lookup *lookup,
                           const struct log_stream *stream)
{
    struct index_cursor cursor = index_find_id(&log->index, stream, lookup->cursor);
    const struct log_run *run;
    while ((run = index_run(&log->index, cursor)) != NULL) {
        if (is_full(lookup->request)) {
            lookup->request->more = true;
            return;
        }
        take(lookup, run);
        index_step_newer(&log->index, stream, &cursor);
    }
}

enum lookup_outcome lookup_collect(struct log *log, struct lookup *lookup,
                                   const struct log_stream *stream)
{
    struct log_lookup *request = lookup->request;
    // Begun again after each read: what is done is noted in lookup->segment.
    for (uint32_t i = chain_from(&log->chain, lookup->segment);
         i < log->chain.count && !request->more; i++) {
        struct segment *segment = log->chain.list[i];
        if (segment->state != SEGMENT_SEALED || memory_has_all(log, lookup, stream)) {
            break;
        }
        if (segment->facts.number != lookup->segment) {
            // The one that was being looked at may have been removed meanwhile: its page is no
            // page of this one.
            lookup->segment = segment->facts.number;
            lookup->page = SEAL_PAGE_NONE;
        }
        if (segment->facts.last_id > lookup->cursor) {
            if (lookup->io_steps >= IO_STEPS_MAX && request->run_count > 0) {
                request->more = true;
                break;
            }
            if (collect_sealed(log, lookup, segment) == LOOKUP_WAIT) {
                return lookup_pause(lookup);
            }
        }
        if (!request->more) {
            lookup->segment = segment->facts.number + 1;
            lookup->page = SEAL_PAGE_NONE;
        }
    }
    if (!request->more) {
        collect_memory(log, lookup, stream);
    }
    request->end_id =
        request->more ? request->runs[request->run_count - 1].last_id : log->writer.handed.id;
    return LOOKUP_DONE;
}
