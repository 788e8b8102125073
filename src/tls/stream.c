#include "tls/stream.h"

#include "base/assert.h"
#include "tls/session.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdlib.h>

enum {
    CLOSE_NOTIFY = 0,
    LEVEL_WARNING = 1,
    MESSAGE_KEY_UPDATE = 24,
    RECORD_ALERT = 21,
    RECORD_HANDSHAKE = 22,
    RECORD_DATA = 23,
    HEADER_BYTES = 5,
    NONCE_BYTES = 12,
    TAG_BYTES = 16,
    KEY_BYTES_MAX = 32,
    LABEL_BYTES_MAX = 32,
};

struct suite {
    uint16_t number;
    const char *name;
    const EVP_CIPHER *(*cipher)(void);
    const char *digest;
    uint8_t digest_bytes;
    uint8_t key_bytes;
};

static const struct suite suites[] = {
    {0x1301, "TLS_AES_128_GCM_SHA256", EVP_aes_128_gcm, "SHA256", 32, 16},
    {0x1302, "TLS_AES_256_GCM_SHA384", EVP_aes_256_gcm, "SHA384", 48, 32},
    {0x1303, "TLS_CHACHA20_POLY1305_SHA256", EVP_chacha20_poly1305, "SHA256", 32, 32},
};

struct tls_stream {
    const struct suite *suite;
    EVP_CIPHER_CTX *cipher;
    uint64_t sequence; // of the next record
    uint8_t iv[NONCE_BYTES];
    uint8_t secret[TLS_SECRET_BYTES_MAX];
};

// HKDF-Expand-Label of RFC 8446, 7.1, without a context.
static bool expand(const struct suite *suite, const uint8_t *secret, const char *label,
                   uint8_t *into, uint8_t length)
{
    uint8_t info[LABEL_BYTES_MAX];
    struct buffer out;
    buffer_wrap(&out, info, sizeof(info));
    size_t label_length = strlen("tls13 ") + strlen(label);
    (void)buffer_append_byte(&out, 0);
    (void)buffer_append_byte(&out, length);
    (void)buffer_append_byte(&out, (uint8_t)label_length);
    (void)buffer_append_text(&out, "tls13 ");
    (void)buffer_append_text(&out, label);
    (void)buffer_append_byte(&out, 0);
    ASSERT(buffer_failure(&out) == 0);
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)suite->digest,
                                         0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)secret,
                                          suite->digest_bytes),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, buffer_length(&out)),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *context = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
    bool is_done = context != NULL && EVP_KDF_derive(context, into, length, parameters) == 1;
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    return is_done;
}

// The keys of the present secret.
static bool take_keys(struct tls_stream *stream, const EVP_CIPHER *cipher)
{
    uint8_t key[KEY_BYTES_MAX];
    const struct suite *suite = stream->suite;
    bool is_done = expand(suite, stream->secret, "key", key, suite->key_bytes) &&
                   expand(suite, stream->secret, "iv", stream->iv, NONCE_BYTES) &&
                   EVP_EncryptInit_ex(stream->cipher, cipher, NULL, key, NULL) == 1;
    OPENSSL_cleanse(key, sizeof(key));
    return is_done;
}

static const struct suite *find_suite(uint16_t number)
{
    for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
        if (suites[i].number == number) {
            return &suites[i];
        }
    }
    return NULL;
}

struct tls_stream *tls_stream_create(uint16_t number, struct slice secret, uint64_t sequence)
{
    const struct suite *suite = find_suite(number);
    if (suite == NULL || secret.length != suite->digest_bytes) {
        return NULL;
    }
    struct tls_stream *stream = calloc(1, sizeof(*stream));
    if (stream == NULL) {
        return NULL;
    }
    stream->suite = suite;
    stream->sequence = sequence;
    memcpy(stream->secret, secret.at, secret.length);
    stream->cipher = EVP_CIPHER_CTX_new();
    if (stream->cipher == NULL || !take_keys(stream, suite->cipher())) {
        ERR_clear_error();
        tls_stream_free(stream);
        return NULL;
    }
    return stream;
}

