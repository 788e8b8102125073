// layer: auth
// Threads that verify tokens with the same keys, each with its cache, while others take their place
// again and again; grants go from one thread to another and are released where nobody knows. Exits
// with 0 when every token was good with the keys that it was of, and with no others.
#include "auth/key_make.h"
#include "auth/token_cache.h"
#include "auth/token_sign.h"
#include "base/assert.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum { THREADS = 4, ROUNDS = 150, TOKENS = 8, NOW_MS = 1000 * 1000, RSA_BITS = 2048 };

static const struct token_rules rules = {.algorithms = ALGORITHMS_ALL, .needs_expiry = true};

static struct key *keys[2];
static struct buffer tokens[2][TOKENS];
static struct keyring *_Atomic newest; // with a reference of the slot's
static struct grant *_Atomic left_behind;
static atomic_bool is_over;
static pthread_mutex_t swap = PTHREAD_MUTEX_INITIALIZER; // as the workers' inboxes are in between

static struct key *copy_of(const struct key *key)
{
    uint8_t text[KEY_TEXT_BYTES_MAX];
    char reason[KEY_REASON_SIZE];
    struct buffer buffer;
    buffer_wrap(&buffer, text, sizeof(text));
    bool is_written = key_write(key, false, &buffer);
    struct key *copy = key_from_pem(buffer_slice(&buffer), reason);
    ASSERT(is_written && copy != NULL);
    return copy;
}

// The second key is in it each second time.
static struct keyring *make_keyring(unsigned round)
{
    struct keyring *keyring = keyring_create();
    ASSERT(keyring != NULL);
    for (unsigned i = 0; i < 1 + round % 2; i++) {
        bool is_added = keyring_add(keyring, copy_of(keys[i]));
        ASSERT(is_added);
    }
    return keyring;
}

static struct keyring *hold_newest(void)
{
    (void)pthread_mutex_lock(&swap);
    struct keyring *keyring = keyring_hold(atomic_load(&newest));
    (void)pthread_mutex_unlock(&swap);
    return keyring;
}

static void *verify(void *context)
{
    static const struct token_cache_limits limits = {.tokens_max = 4, .bytes_max = 1 << 20};
    struct keyring *keyring = hold_newest();
    struct token_cache *cache = token_cache_create(&rules, keyring, &limits);
    keyring_release(keyring);
    ASSERT(cache != NULL);
    for (unsigned step = 0; !atomic_load(&is_over); step++) {
        struct grant *grant = NULL;
        const struct buffer *token = &tokens[step % 2][step / 2 % TOKENS];
        enum token_fault fault = token_cache_verify(cache, buffer_slice(token), NOW_MS, &grant);
        ASSERT(fault == TOKEN_OK || (step % 2 == 1 && fault == TOKEN_KEY_UNKNOWN));
        ASSERT(grant == NULL || grant_may_read(grant, slice_of("chat/42")));
        grant_release(atomic_exchange(&left_behind, grant));
        if (step % 16 == 0) {
            keyring = hold_newest();
            token_cache_set(cache, &rules, keyring);
            keyring_release(keyring);
        }
    }
    token_cache_destroy(cache);
    return context;
}

static void make_tokens(void)
{
    keys[0] = key_make(ALGORITHM_ES256, RSA_BITS);
    keys[1] = key_make(ALGORITHM_RS256, RSA_BITS);
    ASSERT(keys[0] != NULL && keys[1] != NULL);
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned j = 0; j < TOKENS; j++) {
            char claims[100];
            (void)snprintf(claims, sizeof(claims),
                           "{\"sub\":\"%u\",\"exp\":2000,\"ringcast\":{\"read\":[\"chat/*\"]}}", j);
            buffer_init(&tokens[i][j], TOKEN_BYTES_MAX);
            bool is_signed = token_sign(
                keys[i], slice_of(i == 0 ? "{\"alg\":\"ES256\"}" : "{\"alg\":\"RS256\"}"),
                slice_of(claims), &tokens[i][j]);
            ASSERT(is_signed);
        }
    }
}

int main(void)
{
    pthread_t threads[THREADS];
    make_tokens();
    atomic_store(&newest, make_keyring(1));
    for (unsigned i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, verify, NULL) != 0) {
            return 1;
        }
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct keyring *keyring = make_keyring(round);
        (void)pthread_mutex_lock(&swap);
        keyring = atomic_exchange(&newest, keyring);
        (void)pthread_mutex_unlock(&swap);
        keyring_release(keyring);
    }
    atomic_store(&is_over, true);
    for (unsigned i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    keyring_release(atomic_load(&newest));
    grant_release(atomic_load(&left_behind));
    for (unsigned i = 0; i < 2; i++) {
        key_free(keys[i]);
        for (unsigned j = 0; j < TOKENS; j++) {
            buffer_free(&tokens[i][j]);
        }
    }
    return 0;
}
