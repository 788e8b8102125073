#include "auth/signature.h"

#include "base/assert.h"

#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

enum {
    HS256_BYTES = 32,
    ES256_NUMBER_BYTES = 32, // each of R and S
    ES256_DER_BYTES_MAX = 80,
};

// ---- HS256 -------------------------------------------------------------------------------------

static bool hs256_make(const struct key *key, struct slice text, uint8_t tag[HS256_BYTES])
{
    uint8_t full[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (HMAC(EVP_sha256(), key->secret, (int)key->secret_bytes, text.at, text.length, full,
             &length) == NULL) {
        return false;
    }
    ASSERT(length == HS256_BYTES);
    memcpy(tag, full, HS256_BYTES);
    return true;
}

// ---- ES256: R and S, to and from DER ------------------------------------------------------------

static size_t es256_to_der(struct slice signature, uint8_t der[ES256_DER_BYTES_MAX])
{
    if (signature.length != 2 * ES256_NUMBER_BYTES) {
        return 0;
    }
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature.at, ES256_NUMBER_BYTES, NULL);
    BIGNUM *s = BN_bin2bn(signature.at + ES256_NUMBER_BYTES, ES256_NUMBER_BYTES, NULL);
    size_t length = 0;
    if (pair != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(pair, r, s) == 1) {
        uint8_t *end = der;
        int made = i2d_ECDSA_SIG(pair, NULL);
        ASSERT(made <= ES256_DER_BYTES_MAX);
        length = made > 0 ? (size_t)i2d_ECDSA_SIG(pair, &end) : 0;
    } else {
        BN_free(r);
        BN_free(s);
    }
    ECDSA_SIG_free(pair);
    return length;
}

static size_t es256_from_der(struct slice der, uint8_t signature[2 * ES256_NUMBER_BYTES])
{
    const uint8_t *at = der.at;
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, (long)der.length);
    bool is_made = pair != NULL &&
                   BN_bn2binpad(ECDSA_SIG_get0_r(pair), signature, ES256_NUMBER_BYTES) > 0 &&
                   BN_bn2binpad(ECDSA_SIG_get0_s(pair), signature + ES256_NUMBER_BYTES,
                                ES256_NUMBER_BYTES) > 0;
    ECDSA_SIG_free(pair);
    return is_made ? 2 * ES256_NUMBER_BYTES : 0;
}

// ---- pairs of keys -----------------------------------------------------------------------------

static const EVP_MD *digest_of(const struct key *key)
{
    return key->algorithm == ALGORITHM_EDDSA ? NULL : EVP_sha256(); // Ed25519 has its own
}

static bool pair_verify(const struct key *key, struct slice text, struct slice signature)
{
    uint8_t der[ES256_DER_BYTES_MAX];
    if (key->algorithm == ALGORITHM_ES256) {
        signature = slice_from(der, es256_to_der(signature, der));
    }
    if (signature.length == 0) {
        return false;
    }
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool is_good =
        context != NULL &&
        EVP_DigestVerifyInit(context, NULL, digest_of(key), NULL, key->pair) == 1 &&
        EVP_DigestVerify(context, signature.at, signature.length, text.at, text.length) == 1;
    EVP_MD_CTX_free(context);
    ERR_clear_error(); // else each bad token leaves its reasons in this thread's queue
    return is_good;
}

static size_t pair_make(const struct key *key, struct slice text,
                        uint8_t signature[SIGNATURE_BYTES_MAX])
{
    size_t length = SIGNATURE_BYTES_MAX;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool is_made = context != NULL &&
                   EVP_DigestSignInit(context, NULL, digest_of(key), NULL, key->pair) == 1 &&
                   EVP_DigestSign(context, signature, &length, text.at, text.length) == 1;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    if (!is_made) {
        return 0;
    }
    if (key->algorithm == ALGORITHM_ES256) {
        uint8_t der[SIGNATURE_BYTES_MAX];
        memcpy(der, signature, length);
        length = es256_from_der(slice_from(der, length), signature);
    }
    return length;
}

// ---- both ---------------------------------------------------------------------------------------

bool signature_verify(const struct key *key, struct slice text, struct slice signature)
{
    if (key->algorithm != ALGORITHM_HS256) {
        return pair_verify(key, text, signature);
    }
    uint8_t tag[HS256_BYTES];
    bool is_good = signature.length == HS256_BYTES && hs256_make(key, text, tag) &&
                   CRYPTO_memcmp(tag, signature.at, HS256_BYTES) == 0;
    OPENSSL_cleanse(tag, sizeof(tag));
    return is_good;
}

size_t signature_make(const struct key *key, struct slice text,
                      uint8_t signature[SIGNATURE_BYTES_MAX])
{
    if (!key->can_sign) {
        return 0;
    }
    if (key->algorithm != ALGORITHM_HS256) {
        return pair_make(key, text, signature);
    }
    return hs256_make(key, text, signature) ? HS256_BYTES : 0;
}
