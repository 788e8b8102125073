// Tokens that somebody made to get in with. The names are those that Wycheproof's JSON Web
// Signature cases have, where they are such; keys and tokens are made here.
// link: tests/unit/auth/vectors.c
#include "auth/token.h"

#include "unit/auth/vectors.h"

#include <criterion/criterion.h>
#include <stdio.h>

enum { NOW_MS = 1000 * 1000 };

static const struct token_rules rules = {.algorithms = ALGORITHMS_ALL, .needs_expiry = true};

static enum token_fault verify_text(struct keyring *keyring, const char *text, size_t length)
{
    // A copy of its own size, so that ASan sees a read beyond it.
    uint8_t *copy = malloc(length + 1);
    memcpy(copy, text, length);
    struct grant *grant = NULL;
    enum token_fault fault =
        token_verify(keyring, &rules, slice_from(copy, length), NOW_MS, &grant);
    cr_assert_eq(fault == TOKEN_OK, grant != NULL);
    grant_release(grant);
    free(copy);
    return fault;
}

static enum token_fault verify(struct keyring *keyring, const struct vector *token)
{
    return verify_text(keyring, token->text, token->length);
}

#define ASSERT_FAULT(keyring, token, expected)                                  \
    do {                                                                        \
        enum token_fault fault_here = verify(keyring, token);                   \
        cr_assert_eq(fault_here, expected, "%s: %s, not: %s", (token)->text,    \
                     token_fault_text(fault_here), token_fault_text(expected)); \
    } while (0)

struct fixture {
    struct key *keys[ALGORITHMS];
    struct keyring *keyring;
};

// With ids, as the algorithms are called.
static struct fixture setup(void)
{
    struct fixture fixture;
    for (unsigned i = 0; i < ALGORITHMS; i++) {
        fixture.keys[i] = vector_key((enum algorithm)i, algorithm_name((enum algorithm)i));
    }
    fixture.keyring = vector_keyring(fixture.keys, ALGORITHMS);
    return fixture;
}

static void teardown(struct fixture *fixture)
{
    for (unsigned i = 0; i < ALGORITHMS; i++) {
        key_free(fixture->keys[i]);
    }
    keyring_release(fixture->keyring);
}

static const char good_claims[] = "{\"exp\":2000}";

// They go into a quoted string of WWW-Authenticate (RFC 6750 section 3).
Test(token, what_is_wrong_is_told_in_plain_letters)
{
    for (unsigned i = 0; i < TOKEN_FAULT_COUNT; i++) {
        const char *text = token_fault_text((enum token_fault)i);
        cr_assert(text[0] != 0 && strlen(text) < 128, "%s", text);
        for (const char *at = text; *at != 0; at++) {
            cr_assert(*at >= ' ' && *at <= '~' && *at != '"' && *at != '\\', "%s", text);
        }
    }
}

// ---- good ones ---------------------------------------------------------------------------------

Test(token, accepts_valid)
{
    struct fixture fixture = setup();
    for (unsigned i = 0; i < ALGORITHMS; i++) {
        struct vector token;
        char header[100];
        vector_good_token(fixture.keys[i], &token);
        ASSERT_FAULT(fixture.keyring, &token, TOKEN_OK);
        (void)snprintf(header, sizeof(header), " {\"typ\":\"%s\",\"kid\":\"%s\",\"alg\":\"%s\"}\n",
                       i % 2 == 0 ? "jwt" : "application/at+JWT", algorithm_name((enum algorithm)i),
                       algorithm_name((enum algorithm)i));
        vector_token(fixture.keys[i], header, good_claims, &token);
        ASSERT_FAULT(fixture.keyring, &token, TOKEN_OK);
    }
    teardown(&fixture);
}

Test(token, the_grant_is_what_the_claims_say)
{
    struct fixture fixture = setup();
    struct vector token;
    struct grant *grant = NULL;
    vector_good_token(fixture.keys[ALGORITHM_EDDSA], &token);
    cr_assert_eq(token_verify(fixture.keyring, &rules, vector_slice(&token), NOW_MS, &grant),
                 TOKEN_OK);
    cr_assert(slice_equal_text(grant_subject(grant), "alice"));
    cr_assert(grant_may_read(grant, slice_of("chat/42")));
    cr_assert_not(grant_may_write(grant, slice_of("chat/42")));
    cr_assert_eq(grant_expires_ms(grant), 2000 * 1000);
    grant_release(grant);
    teardown(&fixture);
}

