#include "log/chain.h"

#include "base/assert.h"
#include "log/segment.h"

#include <stdlib.h>
#include <string.h>

struct segment *segment_make(const struct chain *chain, uint64_t number, uint64_t salt, int file)
{
    struct segment *segment = calloc(1, sizeof(*segment));
    struct seal_mark *marks = calloc(SEGMENT_MARKS_MAX, sizeof(*marks));
    if (segment == NULL || marks == NULL) {
        free(segment);
        free(marks);
        return NULL;
    }
    segment->state = SEGMENT_ACTIVE;
    segment->file = file;
    segment->marks = marks;
    segment->facts.number = number;
    segment->facts.salt = salt;
    segment->facts.end_position = segment_first_position(number, chain->segment_bytes);
    return segment;
}

void segment_destroy(struct segment *segment)
{
    if (segment == NULL) {
        return;
    }
    seal_head_free(&segment->head);
    free(segment->marks);
    free(segment);
}

void chain_add(struct chain *chain, struct segment *segment)
{
    ASSERT(chain->count < SEGMENTS_MAX);
    uint32_t at = chain_from(chain, segment->facts.number);
    ASSERT(at == chain->count || chain->list[at]->facts.number != segment->facts.number);
    memmove(&chain->list[at + 1], &chain->list[at], (chain->count - at) * sizeof(chain->list[0]));
    chain->list[at] = segment;
    chain->count++;
}

void chain_remove(struct chain *chain, const struct segment *segment)
{
    uint32_t at = chain_from(chain, segment->facts.number);
    ASSERT(at < chain->count && chain->list[at] == segment);
    chain->count--;
    memmove(&chain->list[at], &chain->list[at + 1], (chain->count - at) * sizeof(chain->list[0]));
}

uint32_t chain_from(const struct chain *chain, uint64_t number)
{
    uint32_t low = 0;
    uint32_t high = chain->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (chain->list[middle]->facts.number >= number) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

struct segment *chain_at(const struct chain *chain, uint64_t position)
{
    uint64_t number = segment_number_of(position, chain->segment_bytes);
    uint32_t at = chain_from(chain, number);
    return at < chain->count && chain->list[at]->facts.number == number ? chain->list[at] : NULL;
}

void segment_note_block(struct segment *segment, uint64_t segment_bytes, uint64_t position,
                        const struct block_header *header)
{
    struct checkpoint_segment *facts = &segment->facts;
    ASSERT(header->first_id > facts->last_id);
    if (facts->first_id == 0) {
        facts->first_id = header->first_id;
        facts->first_time_ms = header->time_ms;
    }
    facts->last_id = header->last_id;
    facts->last_time_ms = header->time_ms;
    facts->last_position = position;
    facts->end_position = position + header->length;
    uint64_t apart = segment_bytes / SEGMENT_MARKS_MAX;
    if (segment->marks == NULL || segment->mark_count == SEGMENT_MARKS_MAX ||
        (segment->mark_count > 0 &&
         position - segment->marks[segment->mark_count - 1].position < apart)) {
        return;
    }
    segment->marks[segment->mark_count++] = (struct seal_mark){
        .time_ms = header->time_ms, .first_id = header->first_id, .position = position};
}

void segment_cut(struct segment *segment, uint64_t cut, uint64_t last_id, uint64_t last_position)
{
    struct checkpoint_segment *facts = &segment->facts;
    facts->end_position = cut;
    facts->last_id = last_id;
    facts->last_position = last_position;
    while (segment->mark_count > 0 && segment->marks[segment->mark_count - 1].position >= cut) {
        segment->mark_count--;
    }
}

const struct seal_mark *segment_mark_before(const struct segment *segment, uint64_t time_ms)
{
    if (segment->state == SEGMENT_SEALED) {
        return seal_mark_before(&segment->head, time_ms);
    }
    const struct seal_mark *found = NULL;
    uint32_t low = 0;
    uint32_t high = segment->mark_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (segment->marks[middle].time_ms < time_ms) {
            found = &segment->marks[middle];
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return found;
}

uint64_t segment_used_bytes(const struct segment *segment, uint64_t segment_bytes)
{
    return segment->facts.end_position - segment_position(segment->facts.number, segment_bytes, 0) +
           segment->facts.index_length;
}

void segment_set_sealed(struct segment *segment)
{
    segment->state = SEGMENT_SEALED;
    free(segment->marks);
    segment->marks = NULL;
    segment->mark_count = 0;
}
