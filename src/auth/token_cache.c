#include "auth/token_cache.h"

#include "base/hash.h"
#include "base/list.h"
#include "base/random.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    struct list_node node; // in the order of use, the least recent first
    struct entry *next;    // in its bucket
    uint64_t hash;
    struct grant *grant;
    size_t length;
    uint8_t token[];
};

struct token_cache {
    const struct token_rules *rules;
    struct keyring *keyring; // NULL: none
    struct token_cache_limits limits;
    uint64_t seed;
    size_t count;
    size_t bytes;
    uint64_t verified;
    struct list used;
    struct entry *buckets[]; // limits.tokens_max of them
};

static size_t entry_bytes(const struct entry *entry)
{
    return sizeof(*entry) + entry->length + grant_bytes(entry->grant);
}

static struct entry **bucket_of(struct token_cache *cache, uint64_t hash)
{
    return &cache->buckets[hash & (cache->limits.tokens_max - 1)];
}

// It is out of `used` already.
static void forget(struct token_cache *cache, struct entry *entry)
{
    struct entry **link = bucket_of(cache, entry->hash);
    while (*link != entry) {
        link = &(*link)->next;
    }
    *link = entry->next;
    cache->count--;
    cache->bytes -= entry_bytes(entry);
    grant_release(entry->grant);
    OPENSSL_cleanse(entry->token, entry->length); // whoever has it may do what it allows
    free(entry);
}

static void forget_oldest(struct token_cache *cache)
{
    struct list_node *node = list_pop_front(&cache->used);
    forget(cache, LIST_ENTRY(node, struct entry, node));
}

static struct entry *find(struct token_cache *cache, uint64_t hash, struct slice token)
{
    struct entry *entry = *bucket_of(cache, hash);
    while (entry != NULL && (entry->hash != hash || entry->length != token.length ||
                             CRYPTO_memcmp(entry->token, token.at, token.length) != 0)) {
        entry = entry->next;
    }
    return entry;
}

// Without memory it is not kept, and verified again the next time.
static void keep(struct token_cache *cache, uint64_t hash, struct slice token, struct grant *grant)
{
    struct entry *entry = calloc(1, sizeof(*entry) + token.length);
    if (entry == NULL) {
        return;
    }
    entry->hash = hash;
    entry->grant = grant_hold(grant);
    entry->length = token.length;
    memcpy(entry->token, token.at, token.length);
    struct entry **bucket = bucket_of(cache, hash);
    entry->next = *bucket;
    *bucket = entry;
    list_push_back(&cache->used, &entry->node);
    cache->count++;
    cache->bytes += entry_bytes(entry);
    while (cache->count > cache->limits.tokens_max || cache->bytes > cache->limits.bytes_max) {
        forget_oldest(cache);
    }
}

struct token_cache *token_cache_create(const struct token_rules *rules, struct keyring *keyring,
                                       const struct token_cache_limits *limits)
{
    ASSERT(is_power_of_two(limits->tokens_max));
    struct token_cache *cache =
        calloc(1, sizeof(*cache) + limits->tokens_max * sizeof(cache->buckets[0]));
    if (cache == NULL) {
        return NULL;
    }
    cache->rules = rules;
    cache->keyring = keyring == NULL ? NULL : keyring_hold(keyring);
    cache->limits = *limits;
    cache->seed = random_u64();
    list_init(&cache->used);
    return cache;
}

static void forget_all(struct token_cache *cache)
{
    for (uint32_t i = 0; i < cache->limits.tokens_max && cache->count > 0; i++) {
        struct entry *next = NULL;
        for (struct entry *entry = cache->buckets[i]; entry != NULL; entry = next) {
            next = entry->next;
            list_remove(&entry->node);
            forget(cache, entry);
        }
    }
    ASSERT(cache->count == 0 && cache->bytes == 0);
}

void token_cache_destroy(struct token_cache *cache)
{
    if (cache == NULL) {
        return;
    }
    forget_all(cache);
    keyring_release(cache->keyring);
    free(cache);
}

enum token_fault token_cache_verify(struct token_cache *cache, struct slice token, uint64_t now_ms,
                                    struct grant **grant)
{
    if (token.length > TOKEN_BYTES_MAX) {
        return TOKEN_TOO_LONG;
    }
    if (cache->keyring == NULL) {
        return TOKEN_KEY_UNKNOWN;
    }
    uint64_t hash = hash_bytes(cache->seed, token.at, token.length);
    struct entry *entry = find(cache, hash, token);
    if (entry != NULL) {
        list_remove(&entry->node);
        if (now_ms < grant_expires_ms(entry->grant)) {
            list_push_back(&cache->used, &entry->node);
            *grant = grant_hold(entry->grant);
            return TOKEN_OK;
        }
        forget(cache, entry);
    }
    cache->verified++;
    enum token_fault fault = token_verify(cache->keyring, cache->rules, token, now_ms, grant);
    if (fault == TOKEN_OK) {
        keep(cache, hash, token, *grant);
    }
    return fault;
}

static bool are_equal(const struct token_rules *one, const struct token_rules *other)
{
    return one->algorithms == other->algorithms && slice_equal(one->audience, other->audience) &&
           slice_equal(one->issuer, other->issuer) && one->leeway_ms == other->leeway_ms &&
           one->needs_expiry == other->needs_expiry;
}

void token_cache_set(struct token_cache *cache, const struct token_rules *rules,
                     struct keyring *keyring)
{
    if (keyring != cache->keyring || !are_equal(rules, cache->rules)) {
        forget_all(cache);
    }
    struct keyring *before = cache->keyring;
    cache->rules = rules;
    cache->keyring = keyring == NULL ? NULL : keyring_hold(keyring);
    keyring_release(before);
}

uint64_t token_cache_verified(const struct token_cache *cache)
{
    return cache->verified;
}

size_t token_cache_count(const struct token_cache *cache)
{
    return cache->count;
}

size_t token_cache_bytes(const struct token_cache *cache)
{
    return cache->bytes;
}
