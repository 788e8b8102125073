// The keys that tokens may be signed with. Filled by its creator (auth/key_files.h), then never
// changed, shared by all workers by counted references: other keys are another keyring.
#ifndef RINGCAST_AUTH_KEYRING_H
#define RINGCAST_AUTH_KEYRING_H

#include "auth/key.h"

struct keyring;

enum {
    KEYRING_KEYS_MAX = 1024,
    // Each costs a verification, of up to 0.1 ms, where a token does not say which it means.
    KEYRING_UNNAMED_MAX = 8,
};

// Empty, with one reference, the caller's. NULL without memory.
struct keyring *keyring_create(void);

// Takes over the key, also where it fails. False where there are KEYRING_KEYS_MAX already, or
// without memory.
bool keyring_add(struct keyring *keyring, struct key *key);

struct keyring *keyring_hold(struct keyring *keyring);
// The last one wipes the keys. NULL is allowed.
void keyring_release(struct keyring *keyring);

size_t keyring_count(const struct keyring *keyring);

// How many keys of this algorithm it has.
size_t keyring_count_of(const struct keyring *keyring, enum algorithm algorithm);

// Walks over the keys of this algorithm, with this id where one is given (length 0: any): start
// with *position = 0. NULL at the end.
const struct key *keyring_next(const struct keyring *keyring, enum algorithm algorithm,
                               struct slice id, size_t *position);

#endif
