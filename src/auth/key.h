// One key: a secret, or a public key and perhaps the private one to it. It is for one algorithm
// only, whatever a token says, so that a public key is never taken for a secret. The creator owns
// it and may change it; then it is read only, from any thread.
#ifndef RINGCAST_AUTH_KEY_H
#define RINGCAST_AUTH_KEY_H

#include "auth/algorithm.h"
#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    KEY_ID_BYTES_MAX = 255,

    // A secret shorter than the hash is weaker than it (RFC 7518 section 3.2).
    KEY_SECRET_BYTES_MIN = 32,
    KEY_SECRET_BYTES_MAX = 4096,

    // RFC 7518 section 3.3 asks for the least; more than the most only costs time.
    KEY_RSA_BITS_MIN = 2048,
    KEY_RSA_BITS_MAX = 8192,

    KEY_REASON_SIZE = 160,
};

struct key {
    enum algorithm algorithm;
    bool can_sign;
    size_t id_length; // 0: it has no id
    uint8_t id[KEY_ID_BYTES_MAX];
    uint8_t *secret; // of HS256
    size_t secret_bytes;
    struct evp_pkey_st *pair; // of the others
};

// All return NULL and one line in `reason` (KEY_REASON_SIZE bytes) where it cannot be. None keeps
// what it is given.

// secret: KEY_SECRET_BYTES_MIN to KEY_SECRET_BYTES_MAX bytes.
struct key *key_from_secret(struct slice secret, char *reason);

// A public key, a certificate (whose key alone counts, not its dates or signatures), or a private
// key without a passphrase; the first one in the text. The algorithm follows from its kind.
struct key *key_from_pem(struct slice pem, char *reason);

// Takes over `pair`, also where it fails.
struct key *key_from_pair(struct evp_pkey_st *pair, bool can_sign, char *reason);

// False where the id is not 1 to KEY_ID_BYTES_MAX bytes.
bool key_set_id(struct key *key, struct slice id);

static inline struct slice key_id(const struct key *key)
{
    return slice_from(key->id, key->id_length);
}

// Wipes it. NULL is allowed.
void key_free(struct key *key);

#endif
