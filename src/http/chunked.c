#include "http/chunked.h"

#include "base/text.h"

enum chunked_state {
    CHUNKED_SIZE,
    CHUNKED_EXTENSION,
    CHUNKED_SIZE_LF,
    CHUNKED_DATA,
    CHUNKED_DATA_CR, // the data is whole
    CHUNKED_DATA_LF,
    CHUNKED_END_CR, // after the last chunk's size, where trailer fields would begin
    CHUNKED_END_LF,
    CHUNKED_OVER,
};

bool chunked_is_over(const struct chunked *chunked)
{
    return chunked->state == CHUNKED_OVER;
}

uint64_t chunked_left(const struct chunked *chunked)
{
    return chunked->state == CHUNKED_DATA ? chunked->left : 0;
}

static const char *take_size(struct chunked *chunked, uint8_t byte)
{
    int digit = text_hex_value(byte);
    if (digit >= 0 && chunked->digits < CHUNKED_SIZE_DIGITS_MAX) {
        chunked->digits++;
        chunked->left = chunked->left << 4 | (unsigned)digit;
        return NULL;
    }
    if (chunked->digits > 0 && byte == '\r') {
        chunked->state = CHUNKED_SIZE_LF;
        return NULL;
    }
    if (chunked->digits > 0 && byte == ';') {
        chunked->state = CHUNKED_EXTENSION;
        return NULL;
    }
    return "A chunk of the body has no valid size";
}

static const char *take_extension(struct chunked *chunked, uint8_t byte)
{
    if (byte == '\r') {
        chunked->state = CHUNKED_SIZE_LF;
        return NULL;
    }
    if ((byte < ' ' && byte != '\t') || byte == 0x7f) {
        return "A chunk's extension has a character that it may not have";
    }
    chunked->extension_bytes++;
    return chunked->extension_bytes > CHUNKED_EXTENSION_BYTES_MAX
               ? "The extensions of the body's chunks are too long"
               : NULL;
}

// Takes the byte that the state expects, and goes on to the next one.
static const char *take_expected(struct chunked *chunked, uint8_t byte, uint8_t expected,
                                 enum chunked_state next, const char *fault_text)
{
    if (byte != expected) {
        return fault_text;
    }
    chunked->state = (uint8_t)next;
    return NULL;
}

static const char *take_framing(struct chunked *chunked, uint8_t byte)
{
    static const char no_end[] = "A chunk of the body does not end where its size says";
    static const char no_line_feed[] = "A CR is not followed by LF";
    switch ((enum chunked_state)chunked->state) {
    case CHUNKED_SIZE: return take_size(chunked, byte);
    case CHUNKED_EXTENSION: return take_extension(chunked, byte);
    case CHUNKED_SIZE_LF:
        return take_expected(chunked, byte, '\n',
                             chunked->left == 0 ? CHUNKED_END_CR : CHUNKED_DATA, no_line_feed);
    case CHUNKED_DATA_CR: return take_expected(chunked, byte, '\r', CHUNKED_DATA_LF, no_end);
    case CHUNKED_DATA_LF:
        chunked->digits = 0;
        return take_expected(chunked, byte, '\n', CHUNKED_SIZE, no_end);
    case CHUNKED_END_CR:
        return take_expected(chunked, byte, '\r', CHUNKED_END_LF,
                             "Trailer fields are not accepted");
    case CHUNKED_END_LF: return take_expected(chunked, byte, '\n', CHUNKED_OVER, no_line_feed);
    case CHUNKED_DATA:
    case CHUNKED_OVER: break;
    }
    UNREACHABLE();
}

size_t chunked_feed(struct chunked *chunked, const uint8_t *bytes, size_t length,
                    struct slice *data, const char **fault_text)
{
    *data = slice_empty();
    *fault_text = NULL;
    size_t at = 0;
    while (at < length && chunked->state != CHUNKED_DATA && chunked->state != CHUNKED_OVER) {
        *fault_text = take_framing(chunked, bytes[at]);
        if (*fault_text != NULL) {
            return at;
        }
        at++;
    }
    if (at == length || chunked->state == CHUNKED_OVER) {
        return at;
    }
    size_t rest = length - at;
    size_t taken = rest < chunked->left ? rest : (size_t)chunked->left;
    *data = slice_from(bytes + at, taken);
    chunked->left -= taken;
    if (chunked->left == 0) {
        chunked->state = CHUNKED_DATA_CR;
    }
    return at + taken;
}
