// layer: auth
// Tokens: any bytes; and, where the first byte is a newline, a header and claims (one a line) that
// are signed here, so that what lies behind the signature is reached. A token that counts does so
// again, from the cache too, and its grant can be asked anything.
#include "auth/token_cache.h"
#include "auth/token_sign.h"

#include "base/assert.h"

enum { NOW_MS = 1000 * 1000 };

static const struct slice secret = SLICE_LITERAL("0123456789abcdef0123456789abcdef");
static const struct token_rules rules = {.algorithms = ALGORITHMS_ALL, .leeway_ms = 30 * 1000};
static const struct token_rules strict = {.algorithms = ALGORITHMS_ALL,
                                          .audience = SLICE_LITERAL("a"),
                                          .issuer = SLICE_LITERAL("i"),
                                          .needs_expiry = true};

static struct key *signer;
static struct keyring *keyring;

static void begin(void)
{
    char reason[KEY_REASON_SIZE];
    signer = key_from_secret(secret, reason);
    keyring = keyring_create();
    ASSERT(signer != NULL && keyring != NULL);
    bool is_added = keyring_add(keyring, key_from_secret(secret, reason));
    ASSERT(is_added);
}

static void ask(const struct grant *grant)
{
    struct slice subject = grant_subject(grant);
    ASSERT(subject.length <= GRANT_SUBJECT_BYTES_MAX);
    ASSERT(grant_expires_ms(grant) > NOW_MS);
    (void)grant_may_read(grant, subject);
    (void)grant_may_write(grant, slice_of("chat/42"));
    (void)grant_may_see(grant, slice_empty());
    (void)grant_may_broadcast(grant);
    ASSERT(!grant_sees_all_types(grant) || grant_may_see(grant, subject));
}

static void try_token(struct slice token)
{
    struct grant *grant = NULL;
    struct grant *again = NULL;
    enum token_fault fault = token_verify(keyring, &rules, token, NOW_MS, &grant);
    ASSERT((fault == TOKEN_OK) == (grant != NULL) && token_fault_text(fault)[0] != 0);
    const struct token_cache_limits limits = {.tokens_max = 4, .bytes_max = 1 << 16};
    struct token_cache *cache = token_cache_create(&rules, keyring, &limits);
    ASSERT(cache != NULL);
    for (int i = 0; i < 2; i++) {
        ASSERT(token_cache_verify(cache, token, NOW_MS, &again) == fault);
        grant_release(again);
        again = NULL;
    }
    token_cache_destroy(cache);
    if (token_verify(keyring, &strict, token, NOW_MS, &again) == TOKEN_OK) {
        ASSERT(fault == TOKEN_OK);
        grant_release(again);
    }
    if (grant != NULL) {
        ask(grant);
        grant_release(grant);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = slice_from(data, size);
    if (signer == NULL) {
        begin();
    }
    if (size == 0 || data[0] != '\n') {
        try_token(rest);
        return 0;
    }
    struct buffer token;
    rest = slice_after(rest, 1);
    struct slice header = slice_split(&rest, '\n');
    buffer_init(&token, 64 << 10);
    if (token_sign(signer, header, rest, &token)) {
        try_token(buffer_slice(&token));
    }
    buffer_free(&token);
    return 0;
}
