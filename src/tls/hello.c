#include "tls/hello.h"

enum {
    RECORD_CHANGE_CIPHER = 20,
    RECORD_HANDSHAKE = 22,
    RECORD_OF_SSL2 = 0x80, // with a header of its own, and no more than 32 KiB
    MESSAGE_HELLO = 1,
    RECORD_HEADER_BYTES = 5,
    RECORD_LENGTH_AT = 3,
    MESSAGE_HEADER_BYTES = 4,
};

static void take_record_header(struct tls_hello *hello, uint8_t byte, bool is_tls13)
{
    if (hello->record_at == 0) {
        hello->record_type = byte;
        hello->record_left = 0;
    } else if (hello->record_at >= RECORD_LENGTH_AT) {
        hello->record_left = (uint16_t)(hello->record_left << 8 | byte);
    }
    hello->record_at++;
    // What follows is sealed, or of a time before.
    hello->is_over = (byte >= RECORD_OF_SSL2 && hello->record_at == 1) ||
                     (hello->record_type == RECORD_CHANGE_CIPHER && !is_tls13);
    if (hello->record_at == RECORD_HEADER_BYTES && hello->record_left == 0) {
        hello->record_at = 0;
    }
}

// A byte of a handshake's message.
static void take_message(struct tls_hello *hello, uint8_t byte)
{
    if (hello->message_at == MESSAGE_HEADER_BYTES) {
        hello->message_left--;
    } else if (hello->message_at == 0) {
        hello->message_type = byte;
        hello->message_left = 0;
        hello->message_at = 1;
    } else {
        hello->message_left = hello->message_left << 8 | byte;
        hello->message_at++;
    }
    if (hello->message_at == MESSAGE_HEADER_BYTES && hello->message_left == 0) {
        hello->message_at = 0;
    }
}

static bool is_too_long(const struct tls_hello *hello)
{
    return hello->message_at == MESSAGE_HEADER_BYTES && hello->message_type == MESSAGE_HELLO &&
           hello->message_left > TLS_HELLO_BYTES_MAX;
}

bool tls_hello_look(struct tls_hello *hello, struct slice bytes, bool is_tls13)
{
    for (size_t i = 0; i < bytes.length && !hello->is_over; i++) {
        if (hello->record_at < RECORD_HEADER_BYTES) {
            take_record_header(hello, bytes.at[i], is_tls13);
            continue;
        }
        if (hello->record_type == RECORD_HANDSHAKE) {
            take_message(hello, bytes.at[i]);
            if (is_too_long(hello)) {
                return false;
            }
        }
        hello->record_left--;
        if (hello->record_left == 0) {
            hello->record_at = 0;
        }
    }
    return true;
}
