#include "unit/auth/vectors.h"

#include "auth/key_make.h"
#include "auth/token_sign.h"
#include "base/assert.h"
#include "base/base64.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RSA_BITS = 2048, NUMBER_BYTES_MAX = 512 };

struct key *vector_key(enum algorithm algorithm, const char *id)
{
    struct key *key = key_make(algorithm, RSA_BITS);
    ASSERT(key != NULL);
    ASSERT(id[0] == 0 || key_set_id(key, slice_of(id)));
    return key;
}

static void take(struct vector *vector, const struct buffer *buffer)
{
    ASSERT(buffer_failure(buffer) == 0 && buffer_length(buffer) < sizeof(vector->text));
    vector->length = buffer_length(buffer);
    memcpy(vector->text, buffer_slice(buffer).at, vector->length);
    vector->text[vector->length] = 0;
}

void vector_pem(const struct key *key, bool is_private, struct vector *pem)
{
    struct buffer buffer;
    buffer_init(&buffer, VECTOR_BYTES_MAX);
    ASSERT(key_write(key, is_private, &buffer));
    take(pem, &buffer);
    buffer_free(&buffer);
}

struct key *vector_public(const struct key *key)
{
    char reason[KEY_REASON_SIZE];
    struct vector pem;
    struct key *public;
    if (key->algorithm == ALGORITHM_HS256) {
        public = key_from_secret(slice_from(key->secret, key->secret_bytes), reason);
    } else {
        vector_pem(key, false, &pem);
        public = key_from_pem(vector_slice(&pem), reason);
    }
    ASSERT(public != NULL);
    ASSERT(key->id_length == 0 || key_set_id(public, key_id(key)));
    return public;
}

struct keyring *vector_keyring(struct key *const *keys, size_t count)
{
    struct keyring *keyring = keyring_create();
    ASSERT(keyring != NULL);
    for (size_t i = 0; i < count; i++) {
        bool is_added = keyring_add(keyring, vector_public(keys[i]));
        ASSERT(is_added);
    }
    return keyring;
}

// ---- JSON Web Keys -----------------------------------------------------------------------------

void vector_base64(struct slice bytes, struct vector *text)
{
    ASSERT(base64_encoded_length(bytes.length, BASE64_URL_UNPADDED) < sizeof(text->text));
    text->length = base64_encode(text->text, bytes, BASE64_URL_UNPADDED);
    text->text[text->length] = 0;
}

static void append_bytes(struct buffer *jwk, const char *name, struct slice bytes)
{
    struct vector text;
    vector_base64(bytes, &text);
    (void)buffer_printf(jwk, ",\"%s\":\"%s\"", name, text.text);
}

// bytes 0: as many as it takes.
static void append_number(struct buffer *jwk, const char *name, const struct key *key,
                          const char *parameter, size_t bytes)
{
    uint8_t number_bytes[NUMBER_BYTES_MAX];
    BIGNUM *number = NULL;
    ASSERT(EVP_PKEY_get_bn_param(key->pair, parameter, &number) == 1);
    size_t length = bytes > 0 ? bytes : (size_t)BN_num_bytes(number);
    ASSERT(BN_bn2binpad(number, number_bytes, (int)length) == (int)length);
    append_bytes(jwk, name, slice_from(number_bytes, length));
    BN_free(number);
}

static void append_ed25519(struct buffer *jwk, const struct key *key, bool is_private)
{
    uint8_t bytes[32];
    size_t length = sizeof(bytes);
    ASSERT(EVP_PKEY_get_raw_public_key(key->pair, bytes, &length) == 1);
    append_bytes(jwk, "x", slice_from(bytes, length));
    if (is_private) {
        length = sizeof(bytes);
        ASSERT(EVP_PKEY_get_raw_private_key(key->pair, bytes, &length) == 1);
        append_bytes(jwk, "d", slice_from(bytes, length));
    }
}

