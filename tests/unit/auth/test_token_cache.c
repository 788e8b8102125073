#include "auth/token_cache.h"

#include "auth/token_sign.h"

#include <criterion/criterion.h>
#include <stdio.h>

enum { NOW_MS = 1000 * 1000 };

static const struct slice secret = SLICE_LITERAL("a secret of more than thirty-two bytes");
static const struct slice other_secret = SLICE_LITERAL("another secret of as many bytes, or more");
static const struct token_rules rules = {
    .algorithms = ALGORITHMS_ALL, .leeway_ms = 0, .needs_expiry = true};

static struct keyring *keyring_of(struct slice bytes)
{
    char reason[KEY_REASON_SIZE];
    struct keyring *keyring = keyring_create();
    cr_assert(keyring_add(keyring, key_from_secret(bytes, reason)));
    return keyring;
}

static struct token_cache *cache_of(struct keyring *keyring, uint32_t tokens, size_t bytes)
{
    const struct token_cache_limits limits = {.tokens_max = tokens, .bytes_max = bytes};
    struct token_cache *cache = token_cache_create(&rules, keyring, &limits);
    cr_assert_not_null(cache);
    keyring_release(keyring);
    return cache;
}

static void set_keys(struct token_cache *cache, struct slice bytes)
{
    struct keyring *keyring = keyring_of(bytes);
    token_cache_set(cache, &rules, keyring);
    keyring_release(keyring);
}

// A token of this subject. buffer_free is the caller's.
static struct buffer token_of(int subject, uint64_t expires_s)
{
    char reason[KEY_REASON_SIZE];
    char claims[100];
    struct buffer token;
    buffer_init(&token, TOKEN_BYTES_MAX);
    (void)snprintf(claims, sizeof(claims), "{\"sub\":\"%d\",\"exp\":%llu}", subject,
                   (unsigned long long)expires_s);
    struct key *key = key_from_secret(secret, reason);
    cr_assert(token_sign(key, slice_of("{\"alg\":\"HS256\"}"), slice_of(claims), &token));
    key_free(key);
    return token;
}

static struct grant *verified(struct token_cache *cache, const struct buffer *token)
{
    struct grant *grant = NULL;
    cr_assert_eq(token_cache_verify(cache, buffer_slice(token), NOW_MS, &grant), TOKEN_OK);
    grant_release(grant); // the cache has it as well
    return grant;
}

Test(token_cache, the_same_token_is_the_same_grant)
{
    struct token_cache *cache = cache_of(keyring_of(secret), 16, 1 << 20);
    struct buffer token = token_of(1, 2000);
    struct grant *first = verified(cache, &token);
    cr_assert_eq(verified(cache, &token), first);
    cr_assert_eq(token_cache_count(cache), 1);
    cr_assert_eq(token_cache_verified(cache), 1);
    token_cache_destroy(cache);
    buffer_free(&token);
}

Test(token_cache, bad_tokens_are_not_kept)
{
    struct token_cache *cache = cache_of(keyring_of(other_secret), 16, 1 << 20);
    struct buffer token = token_of(1, 2000);
    struct grant *grant = NULL;
    cr_assert_eq(token_cache_verify(cache, buffer_slice(&token), NOW_MS, &grant), TOKEN_SIGNATURE);
    cr_assert_eq(token_cache_verify(cache, slice_empty(), NOW_MS, &grant), TOKEN_FORM);
    static uint8_t huge[1 << 20];
    cr_assert_eq(token_cache_verify(cache, slice_from(huge, sizeof(huge)), NOW_MS, &grant),
                 TOKEN_TOO_LONG);
    cr_assert_eq(token_cache_count(cache), 0);
    cr_assert_eq(token_cache_verified(cache), 2);
    cr_assert_null(grant);
    token_cache_destroy(cache);
    buffer_free(&token);
}

Test(token_cache, a_kept_token_still_expires)
{
    struct token_cache *cache = cache_of(keyring_of(secret), 16, 1 << 20);
    struct buffer token = token_of(1, NOW_MS / 1000 + 1);
    struct grant *grant = verified(cache, &token);
    struct slice text = buffer_slice(&token);
    cr_assert_eq(token_cache_verify(cache, text, NOW_MS + 999, &grant), TOKEN_OK);
    grant_release(grant);
    cr_assert_eq(token_cache_verify(cache, text, NOW_MS + 1000, &grant), TOKEN_EXPIRED);
    cr_assert_eq(token_cache_count(cache), 0);
    cr_assert_eq(token_cache_bytes(cache), 0);
    token_cache_destroy(cache);
    buffer_free(&token);
}

