#include "log/seal.h"

#include "base/crc32c.h"

#include <errno.h>
#include <stdlib.h>

struct page_header {
    uint32_t crc; // of the rest of the page
    uint32_t page_index;
    uint32_t count;
    uint32_t zero;
};

enum {
    CHUNKS_OFFSET = BLOCK_HEADER_BYTES + SEAL_HEADER_BYTES,
    PAGE_ENTRIES = (SEAL_PAGE_BYTES - sizeof(struct page_header)) / sizeof(struct seal_entry),
    HEAD_CRC_START = offsetof(struct seal_header, segment_number),
};

_Static_assert(sizeof(struct page_header) == 16, "on-disk format");

// --- writing ---

void seal_begin(struct seal_writer *writer, struct buffer *out, uint64_t salt,
                uint64_t segment_number)
{
    ASSERT(buffer_length(out) == 0);
    *writer = (struct seal_writer){.out = out, .salt = salt, .segment_number = segment_number};
    buffer_init(&writer->entries, out->limit_bytes);
    uint8_t *headers = buffer_reserve(out, CHUNKS_OFFSET);
    if (headers != NULL) {
        memset(headers, 0, CHUNKS_OFFSET);
        buffer_commit(out, CHUNKS_OFFSET);
    }
}

static void close_chunk(struct seal_writer *writer, bool is_last_in_stream)
{
    if (writer->number == 0 || buffer_failure(writer->out) != 0) {
        return;
    }
    const uint8_t *chunk = writer->out->storage + writer->chunk_offset;
    const struct log_run *runs = (const struct log_run *)(const void *)chunk;
    struct seal_entry entry = {
        .number = writer->number,
        .first_id = runs[0].first_id,
        .last_id = writer->last_id,
        .first_sequence = runs[0].first_sequence,
        .runs_offset = (uint32_t)writer->chunk_offset,
        .runs_crc = crc32c(block_crc_begin(writer->salt), chunk,
                           writer->chunk_runs * sizeof(struct log_run)),
        .event_count = writer->chunk_events,
        .run_count = (uint16_t)writer->chunk_runs,
        .last_in_stream = is_last_in_stream,
    };
    buffer_append(&writer->entries, &entry, sizeof entry);
}

void seal_add_run(struct seal_writer *writer, uint64_t number, const struct log_run *run)
{
    ASSERT(number >= writer->number && number > 0);
    bool is_new_stream = number != writer->number;
    ASSERT(is_new_stream || run->first_id > writer->last_id);
    if (is_new_stream || writer->chunk_runs == SEAL_CHUNK_RUNS) {
        close_chunk(writer, is_new_stream);
        writer->number = number;
        writer->chunk_offset = buffer_length(writer->out);
        writer->chunk_runs = 0;
        writer->chunk_events = 0;
    }
    buffer_append(writer->out, run, sizeof *run);
    writer->chunk_runs++;
    writer->chunk_events += run->count;
    writer->last_id = run->last_id;
}

static void put_page(struct seal_writer *writer, uint32_t page_index, uint32_t first,
                     uint32_t count)
{
    uint8_t *page = buffer_reserve(writer->out, SEAL_PAGE_BYTES);
    if (page == NULL) {
        return;
    }
    memset(page, 0, SEAL_PAGE_BYTES);
    struct page_header *header = (struct page_header *)(void *)page;
    header->page_index = page_index;
    header->count = count;
    memcpy(page + sizeof *header,
           writer->entries.storage + (size_t)first * sizeof(struct seal_entry),
           count * sizeof(struct seal_entry));
    header->crc = crc32c(block_crc_begin(writer->salt), page + sizeof header->crc,
                         SEAL_PAGE_BYTES - sizeof header->crc);
    buffer_commit(writer->out, SEAL_PAGE_BYTES);
}

static void put_fences(struct seal_writer *writer, uint32_t chunk_count)
{
    const struct seal_entry *entries =
        (const struct seal_entry *)(const void *)writer->entries.storage;
    for (uint32_t first = 0; first < chunk_count; first += PAGE_ENTRIES) {
        const struct seal_fence fence = {entries[first].number, entries[first].first_id,
                                         entries[first].first_sequence};
        buffer_append(writer->out, &fence, sizeof fence);
    }
}

