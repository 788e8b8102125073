// layer: auth
// Verifying a token: by each algorithm, and when a worker has seen it before.
#include "micro.h"

#include "auth/key_make.h"
#include "auth/token_cache.h"
#include "auth/token_sign.h"
#include "base/assert.h"

enum { NOW_MS = 1000 * 1000, RSA_BITS = 2048 };

static const struct token_rules rules = {.algorithms = ALGORITHMS_ALL, .needs_expiry = true};

struct work {
    struct keyring *keyring;
    struct token_cache *cache;
    struct buffer token;
};

static void verify(void *context, uint64_t count)
{
    const struct work *work = context;
    for (uint64_t i = 0; i < count; i++) {
        struct grant *grant = NULL;
        enum token_fault fault =
            token_verify(work->keyring, &rules, buffer_slice(&work->token), NOW_MS, &grant);
        ASSERT(fault == TOKEN_OK);
        grant_release(grant);
    }
}

static void verify_cached(void *context, uint64_t count)
{
    const struct work *work = context;
    for (uint64_t i = 0; i < count; i++) {
        struct grant *grant = NULL;
        enum token_fault fault =
            token_cache_verify(work->cache, buffer_slice(&work->token), NOW_MS, &grant);
        ASSERT(fault == TOKEN_OK);
        grant_release(grant);
    }
}

static void run(enum algorithm algorithm)
{
    static const struct slice claims =
        SLICE_LITERAL("{\"sub\":\"alice\",\"exp\":2000,\"ringcast\":{\"read\":[\"chat/*\"]}}");
    static const struct token_cache_limits limits = {.tokens_max = TOKEN_CACHE_TOKENS_DEFAULT,
                                                     .bytes_max = TOKEN_CACHE_BYTES_DEFAULT};
    char text[64];
    struct work work = {.keyring = keyring_create()};
    struct key *key = key_make(algorithm, RSA_BITS);
    ASSERT(work.keyring != NULL && key != NULL);
    buffer_init(&work.token, TOKEN_BYTES_MAX);
    (void)snprintf(text, sizeof(text), "{\"alg\":\"%s\"}", algorithm_name(algorithm));
    bool is_signed = token_sign(key, slice_of(text), claims, &work.token);
    bool is_added = keyring_add(work.keyring, key);
    work.cache = token_cache_create(&rules, work.keyring, &limits);
    ASSERT(is_signed && is_added && work.cache != NULL);
    (void)snprintf(text, sizeof(text), "a token of %s", algorithm_name(algorithm));
    micro_run(text, CLOCK_THREAD_CPUTIME_ID, verify, &work);
    micro_run("  the same, seen before", CLOCK_THREAD_CPUTIME_ID, verify_cached, &work);
    token_cache_destroy(work.cache);
    keyring_release(work.keyring);
    buffer_free(&work.token);
}

int main(void)
{
    for (unsigned i = 0; i < ALGORITHMS; i++) {
        run((enum algorithm)i);
    }
    return 0;
}
