#include "wire/batch.h"

#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "wire/envelope.h"

#define ID_LABEL "id: "
#define OPENING  "\nevent: batch\ndata: ["
#define CLOSING  "]\n\n"

enum {
    CLOSING_BYTES = sizeof(CLOSING) - 1,
    HEAD_BYTES_MAX = sizeof(ID_LABEL) - 1 + TEXT_U64_BYTES_MAX + sizeof(OPENING) - 1,
};
_Static_assert(HEAD_BYTES_MAX + CLOSING_BYTES <= BATCH_EMPTY_BYTES, "a frame around nothing");

static void append_head(struct buffer *out, uint64_t last_id)
{
    buffer_append_text(out, ID_LABEL);
    buffer_append_u64(out, last_id);
    buffer_append_text(out, OPENING);
}

bool batch_write_one(struct buffer *out, const uint8_t *block, const struct block_record *record)
{
    size_t before = buffer_length(out);
    append_head(out, record->id);
    envelope_write_json(out, block, record);
    if (buffer_append_text(out, CLOSING) == 0) {
        return true;
    }
    buffer_truncate(out, before);
    return false;
}

size_t batch_one_size_max(const struct block_record *record)
{
    return envelope_size_max(record) + BATCH_EMPTY_BYTES;
}

struct slice batch_content(struct slice frame)
{
    size_t head = slice_find(frame, '[') + 1; // the head holds no other
    ASSERT(head + CLOSING_BYTES <= frame.length);
    return slice_first(slice_after(frame, head), frame.length - head - CLOSING_BYTES);
}

void batch_begin(struct batch *batch, uint8_t *at, uint32_t bytes_max)
{
    ASSERT(bytes_max >= BATCH_EMPTY_BYTES);
    *batch =
        (struct batch){.at = at, .bytes_max = bytes_max, .length = HEAD_BYTES_MAX + CLOSING_BYTES};
}

uint32_t batch_length_with(const struct batch *batch, struct slice content)
{
    ASSERT(content.length < UINT32_MAX - batch->length - 1);
    return batch->length + (uint32_t)content.length + (batch->count > 0);
}

void batch_add(struct batch *batch, struct slice content)
{
    ASSERT(batch_length_with(batch, content) <= batch->bytes_max);
    uint8_t *end = batch->at + batch->length - CLOSING_BYTES;
    if (batch->count > 0) {
        *end++ = ',';
        batch->length++;
    }
    memcpy(end, content.at, content.length);
    batch->length += (uint32_t)content.length;
    batch->count++;
}

struct slice batch_end(struct batch *batch, uint64_t last_id)
{
    ASSERT(batch->count > 0);
    uint8_t bytes[HEAD_BYTES_MAX];
    struct buffer head;
    buffer_wrap(&head, bytes, sizeof(bytes));
    append_head(&head, last_id);
    size_t length = buffer_length(&head);
    size_t unused =
        HEAD_BYTES_MAX - length; // ids differ in length: the head ends where events begin
    memcpy(batch->at + unused, bytes, length);
    memcpy(batch->at + batch->length - CLOSING_BYTES, CLOSING, CLOSING_BYTES);
    return slice_from(batch->at + unused, batch->length - unused);
}

uint32_t batch_piece_length(const struct batch_piece *piece)
{
    uint8_t bytes[HEAD_BYTES_MAX];
    struct buffer head;
    buffer_wrap(&head, bytes, sizeof(bytes));
    append_head(&head, piece->last_id);
    size_t before = piece->is_first ? buffer_length(&head) : 1;
    return (uint32_t)(before + piece->content.length + (piece->is_last ? CLOSING_BYTES : 0));
}

bool batch_piece_write(struct buffer *out, const struct batch_piece *piece)
{
    size_t before = buffer_length(out);
    if (piece->is_first) {
        append_head(out, piece->last_id);
    } else {
        buffer_append_text(out, ",");
    }
    buffer_append(out, piece->content.at, piece->content.length);
    if (buffer_append_text(out, piece->is_last ? CLOSING : "") == 0) {
        return true;
    }
    buffer_truncate(out, before);
    return false;
}