void tls_stream_free(struct tls_stream *stream)
{
    if (stream != NULL) {
        EVP_CIPHER_CTX_free(stream->cipher);
        OPENSSL_cleanse(stream, sizeof(*stream));
        free(stream);
    }
}

const char *tls_stream_cipher(const struct tls_stream *stream)
{
    return stream->suite->name;
}

// --- records ---

static bool begin_record(struct tls_stream *stream, const uint8_t header[HEADER_BYTES])
{
    uint8_t nonce[NONCE_BYTES];
    memcpy(nonce, stream->iv, sizeof(nonce));
    for (unsigned i = 0; i < 8; i++) {
        nonce[NONCE_BYTES - 1 - i] ^= (uint8_t)(stream->sequence >> (8 * i));
    }
    int length = 0;
    return EVP_EncryptInit_ex(stream->cipher, NULL, NULL, NULL, nonce) == 1 &&
           EVP_EncryptUpdate(stream->cipher, NULL, &length, header, HEADER_BYTES) == 1;
}

// The type stands behind the content, both sealed, and the tag behind that.
static bool seal_record(struct tls_stream *stream, uint8_t type, struct slice plain,
                        struct buffer *out)
{
    ASSERT(plain.length <= TLS_RECORD_BYTES_MAX);
    size_t inner = plain.length + 1 + TAG_BYTES;
    uint8_t *at = buffer_reserve(out, HEADER_BYTES + inner);
    if (at == NULL) {
        return false;
    }
    const uint8_t header[HEADER_BYTES] = {RECORD_DATA, 3, 3, (uint8_t)(inner >> 8), (uint8_t)inner};
    memcpy(at, header, sizeof(header));
    uint8_t *body = at + HEADER_BYTES;
    int length = 0;
    EVP_CIPHER_CTX *cipher = stream->cipher;
    if (!begin_record(stream, header) ||
        EVP_EncryptUpdate(cipher, body, &length, plain.at, (int)plain.length) != 1 ||
        EVP_EncryptUpdate(cipher, body + plain.length, &length, &type, 1) != 1 ||
        EVP_EncryptFinal_ex(cipher, body + plain.length + 1, &length) != 1 ||
        EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, body + plain.length + 1) !=
            1) {
        ERR_clear_error();
        return false;
    }
    stream->sequence++;
    buffer_commit(out, HEADER_BYTES + inner);
    return true;
}

bool tls_stream_renew(struct tls_stream *stream, struct buffer *out)
{
    static const uint8_t message[] = {MESSAGE_KEY_UPDATE, 0, 0, 1, 0}; // the client's stay
    uint8_t next[TLS_SECRET_BYTES_MAX];
    if (!seal_record(stream, RECORD_HANDSHAKE, slice_from(message, sizeof(message)), out) ||
        !expand(stream->suite, stream->secret, "traffic upd", next, stream->suite->digest_bytes)) {
        return false;
    }
    memcpy(stream->secret, next, stream->suite->digest_bytes);
    OPENSSL_cleanse(next, sizeof(next));
    stream->sequence = 0;
    return take_keys(stream, NULL);
}

bool tls_stream_write(struct tls_stream *stream, struct slice plain, struct buffer *out)
{
    if (stream->sequence >= TLS_RECORDS_OF_KEY_MAX && !tls_stream_renew(stream, out)) {
        return false;
    }
    while (plain.length > 0) {
        size_t length =
            plain.length < TLS_RECORD_BYTES_MAX ? plain.length : (size_t)TLS_RECORD_BYTES_MAX;
        if (!seal_record(stream, RECORD_DATA, slice_first(plain, length), out)) {
            return false;
        }
        plain = slice_after(plain, length);
    }
    return true;
}

bool tls_stream_close(struct tls_stream *stream, struct buffer *out)
{
    static const uint8_t alert[] = {LEVEL_WARNING, CLOSE_NOTIFY};
    return seal_record(stream, RECORD_ALERT, slice_from(alert, sizeof(alert)), out);
}
