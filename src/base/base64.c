#include "base/base64.h"

#include <errno.h>

static const char base64_standard[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static bool base64_is_padded(enum base64_form form)
{
    return form == BASE64_STANDARD || form == BASE64_URL;
}

size_t base64_encoded_length(size_t length, enum base64_form form)
{
    ASSERT(length <= SIZE_MAX / 2);
    size_t rest = length % 3;
    size_t whole = length / 3 * 4;
    if (rest == 0) {
        return whole;
    }
    return whole + (base64_is_padded(form) ? 4 : rest + 1);
}

size_t base64_encode(char *into, struct slice bytes, enum base64_form form)
{
    bool is_url = form == BASE64_URL || form == BASE64_URL_UNPADDED;
    const char *alphabet = is_url ? base64_url : base64_standard;
    const uint8_t *at = bytes.at;
    size_t left = bytes.length;
    char *out = into;
    for (; left >= 3; left -= 3, at += 3) {
        uint32_t group = (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2];
        *out++ = alphabet[group >> 18];
        *out++ = alphabet[group >> 12 & 63];
        *out++ = alphabet[group >> 6 & 63];
        *out++ = alphabet[group & 63];
    }
    if (left > 0) {
        uint32_t group = (uint32_t)at[0] << 16 | (left == 2 ? (uint32_t)at[1] << 8 : 0);
        *out++ = alphabet[group >> 18];
        *out++ = alphabet[group >> 12 & 63];
        if (left == 2) {
            *out++ = alphabet[group >> 6 & 63];
        }
        for (; base64_is_padded(form) && left < 3; left++) {
            *out++ = '=';
        }
    }
    return (size_t)(out - into);
}

size_t base64_decoded_length_max(size_t length)
{
    return length / 4 * 3 + (length % 4) * 3 / 4;
}

// What has been seen of the alphabets: one text may use only one of them.
enum base64_seen { BASE64_SEEN_NEITHER, BASE64_SEEN_STANDARD, BASE64_SEEN_URL };

// 0 to 63, or -1 for a character that may not stand here.
static int base64_value(uint8_t character, enum base64_seen *seen)
{
    if (character >= 'A' && character <= 'Z') {
        return character - 'A';
    }
    if (character >= 'a' && character <= 'z') {
        return character - 'a' + 26;
    }
    if (character >= '0' && character <= '9') {
        return character - '0' + 52;
    }
    bool is_standard = character == '+' || character == '/';
    bool is_url = character == '-' || character == '_';
    if (!is_standard && !is_url) {
        return -1;
    }
    enum base64_seen now = is_standard ? BASE64_SEEN_STANDARD : BASE64_SEEN_URL;
    if (*seen != BASE64_SEEN_NEITHER && *seen != now) {
        return -1;
    }
    *seen = now;
    return character == '+' || character == '-' ? 62 : 63;
}

// The length without its padding, which is at most two characters.
static size_t base64_body_length(struct slice text)
{
    size_t body = text.length;
    while (body > 0 && text.length - body < 2 && text.at[body - 1] == '=') {
        body--;
    }
    return body;
}

static ssize_t base64_fault(size_t *fault, size_t offset)
{
    if (fault != NULL) {
        *fault = offset;
    }
    return -EINVAL;
}

ssize_t base64_decode(uint8_t *into, size_t capacity, struct slice text, size_t *fault)
{
    size_t body = base64_body_length(text);
    size_t used = 0;
    uint32_t bits = 0; // not yet written, in the low bit_count bits
    unsigned bit_count = 0;
    enum base64_seen seen = BASE64_SEEN_NEITHER;
    for (size_t i = 0; i < body; i++) {
        int value = base64_value(text.at[i], &seen);
        if (value < 0) {
            return base64_fault(fault, i);
        }
        bits = bits << 6 | (uint32_t)value;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            if (used == capacity) {
                return -ENOBUFS;
            }
            into[used++] = (uint8_t)(bits >> bit_count);
            bits &= (UINT32_C(1) << bit_count) - 1;
        }
    }
    bool is_padded = body < text.length;
    if (body % 4 == 1 || (is_padded && text.length % 4 != 0)) {
        return base64_fault(fault, body);
    }
    if (bits != 0) {
        return base64_fault(fault, body - 1);
    }
    return (ssize_t)used;
}
