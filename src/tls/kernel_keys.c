#include "tls/kernel_keys.h"

#include "base/assert.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <string.h>

enum { SALT_BYTES = 4 }; // of AES-GCM: what the kernel calls the first bytes of the IV
STATIC_ASSERT((int)TLS_CIPHER_AES_GCM_128_SALT_SIZE == (int)SALT_BYTES &&
                  (int)TLS_CIPHER_AES_GCM_256_SALT_SIZE == (int)SALT_BYTES &&
                  TLS_CIPHER_AES_GCM_128_IV_SIZE == TLS_NONCE_BYTES - SALT_BYTES &&
                  TLS_CIPHER_AES_GCM_256_IV_SIZE == TLS_NONCE_BYTES - SALT_BYTES &&
                  TLS_CIPHER_CHACHA20_POLY1305_IV_SIZE == TLS_NONCE_BYTES,
              "the kernel's parts make one IV");

struct kind {
    uint16_t suite;
    uint16_t number; // the kernel's
    uint32_t bytes;
};

static const struct kind kinds[TLS_KERNEL_CIPHERS] = {
    [TLS_KERNEL_AES_128_GCM] = {0x1301, TLS_CIPHER_AES_GCM_128,
                                sizeof(struct tls12_crypto_info_aes_gcm_128)},
    [TLS_KERNEL_AES_256_GCM] = {0x1302, TLS_CIPHER_AES_GCM_256,
                                sizeof(struct tls12_crypto_info_aes_gcm_256)},
    [TLS_KERNEL_CHACHA20_POLY1305] = {0x1303, TLS_CIPHER_CHACHA20_POLY1305,
                                      sizeof(struct tls12_crypto_info_chacha20_poly1305)},
};

enum tls_kernel_cipher tls_kernel_cipher_of(const struct tls_suite *suite)
{
    int cipher = 0;
    while (cipher < TLS_KERNEL_CIPHERS && kinds[cipher].suite != suite->number) {
        cipher++;
    }
    return (enum tls_kernel_cipher)cipher;
}

static void fill(struct tls_kernel_keys *keys, enum tls_kernel_cipher cipher, const uint8_t *key,
                 const uint8_t *iv, const uint8_t sequence[8])
{
    const struct kind *kind = &kinds[cipher];
    keys->bytes = kind->bytes;
    keys->info = (struct tls_crypto_info){TLS_1_3_VERSION, kind->number};
    switch (cipher) {
    case TLS_KERNEL_AES_128_GCM:
        memcpy(keys->aes_128_gcm.key, key, sizeof(keys->aes_128_gcm.key));
        memcpy(keys->aes_128_gcm.salt, iv, SALT_BYTES);
        memcpy(keys->aes_128_gcm.iv, iv + SALT_BYTES, TLS_NONCE_BYTES - SALT_BYTES);
        memcpy(keys->aes_128_gcm.rec_seq, sequence, sizeof(keys->aes_128_gcm.rec_seq));
        break;
    case TLS_KERNEL_AES_256_GCM:
        memcpy(keys->aes_256_gcm.key, key, sizeof(keys->aes_256_gcm.key));
        memcpy(keys->aes_256_gcm.salt, iv, SALT_BYTES);
        memcpy(keys->aes_256_gcm.iv, iv + SALT_BYTES, TLS_NONCE_BYTES - SALT_BYTES);
        memcpy(keys->aes_256_gcm.rec_seq, sequence, sizeof(keys->aes_256_gcm.rec_seq));
        break;
    case TLS_KERNEL_CHACHA20_POLY1305:
        memcpy(keys->chacha20_poly1305.key, key, sizeof(keys->chacha20_poly1305.key));
        memcpy(keys->chacha20_poly1305.iv, iv, TLS_NONCE_BYTES);
        memcpy(keys->chacha20_poly1305.rec_seq, sequence, sizeof(keys->chacha20_poly1305.rec_seq));
        break;
    case TLS_KERNEL_NONE: UNREACHABLE();
    }
}

bool tls_kernel_keys_derive(struct tls_kernel_keys *keys, const struct tls_suite *suite,
                            const uint8_t *secret, uint64_t sequence)
{
    enum tls_kernel_cipher cipher = tls_kernel_cipher_of(suite);
    ASSERT(cipher != TLS_KERNEL_NONE);
    uint8_t key[TLS_KEY_BYTES_MAX];
    uint8_t iv[TLS_NONCE_BYTES];
    bool is_derived = tls_suite_expand(suite, secret, "key", key, suite->key_bytes) &&
                      tls_suite_expand(suite, secret, "iv", iv, sizeof(iv));
    OPENSSL_cleanse(keys, sizeof(*keys));
    if (is_derived) {
        uint8_t number[8];
        for (size_t i = 0; i < sizeof(number); i++) {
            number[i] = (uint8_t)(sequence >> (8 * (sizeof(number) - 1 - i)));
        }
        fill(keys, cipher, key, iv, number);
    } else {
        ERR_clear_error();
    }
    OPENSSL_cleanse(key, sizeof(key));
    OPENSSL_cleanse(iv, sizeof(iv));
    return is_derived;
}
