#include "log/lookup.h"

#include "base/assert.h"
#include "base/logger.h"
#include "log/core.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

_Static_assert(LOOKUP_READS_MAX < DISK_IN_FLIGHT_MAX / 2, "writes and syncs need room, too");

enum { PAGES_BYTES = SEAL_PAGE_BYTES + SEAL_CHUNK_BYTES_MAX };

int lookups_init(struct log *log)
{
    struct lookups *lookups = &log->lookups;
    list_init(&lookups->runnable);
    list_init(&lookups->waiting_block);
    uint32_t capacity = log->options.readers * log->options.reader_reserve + 1;
    if (pool_init(&lookups->pool, sizeof(struct lookup), 8, capacity) != 0 ||
        pool_init(&lookups->pages, PAGES_BYTES, 4096, capacity) != 0) {
        return -ENOMEM;
    }
    lookups->block = mmap(NULL, BLOCK_BYTES_MAX, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (lookups->block == MAP_FAILED) {
        lookups->block = NULL;
        return -ENOMEM;
    }
    return 0;
}

void lookups_free(struct log *log)
{
    struct lookups *lookups = &log->lookups;
    if (lookups->pool.objects != NULL) {
        pool_destroy(&lookups->pool);
    }
    if (lookups->pages.objects != NULL) {
        pool_destroy(&lookups->pages);
    }
    if (lookups->block != NULL) {
        (void)munmap(lookups->block, BLOCK_BYTES_MAX);
    }
    memset(lookups, 0, sizeof(*lookups));
}

bool lookups_are_idle(const struct log *log)
{
    return pool_used(&log->lookups.pool) == 0;
}

static struct lookup *make(struct log *log, unsigned reader, struct log_lookup *request)
{
    struct lookup *lookup = pool_alloc(&log->lookups.pool);
    if (lookup == NULL) {
        return NULL;
    }
    *lookup = (struct lookup){.request = request,
                              .reader = reader,
                              .value = request->value,
                              .page = SEAL_PAGE_NONE,
                              .goal = request->from == LOG_FROM_ID ? LOOKUP_COLLECT : LOOKUP_FIND};
    lookup->pages = pool_alloc(&log->lookups.pages);
    request->start_id = 0;
    request->end_id = 0;
    request->discarded_id = 0;
    request->error = ERR_NONE;
    request->more = false;
    request->run_count = 0;
    list_push_back(&log->lookups.runnable, &lookup->node);
    log->counts.lookups++;
    return lookup;
}

void lookup_begin(struct log *log, unsigned reader, struct log_lookup *request)
{
    struct lookup *lookup = make(log, reader, request);
    ASSERT(lookup != NULL); // the readers keep within their quotas
}

bool lookup_begin_own(struct log *log, struct log_lookup *request,
                      void (*done)(struct log *log, struct lookup *lookup))
{
    struct lookup *lookup = make(log, 0, request);
    if (lookup != NULL) {
        lookup->done = done;
    }
    return lookup != NULL;
}

static void release_block(struct log *log, struct lookup *lookup)
{
    struct lookups *lookups = &log->lookups;
    if (lookups->block_user != lookup) {
        return;
    }
    lookups->block_user = NULL;
    lookup->reads[LOOKUP_BLOCK] = (struct lookup_read){0};
    struct list_node *next = list_pop_front(&lookups->waiting_block);
    if (next != NULL) {
        list_push_back(&lookups->runnable, next);
    }
}

static void finish(struct log *log, struct lookup *lookup)
{
    struct log_lookup *request = lookup->request;
    release_block(log, lookup);
    if (lookup->error != ERR_NONE) {
        request->error = lookup->error;
        request->run_count = 0;
        request->more = false;
    }
    if (lookup->done != NULL) {
        lookup->done(log, lookup);
    } else {
        struct log_message message = {.kind = LOG_LOOKED_UP,
                                      .reader = lookup->reader,
                                      .number = request->number,
                                      .pointer = request};
        handout_answer(log, lookup->reader, &message);
    }
    pool_free(&log->lookups.pages, lookup->pages);
    pool_free(&log->lookups.pool, lookup);
}

static enum lookup_outcome step(struct log *log, struct lookup *lookup)
{
    struct log_lookup *request = lookup->request;
    struct log_stream *stream = streams_by_number(&log->streams, request->number);
    if (stream == NULL) {
        lookup->error = ERR_STREAM_NOT_FOUND;
    }
    if (lookup->error != ERR_NONE) {
        return LOOKUP_DONE;
    }
    if (!lookup->begun) {
        lookup->begun = true;
        if (lookup->goal == LOOKUP_COLLECT) {
            return lookup_found(lookup, stream, request->value);
        }
    }
    switch (lookup->goal) {
    case LOOKUP_FIND:
        return request->from == LOG_FROM_TIME ? lookup_find_time(log, lookup, stream)
                                              : lookup_find(log, lookup, stream);
    case LOOKUP_FIND_EVENT: return lookup_find_event(log, lookup, stream);
    case LOOKUP_COLLECT: return lookup_collect(log, lookup, stream);
    }
    UNREACHABLE();
}

enum lookup_outcome lookup_found(struct lookup *lookup, const struct log_stream *stream,
                                 uint64_t start_id)
{
    struct log_lookup *request = lookup->request;
    bool asks_for_gone = start_id < stream->discarded_id;
    if (request->from == LOG_FROM_SEQUENCE) {
        asks_for_gone = request->value < stream->discarded_sequence;
    } else if (request->from == LOG_FROM_LAST) {
        asks_for_gone = false; // fewer than asked for is no gap
    }
    request->discarded_id = asks_for_gone ? stream->discarded_id : 0;
    request->start_id = start_id > stream->discarded_id ? start_id : stream->discarded_id;
    request->run_count = 0;
    request->more = false;
    lookup->cursor = request->start_id;
    lookup->segment = 0;
    lookup->page = SEAL_PAGE_NONE;
    lookup->goal = LOOKUP_COLLECT;
    return lookup->done != NULL ? LOOKUP_DONE : LOOKUP_GO;
}

bool lookups_round(struct log *log)
{
    struct lookups *lookups = &log->lookups;
    for (uint32_t i = 0; i < LOOKUPS_A_ROUND && lookups->reading < LOOKUP_READS_MAX; i++) {
        struct list_node *node = list_pop_front(&lookups->runnable);
        if (node == NULL) {
            return false;
        }
        struct lookup *lookup = LIST_ENTRY(node, struct lookup, node);
        switch (step(log, lookup)) {
        case LOOKUP_GO: list_push_back(&lookups->runnable, node); break;
        case LOOKUP_DONE: finish(log, lookup); break;
        case LOOKUP_WAIT: break; // its read, or the block buffer's user, puts it back
        }
    }
    // Where too much is being read, the next completion makes a round.
    return !list_is_empty(&lookups->runnable) && lookups->reading < LOOKUP_READS_MAX;
}

// --- reading ---

static uint8_t *buffer_of(struct log *log, struct lookup *lookup, enum lookup_buffer buffer)
{
    switch (buffer) {
    case LOOKUP_PAGE: return lookup->pages;
    case LOOKUP_CHUNK: return lookup->pages + SEAL_PAGE_BYTES;
    default: return log->lookups.block;
    }
}

static void submit_read(struct log *log, struct lookup *lookup, int file)
{
    struct lookup_read *read = &lookup->reads[lookup->reading_into];
    lookup->reading = true;
    lookup->io_steps++;
    log->lookups.reading++;
    disk_submit_read(log->disk, file, buffer_of(log, lookup, lookup->reading_into) + read->done,
                     read->length - read->done, read->offset + read->done,
                     tag_make(TAG_LOOKUP, pool_index(&log->lookups.pool, lookup)));
}

// The bytes, where they are there already; else begins to read them.
static const uint8_t *need(struct log *log, struct lookup *lookup, enum lookup_buffer buffer,
                           const struct segment *segment, uint64_t offset, uint32_t length)
{
    struct lookup_read *read = &lookup->reads[buffer];
    if (read->segment == segment->facts.number && read->offset == offset &&
        read->length == length && read->done == length) {
        return buffer_of(log, lookup, buffer);
    }
    *read =
        (struct lookup_read){.segment = segment->facts.number, .offset = offset, .length = length};
    lookup->reading_into = buffer;
    submit_read(log, lookup, segment->file);
    return NULL;
}

void lookup_read_done(struct log *log, uint32_t index, int64_t result)
{
    struct lookup *lookup = pool_at(&log->lookups.pool, index);
    struct lookup_read *read = &lookup->reads[lookup->reading_into];
    ASSERT(lookup->reading);
    lookup->reading = false;
    log->lookups.reading--;
    if (result > 0) {
        read->done += (uint32_t)result;
        if (read->done < read->length) {
            const struct segment *segment = chain_at(
                &log->chain, segment_position(read->segment, log->options.segment_bytes, 0));
            if (segment != NULL) {
                submit_read(log, lookup, segment->file);
                return;
            }
        }
    } else {
        // 0: the file ends before the place; as good as an error.
        LOGGER_EVERY(10000, LOGGER_ERROR, "log", "cannot read segment %llu: %s",
                     (unsigned long long)read->segment,
                     result == 0 ? "it is too short" : strerror((int)-result));
        lookup->error = ERR_LOG_ERROR;
    }
    list_push_back(&log->lookups.runnable, &lookup->node);
}

enum lookup_outcome lookup_pause(const struct lookup *lookup)
{
    return lookup->error != ERR_NONE ? LOOKUP_DONE : LOOKUP_WAIT;
}

static void index_is_bad(struct log *log, struct lookup *lookup, struct segment *segment)
{
    if (!segment->index_is_bad) {
        segment->index_is_bad = true;
        keeper_want(log);
        LOG_ERROR("log", "the index of segment %llu is corrupt: restart to rebuild it",
                  (unsigned long long)segment->facts.number);
    }
    lookup->error = ERR_LOG_ERROR;
}

const uint8_t *lookup_page(struct log *log, struct lookup *lookup, struct segment *segment,
                           uint32_t page)
{
    uint64_t offset = segment->facts.index_offset + seal_page_offset(&segment->head, page);
    const uint8_t *bytes = need(log, lookup, LOOKUP_PAGE, segment, offset, SEAL_PAGE_BYTES);
    if (bytes != NULL && !lookup->reads[LOOKUP_PAGE].is_checked) {
        if (!seal_page_check(bytes, segment->facts.salt, page)) {
            index_is_bad(log, lookup, segment);
            return NULL;
        }
        lookup->reads[LOOKUP_PAGE].is_checked = true;
    }
    return bytes;
}

const struct log_run *lookup_chunk(struct log *log, struct lookup *lookup, struct segment *segment,
                                   const struct seal_entry *entry)
{
    const uint8_t *bytes =
        need(log, lookup, LOOKUP_CHUNK, segment, segment->facts.index_offset + entry->runs_offset,
             (uint32_t)seal_chunk_bytes(entry));
    if (bytes != NULL && !lookup->reads[LOOKUP_CHUNK].is_checked) {
        if (!seal_chunk_check(bytes, entry, segment->facts.salt)) {
            index_is_bad(log, lookup, segment);
            return NULL;
        }
        lookup->reads[LOOKUP_CHUNK].is_checked = true;
    }
    return (const struct log_run *)(const void *)bytes;
}

const uint8_t *lookup_block(struct log *log, struct lookup *lookup, const struct log_run *run)
{
    if (run->block_position >= log->handout.floor) {
        return log_tail_at(log->tail, run->block_position);
    }
    struct lookups *lookups = &log->lookups;
    const struct segment *segment = chain_at(&log->chain, run->block_position);
    if (segment == NULL) {
        lookup->error = ERR_LOG_ERROR; // retired meanwhile: asking again finds it gone
        return NULL;
    }
    if (lookups->block_user != NULL && lookups->block_user != lookup) {
        list_push_back(&lookups->waiting_block, &lookup->node);
        return NULL;
    }
    lookups->block_user = lookup;
    const uint8_t *block =
        need(log, lookup, LOOKUP_BLOCK, segment,
             segment_offset_of(run->block_position, log->options.segment_bytes), run->block_length);
    if (block != NULL && !lookup->reads[LOOKUP_BLOCK].is_checked) {
        if (block_check(block, run->block_length, segment->facts.salt) != BLOCK_VALID ||
            run->stream_index >= block_header_of(block)->stream_count) {
            LOGGER_EVERY(10000, LOGGER_ERROR, "log", "a block of segment %llu is corrupt",
                         (unsigned long long)segment->facts.number);
            lookup->error = ERR_LOG_ERROR;
            return NULL;
        }
        lookup->reads[LOOKUP_BLOCK].is_checked = true;
    }
    return block;
}