// ---- changed on the way ------------------------------------------------------------------------

Test(token, rejects_modified_signature_payload_and_header)
{
    struct fixture fixture = setup();
    for (unsigned i = 0; i < ALGORITHMS; i++) {
        struct vector token;
        vector_good_token(fixture.keys[i], &token);
        for (size_t at = 0; at < token.length; at++) {
            char before = token.text[at];
            if (before == '.') {
                continue;
            }
            token.text[at] = before == 'A' ? 'B' : 'A';
            cr_assert_neq(verify(fixture.keyring, &token), TOKEN_OK, "%s at %zu", token.text, at);
            token.text[at] = before;
        }
        ASSERT_FAULT(fixture.keyring, &token, TOKEN_OK);
    }
    teardown(&fixture);
}

Test(token, rejects_truncated)
{
    struct fixture fixture = setup();
    for (unsigned i = 0; i < ALGORITHMS; i++) {
        struct vector token;
        vector_good_token(fixture.keys[i], &token);
        for (size_t length = 0; length < token.length; length++) {
            cr_assert_neq(verify_text(fixture.keyring, token.text, length), TOKEN_OK);
        }
        for (size_t start = 1; start < token.length; start++) {
            cr_assert_neq(verify_text(fixture.keyring, token.text + start, token.length - start),
                          TOKEN_OK);
        }
    }
    teardown(&fixture);
}

struct parts {
    char header[2000];
    char claims[2000];
    char signature[2000];
};

static struct parts parts_of(const struct vector *token)
{
    struct parts parts;
    cr_assert_eq(sscanf(token->text, "%1999[^.].%1999[^.].%1999[^.]", parts.header, parts.claims,
                        parts.signature),
                 3);
    return parts;
}

Test(token, rejects_missing_reordered_and_extra_components)
{
    // H, C and S are the three parts of a good one.
    static const char *const forms[] = {
        "",
        ".",
        "..",
        "...",
        "H",
        "C",
        "H.C",
        "H.C.",
        "H.S",
        "C.S",
        ".C.S",
        "H..S",
        ".C.",
        "..S",
        "H..",
        "C.H.S",
        "S.C.H",
        "H.S.C",
        "C.S.H",
        "S.H.C",
        "H.C.S.",
        ".H.C.S",
        "H.C.S.S",
        "H.C..S",
        "H.H.S",
        "C.C.S",
        "H.C.H",
        "H.C.C",
        "H.C.SS",
        "HH.C.S",
        "H.CC.S",
        " H.C.S",
        "H.C.S ",
        "H.C.S\n",
        "H .C.S",
        "H.C. S",
        "H.C.S=",
        "H=.C.S",
        "H.C==.S",
        "H.C.S==",
        "\"H.C.S\"",
        "Bearer H.C.S",
        "H,C,S",
        "H.C.S\t",
        "H.C.S,H.C.S",
        "H.C.S.C.S",
        "H.\xc3\xa9.S",
        "H.C.\xef\xbc\xa1S",
        "\xef\xbb\xbfH.C.S",
        ("H\xe2\x80\xa4"
         "C.S"),
        "{\"payload\":\"C\",\"protected\":\"H\",\"signature\":\"S\"}",
    };
    struct fixture fixture = setup();
    for (unsigned algorithm = 0; algorithm < ALGORITHMS; algorithm++) {
        struct vector token;
        vector_good_token(fixture.keys[algorithm], &token);
        const struct parts parts = parts_of(&token);
        for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
            char text[8000] = "";
            for (const char *at = forms[i]; *at != 0; at++) {
                char letter[2] = {*at, 0};
                strcat(text, *at == 'H'   ? parts.header
                             : *at == 'C' ? parts.claims
                             : *at == 'S' ? parts.signature
                                          : letter);
            }
            cr_assert_neq(verify_text(fixture.keyring, text, strlen(text)), TOKEN_OK, "%s: %s",
                          forms[i], text);
        }
        // A NUL ends nothing.
        token.text[token.length] = 0;
        cr_assert_eq(verify_text(fixture.keyring, token.text, token.length + 1), TOKEN_FORM);
    }
    teardown(&fixture);
}