Test(token_cache, the_least_recently_used_goes_first)
{
    struct token_cache *cache = cache_of(keyring_of(secret), 4, 1 << 20);
    struct buffer tokens[6];
    struct grant *kept[6];
    for (int i = 0; i < 4; i++) {
        tokens[i] = token_of(i, 2000);
        struct grant *grant = NULL;
        cr_assert_eq(token_cache_verify(cache, buffer_slice(&tokens[i]), NOW_MS, &grant), TOKEN_OK);
        kept[i] = grant; // so that no address comes back
    }
    (void)verified(cache, &tokens[0]);
    for (int i = 4; i < 6; i++) {
        tokens[i] = token_of(i, 2000);
        kept[i] = grant_hold(verified(cache, &tokens[i]));
    }
    cr_assert_eq(token_cache_count(cache), 4);
    cr_assert_eq(verified(cache, &tokens[0]), kept[0]);
    cr_assert_eq(verified(cache, &tokens[3]), kept[3]);
    cr_assert_neq(verified(cache, &tokens[1]), kept[1]);
    token_cache_destroy(cache);
    for (int i = 0; i < 6; i++) {
        buffer_free(&tokens[i]);
        grant_release(kept[i]);
    }
}

Test(token_cache, bytes_are_bounded_too)
{
    struct token_cache *cache = cache_of(keyring_of(secret), 1024, 2000);
    for (int i = 0; i < 50; i++) {
        struct buffer token = token_of(i, 2000);
        struct grant *grant = NULL;
        cr_assert_eq(token_cache_verify(cache, buffer_slice(&token), NOW_MS, &grant), TOKEN_OK);
        grant_release(grant);
        buffer_free(&token);
        cr_assert_leq(token_cache_bytes(cache), 2000);
    }
    cr_assert(token_cache_count(cache) >= 1 && token_cache_count(cache) < 50);
    token_cache_destroy(cache);
}

Test(token_cache, other_keys_forget_everything_and_grants_live_on)
{
    struct token_cache *cache = cache_of(keyring_of(secret), 16, 1 << 20);
    struct buffer token = token_of(1, 2000);
    struct grant *grant = NULL;
    cr_assert_eq(token_cache_verify(cache, buffer_slice(&token), NOW_MS, &grant), TOKEN_OK);
    set_keys(cache, other_secret);
    cr_assert_eq(token_cache_count(cache), 0);
    struct grant *refused = NULL;
    cr_assert_eq(token_cache_verify(cache, buffer_slice(&token), NOW_MS, &refused),
                 TOKEN_SIGNATURE);
    cr_assert(slice_equal_text(grant_subject(grant), "1"));
    grant_release(grant);
    set_keys(cache, secret);
    (void)verified(cache, &token);
    token_cache_destroy(cache);
    buffer_free(&token);
}

Test(token_cache, other_rules_forget_everything_and_the_same_ones_nothing)
{
    struct keyring *keyring = keyring_of(secret);
    struct token_cache *cache = cache_of(keyring_hold(keyring), 16, 1 << 20);
    struct buffer token = token_of(1, 2000);
    struct grant *grant = NULL;
    (void)verified(cache, &token);
    const struct token_rules same = rules;
    token_cache_set(cache, &same, keyring);
    cr_assert_eq(token_cache_count(cache), 1);
    struct token_rules others[] = {rules, rules, rules, rules, rules};
    others[0].algorithms = 1U << ALGORITHM_ES256;
    others[1].audience = slice_of("somebody");
    others[2].issuer = slice_of("somebody");
    others[3].leeway_ms = 1;
    others[4].needs_expiry = false;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        token_cache_set(cache, &others[i], keyring);
        cr_assert_eq(token_cache_count(cache), 0, "rule %zu", i);
        bool is_good = token_cache_verify(cache, buffer_slice(&token), NOW_MS, &grant) == TOKEN_OK;
        cr_assert_eq(is_good, i >= 3, "rule %zu", i);
        if (is_good) {
            grant_release(grant);
        }
        token_cache_set(cache, &rules, keyring);
        (void)verified(cache, &token);
    }
    token_cache_destroy(cache);
    keyring_release(keyring);
    buffer_free(&token);
}

Test(token_cache, without_keys_every_token_is_refused)
{
    struct token_cache *cache = cache_of(NULL, 16, 1 << 20);
    struct buffer token = token_of(1, 2000);
    struct grant *grant = NULL;
    cr_assert_eq(token_cache_verify(cache, buffer_slice(&token), NOW_MS, &grant),
                 TOKEN_KEY_UNKNOWN);
    set_keys(cache, secret);
    (void)verified(cache, &token);
    token_cache_destroy(cache);
    buffer_free(&token);
}
