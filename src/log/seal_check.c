// Checking and walking a whole index block: for recovery and the tools.
#include "log/seal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

struct check {
    const uint8_t *block;
    struct seal_head head;
    uint32_t head_offset;
    char *fault;
    size_t fault_size;
};

__attribute__((format(printf, 2, 3))) static bool wrong(const struct check *check,
                                                        const char *format, ...)
{
    if (check->fault_size > 0) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(check->fault, check->fault_size, format, arguments);
        va_end(arguments);
    }
    return false;
}

static bool entry_check(const struct check *check, const struct seal_entry *entry)
{
    if (entry->runs_offset < BLOCK_HEADER_BYTES + SEAL_HEADER_BYTES ||
        entry->runs_offset + (uint64_t)seal_chunk_bytes(entry) > check->head.pages_offset) {
        return wrong(check, "a chunk of stream %llu lies outside",
                     (unsigned long long)entry->number);
    }
    if (!seal_chunk_check(check->block + entry->runs_offset, entry, check->head.salt)) {
        return wrong(check, "a chunk of stream %llu is corrupt", (unsigned long long)entry->number);
    }
    return true;
}

// The same order between the last entry of a page and the first of the next as within one.
static bool pages_join(const struct seal_entry *last, const struct seal_entry *first)
{
    if (last->number == first->number) {
        return last->last_id < first->first_id && last->first_sequence < first->first_sequence &&
               last->last_in_stream == 0;
    }
    return last->number < first->number && last->last_in_stream == 1;
}

static bool pages_check(const struct check *check)
{
    const struct seal_head *head = &check->head;
    const struct seal_entry *last = NULL;
    uint32_t chunks = 0;
    for (uint32_t i = 0; i < head->page_count; i++) {
        const uint8_t *page = check->block + seal_page_offset(head, i);
        if (!seal_page_check(page, head->salt, i)) {
            return wrong(check, "directory page %u is corrupt", i);
        }
        const struct seal_entry *entries = seal_page_entries(page);
        const struct seal_fence *fence = &head->fences[i];
        if (entries[0].number != fence->number || entries[0].first_id != fence->first_id ||
            entries[0].first_sequence != fence->first_sequence ||
            (last != NULL && !pages_join(last, &entries[0]))) {
            return wrong(check, "directory page %u is not in order", i);
        }
        uint32_t count = seal_page_count(page);
        for (uint32_t j = 0; j < count; j++) {
            if (!entry_check(check, &entries[j])) {
                return false;
            }
        }
        last = &entries[count - 1];
        chunks += count;
    }
    if (chunks != head->chunk_count || (last != NULL && last->last_in_stream != 1)) {
        return wrong(check, "the directory is not complete");
    }
    return true;
}

bool seal_check(const uint8_t *block, uint64_t segment_number, char *fault, size_t fault_size)
{
    struct check check = {.block = block, .fault = fault, .fault_size = fault_size};
    const struct block_header *header = block_header_of(block);
    const struct slice start = {block, header->length};
    uint32_t head_length;
    if (!seal_head_find(start, header->salt, segment_number, &check.head_offset, &head_length)) {
        return wrong(&check, "its header is corrupt or of another segment");
    }
    int failed =
        seal_head_load(&check.head, start, slice_from(block + check.head_offset, head_length),
                       header->salt, segment_number);
    if (failed != 0) {
        return wrong(&check, failed == -ENOMEM ? "out of memory" : "its head is corrupt");
    }
    bool is_sound = pages_check(&check);
    seal_head_free(&check.head);
    return is_sound;
}

bool seal_walk_next(const uint8_t *block, struct seal_walk *walk, uint64_t *number,
                    struct log_run *run)
{
    const struct seal_header *seal = seal_header_of(block);
    if (walk->page >= seal->page_count) {
        return false;
    }
    const uint8_t *page = block + seal->pages_offset + (size_t)walk->page * SEAL_PAGE_BYTES;
    const struct seal_entry *entry = &seal_page_entries(page)[walk->entry];
    const struct log_run *runs = (const struct log_run *)(const void *)(block + entry->runs_offset);
    *number = entry->number;
    *run = runs[walk->run];
    if (++walk->run == entry->run_count) {
        walk->run = 0;
        if (++walk->entry == seal_page_count(page)) {
            walk->entry = 0;
            walk->page++;
        }
    }
    return true;
}