Test(token, rejects_the_other_base64_alphabet)
{
    struct fixture fixture = setup();
    struct vector token;
    // Letters that differ are in the header.
    vector_token(fixture.keys[ALGORITHM_HS256], "{\"alg\":\"HS256\",\"x\":\"~~~>>>~>>~~>\"}",
                 good_claims, &token);
    ASSERT_FAULT(fixture.keyring, &token, TOKEN_OK);
    bool is_changed = false;
    for (char *at = token.text; *at != '.'; at++) {
        is_changed |= *at == '-' || *at == '_';
        *at = (char)(*at == '-' ? '+' : *at == '_' ? '/' : *at);
    }
    cr_assert(is_changed);
    ASSERT_FAULT(fixture.keyring, &token, TOKEN_FORM);
    teardown(&fixture);
}

Test(token, rejects_another_tokens_parts)
{
    struct fixture fixture = setup();
    for (unsigned i = 0; i < ALGORITHMS; i++) {
        struct vector mine;
        struct vector root;
        char text[6000];
        char header[64];
        (void)snprintf(header, sizeof(header), "{\"alg\":\"%s\"}",
                       algorithm_name((enum algorithm)i));
        vector_token(fixture.keys[i], header, "{\"exp\":2000,\"sub\":\"mine\"}", &mine);
        vector_token(fixture.keys[i], header, "{\"exp\":2000,\"sub\":\"root\"}", &root);
        const struct parts one = parts_of(&mine);
        const struct parts other = parts_of(&root);
        (void)snprintf(text, sizeof(text), "%s.%s.%s", one.header, other.claims, one.signature);
        cr_assert_eq(verify_text(fixture.keyring, text, strlen(text)), TOKEN_SIGNATURE);
    }
    teardown(&fixture);
}

// ---- another algorithm than the key's ----------------------------------------------------------

Test(token, rejects_none_algorithm_however_it_is_written)
{
    static const char *const names[] = {"none", "None", "NONE", "nOnE", "", "none ", "null"};
    struct fixture fixture = setup();
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct vector token;
        char header[64];
        (void)snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", names[i]);
        vector_token(fixture.keys[ALGORITHM_HS256], header, good_claims, &token);
        ASSERT_FAULT(fixture.keyring, &token, TOKEN_ALGORITHM);
        // And without its signature.
        const struct parts parts = parts_of(&token);
        char text[6000];
        (void)snprintf(text, sizeof(text), "%s.%s.", parts.header, parts.claims);
        cr_assert_eq(verify_text(fixture.keyring, text, strlen(text)), TOKEN_FORM);
    }
    teardown(&fixture);
}

Test(token, rejects_algorithms_by_another_name_and_those_not_here)
{
    static const char *const names[] = {
        "hs256", "HS384",  "HS512", "RS384",   "RS512",  "PS256",        "PS384", "PS512", "ES384",
        "ES512", "ES256K", "eddsa", "Ed25519", "HS256 ", "HS256\\u0000", "RS1",   "A128KW"};
    struct fixture fixture = setup();
    for (unsigned algorithm = 0; algorithm < ALGORITHMS; algorithm++) {
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            struct vector token;
            char header[64];
            (void)snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", names[i]);
            vector_token(fixture.keys[algorithm], header, good_claims, &token);
            ASSERT_FAULT(fixture.keyring, &token, TOKEN_ALGORITHM);
        }
    }
    teardown(&fixture);
}

// Each key signs what says that it is of each other algorithm, by each other key's id and without.
Test(token, rejects_algorithm_confusion)
{
    struct fixture fixture = setup();
    for (unsigned signer = 0; signer < ALGORITHMS; signer++) {
        for (unsigned claimed = 0; claimed < ALGORITHMS; claimed++) {
            for (unsigned id = 0; id <= ALGORITHMS; id++) {
                struct vector token;
                char header[100];
                char kid[40] = "";
                if (id < ALGORITHMS) {
                    (void)snprintf(kid, sizeof(kid), ",\"kid\":\"%s\"",
                                   algorithm_name((enum algorithm)id));
                }
                (void)snprintf(header, sizeof(header), "{\"alg\":\"%s\"%s}",
                               algorithm_name((enum algorithm)claimed), kid);
                vector_token(fixture.keys[signer], header, good_claims, &token);
                bool is_known = id == claimed || id == ALGORITHMS;
                ASSERT_FAULT(fixture.keyring, &token,
                             !is_known           ? TOKEN_KEY_UNKNOWN
                             : signer == claimed ? TOKEN_OK
                                                 : TOKEN_SIGNATURE);
            }
        }
    }
    teardown(&fixture);
}

