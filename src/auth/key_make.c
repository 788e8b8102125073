#include "auth/key_make.h"

#include "base/assert.h"
#include "base/random.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

enum { SECRET_BYTES = 32 };

static struct key *make_secret(char *reason)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[SECRET_BYTES];
    uint8_t text[2 * SECRET_BYTES];
    random_bytes(bytes, sizeof(bytes));
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = (uint8_t)digits[i % 2 == 0 ? bytes[i / 2] >> 4 : bytes[i / 2] & 15];
    }
    struct key *key = key_from_secret(slice_from(text, sizeof(text)), reason);
    OPENSSL_cleanse(bytes, sizeof(bytes));
    OPENSSL_cleanse(text, sizeof(text));
    return key;
}

struct key *key_make(enum algorithm algorithm, unsigned rsa_bits)
{
    char reason[KEY_REASON_SIZE];
    EVP_PKEY *pair = NULL;
    switch (algorithm) {
    case ALGORITHM_HS256: return make_secret(reason);
    case ALGORITHM_RS256: pair = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)rsa_bits); break;
    case ALGORITHM_ES256: pair = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"); break;
    case ALGORITHM_EDDSA: pair = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"); break;
    case ALGORITHMS: UNREACHABLE();
    }
    ERR_clear_error();
    return pair == NULL ? NULL : key_from_pair(pair, true, reason);
}

bool key_write(const struct key *key, bool is_private, struct buffer *into)
{
    if (key->algorithm == ALGORITHM_HS256) {
        (void)buffer_append(into, key->secret, key->secret_bytes);
        return buffer_append_byte(into, '\n') == 0;
    }
    // In secure memory, which is wiped when it is freed.
    BIO *text = BIO_new(BIO_s_secmem());
    char *at = NULL;
    bool is_written =
        text != NULL &&
        (is_private ? key->can_sign && PEM_write_bio_PKCS8PrivateKey(text, key->pair, NULL, NULL, 0,
                                                                     NULL, NULL) == 1
                    : PEM_write_bio_PUBKEY(text, key->pair) == 1);
    if (is_written) {
        long length = BIO_get_mem_data(text, &at);
        is_written = length > 0 && buffer_append(into, at, (size_t)length) == 0;
    }
    BIO_free(text);
    ERR_clear_error();
    return is_written;
}
