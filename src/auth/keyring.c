#include "auth/keyring.h"

#include "base/references.h"

#include <stdlib.h>

struct keyring {
    struct references references;
    size_t count;
    size_t counts[ALGORITHMS];
    struct key *keys[KEYRING_KEYS_MAX];
};

struct keyring *keyring_create(void)
{
    struct keyring *keyring = calloc(1, sizeof(*keyring));
    if (keyring != NULL) {
        references_begin(&keyring->references);
    }
    return keyring;
}

bool keyring_add(struct keyring *keyring, struct key *key)
{
    if (keyring->count == KEYRING_KEYS_MAX) {
        key_free(key);
        return false;
    }
    keyring->keys[keyring->count++] = key;
    keyring->counts[key->algorithm]++;
    return true;
}

struct keyring *keyring_hold(struct keyring *keyring)
{
    references_hold(&keyring->references);
    return keyring;
}

void keyring_release(struct keyring *keyring)
{
    if (keyring == NULL || !references_release(&keyring->references)) {
        return;
    }
    for (size_t i = 0; i < keyring->count; i++) {
        key_free(keyring->keys[i]);
    }
    free(keyring);
}

size_t keyring_count(const struct keyring *keyring)
{
    return keyring->count;
}

size_t keyring_count_of(const struct keyring *keyring, enum algorithm algorithm)
{
    ASSERT(algorithm < ALGORITHMS);
    return keyring->counts[algorithm];
}

const struct key *keyring_next(const struct keyring *keyring, enum algorithm algorithm,
                               struct slice id, size_t *position)
{
    while (*position < keyring->count) {
        const struct key *key = keyring->keys[(*position)++];
        if (key->algorithm == algorithm && (id.length == 0 || slice_equal(key_id(key), id))) {
            return key;
        }
    }
    return NULL;
}
