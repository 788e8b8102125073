#include "payload.h"

#include "base/assert.h"

#include <string.h>

static uint8_t *put_hex(uint8_t *at, uint64_t value, uint32_t digits)
{
    for (uint32_t i = digits; i > 0; i--) {
        at[i - 1] = (uint8_t) "0123456789abcdef"[value & 15];
        value >>= 4;
    }
    return at + digits;
}

void payload_write(uint8_t *into, size_t size_bytes, const struct payload *payload)
{
    ASSERT(size_bytes >= PAYLOAD_BYTES_MIN);
    ASSERT(payload->stream <= PAYLOAD_STREAM_MAX && payload->number <= PAYLOAD_NUMBER_MAX);
    uint8_t *at = into;
    *at++ = 'r';
    *at++ = 'b';
    at = put_hex(at, payload->run, 8);
    *at++ = '-';
    at = put_hex(at, payload->stream, 6);
    *at++ = '-';
    at = put_hex(at, payload->number, 10);
    *at++ = '-';
    at = put_hex(at, payload->intended_ns, 16);
    ASSERT(at == into + PAYLOAD_BYTES_MIN);
    memset(at, '.', size_bytes - PAYLOAD_BYTES_MIN);
}

// Values of the digits plus 1, so that 0 is "no digit".
static const uint8_t HEX_VALUES[256] = {
    ['0'] = 1, ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9, ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
};

static bool take_hex(const uint8_t *at, uint32_t digits, uint64_t *value)
{
    uint64_t sum = 0;
    bool all_digits = true;
    for (uint32_t i = 0; i < digits; i++) {
        uint8_t digit = HEX_VALUES[at[i]];
        all_digits &= digit != 0;
        sum = sum << 4 | (uint8_t)(digit - 1);
    }
    *value = sum;
    return all_digits;
}

bool payload_read(struct payload *payload, const uint8_t *at, size_t length)
{
    if (length > 0 && *at == '"') {
        at++;
        length--;
    }
    if (length < PAYLOAD_BYTES_MIN || at[0] != 'r' || at[1] != 'b' || at[10] != '-' ||
        at[17] != '-' || at[28] != '-') {
        return false;
    }
    uint64_t run = 0;
    uint64_t stream = 0;
    if (!take_hex(at + 2, 8, &run) || !take_hex(at + 11, 6, &stream) ||
        !take_hex(at + 18, 10, &payload->number) || !take_hex(at + 29, 16, &payload->intended_ns)) {
        return false;
    }
    payload->run = (uint32_t)run;
    payload->stream = (uint32_t)stream;
    return true;
}
