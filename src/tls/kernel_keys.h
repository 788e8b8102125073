// What the kernel needs to go on with sealing what TLS 1.3 sends: key and IV out of the traffic
// secret (RFC 8446, 7.3), in the form that setsockopt(SOL_TLS, TLS_TX) takes. Any thread.
#ifndef RINGCAST_TLS_KERNEL_KEYS_H
#define RINGCAST_TLS_KERNEL_KEYS_H

#include "base/bytes.h"
#include "tls/suite.h"

#include <linux/tls.h>
#include <stdbool.h>
#include <stdint.h>

enum tls_kernel_cipher {
    TLS_KERNEL_AES_128_GCM,
    TLS_KERNEL_AES_256_GCM,
    TLS_KERNEL_CHACHA20_POLY1305,
    TLS_KERNEL_CIPHERS,
    TLS_KERNEL_NONE = TLS_KERNEL_CIPHERS,
};

struct tls_kernel_keys {
    union {
        struct tls_crypto_info info;
        struct tls12_crypto_info_aes_gcm_128 aes_128_gcm;
        struct tls12_crypto_info_aes_gcm_256 aes_256_gcm;
        struct tls12_crypto_info_chacha20_poly1305 chacha20_poly1305;
    };
    uint32_t bytes; // of the one that it is
};

// TLS_KERNEL_NONE: the kernel has none for this suite.
enum tls_kernel_cipher tls_kernel_cipher_of(const struct tls_suite *suite);

// secret: of suite->digest_bytes. sequence: of the next record. False without memory; *keys is
// wiped.
bool tls_kernel_keys_derive(struct tls_kernel_keys *keys, const struct tls_suite *suite,
                            const uint8_t *secret, uint64_t sequence);

#endif
