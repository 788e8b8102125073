// CRC-32C (Castagnoli, polynomial 0x1EDC6F41 reflected, as in RFC 3720 section 12.1).
#ifndef RINGCAST_BASE_CRC32C_H
#define RINGCAST_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

// Start with seed 0 (or a salt) and continue with the former result:
// crc32c(crc32c(0, a), b) == crc32c(0, a then b). crc32c(0, "123456789", 9) == 0xe3069283.
// `at` may be NULL where length is 0. Uses SSE4.2 where the CPU has it. Any thread.
uint32_t crc32c(uint32_t seed, const void *at, size_t length);

// The portable way, whatever the CPU: same result. For tests and comparison.
uint32_t crc32c_portable(uint32_t seed, const void *at, size_t length);

#endif
