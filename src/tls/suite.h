// The cipher suites of TLS 1.3, and how keys come out of a traffic secret. Any thread.
#ifndef RINGCAST_TLS_SUITE_H
#define RINGCAST_TLS_SUITE_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    TLS_SECRET_BYTES_MAX = 48,
    TLS_KEY_BYTES_MAX = 32,
    TLS_NONCE_BYTES = 12,
};

struct tls_suite {
    uint16_t number; // as in the protocol
    const char *name;
    const EVP_CIPHER *(*cipher)(void);
    const char *digest;
    uint8_t digest_bytes; // also a secret's length
    uint8_t key_bytes;
};

// NULL: an unknown one.
const struct tls_suite *tls_suite_find(uint16_t number);

// HKDF-Expand-Label of RFC 8446, 7.1, without a context. False without memory.
bool tls_suite_expand(const struct tls_suite *suite, const uint8_t *secret, const char *label,
                      uint8_t *into, uint8_t length);

#endif
