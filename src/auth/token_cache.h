// Tokens that were verified: who comes again with the same one is known without cryptography. Only
// good tokens are kept, so that bad ones cost their senders the work each time and push nothing
// out. The least recently used goes first. One thread each.
#ifndef RINGCAST_AUTH_TOKEN_CACHE_H
#define RINGCAST_AUTH_TOKEN_CACHE_H

#include "auth/token.h"

struct token_cache;

struct token_cache_limits {
    uint32_t tokens_max; // a power of two
    size_t bytes_max;    // of tokens and grants
};

enum {
    TOKEN_CACHE_TOKENS_DEFAULT = 4096,
    TOKEN_CACHE_BYTES_DEFAULT = 4 << 20,
};

// `rules` is borrowed and does not change. `keyring` (NULL: none; every token is refused) is held.
// NULL without memory.
struct token_cache *token_cache_create(const struct token_rules *rules, struct keyring *keyring,
                                       const struct token_cache_limits *limits);
// NULL is allowed.
void token_cache_destroy(struct token_cache *cache);

// As token_verify, by the cache's keyring and rules.
enum token_fault token_cache_verify(struct token_cache *cache, struct slice token, uint64_t now_ms,
                                    struct grant **grant);

// Others from now on, borrowed and held as those of token_cache_create. Where they say something
// else than before, all tokens are forgotten. Grants that were given out stay what they are, until
// they expire.
void token_cache_set(struct token_cache *cache, const struct token_rules *rules,
                     struct keyring *keyring);

// How many were verified so far, rather than found.
uint64_t token_cache_verified(const struct token_cache *cache);
size_t token_cache_count(const struct token_cache *cache);
size_t token_cache_bytes(const struct token_cache *cache);

#endif
