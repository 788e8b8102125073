// link: tests/unit/auth/vectors.c
#include "auth/signature.h"

#include "unit/auth/vectors.h"

#include <criterion/criterion.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

static const struct slice text = SLICE_LITERAL("what is signed");

Test(signature, made_and_verified)
{
    static const size_t lengths[ALGORITHMS] = {32, 256, 64, 64};
    for (unsigned i = 0; i < ALGORITHMS; i++) {
        struct key *key = vector_key((enum algorithm)i, "");
        struct key *public = vector_public(key);
        struct key *other = vector_key((enum algorithm)i, "");
        uint8_t bytes[SIGNATURE_BYTES_MAX];
        size_t length = signature_make(key, text, bytes);
        struct slice signature = slice_from(bytes, length);
        cr_assert_eq(length, lengths[i], "%zu", length);
        cr_assert(signature_verify(key, text, signature));
        cr_assert(signature_verify(public, text, signature));
        cr_assert_not(signature_verify(other, text, signature));
        cr_assert_not(signature_verify(public, slice_of("what is not"), signature));
        cr_assert_not(signature_verify(public, text, slice_first(signature, length - 1)));
        cr_assert_not(signature_verify(public, text, slice_empty()));
        cr_assert_not(signature_verify(public, slice_empty(), signature));
        for (size_t at = 0; at < length; at++) {
            bytes[at] ^= 1;
            cr_assert_not(signature_verify(public, text, signature));
            bytes[at] ^= 1;
        }
        bytes[length] = 0;
        cr_assert_not(signature_verify(public, text, slice_from(bytes, length + 1)));
        cr_assert_eq(signature_make(public, text, bytes), i == ALGORITHM_HS256 ? length : 0);
        key_free(key);
        key_free(public);
        key_free(other);
    }
}

// ---- ES256 --------------------------------------------------------------------------------------

// The order of P-256.
static const char order[] = "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551";

Test(signature, es256_numbers_out_of_range)
{
    struct key *key = vector_key(ALGORITHM_ES256, "");
    BIGNUM *n = NULL;
    uint8_t good[SIGNATURE_BYTES_MAX];
    uint8_t numbers[4][32] = {{0}}; // 0, 1, n, all ones
    cr_assert(BN_hex2bn(&n, order) > 0 && BN_bn2binpad(n, numbers[2], 32) == 32);
    BN_free(n);
    numbers[1][31] = 1;
    memset(numbers[3], 0xff, 32);
    cr_assert_eq(signature_make(key, text, good), 64);
    for (int r = 0; r < 5; r++) {
        for (int s = 0; s < 5; s++) {
            uint8_t forged[64];
            memcpy(forged, r < 4 ? numbers[r] : good, 32);
            memcpy(forged + 32, s < 4 ? numbers[s] : good + 32, 32);
            cr_assert_eq(signature_verify(key, text, slice_from(forged, 64)), r == 4 && s == 4);
        }
    }
    key_free(key);
}

Test(signature, es256_in_der_is_none)
{
    struct key *key = vector_key(ALGORITHM_ES256, "");
    uint8_t der[SIGNATURE_BYTES_MAX];
    size_t length = sizeof(der);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    cr_assert_eq(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key->pair), 1);
    cr_assert_eq(EVP_DigestSign(context, der, &length, text.at, text.length), 1);
    cr_assert_not(signature_verify(key, text, slice_from(der, length)));
    cr_assert_not(signature_verify(key, text, slice_from(der, 64)));
    EVP_MD_CTX_free(context);
    key_free(key);
}

// ---- EdDSA --------------------------------------------------------------------------------------

// The order of the group that the second half of a signature counts in: with it added the
// equation holds as well.
static const char ed25519_order[] =
    "1000000000000000000000000000000014DEF9DEA2F79CD65812631A5CF5D3ED";