void vector_jwk(const struct key *key, bool is_private, const char *extra, struct vector *jwk)
{
    static const char *const kinds[ALGORITHMS] = {"oct", "RSA", "EC\",\"crv\":\"P-256",
                                                  "OKP\",\"crv\":\"Ed25519"};
    struct buffer buffer;
    buffer_init(&buffer, VECTOR_BYTES_MAX);
    (void)buffer_printf(&buffer, "{\"kty\":\"%s\"", kinds[key->algorithm]);
    if (key->id_length > 0) {
        (void)buffer_printf(&buffer, ",\"kid\":\"" SLICE_FORMAT "\"", SLICE_ARGUMENTS(key_id(key)));
    }
    switch (key->algorithm) {
    case ALGORITHM_HS256:
        append_bytes(&buffer, "k", slice_from(key->secret, key->secret_bytes));
        break;
    case ALGORITHM_RS256:
        append_number(&buffer, "n", key, OSSL_PKEY_PARAM_RSA_N, 0);
        append_number(&buffer, "e", key, OSSL_PKEY_PARAM_RSA_E, 0);
        if (is_private) {
            append_number(&buffer, "d", key, OSSL_PKEY_PARAM_RSA_D, 0);
        }
        break;
    case ALGORITHM_ES256:
        append_number(&buffer, "x", key, OSSL_PKEY_PARAM_EC_PUB_X, 32);
        append_number(&buffer, "y", key, OSSL_PKEY_PARAM_EC_PUB_Y, 32);
        if (is_private) {
            append_number(&buffer, "d", key, OSSL_PKEY_PARAM_PRIV_KEY, 32);
        }
        break;
    default: append_ed25519(&buffer, key, is_private); break;
    }
    (void)buffer_printf(&buffer, "%s}", extra);
    take(jwk, &buffer);
    buffer_free(&buffer);
}

// ---- tokens ------------------------------------------------------------------------------------

void vector_token(const struct key *key, const char *header, const char *claims,
                  struct vector *token)
{
    struct buffer buffer;
    buffer_init(&buffer, VECTOR_BYTES_MAX);
    ASSERT(token_sign(key, slice_of(header), slice_of(claims), &buffer));
    take(token, &buffer);
    buffer_free(&buffer);
}

void vector_good_token(const struct key *key, struct vector *token)
{
    char header[64];
    (void)snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", algorithm_name(key->algorithm));
    vector_token(key, header,
                 "{\"sub\":\"alice\",\"exp\":2000,\"ringcast\":{\"read\":[\"chat/*\"]}}", token);
}

const struct token_rules vector_rules = {.algorithms = ALGORITHMS_ALL, .needs_expiry = true};

struct vector_keys vector_keys_make(void)
{
    struct vector_keys made;
    for (unsigned i = 0; i < ALGORITHMS; i++) {
        made.keys[i] = vector_key((enum algorithm)i, algorithm_name((enum algorithm)i));
    }
    made.keyring = vector_keyring(made.keys, ALGORITHMS);
    return made;
}

void vector_keys_free(struct vector_keys *keys)
{
    for (unsigned i = 0; i < ALGORITHMS; i++) {
        key_free(keys->keys[i]);
    }
    keyring_release(keys->keyring);
}

enum token_fault vector_verify_text(struct keyring *keyring, const char *text, size_t length)
{
    // A copy of its own size, so that ASan sees a read beyond it.
    char *copy = malloc(length);
    ASSERT(copy != NULL || length == 0);
    struct grant *grant = NULL;
    if (length > 0) {
        memcpy(copy, text, length);
    }
    enum token_fault fault =
        token_verify(keyring, &vector_rules, slice_from(copy, length), VECTOR_NOW_MS, &grant);
    ASSERT((fault == TOKEN_OK) == (grant != NULL));
    grant_release(grant);
    free(copy);
    return fault;
}

enum token_fault vector_verify(struct keyring *keyring, const struct vector *token)
{
    return vector_verify_text(keyring, token->text, token->length);
}