// The public key is public: whoever has it may use it as a secret, in any form that it has.
Test(token, rejects_symmetry_confusion_attacks)
{
    for (unsigned algorithm = ALGORITHM_RS256; algorithm < ALGORITHMS; algorithm++) {
        struct key *key = vector_key((enum algorithm)algorithm, "");
        struct keyring *keyring = vector_keyring(&key, 1);
        struct vector forms[3];
        vector_pem(key, false, &forms[0]);
        vector_pem(key, false, &forms[1]);
        forms[1].length--; // without its line end
        vector_jwk(key, false, "", &forms[2]);
        for (size_t i = 0; i < 3; i++) {
            char reason[KEY_REASON_SIZE];
            struct vector token;
            struct key *secret = key_from_secret(vector_slice(&forms[i]), reason);
            cr_assert_not_null(secret, "%s", reason);
            vector_token(secret, "{\"alg\":\"HS256\"}", good_claims, &token);
            ASSERT_FAULT(keyring, &token, TOKEN_KEY_UNKNOWN);
            vector_token(secret,
                         algorithm == ALGORITHM_RS256   ? "{\"alg\":\"RS256\"}"
                         : algorithm == ALGORITHM_ES256 ? "{\"alg\":\"ES256\"}"
                                                        : "{\"alg\":\"EdDSA\"}",
                         good_claims, &token);
            ASSERT_FAULT(keyring, &token, TOKEN_SIGNATURE);
            key_free(secret);
        }
        keyring_release(keyring);
        key_free(key);
    }
}

Test(token, rejects_attacker_provided_keys)
{
    struct fixture fixture = setup();
    for (unsigned i = 0; i < ALGORITHMS; i++) {
        const char *name = algorithm_name((enum algorithm)i);
        struct key *attacker = vector_key((enum algorithm)i, name);
        struct vector jwk;
        struct vector token;
        char header[VECTOR_BYTES_MAX + 400];
        vector_jwk(attacker, false, "", &jwk);
        (void)snprintf(
            header, sizeof(header),
            "{\"alg\":\"%s\",\"kid\":\"%s\",\"jwk\":%s,\"jku\":\"http://127.0.0.1/keys\","
            "\"x5u\":\"http://127.0.0.1/chain\",\"x5c\":[\"AAAA\"],\"x5t\":\"AAAA\"}",
            name, name, jwk.text);
        vector_token(attacker, header, good_claims, &token);
        ASSERT_FAULT(fixture.keyring, &token, TOKEN_SIGNATURE);
        // The same from who has the right key is passed over, not used.
        vector_token(fixture.keys[i], header, good_claims, &token);
        ASSERT_FAULT(fixture.keyring, &token, TOKEN_OK);
        key_free(attacker);
    }
    teardown(&fixture);
}

Test(token, only_allowed_algorithms_count)
{
    struct fixture fixture = setup();
    for (unsigned allowed = 0; allowed < ALGORITHMS; allowed++) {
        const struct token_rules some = {.algorithms = 1U << allowed};
        for (unsigned i = 0; i < ALGORITHMS; i++) {
            struct vector token;
            struct grant *grant = NULL;
            vector_good_token(fixture.keys[i], &token);
            cr_assert_eq(token_verify(fixture.keyring, &some, vector_slice(&token), NOW_MS, &grant),
                         i == allowed ? TOKEN_OK : TOKEN_ALGORITHM);
            grant_release(grant);
        }
    }
    teardown(&fixture);
}

// ---- which key ---------------------------------------------------------------------------------

