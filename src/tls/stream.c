#include "tls/stream.h"

#include "base/assert.h"
#include "tls/session.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdlib.h>

enum {
    CLOSE_NOTIFY = 0,
    LEVEL_WARNING = 1,
    MESSAGE_KEY_UPDATE = 24,
    RECORD_ALERT = 21,
    RECORD_HANDSHAKE = 22,
    RECORD_DATA = 23,
    HEADER_BYTES = 5,
    TAG_BYTES = 16,
};

struct tls_stream {
    const struct tls_suite *suite;
    EVP_CIPHER_CTX *cipher;
    uint64_t sequence; // of the next record
    uint8_t iv[TLS_NONCE_BYTES];
    uint8_t secret[TLS_SECRET_BYTES_MAX];
};

// The keys of the present secret.
static bool take_keys(struct tls_stream *stream, const EVP_CIPHER *cipher)
{
    uint8_t key[TLS_KEY_BYTES_MAX];
    const struct tls_suite *suite = stream->suite;
    bool is_done = tls_suite_expand(suite, stream->secret, "key", key, suite->key_bytes) &&
                   tls_suite_expand(suite, stream->secret, "iv", stream->iv, TLS_NONCE_BYTES) &&
                   EVP_EncryptInit_ex(stream->cipher, cipher, NULL, key, NULL) == 1;
    OPENSSL_cleanse(key, sizeof(key));
    return is_done;
}

struct tls_stream *tls_stream_create(uint16_t number, struct slice secret, uint64_t sequence)
{
    const struct tls_suite *suite = tls_suite_find(number);
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
    uint8_t nonce[TLS_NONCE_BYTES];
    memcpy(nonce, stream->iv, sizeof(nonce));
    for (unsigned i = 0; i < 8; i++) {
        nonce[TLS_NONCE_BYTES - 1 - i] ^= (uint8_t)(stream->sequence >> (8 * i));
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
        !tls_suite_expand(stream->suite, stream->secret, "traffic upd", next,
                          stream->suite->digest_bytes)) {
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
