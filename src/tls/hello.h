// What a client says that its hello will be long: OpenSSL makes room for all of it (up to 128 KiB)
// as soon as the first bytes say so, and many who say it and then nothing would cost much memory.
// So what goes to it is looked at before, and a hello that no client has is the end.
//
// The hello comes in one or several records, in the clear, and may come again (HelloRetryRequest).
// One thread.
#ifndef RINGCAST_TLS_HELLO_H
#define RINGCAST_TLS_HELLO_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    TLS_HELLO_BYTES_MAX = 16 << 10
}; // clients' are of 2 KiB, with keys against quantum computers

// Zeroed to begin with.
struct tls_hello {
    bool is_over; // there will be none any more
    uint8_t record_type;
    uint8_t record_at; // bytes of its header that were seen
    uint8_t message_type;
    uint8_t message_at; // the same of the message's
    uint16_t record_left;
    uint32_t message_left;
};

// Looks at what comes next. is_tls13: as far as is known. False: a hello is too long.
bool tls_hello_look(struct tls_hello *hello, struct slice bytes, bool is_tls13);

#endif