Test(token, a_named_key_or_none)
{
    struct key *keys[] = {vector_key(ALGORITHM_HS256, "one"), vector_key(ALGORITHM_HS256, "two"),
                          vector_key(ALGORITHM_ES256, "two")};
    struct keyring *keyring = vector_keyring(keys, 3);
    struct vector token;
    vector_token(keys[1], "{\"alg\":\"HS256\",\"kid\":\"two\"}", good_claims, &token);
    ASSERT_FAULT(keyring, &token, TOKEN_OK);
    vector_token(keys[2], "{\"alg\":\"ES256\",\"kid\":\"two\"}", good_claims, &token);
    ASSERT_FAULT(keyring, &token, TOKEN_OK);
    vector_token(keys[1], "{\"alg\":\"HS256\",\"kid\":\"one\"}", good_claims, &token);
    ASSERT_FAULT(keyring, &token, TOKEN_SIGNATURE);
    vector_token(keys[1], "{\"alg\":\"HS256\",\"kid\":\"three\"}", good_claims, &token);
    ASSERT_FAULT(keyring, &token, TOKEN_KEY_UNKNOWN);
    vector_token(keys[1], "{\"alg\":\"HS256\",\"kid\":\"Two\"}", good_claims, &token);
    ASSERT_FAULT(keyring, &token, TOKEN_KEY_UNKNOWN);
    vector_token(keys[1], "{\"alg\":\"HS256\",\"kid\":\"t\\u0077o\"}", good_claims, &token);
    ASSERT_FAULT(keyring, &token, TOKEN_OK);
    vector_token(keys[1], "{\"alg\":\"HS256\",\"kid\":\"two\\u0000\"}", good_claims, &token);
    ASSERT_FAULT(keyring, &token, TOKEN_KEY_UNKNOWN);
    vector_token(keys[1], "{\"alg\":\"HS256\"}", good_claims, &token);
    ASSERT_FAULT(keyring, &token, TOKEN_OK); // all of the algorithm are tried
    keyring_release(keyring);
    for (int i = 0; i < 3; i++) {
        key_free(keys[i]);
    }
}

Test(token, not_all_of_many_keys_are_tried)
{
    struct key *keys[KEYRING_UNNAMED_MAX + 1];
    struct vector token;
    for (unsigned i = 0; i <= KEYRING_UNNAMED_MAX; i++) {
        char id[8];
        (void)snprintf(id, sizeof(id), "%u", i);
        keys[i] = vector_key(ALGORITHM_HS256, id);
    }
    struct keyring *keyring = vector_keyring(keys, KEYRING_UNNAMED_MAX);
    vector_token(keys[KEYRING_UNNAMED_MAX - 1], "{\"alg\":\"HS256\"}", good_claims, &token);
    ASSERT_FAULT(keyring, &token, TOKEN_OK);
    keyring_release(keyring);
    keyring = vector_keyring(keys, KEYRING_UNNAMED_MAX + 1);
    ASSERT_FAULT(keyring, &token, TOKEN_KEY_UNNAMED);
    vector_token(keys[8], "{\"alg\":\"HS256\",\"kid\":\"8\"}", good_claims, &token);
    ASSERT_FAULT(keyring, &token, TOKEN_OK);
    keyring_release(keyring);
    for (unsigned i = 0; i <= KEYRING_UNNAMED_MAX; i++) {
        key_free(keys[i]);
    }
}

// ---- headers -----------------------------------------------------------------------------------

struct header_case {
    const char *header;
    enum token_fault fault;
};

