// Keys and tokens that tests make for themselves. All assert that it works.
#ifndef RINGCAST_TESTS_UNIT_AUTH_VECTORS_H
#define RINGCAST_TESTS_UNIT_AUTH_VECTORS_H

#include "auth/key.h"
#include "auth/keyring.h"
#include "auth/token.h"

enum { VECTOR_BYTES_MAX = 8 << 10, VECTOR_NOW_MS = 1000 * 1000 };

// A text of the test's, at most VECTOR_BYTES_MAX - 1 bytes, with a NUL behind it.
struct vector {
    size_t length;
    char text[VECTOR_BYTES_MAX];
};

static inline struct slice vector_slice(const struct vector *vector)
{
    return slice_from(vector->text, vector->length);
}

// A new key that can sign, RSA of 2048 bits; with an id unless it is "". The caller's.
struct key *vector_key(enum algorithm algorithm, const char *id);

// Only what a broker would have of it.
struct key *vector_public(const struct key *key);

// As a JSON Web Key, with `extra` (",\"use\":\"sig\"" or "") inside it.
void vector_jwk(const struct key *key, bool is_private, const char *extra, struct vector *jwk);
void vector_pem(const struct key *key, bool is_private, struct vector *pem);

// One keyring of public parts: of `count` keys.
struct keyring *vector_keyring(struct key *const *keys, size_t count);

// Base64url of any bytes, and a part of a token.
void vector_base64(struct slice bytes, struct vector *text);

// header.claims.signature, signed by the key, whatever they say.
void vector_token(const struct key *key, const char *header, const char *claims,
                  struct vector *token);

// Claims that are good at VECTOR_NOW_MS, by vector_rules.
#define vector_good_claims "{\"exp\":2000}"
extern const struct token_rules vector_rules;

// {"alg":"..."} of the key's algorithm, and claims that are good.
void vector_good_token(const struct key *key, struct vector *token);

// One key of each algorithm, with its name as id, and a keyring of them.
struct vector_keys {
    struct key *keys[ALGORITHMS];
    struct keyring *keyring;
};
struct vector_keys vector_keys_make(void);
void vector_keys_free(struct vector_keys *keys);

// token_verify by vector_rules at VECTOR_NOW_MS; the grant is let go.
enum token_fault vector_verify_text(struct keyring *keyring, const char *text, size_t length);
enum token_fault vector_verify(struct keyring *keyring, const struct vector *token);

#endif