static uint32_t head_crc(uint64_t salt, const struct seal_header *header, struct slice head)
{
    uint32_t crc = crc32c(block_crc_begin(salt), (const uint8_t *)header + HEAD_CRC_START,
                          sizeof *header - HEAD_CRC_START);
    return crc32c(crc, head.at, head.length);
}

int seal_finish(struct seal_writer *writer, const struct seal_mark *marks, uint32_t mark_count,
                uint64_t first_id, uint64_t last_id, uint64_t synced_through, uint64_t time_ms,
                uint64_t previous_position)
{
    struct buffer *out = writer->out;
    close_chunk(writer, true);
    uint32_t chunk_count = (uint32_t)(buffer_length(&writer->entries) / sizeof(struct seal_entry));
    struct seal_header seal = {
        .magic = SEAL_MAGIC,
        .segment_number = writer->segment_number,
        .chunk_count = chunk_count,
        .mark_count = mark_count,
        .pages_offset = (uint32_t)buffer_length(out),
    };
    for (uint32_t first = 0; first < chunk_count; first += PAGE_ENTRIES) {
        uint32_t left = chunk_count - first;
        put_page(writer, seal.page_count++, first, left < PAGE_ENTRIES ? left : PAGE_ENTRIES);
    }
    seal.head_offset = (uint32_t)buffer_length(out);
    put_fences(writer, chunk_count);
    buffer_append(out, marks, mark_count * sizeof *marks);
    int failure = buffer_failure(&writer->entries) != 0 ? buffer_failure(&writer->entries)
                                                        : buffer_failure(out);
    seal_abandon(writer);
    if (failure != 0) {
        return failure;
    }
    if (buffer_length(out) > UINT32_MAX) {
        return -ENOBUFS;
    }
    uint8_t *block = out->storage;
    seal.head_crc =
        head_crc(writer->salt, &seal,
                 slice_from(block + seal.head_offset, buffer_length(out) - seal.head_offset));
    memcpy(block + BLOCK_HEADER_BYTES, &seal, sizeof seal);
    *(struct block_header *)(void *)block = (struct block_header){
        .magic = BLOCK_MAGIC,
        .salt = writer->salt,
        .length = (uint32_t)buffer_length(out),
        .kind = BLOCK_INDEX,
        .first_id = first_id,
        .last_id = last_id,
        .synced_through = synced_through,
        .time_ms = time_ms,
        .heap_offset = BLOCK_HEADER_BYTES,
        .previous_position = previous_position,
    };
    block_seal(block);
    return 0;
}

void seal_abandon(struct seal_writer *writer)
{
    buffer_free(&writer->entries);
    writer->number = 0;
}

// --- reading: the head ---

// The two headers at a block's start, copied: what was read need not be aligned.
struct start {
    struct block_header block;
    struct seal_header seal;
};

_Static_assert(sizeof(struct start) == CHUNKS_OFFSET, "they stand side by side");

static bool start_is_sound(const struct start *start, uint64_t salt, uint64_t segment_number)
{
    const struct seal_header *seal = &start->seal;
    uint64_t head_bytes = (uint64_t)seal->page_count * sizeof(struct seal_fence) +
                          (uint64_t)seal->mark_count * sizeof(struct seal_mark);
    return block_check_header((const uint8_t *)start, salt) == BLOCK_VALID &&
           start->block.kind == BLOCK_INDEX && seal->magic == SEAL_MAGIC &&
           seal->segment_number == segment_number && seal->pages_offset >= CHUNKS_OFFSET &&
           seal->pages_offset % BLOCK_ALIGNMENT == 0 &&
           seal->page_count == ((uint64_t)seal->chunk_count + PAGE_ENTRIES - 1) / PAGE_ENTRIES &&
           seal->pages_offset + (uint64_t)seal->page_count * SEAL_PAGE_BYTES == seal->head_offset &&
           seal->head_offset + head_bytes == start->block.length;
}

static bool start_read(struct start *start, struct slice bytes, uint64_t salt,
                       uint64_t segment_number)
{
    if (bytes.length < sizeof *start) {
        return false;
    }
    memcpy(start, bytes.at, sizeof *start);
    return start_is_sound(start, salt, segment_number);
}

