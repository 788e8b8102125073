#include "base/bytes.h"

#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

// The first allocation: most messages fit without a second one.
#define BUFFER_CAPACITY_FIRST 256

static uint8_t lower_case(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + ('a' - 'A')) : byte;
}

bool slice_equal_ignoring_case(struct slice one, struct slice other)
{
    if (one.length != other.length) {
        return false;
    }
    for (size_t i = 0; i < one.length; i++) {
        if (lower_case(one.at[i]) != lower_case(other.at[i])) {
            return false;
        }
    }
    return true;
}

int slice_compare(struct slice one, struct slice other)
{
    size_t common = one.length < other.length ? one.length : other.length;
    int order = common == 0 ? 0 : memcmp(one.at, other.at, common);
    if (order != 0 || one.length == other.length) {
        return order;
    }
    return one.length < other.length ? -1 : 1;
}

bool slice_starts_with(struct slice slice, struct slice prefix)
{
    return slice.length >= prefix.length &&
           (prefix.length == 0 || memcmp(slice.at, prefix.at, prefix.length) == 0);
}

size_t slice_find(struct slice slice, uint8_t byte)
{
    if (slice.length == 0) {
        return 0;
    }
    const uint8_t *found = memchr(slice.at, byte, slice.length);
    return found == NULL ? slice.length : (size_t)(found - slice.at);
}

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t';
}

struct slice slice_trim(struct slice slice)
{
    size_t start = 0;
    size_t end = slice.length;
    while (start < end && is_blank(slice.at[start])) {
        start++;
    }
    while (end > start && is_blank(slice.at[end - 1])) {
        end--;
    }
    return slice_after(slice_first(slice, end), start);
}

struct slice slice_split(struct slice *rest, uint8_t separator)
{
    struct slice whole = *rest;
    size_t cut = slice_find(whole, separator);
    if (cut == whole.length) {
        *rest = slice_empty();
        return whole;
    }
    *rest = slice_after(whole, cut + 1);
    return slice_first(whole, cut);
}

void buffer_init(struct buffer *buffer, size_t limit_bytes)
{
    *buffer = (struct buffer){.limit_bytes = limit_bytes};
}

void buffer_wrap(struct buffer *buffer, void *storage, size_t storage_bytes)
{
    ASSERT(storage != NULL || storage_bytes == 0);
    *buffer = (struct buffer){
        .storage = storage,
        .capacity_bytes = storage_bytes,
        .limit_bytes = storage_bytes,
        .is_wrapped = true,
    };
}

void buffer_free(struct buffer *buffer)
{
    if (buffer->is_wrapped) {
        buffer_clear(buffer);
        return;
    }
    free(buffer->storage);
    buffer_init(buffer, buffer->limit_bytes);
}

void buffer_clear(struct buffer *buffer)
{
    buffer->start = 0;
    buffer->end = 0;
    buffer->failure = 0;
}

static void buffer_move_to_front(struct buffer *buffer)
{
    ASSERT(buffer->storage != NULL);
    size_t length = buffer_length(buffer);
    memmove(buffer->storage, buffer->storage + buffer->start, length);
    buffer->start = 0;
    buffer->end = length;
}

// Makes the capacity hold `needed` bytes, or twice what it was where the limit allows that.
static int buffer_grow(struct buffer *buffer, size_t needed)
{
    size_t capacity = buffer->capacity_bytes;
    capacity = capacity < BUFFER_CAPACITY_FIRST / 2 ? BUFFER_CAPACITY_FIRST : 2 * capacity;
    if (capacity < needed) {
        capacity = needed;
    }
    if (capacity > buffer->limit_bytes) {
        capacity = buffer->limit_bytes;
    }
    uint8_t *storage = realloc(buffer->storage, capacity);
    if (storage == NULL) {
        return -ENOMEM;
    }
    buffer->storage = storage;
    buffer->capacity_bytes = capacity;
    return 0;
}

uint8_t *buffer_reserve(struct buffer *buffer, size_t length)
{
    if (buffer->failure != 0) {
        return NULL;
    }
    size_t held = buffer_length(buffer);
    if (length > buffer->limit_bytes - held) {
        buffer->failure = -ENOBUFS;
        return NULL;
    }
    if (buffer->storage == NULL || length > buffer_room(buffer)) {
        bool fits = buffer->storage != NULL && held + length <= buffer->capacity_bytes;
        // Moving is paid for by what was consumed, unless growing is impossible anyway.
        bool may_move = buffer->start >= held || buffer->capacity_bytes == buffer->limit_bytes;
        if (buffer->start > 0) {
            buffer_move_to_front(buffer);
        }
        if (!fits || !may_move) {
            int failure = buffer_grow(buffer, held + length);
            if (failure != 0) {
                buffer->failure = failure;
                return NULL;
            }
        }
    }
    ASSERT(length <= buffer_room(buffer));
    return buffer->storage + buffer->end;
}

void buffer_commit(struct buffer *buffer, size_t length)
{
    ASSERT(length <= buffer_room(buffer));
    buffer->end += length;
}

int buffer_append(struct buffer *buffer, const void *at, size_t length)
{
    uint8_t *into = buffer_reserve(buffer, length);
    if (into == NULL) {
        return buffer->failure;
    }
    if (length > 0) {
        memcpy(into, at, length);
        buffer->end += length;
    }
    return 0;
}

int buffer_append_slice(struct buffer *buffer, struct slice slice)
{
    return buffer_append(buffer, slice.at, slice.length);
}

int buffer_append_text(struct buffer *buffer, const char *text)
{
    return buffer_append(buffer, text, strlen(text));
}

int buffer_append_byte(struct buffer *buffer, uint8_t byte)
{
    return buffer_append(buffer, &byte, 1);
}

int buffer_append_u64(struct buffer *buffer, uint64_t value)
{
    char digits[TEXT_U64_BYTES_MAX];
    return buffer_append(buffer, digits, text_format_u64(value, digits));
}

int buffer_vprintf(struct buffer *buffer, const char *format, va_list arguments)
{
    if (buffer->failure != 0) {
        return buffer->failure;
    }
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    ASSERT(length >= 0);
    // vsnprintf ends with a NUL, which takes room though it is not kept.
    uint8_t *into = buffer_reserve(buffer, (size_t)length + 1);
    if (into == NULL) {
        return buffer->failure;
    }
    vsnprintf((char *)into, (size_t)length + 1, format, arguments);
    buffer->end += (size_t)length;
    return 0;
}

int buffer_printf(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int result = buffer_vprintf(buffer, format, arguments);
    va_end(arguments);
    return result;
}

void buffer_consume(struct buffer *buffer, size_t length)
{
    ASSERT(length <= buffer_length(buffer));
    buffer->start += length;
    if (buffer->start == buffer->end) {
        buffer->start = 0;
        buffer->end = 0;
    }
}

void buffer_truncate(struct buffer *buffer, size_t length)
{
    ASSERT(length <= buffer_length(buffer));
    buffer->end = buffer->start + length;
}
