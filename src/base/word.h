// Looking at eight bytes at a time. A result has the top bit set of every byte that matches; bytes
// after the first match may be marked wrongly (a borrow), so use word_first or compare with 0.
// Load words with load_le64, so that the first byte in memory is the lowest. Pure functions.
#ifndef RINGCAST_BASE_WORD_H
#define RINGCAST_BASE_WORD_H

#include <stddef.h>
#include <stdint.h>

#define WORD_BYTES sizeof(uint64_t)
#define WORD_ONES  UINT64_C(0x0101010101010101)
#define WORD_TOPS  UINT64_C(0x8080808080808080)

// Bytes from 0x80 on. Exact.
static inline uint64_t word_not_ascii(uint64_t word)
{
    return word & WORD_TOPS;
}

// Bytes less than `bound`, which is at most 128.
static inline uint64_t word_below(uint64_t word, uint8_t bound)
{
    return (word - WORD_ONES * bound) & ~word & WORD_TOPS;
}

static inline uint64_t word_equal(uint64_t word, uint8_t byte)
{
    return word_below(word ^ (WORD_ONES * byte), 1);
}

// The offset of the first match. marks != 0.
static inline size_t word_first(uint64_t marks)
{
    return (size_t)__builtin_ctzll(marks) / 8;
}

#endif