bool seal_head_find(struct slice bytes, uint64_t salt, uint64_t segment_number,
                    uint32_t *head_offset, uint32_t *head_length)
{
    struct start start;
    if (!start_read(&start, bytes, salt, segment_number)) {
        return false;
    }
    *head_offset = start.seal.head_offset;
    *head_length = start.block.length - *head_offset;
    return true;
}

static bool fences_ascend(const struct seal_fence *fences, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        const struct seal_fence *one = &fences[i - 1];
        const struct seal_fence *other = &fences[i];
        if (one->number > other->number ||
            (one->number == other->number &&
             (one->first_id >= other->first_id || one->first_sequence >= other->first_sequence))) {
            return false;
        }
    }
    return true;
}

static bool marks_ascend(const struct seal_mark *marks, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        if (marks[i].time_ms < marks[i - 1].time_ms || marks[i].first_id <= marks[i - 1].first_id ||
            marks[i].position <= marks[i - 1].position) {
            return false;
        }
    }
    return true;
}

int seal_head_load(struct seal_head *head, struct slice start_bytes, struct slice bytes,
                   uint64_t salt, uint64_t segment_number)
{
    struct start start;
    if (!start_read(&start, start_bytes, salt, segment_number)) {
        return -EBADMSG;
    }
    const struct seal_header *seal = &start.seal;
    uint32_t length = start.block.length - seal->head_offset;
    if (bytes.length != length || seal->head_crc != head_crc(salt, seal, bytes)) {
        return -EBADMSG;
    }
    uint8_t *storage = malloc(length == 0 ? 1 : length);
    if (storage == NULL) {
        return -ENOMEM;
    }
    if (length > 0) {
        memcpy(storage, bytes.at, length);
    }
    *head = (struct seal_head){
        .segment_number = segment_number,
        .salt = salt,
        .block_length = start.block.length,
        .pages_offset = seal->pages_offset,
        .page_count = seal->page_count,
        .chunk_count = seal->chunk_count,
        .mark_count = seal->mark_count,
        .fences = (struct seal_fence *)(void *)storage,
        .marks =
            (struct seal_mark *)(void *)(storage + seal->page_count * sizeof(struct seal_fence)),
    };
    if (!fences_ascend(head->fences, head->page_count) ||
        !marks_ascend(head->marks, head->mark_count)) {
        seal_head_free(head);
        return -EBADMSG;
    }
    return 0;
}

void seal_head_free(struct seal_head *head)
{
    free(head->fences);
    *head = (struct seal_head){0};
}

// The last page whose fence is at or below (number, key); the first page where that begins with
// the stream, though above the key; otherwise SEAL_PAGE_NONE.
static uint32_t find_page(const struct seal_head *head, uint64_t number, uint64_t key,
                          bool by_sequence)
{
    uint32_t low = 0;
    uint32_t high = head->page_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct seal_fence *fence = &head->fences[middle];
        uint64_t fence_key = by_sequence ? fence->first_sequence : fence->first_id;
        if (fence->number < number || (fence->number == number && fence_key <= key)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low > 0) {
        return low - 1;
    }
    return head->page_count > 0 && head->fences[0].number == number ? 0 : SEAL_PAGE_NONE;
}

// The key at which an event above `value` may begin at the latest.
static uint64_t next_key(uint64_t value)
{
    return value == UINT64_MAX ? value : value + 1;
}

uint32_t seal_page_of_id(const struct seal_head *head, uint64_t number, uint64_t id)
{
    return find_page(head, number, next_key(id), false);
}

uint32_t seal_page_of_sequence(const struct seal_head *head, uint64_t number, uint64_t sequence)
{
    return find_page(head, number, next_key(sequence), true);
}

uint32_t seal_page_of_last(const struct seal_head *head, uint64_t number)
{
    return find_page(head, number, UINT64_MAX, false);
}

uint32_t seal_page_after(const struct seal_head *head, uint32_t page, uint64_t number)
{
    return page + 1 < head->page_count && head->fences[page + 1].number == number ? page + 1
                                                                                  : SEAL_PAGE_NONE;
}

const struct seal_mark *seal_mark_before(const struct seal_head *head, uint64_t time_ms)
{
    uint32_t low = 0;
    uint32_t high = head->mark_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (head->marks[middle].time_ms < time_ms) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low == 0 ? NULL : &head->marks[low - 1];
}

// --- reading: pages and chunks ---

