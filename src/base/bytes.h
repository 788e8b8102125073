// Byte strings: the borrowed `struct slice`, little-endian loads and stores, and the growable
// `struct buffer` with a hard maximum. Nothing here is thread safe; each object has one user.
#ifndef RINGCAST_BASE_BYTES_H
#define RINGCAST_BASE_BYTES_H

#include "base/assert.h"

#include <endian.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

// Borrowed bytes: owns nothing, lives as long as what it points into. `at` may be NULL only where
// length is 0. Not terminated by NUL.
struct slice {
    const uint8_t *at;
    size_t length;
};

// A slice of a string literal, without its NUL. Usable in static initialisers.
#define SLICE_LITERAL(text)                          \
    {                                                \
        (const uint8_t *)("" text), sizeof(text) - 1 \
    }

// For printf: printf("name " SLICE_FORMAT "\n", SLICE_ARGUMENTS(name)).
#define SLICE_FORMAT           "%.*s"
#define SLICE_ARGUMENTS(slice) (int)(slice).length, (const char *)(slice).at

static inline struct slice slice_from(const void *at, size_t length)
{
    return (struct slice){(const uint8_t *)at, length};
}

// The bytes of a C string, without its NUL.
static inline struct slice slice_of(const char *text)
{
    return slice_from(text, strlen(text));
}

static inline struct slice slice_empty(void)
{
    return (struct slice){NULL, 0};
}

static inline bool slice_equal(struct slice one, struct slice other)
{
    return one.length == other.length &&
           (one.length == 0 || memcmp(one.at, other.at, one.length) == 0);
}

static inline bool slice_equal_text(struct slice slice, const char *text)
{
    return slice_equal(slice, slice_of(text));
}

// ASCII letters compare without case (HTTP field names, RFC 9110 section 5.1).
bool slice_equal_ignoring_case(struct slice one, struct slice other);

// Byte order, a prefix before what it is a prefix of. Below, equal or above 0 as memcmp.
int slice_compare(struct slice one, struct slice other);

bool slice_starts_with(struct slice slice, struct slice prefix);

// Offset of the first such byte, or slice.length.
size_t slice_find(struct slice slice, uint8_t byte);

// What follows the first `offset` bytes. offset <= slice.length.
static inline struct slice slice_after(struct slice slice, size_t offset)
{
    ASSERT(offset <= slice.length);
    return slice_from(offset == 0 ? slice.at : slice.at + offset, slice.length - offset);
}

// The first `length` bytes. length <= slice.length.
static inline struct slice slice_first(struct slice slice, size_t length)
{
    ASSERT(length <= slice.length);
    return slice_from(slice.at, length);
}

// Without spaces and tabs at both ends (HTTP's OWS, RFC 9110 section 5.6.3).
struct slice slice_trim(struct slice slice);

// Cuts *rest at the first `separator`: returns what stands before it and leaves in *rest what
// follows it. Without a separator returns all and leaves *rest empty with at == NULL, so that
// `while (rest.at != NULL)` walks over all parts, empty ones included.
struct slice slice_split(struct slice *rest, uint8_t separator);

static inline uint16_t load_le16(const void *from)
{
    uint16_t value;
    memcpy(&value, from, sizeof(value));
    return le16toh(value);
}

static inline uint32_t load_le32(const void *from)
{
    uint32_t value;
    memcpy(&value, from, sizeof(value));
    return le32toh(value);
}

static inline uint64_t load_le64(const void *from)
{
    uint64_t value;
    memcpy(&value, from, sizeof(value));
    return le64toh(value);
}

static inline void store_le16(void *into, uint16_t value)
{
    value = htole16(value);
    memcpy(into, &value, sizeof(value));
}

static inline void store_le32(void *into, uint32_t value)
{
    value = htole32(value);
    memcpy(into, &value, sizeof(value));
}

static inline void store_le64(void *into, uint64_t value)
{
    value = htole64(value);
    memcpy(into, &value, sizeof(value));
}

static inline bool is_power_of_two(uint64_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

// value rounded up to a multiple of alignment, a power of two. The result must fit 64 bits.
static inline uint64_t align_up(uint64_t value, uint64_t alignment)
{
    ASSERT(is_power_of_two(alignment));
    ASSERT(value <= UINT64_MAX - (alignment - 1));
    return (value + alignment - 1) & ~(alignment - 1);
}

// A growable byte queue: append at the end, consume at the front. It owns its memory (unless
// wrapped), grows by doubling and never holds more than limit_bytes.
//
// Failure sticks: after an append did not fit (-ENOBUFS) or memory ran out (-ENOMEM), every
// further append fails with the same error and adds nothing, until buffer_clear. So a message can
// be built with many appends and checked once with buffer_failure. What was appended before the
// failure stays; the append that fails adds nothing.
struct buffer {
    uint8_t *storage;
    size_t start; // offset of the first byte held
    size_t end;   // offset past the last byte held
    size_t capacity_bytes;
    size_t limit_bytes;
    int failure; // 0, -ENOBUFS or -ENOMEM
    bool is_wrapped;
};

// An empty buffer that will allocate on first use. limit_bytes is the most it ever holds.
void buffer_init(struct buffer *buffer, size_t limit_bytes);

// An empty buffer over the caller's memory: never allocates, never grows, buffer_free leaves the
// memory alone. The memory must outlive the buffer.
void buffer_wrap(struct buffer *buffer, void *storage, size_t storage_bytes);

// Releases the memory. The buffer may be used again as if just initialised.
void buffer_free(struct buffer *buffer);

// Empties it, keeps the memory, forgets a failure.
void buffer_clear(struct buffer *buffer);

static inline size_t buffer_length(const struct buffer *buffer)
{
    return buffer->end - buffer->start;
}

// What it holds. Valid until the next append, reserve, clear or free.
static inline struct slice buffer_slice(const struct buffer *buffer)
{
    return slice_from(buffer->storage == NULL ? NULL : buffer->storage + buffer->start,
                      buffer->end - buffer->start);
}

// 0, or the error that stuck.
static inline int buffer_failure(const struct buffer *buffer)
{
    return buffer->failure;
}

// Makes room for `length` more bytes and returns where they go, for writing in place; then call
// buffer_commit with how many were written. NULL on failure (see buffer_failure). Room counts from
// the limit: buffer_length + length <= limit_bytes. Valid until the next call on this buffer.
uint8_t *buffer_reserve(struct buffer *buffer, size_t length);

// Takes `length` bytes written after buffer_reserve(at least length) into the buffer.
void buffer_commit(struct buffer *buffer, size_t length);

// How many bytes may be committed without another reserve.
static inline size_t buffer_room(const struct buffer *buffer)
{
    return buffer->capacity_bytes - buffer->end;
}

// Each returns 0, -ENOBUFS or -ENOMEM. `at` may be NULL where length is 0; it may not point into
// the buffer itself.
int buffer_append(struct buffer *buffer, const void *at, size_t length);
int buffer_append_slice(struct buffer *buffer, struct slice slice);
int buffer_append_text(struct buffer *buffer, const char *text);
int buffer_append_byte(struct buffer *buffer, uint8_t byte);
int buffer_append_u64(struct buffer *buffer, uint64_t value); // in decimal

// Appends formatted text, without a NUL (for which there must be room while it is written).
int buffer_printf(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
int buffer_vprintf(struct buffer *buffer, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

// Drops the first `length` bytes. length <= buffer_length.
void buffer_consume(struct buffer *buffer, size_t length);

// Drops what stands after the first `length` bytes. length <= buffer_length.
void buffer_truncate(struct buffer *buffer, size_t length);

#endif
