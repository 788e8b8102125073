#include "http/request_id.h"

enum {
    LIFE_DIGITS = 12,
    DIGIT_BITS = 4
}; // 48 bits: 10,000 starts meet by chance in one of 5,000,000

bool request_id_is_valid(struct slice id)
{
    for (size_t i = 0; i < id.length; i++) {
        uint8_t byte = id.at[i];
        bool is_alphanumeric = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
                               (byte >= 'A' && byte <= 'Z');
        if (!is_alphanumeric && byte != '.' && byte != '_' && byte != '-') {
            return false;
        }
    }
    return id.length > 0 && id.length <= REQUEST_ID_BYTES_MAX;
}

static char *write_digits(uint64_t value, unsigned digits, char *at)
{
    for (unsigned left = digits; left > 0; left--) {
        *at++ = "0123456789abcdef"[value >> ((left - 1) * DIGIT_BITS) & 0xf];
    }
    return at;
}

struct slice request_id_make(uint64_t life, uint64_t number, char into[REQUEST_ID_MADE_BYTES_MAX])
{
    unsigned digits = 1;
    while (digits < 2 * sizeof(number) && number >> (digits * DIGIT_BITS) != 0) {
        digits++;
    }
    char *at = write_digits(life, LIFE_DIGITS, into);
    *at++ = '-';
    at = write_digits(number, digits, at);
    return slice_from(into, (size_t)(at - into));
}
