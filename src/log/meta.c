#include "log/meta.h"

#include "base/crc32c.h"
#include "log/segment.h"

static const char magic[8] = "RCMETA01";

enum {
    CRC_OFFSET = 8,
    CRC_START = 12,
};

void meta_encode(const struct log_meta *meta, uint8_t into[META_BYTES])
{
    ASSERT(segment_bytes_are_valid(meta->segment_bytes));
    memset(into, 0, META_BYTES);
    memcpy(into, magic, sizeof magic);
    store_le32(into + 12, LOG_FORMAT_VERSION);
    store_le64(into + 16, meta->segment_bytes);
    store_le64(into + 24, meta->id_limit);
    store_le64(into + 32, meta->next_id);
    memcpy(into + 40, meta->boot_id, sizeof meta->boot_id);
    store_le32(into + 56, meta->clean ? 1 : 0);
    store_le64(into + 64, meta->sequence_base);
    store_le32(into + CRC_OFFSET, crc32c(0, into + CRC_START, META_BYTES - CRC_START));
}

enum meta_verdict meta_decode(struct slice bytes, struct log_meta *meta)
{
    if (bytes.length != META_BYTES || memcmp(bytes.at, magic, sizeof magic) != 0 ||
        load_le32(bytes.at + CRC_OFFSET) !=
            crc32c(0, bytes.at + CRC_START, META_BYTES - CRC_START)) {
        return META_CORRUPT;
    }
    if (!log_format_is_known(load_le32(bytes.at + 12))) {
        return META_UNKNOWN_VERSION;
    }
    *meta = (struct log_meta){
        .segment_bytes = load_le64(bytes.at + 16),
        .id_limit = load_le64(bytes.at + 24),
        .next_id = load_le64(bytes.at + 32),
        .clean = load_le32(bytes.at + 56) == 1,
        .sequence_base = load_le64(bytes.at + 64),
    };
    memcpy(meta->boot_id, bytes.at + 40, sizeof meta->boot_id);
    return segment_bytes_are_valid(meta->segment_bytes) ? META_VALID : META_CORRUPT;
}

static uint64_t larger(uint64_t one, uint64_t other)
{
    return one > other ? one : other;
}

struct meta_start meta_start_of(const struct log_meta *meta, const uint8_t boot_id[16],
                                uint64_t last_id, bool is_new, bool is_torn)
{
    if (is_new) {
        return (struct meta_start){.next_id = 1};
    }
    if (meta == NULL) {
        // The limit is unknown. It is raised when half of the last reservation is used, so it was
        // less than two of them above any id that was given out.
        return (struct meta_start){.next_id = last_id + 2 * META_RESERVE + 1,
                                   .sequence_jump = META_RESERVE,
                                   .sequence_base = META_RESERVE};
    }
    if (meta->clean && !is_torn) {
        return (struct meta_start){.next_id = larger(meta->next_id, last_id + 1),
                                   .sequence_base = meta->sequence_base};
    }
    if (!is_torn && memcmp(meta->boot_id, boot_id, sizeof meta->boot_id) == 0) {
        // Not below where an earlier start on this boot had jumped to, also when nothing was
        // written since.
        return (struct meta_start){.next_id = larger(meta->next_id, last_id + 1),
                                   .sequence_base = meta->sequence_base};
    }
    return (struct meta_start){.next_id = larger(meta->id_limit, last_id + 1),
                               .sequence_jump = META_RESERVE,
                               .sequence_base = meta->sequence_base + META_RESERVE};
}