uint32_t seal_page_count(const uint8_t *page)
{
    return ((const struct page_header *)(const void *)page)->count;
}

const struct seal_entry *seal_page_entries(const uint8_t *page)
{
    return (const struct seal_entry *)(const void *)(page + sizeof(struct page_header));
}

static bool entry_is_sound(const struct seal_entry *entry, const struct seal_entry *previous)
{
    if (entry->number == 0 || entry->run_count == 0 || entry->run_count > SEAL_CHUNK_RUNS ||
        entry->first_id > entry->last_id || entry->runs_offset % BLOCK_ALIGNMENT != 0) {
        return false;
    }
    if (previous == NULL) {
        return true;
    }
    if (previous->number == entry->number) {
        return previous->last_id < entry->first_id &&
               previous->first_sequence < entry->first_sequence && previous->last_in_stream == 0;
    }
    return previous->number < entry->number && previous->last_in_stream == 1;
}

bool seal_page_check(const uint8_t *page, uint64_t salt, uint32_t page_index)
{
    const struct page_header *header = (const struct page_header *)(const void *)page;
    if (header->crc != crc32c(block_crc_begin(salt), page + sizeof header->crc,
                              SEAL_PAGE_BYTES - sizeof header->crc) ||
        header->page_index != page_index || header->count == 0 || header->count > PAGE_ENTRIES) {
        return false;
    }
    const struct seal_entry *entries = seal_page_entries(page);
    for (uint32_t i = 0; i < header->count; i++) {
        if (!entry_is_sound(&entries[i], i == 0 ? NULL : &entries[i - 1])) {
            return false;
        }
    }
    return true;
}

// Index of the first entry for which (number, key) is at or below (entry's number, entry's key).
static uint32_t lower_bound(const uint8_t *page, uint64_t number, uint64_t key,
                            uint64_t (*key_of)(const struct seal_entry *entry))
{
    const struct seal_entry *entries = seal_page_entries(page);
    uint32_t low = 0;
    uint32_t high = seal_page_count(page);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct seal_entry *entry = &entries[middle];
        if (entry->number < number || (entry->number == number && key_of(entry) < key)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static uint64_t last_id_of(const struct seal_entry *entry)
{
    return entry->last_id;
}

static uint64_t first_sequence_of(const struct seal_entry *entry)
{
    return entry->first_sequence;
}

static int found_at(const uint8_t *page, uint32_t index, uint64_t number)
{
    return index < seal_page_count(page) && seal_page_entries(page)[index].number == number
               ? (int)index
               : -1;
}

int seal_page_find_id(const uint8_t *page, uint64_t number, uint64_t id)
{
    if (id == UINT64_MAX) {
        return -1;
    }
    return found_at(page, lower_bound(page, number, id + 1, last_id_of), number);
}

int seal_page_find_sequence(const uint8_t *page, uint64_t number, uint64_t sequence)
{
    uint32_t after = lower_bound(page, number, next_key(next_key(sequence)), first_sequence_of);
    int before = after == 0 ? -1 : found_at(page, after - 1, number);
    return before >= 0 ? before : found_at(page, after, number);
}

int seal_page_find_last(const uint8_t *page, uint64_t number)
{
    uint32_t after = lower_bound(page, number, UINT64_MAX, last_id_of);
    return after == 0 ? -1 : found_at(page, after - 1, number);
}

bool seal_chunk_check(const uint8_t *chunk, const struct seal_entry *entry, uint64_t salt)
{
    if (entry->runs_crc != crc32c(block_crc_begin(salt), chunk, seal_chunk_bytes(entry))) {
        return false;
    }
    const struct log_run *runs = (const struct log_run *)(const void *)chunk;
    uint64_t last_id = entry->first_id - 1;
    uint64_t events = 0;
    for (uint32_t i = 0; i < entry->run_count; i++) {
        if (runs[i].first_id <= last_id || runs[i].last_id < runs[i].first_id ||
            runs[i].block_length < BLOCK_HEADER_BYTES || runs[i].block_length > BLOCK_BYTES_MAX) {
            return false;
        }
        last_id = runs[i].last_id;
        events += runs[i].count;
    }
    return runs[0].first_id == entry->first_id && last_id == entry->last_id &&
           runs[0].first_sequence == entry->first_sequence && events == entry->event_count;
}
