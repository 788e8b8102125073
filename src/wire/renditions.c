#include "wire/renditions.h"

#include <string.h>
#include <sys/mman.h>

#include "base/assert.h"
#include "wire/batch.h"
#include "wire/envelope.h"
#include "wire/notice.h"

void renditions_init(struct renditions *renditions, uint64_t bytes_max)
{
    memset(renditions, 0, sizeof(*renditions));
    renditions->bytes_max = bytes_max;
}

void renditions_free(struct renditions *renditions)
{
    if (renditions->bytes != NULL) {
        munmap(renditions->bytes, renditions->bytes_max);
    }
    renditions->bytes = NULL;
}

void renditions_give_back(struct renditions *renditions)
{
    uint64_t bytes_max = renditions->bytes_max;
    uint64_t made = renditions->made;
    renditions_free(renditions);
    renditions_init(renditions, bytes_max);
    renditions->made = made;
}

static bool commit_memory(struct renditions *renditions)
{
    if (renditions->bytes != NULL) {
        return true;
    }
    void *bytes = mmap(NULL, renditions->bytes_max, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (bytes == MAP_FAILED) {
        return false;
    }
    renditions->bytes = bytes;
    return true;
}

static struct slice slot_bytes(const struct renditions *renditions, const struct rendition *slot)
{
    return slice_from(renditions->bytes + slot->at % renditions->bytes_max, slot->length);
}

static size_t size_max_of(const struct block_record *record, enum rendition_form form)
{
    switch (form) {
    case RENDITION_ENVELOPE: return envelope_size_max(record);
    case RENDITION_BATCH: return batch_one_size_max(record);
    case RENDITION_OVERSIZE: return NOTICE_OVERSIZE_BYTES_MAX;
    }
    UNREACHABLE();
}

static bool render(struct buffer *out, const uint8_t *block, const struct block_record *record,
                   enum rendition_form form, uint32_t limit)
{
    switch (form) {
    case RENDITION_ENVELOPE: return envelope_write(out, block, record);
    case RENDITION_BATCH: return batch_write_one(out, block, record);
    case RENDITION_OVERSIZE: return envelope_write_oversize(out, block, record, limit);
    }
    UNREACHABLE();
}

enum rendition_result rendition_get(struct renditions *renditions, const uint8_t *block,
                                    const struct block_record *record, enum rendition_form form,
                                    uint32_t limit, struct slice *frame)
{
    // The forms of one event stand apart, so that they do not push each other out.
    uint64_t key = record->id + (uint64_t)form * (RENDITION_SLOTS / 3);
    struct rendition *slot = &renditions->slots[key % RENDITION_SLOTS];
    // An entry is good while its bytes were not overwritten.
    if (slot->id == record->id && slot->form == form && slot->limit == limit && slot->length > 0 &&
        renditions->reached - slot->at <= renditions->bytes_max) {
        // Bytes older than the pin come under it again: hold on to them by not writing over them.
        if (slot->at < renditions->pinned) {
            renditions->pinned = slot->at;
        }
        *frame = slot_bytes(renditions, slot);
        return RENDITION_READY;
    }
    size_t size_max = size_max_of(record, form);
    if (size_max > renditions->bytes_max || !commit_memory(renditions)) {
        return RENDITION_FAILED;
    }
    uint64_t head = renditions->head;
    uint64_t at_end = renditions->bytes_max - head % renditions->bytes_max;
    if (at_end < size_max) {
        head += at_end; // a rendition never wraps
    }
    if (head + size_max - renditions->pinned > renditions->bytes_max) {
        return renditions->pinned == renditions->head ? RENDITION_FAILED : RENDITION_PINNED;
    }
    if (head + size_max > renditions->reached) {
        renditions->reached = head + size_max;
    }
    struct buffer out;
    buffer_wrap(&out, renditions->bytes + head % renditions->bytes_max, size_max);
    if (!render(&out, block, record, form, limit)) {
        return RENDITION_FAILED;
    }
    *slot = (struct rendition){.id = record->id,
                               .at = head,
                               .length = (uint32_t)buffer_length(&out),
                               .limit = limit,
                               .form = form};
    renditions->head = head + slot->length;
    renditions->made++;
    *frame = slot_bytes(renditions, slot);
    return RENDITION_READY;
}