Test(token, headers_are_read_strictly)
{
    static const struct header_case cases[] = {
        {"{\"alg\":\"HS256\",\"crit\":[\"exp\"]}", TOKEN_CRITICAL},
        {"{\"alg\":\"HS256\",\"crit\":[]}", TOKEN_CRITICAL},
        {"{\"alg\":\"HS256\",\"b64\":false,\"crit\":[\"b64\"]}", TOKEN_CRITICAL},
        {"{\"alg\":\"HS256\",\"alg\":\"HS256\"}", TOKEN_HEADER},
        {"{\"alg\":\"HS256\",\"\\u0061lg\":\"none\"}", TOKEN_HEADER},
        {"{\"alg\":\"none\",\"alg\":\"HS256\"}", TOKEN_ALGORITHM},
        {"{\"alg\":\"HS256\",\"kid\":\"a\",\"kid\":\"b\"}", TOKEN_HEADER},
        {"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"typ\":\"JWT\"}", TOKEN_HEADER},
        {"{\"alg\":\"HS256\",\"typ\":\"JWE\"}", TOKEN_KIND},
        {"{\"alg\":\"HS256\",\"typ\":\"logout+jwt\"}", TOKEN_KIND},
        {"{\"alg\":\"HS256\",\"typ\":7}", TOKEN_KIND},
        {"{\"alg\":\"HS256\",\"typ\":\"a type that is longer than any that is known here\"}",
         TOKEN_KIND},
        {"{\"alg\":\"HS256\",\"kid\":\"\"}", TOKEN_KEY_ID},
        {"{\"alg\":\"HS256\",\"kid\":1}", TOKEN_KEY_ID},
        {"{\"alg\":\"HS256\",\"kid\":null}", TOKEN_KEY_ID},
        {"{\"alg\":\"HS256\",\"kid\":\"../../etc/passwd\"}", TOKEN_KEY_UNKNOWN},
        {"{\"alg\":[\"HS256\"]}", TOKEN_HEADER},
        {"{\"alg\":null}", TOKEN_HEADER},
        {"{\"typ\":\"JWT\"}", TOKEN_HEADER},
        {"{\"Alg\":\"HS256\"}", TOKEN_HEADER},
        {"{}", TOKEN_HEADER},
        {"[]", TOKEN_HEADER},
        {"null", TOKEN_HEADER},
        {"HS256", TOKEN_HEADER},
        {"{\"alg\":\"HS256\"", TOKEN_HEADER},
        {"{\"alg\":\"HS256\"}}", TOKEN_HEADER},
        {"{\"alg\":\"HS256\"} {}", TOKEN_HEADER},
        {"{\"alg\":\"HS256\",}", TOKEN_HEADER},
        {"{'alg':'HS256'}", TOKEN_HEADER},
        {"{\"alg\":\"HS256\",\"x\":\"\xff\"}", TOKEN_HEADER},
        {"{\"alg\":\"HS256\",\"x\":\"\\ud800\"}", TOKEN_HEADER},
        {"\xef\xbb\xbf{\"alg\":\"HS256\"}", TOKEN_HEADER},
        {"{\"alg\":\"\\u0048S256\"}", TOKEN_OK},
        {"{\"alg\":\"HS256\",\"x\":{\"alg\":\"none\"}}", TOKEN_OK},
        {"{\"alg\":\"HS256\",\"x\":\"gr\xc3\xbc\xc3\x9f\"}", TOKEN_OK},
    };
    struct fixture fixture = setup();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct vector token;
        vector_token(fixture.keys[ALGORITHM_HS256], cases[i].header, good_claims, &token);
        enum token_fault fault = verify(fixture.keyring, &token);
        cr_assert_eq(fault, cases[i].fault, "%s: %s", cases[i].header, token_fault_text(fault));
    }
    teardown(&fixture);
}

Test(token, rejects_a_deeply_nested_header)
{
    struct fixture fixture = setup();
    char header[2500] = "{\"alg\":\"HS256\",\"x\":";
    for (size_t length = strlen(header); length < 1000; length++) {
        header[length] = '[';
    }
    struct vector token;
    vector_token(fixture.keys[ALGORITHM_HS256], header, good_claims, &token);
    ASSERT_FAULT(fixture.keyring, &token, TOKEN_HEADER);
    teardown(&fixture);
}

Test(token, rejects_huge)
{
    struct fixture fixture = setup();
    struct vector token;
    char claims[4000] = "{\"exp\":2000,\"x\":\"";
    size_t used = strlen(claims);
    memset(claims + used, 'x', sizeof(claims) - used);
    // The longest that there may be, and one byte more.
    size_t most = TOKEN_BYTES_MAX / 4 * 3 - 50;
    memcpy(claims + most, "\"}", 3);
    vector_token(fixture.keys[ALGORITHM_HS256], "{\"alg\":\"HS256\"}", claims, &token);
    while (token.length > TOKEN_BYTES_MAX) {
        most--;
        memcpy(claims + most, "\"}", 3);
        vector_token(fixture.keys[ALGORITHM_HS256], "{\"alg\":\"HS256\"}", claims, &token);
    }
    ASSERT_FAULT(fixture.keyring, &token, TOKEN_OK);
    memcpy(claims + most, "xxx\"}", 6);
    vector_token(fixture.keys[ALGORITHM_HS256], "{\"alg\":\"HS256\"}", claims, &token);
    ASSERT_FAULT(fixture.keyring, &token, TOKEN_TOO_LONG);
    size_t length = 16 << 20;
    char *huge = malloc(length);
    memset(huge, '.', length);
    cr_assert_eq(verify_text(fixture.keyring, huge, length), TOKEN_TOO_LONG);
    memset(huge, 'A', length);
    cr_assert_eq(verify_text(fixture.keyring, huge, length), TOKEN_TOO_LONG);
    cr_assert_eq(verify_text(fixture.keyring, huge, TOKEN_BYTES_MAX), TOKEN_FORM);
    free(huge);
    teardown(&fixture);
}
