#include "log/segment.h"

#include "base/crc32c.h"

#include <stdio.h>

static const char magic[8] = "RCSEGMT1";

enum {
    CRC_OFFSET = 8,
    CRC_START = 12,
    USED_BYTES = 80,
    NUMBER_DIGITS = 16,
};

bool segment_bytes_are_valid(uint64_t segment_bytes)
{
    return is_power_of_two(segment_bytes) && segment_bytes >= SEGMENT_BYTES_MIN &&
           segment_bytes <= SEGMENT_BYTES_MAX;
}

static bool values_are_valid(const struct segment_header *header)
{
    return segment_bytes_are_valid(header->segment_bytes) && header->number >= 1 &&
           header->number <= SEGMENT_NUMBER_MAX &&
           header->previous_end <= segment_position(header->number, header->segment_bytes, 0);
}

void segment_header_encode(const struct segment_header *header, uint8_t into[SEGMENT_HEADER_BYTES])
{
    ASSERT(values_are_valid(header));
    memset(into, 0, SEGMENT_HEADER_BYTES);
    memcpy(into, magic, sizeof magic);
    store_le32(into + 12, LOG_FORMAT_VERSION);
    store_le64(into + 16, header->salt);
    store_le64(into + 24, header->number);
    store_le64(into + 32, header->segment_bytes);
    store_le64(into + 40, header->first_id);
    store_le64(into + 48, header->previous_end);
    store_le64(into + 56, header->created_ms);
    store_le32(into + 64, header->flags);
    store_le32(into + CRC_OFFSET, crc32c(0, into + CRC_START, USED_BYTES - CRC_START));
}

enum segment_verdict segment_header_decode(struct slice bytes, struct segment_header *header)
{
    if (bytes.length < SEGMENT_HEADER_BYTES || memcmp(bytes.at, magic, sizeof magic) != 0 ||
        load_le32(bytes.at + CRC_OFFSET) !=
            crc32c(0, bytes.at + CRC_START, USED_BYTES - CRC_START)) {
        return SEGMENT_CORRUPT;
    }
    if (!log_format_is_known(load_le32(bytes.at + 12))) {
        return SEGMENT_UNKNOWN_VERSION;
    }
    *header = (struct segment_header){
        .salt = load_le64(bytes.at + 16),
        .number = load_le64(bytes.at + 24),
        .segment_bytes = load_le64(bytes.at + 32),
        .first_id = load_le64(bytes.at + 40),
        .previous_end = load_le64(bytes.at + 48),
        .created_ms = load_le64(bytes.at + 56),
        .flags = load_le32(bytes.at + 64),
    };
    return values_are_valid(header) ? SEGMENT_VALID : SEGMENT_CORRUPT;
}

void segment_name(uint64_t number, char into[SEGMENT_NAME_BYTES])
{
    ASSERT(number >= 1 && number <= SEGMENT_NUMBER_MAX);
    snprintf(into, SEGMENT_NAME_BYTES, "segment-%016llx.log", (unsigned long long)number);
}

bool segment_name_parse(const char *name, uint64_t *number)
{
    static const char prefix[] = "segment-";
    if (strlen(name) != SEGMENT_NAME_BYTES - 1 || strncmp(name, prefix, sizeof prefix - 1) != 0 ||
        strcmp(name + sizeof prefix - 1 + NUMBER_DIGITS, ".log") != 0) {
        return false;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < NUMBER_DIGITS; i++) {
        const char *digits = "0123456789abcdef";
        const char *digit = strchr(digits, name[sizeof prefix - 1 + i]);
        if (digit == NULL || *digit == 0) {
            return false;
        }
        value = value << 4 | (uint64_t)(digit - digits);
    }
    if (value < 1 || value > SEGMENT_NUMBER_MAX) {
        return false;
    }
    *number = value;
    return true;
}
