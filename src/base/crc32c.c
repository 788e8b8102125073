// Three streams of the SSE4.2 instruction at once hide its latency of three cycles; their results
// are joined by a table that carries a checksum over as many zero bytes as follow it. All of this
// works because a CRC without its inversions is linear: crc(x then y) = zeros(crc(x)) ^ crc(y).
#include "base/crc32c.h"

#include "base/bytes.h"

#define CRC32C_POLYNOMIAL UINT32_C(0x82f63b78) // reflected

// crc32c_table[n][b]: byte b followed by n zero bytes.
static uint32_t crc32c_table[8][256];

static uint32_t (*crc32c_update)(uint32_t state, const uint8_t *at, size_t length);

static uint32_t crc32c_update_byte(uint32_t state, uint8_t byte)
{
    return state >> 8 ^ crc32c_table[0][(state ^ byte) & 0xff];
}

static uint32_t crc32c_update_portable(uint32_t state, const uint8_t *at, size_t length)
{
    for (; length >= 8; at += 8, length -= 8) {
        uint64_t word = load_le64(at) ^ state;
        state = 0;
        for (unsigned i = 0; i < 8; i++) {
            state ^= crc32c_table[7 - i][word >> (8 * i) & 0xff];
        }
    }
    for (; length > 0; at++, length--) {
        state = crc32c_update_byte(state, *at);
    }
    return state;
}

static void crc32c_table_fill(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t state = byte;
        for (int bit = 0; bit < 8; bit++) {
            state = state >> 1 ^ ((state & 1) != 0 ? CRC32C_POLYNOMIAL : 0);
        }
        crc32c_table[0][byte] = state;
    }
    for (int zeros = 1; zeros < 8; zeros++) {
        for (uint32_t byte = 0; byte < 256; byte++) {
            crc32c_table[zeros][byte] = crc32c_update_byte(crc32c_table[zeros - 1][byte], 0);
        }
    }
}

#if defined(__x86_64__)

#include <nmmintrin.h>

// A lane's length. Long lanes for blocks of events, short ones for single frames; below three
// short lanes one stream is as fast.
#define CRC32C_LANE_LONG  2048
#define CRC32C_LANE_SHORT 256

// What a state becomes over one lane of zeros: one table for each of its bytes.
struct crc32c_zeros {
    uint32_t table[4][256];
};

static struct crc32c_zeros crc32c_zeros_long;
static struct crc32c_zeros crc32c_zeros_short;

static uint32_t crc32c_zeros_apply(const struct crc32c_zeros *zeros, uint32_t state)
{
    return zeros->table[0][state & 0xff] ^ zeros->table[1][state >> 8 & 0xff] ^
           zeros->table[2][state >> 16 & 0xff] ^ zeros->table[3][state >> 24];
}

__attribute__((target("sse4.2"))) static void crc32c_zeros_fill(struct crc32c_zeros *zeros,
                                                                size_t lane_bytes)
{
    for (unsigned bit = 0; bit < 32; bit++) {
        uint64_t state = UINT64_C(1) << bit;
        for (size_t done = 0; done < lane_bytes; done += 8) {
            state = _mm_crc32_u64(state, 0);
        }
        // Linear: a byte's entry is the sum of its bits' entries, of which the higher ones are
        // those of the numbers below this bit.
        uint32_t *table = zeros->table[bit / 8];
        uint32_t value = UINT32_C(1) << bit % 8;
        for (uint32_t lower = 0; lower < value; lower++) {
            table[value + lower] = table[lower] ^ (uint32_t)state;
        }
    }
}

__attribute__((target("sse4.2"))) static uint32_t crc32c_update_lanes(
    uint32_t state, const uint8_t *at, size_t lane_bytes, const struct crc32c_zeros *zeros)
{
    uint64_t first = state;
    uint64_t second = 0;
    uint64_t third = 0;
    for (const uint8_t *end = at + lane_bytes; at < end; at += 8) {
        first = _mm_crc32_u64(first, load_le64(at));
        second = _mm_crc32_u64(second, load_le64(at + lane_bytes));
        third = _mm_crc32_u64(third, load_le64(at + 2 * lane_bytes));
    }
    state = crc32c_zeros_apply(zeros, (uint32_t)first) ^ (uint32_t)second;
    return crc32c_zeros_apply(zeros, state) ^ (uint32_t)third;
}

__attribute__((target("sse4.2"))) static uint32_t crc32c_update_sse42(uint32_t state,
                                                                      const uint8_t *at,
                                                                      size_t length)
{
    while (length >= 3 * CRC32C_LANE_LONG) {
        state = crc32c_update_lanes(state, at, CRC32C_LANE_LONG, &crc32c_zeros_long);
        at += 3 * CRC32C_LANE_LONG;
        length -= 3 * CRC32C_LANE_LONG;
    }
    while (length >= 3 * CRC32C_LANE_SHORT) {
        state = crc32c_update_lanes(state, at, CRC32C_LANE_SHORT, &crc32c_zeros_short);
        at += 3 * CRC32C_LANE_SHORT;
        length -= 3 * CRC32C_LANE_SHORT;
    }
    uint64_t wide = state;
    for (; length >= 8; at += 8, length -= 8) {
        wide = _mm_crc32_u64(wide, load_le64(at));
    }
    state = (uint32_t)wide;
    for (; length > 0; at++, length--) {
        state = _mm_crc32_u8(state, *at);
    }
    return state;
}

static bool crc32c_has_sse42(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("sse4.2") != 0;
}

#endif

// Before main, so that no call has to look whether the tables are there.
__attribute__((constructor)) static void crc32c_prepare(void)
{
    crc32c_table_fill();
    crc32c_update = crc32c_update_portable;
#if defined(__x86_64__)
    if (crc32c_has_sse42()) {
        crc32c_zeros_fill(&crc32c_zeros_long, CRC32C_LANE_LONG);
        crc32c_zeros_fill(&crc32c_zeros_short, CRC32C_LANE_SHORT);
        crc32c_update = crc32c_update_sse42;
    }
#endif
}

uint32_t crc32c(uint32_t seed, const void *at, size_t length)
{
    return ~crc32c_update(~seed, at, length);
}

uint32_t crc32c_portable(uint32_t seed, const void *at, size_t length)
{
    return ~crc32c_update_portable(~seed, at, length);
}