Test(signature, eddsa_numbers_out_of_range)
{
    struct key *key = vector_key(ALGORITHM_EDDSA, "");
    uint8_t bytes[SIGNATURE_BYTES_MAX];
    cr_assert_eq(signature_make(key, text, bytes), 64);
    BIGNUM *modulus = NULL;
    cr_assert_gt(BN_hex2bn(&modulus, ed25519_order), 0);
    BIGNUM *number = BN_lebin2bn(bytes + 32, 32, NULL);
    cr_assert_eq(BN_add(number, number, modulus), 1);
    cr_assert_eq(BN_bn2lebinpad(number, bytes + 32, 32), 32);
    cr_assert_not(signature_verify(key, text, slice_from(bytes, 64)));
    cr_assert_eq(BN_sub(number, number, modulus), 1);
    cr_assert_eq(BN_bn2lebinpad(number, bytes + 32, 32), 32);
    cr_assert(signature_verify(key, text, slice_from(bytes, 64)));
    BN_free(number);
    BN_free(modulus);
    key_free(key);
}

// ---- RS256 --------------------------------------------------------------------------------------

enum { RSA_BYTES = 256 };

static const uint8_t sha256_info[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                      0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};

// As PKCS #1 1.5 has it: 00 01, ones, 00, what the hash is, the hash.
static void pad(uint8_t block[RSA_BYTES])
{
    uint8_t hash[SHA256_DIGEST_LENGTH];
    SHA256(text.at, text.length, hash);
    memset(block, 0xff, RSA_BYTES);
    block[0] = 0;
    block[1] = 1;
    block[RSA_BYTES - sizeof(hash) - sizeof(sha256_info) - 1] = 0;
    memcpy(block + RSA_BYTES - sizeof(hash) - sizeof(sha256_info), sha256_info,
           sizeof(sha256_info));
    memcpy(block + RSA_BYTES - sizeof(hash), hash, sizeof(hash));
}

// Whether the block, put through the private key as it is, counts as a signature.
static bool counts(const struct key *key, const uint8_t block[RSA_BYTES])
{
    uint8_t bytes[RSA_BYTES];
    size_t length = sizeof(bytes);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key->pair, NULL);
    cr_assert_eq(EVP_PKEY_sign_init(context), 1);
    cr_assert_eq(EVP_PKEY_CTX_set_rsa_padding(context, RSA_NO_PADDING), 1);
    cr_assert_eq(EVP_PKEY_sign(context, bytes, &length, block, RSA_BYTES), 1);
    EVP_PKEY_CTX_free(context);
    return signature_verify(key, text, slice_from(bytes, length));
}

Test(signature, rs256_modified_padding)
{
    struct key *key = vector_key(ALGORITHM_RS256, "");
    uint8_t block[RSA_BYTES];
    pad(block);
    cr_assert(counts(key, block));
    for (size_t at = 0; at < RSA_BYTES; at++) {
        pad(block);
        block[at] ^= 0x01;
        // A first byte above 0 is more than the modulus may take.
        cr_assert(at == 0 || !counts(key, block), "at %zu", at);
    }
    // The hash right behind a short padding, and anything behind the hash.
    pad(block);
    memmove(block + 11, block + RSA_BYTES - 52, 52);
    block[10] = 0;
    cr_assert_not(counts(key, block));
    // No padding at all but the block's type.
    memset(block, 0, RSA_BYTES);
    block[1] = 1;
    memcpy(block + 3, sha256_info, sizeof(sha256_info));
    cr_assert_not(counts(key, block));
    key_free(key);
}

Test(signature, rs256_with_another_padding_or_hash)
{
    struct key *key = vector_key(ALGORITHM_RS256, "");
    struct {
        int padding;
        const EVP_MD *digest;
        bool counts;
    } cases[] = {
        {RSA_PKCS1_PADDING, EVP_sha256(), true},      {RSA_PKCS1_PADDING, EVP_sha384(), false},
        {RSA_PKCS1_PADDING, EVP_sha512(), false},     {RSA_PKCS1_PADDING, EVP_sha1(), false},
        {RSA_PKCS1_PSS_PADDING, EVP_sha256(), false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t bytes[RSA_BYTES];
        size_t length = sizeof(bytes);
        EVP_PKEY_CTX *padding = NULL;
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        cr_assert_eq(EVP_DigestSignInit(context, &padding, cases[i].digest, NULL, key->pair), 1);
        cr_assert_eq(EVP_PKEY_CTX_set_rsa_padding(padding, cases[i].padding), 1);
        cr_assert_eq(EVP_DigestSign(context, bytes, &length, text.at, text.length), 1);
        cr_assert_eq(signature_verify(key, text, slice_from(bytes, length)), cases[i].counts);
        EVP_MD_CTX_free(context);
    }
    key_free(key);
}
