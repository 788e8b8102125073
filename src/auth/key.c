#include "auth/key.h"

#include "base/assert.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct key *refuse(char *reason, const char *text)
{
    (void)snprintf(reason, KEY_REASON_SIZE, "%s", text);
    return NULL;
}

struct key *key_from_secret(struct slice secret, char *reason)
{
    if (secret.length < KEY_SECRET_BYTES_MIN || secret.length > KEY_SECRET_BYTES_MAX) {
        (void)snprintf(reason, KEY_REASON_SIZE,
                       "a secret of %zu bytes; HS256 takes %d to %d of them: openssl rand -hex 32",
                       secret.length, KEY_SECRET_BYTES_MIN, KEY_SECRET_BYTES_MAX);
        return NULL;
    }
    struct key *key = calloc(1, sizeof(*key));
    uint8_t *copy = malloc(secret.length);
    if (key == NULL || copy == NULL) {
        free(key);
        free(copy);
        return refuse(reason, "out of memory");
    }
    memcpy(copy, secret.at, secret.length);
    key->algorithm = ALGORITHM_HS256;
    key->can_sign = true;
    key->secret = copy;
    key->secret_bytes = secret.length;
    return key;
}

// Which algorithm the pair is for. False with a reason where it is for none.
static bool choose_algorithm(EVP_PKEY *pair, enum algorithm *algorithm, char *reason)
{
    int bits = EVP_PKEY_get_bits(pair);
    char curve[32] = "";
    if (EVP_PKEY_is_a(pair, "RSA")) {
        if (bits < KEY_RSA_BITS_MIN || bits > KEY_RSA_BITS_MAX) {
            (void)snprintf(reason, KEY_REASON_SIZE, "an RSA key of %d bits; RS256 takes %d to %d",
                           bits, KEY_RSA_BITS_MIN, KEY_RSA_BITS_MAX);
            return false;
        }
        *algorithm = ALGORITHM_RS256;
    } else if (EVP_PKEY_is_a(pair, "EC")) {
        if (EVP_PKEY_get_group_name(pair, curve, sizeof(curve), NULL) != 1 ||
            strcmp(curve, "prime256v1") != 0) {
            (void)snprintf(reason, KEY_REASON_SIZE, "an EC key on %s; ES256 takes P-256",
                           curve[0] != 0 ? curve : "an unnamed curve");
            return false;
        }
        *algorithm = ALGORITHM_ES256;
    } else if (EVP_PKEY_is_a(pair, "ED25519")) {
        *algorithm = ALGORITHM_EDDSA;
    } else {
        refuse(reason, "a key of another kind than RSA, EC P-256 or Ed25519");
        return false;
    }
    return true;
}

// A modulus that is even, a point that is not on its curve.
static bool is_sound(EVP_PKEY *pair)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, pair, NULL);
    bool is_good = context != NULL && EVP_PKEY_public_check(context) == 1;
    EVP_PKEY_CTX_free(context);
    return is_good;
}

struct key *key_from_pair(struct evp_pkey_st *pair, bool can_sign, char *reason)
{
    enum algorithm algorithm = ALGORITHM_RS256;
    struct key *key = NULL;
    if (!choose_algorithm(pair, &algorithm, reason)) {
        // The reason is told.
    } else if (!is_sound(pair)) {
        refuse(reason, "a key whose numbers cannot be right");
    } else {
        key = calloc(1, sizeof(*key));
    }
    if (key == NULL) {
        EVP_PKEY_free(pair);
        return NULL;
    }
    key->algorithm = algorithm;
    key->can_sign = can_sign;
    key->pair = pair;
    return key;
}

bool key_set_id(struct key *key, struct slice id)
{
    if (id.length == 0 || id.length > KEY_ID_BYTES_MAX) {
        return false;
    }
    memcpy(key->id, id.at, id.length);
    key->id_length = id.length;
    return true;
}

void key_free(struct key *key)
{
    if (key == NULL) {
        return;
    }
    EVP_PKEY_free(key->pair); // wipes a private part
    if (key->secret != NULL) {
        OPENSSL_cleanse(key->secret, key->secret_bytes);
        free(key->secret);
    }
    free(key);
}
