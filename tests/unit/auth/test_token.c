// Tokens whose key or algorithm is not what they say. Names are those of Wycheproof's JSON Web
// Signature cases, where they are such; keys and tokens are made here.
// link: tests/unit/auth/vectors.c
#include "auth/token.h"

#include "unit/auth/vectors.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define ASSERT_FAULT(keyring, token, expected)                                  \
    do {                                                                        \
        enum token_fault fault_here = vector_verify(keyring, token);            \
        cr_assert_eq(fault_here, expected, "%s: %s, not: %s", (token)->text,    \
                     token_fault_text(fault_here), token_fault_text(expected)); \
    } while (0)

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
    struct vector_keys fixture = vector_keys_make();
    for (unsigned i = 0; i < ALGORITHMS; i++) {
        struct vector token;
        char header[100];
        vector_good_token(fixture.keys[i], &token);
        ASSERT_FAULT(fixture.keyring, &token, TOKEN_OK);
        (void)snprintf(header, sizeof(header), " {\"typ\":\"%s\",\"kid\":\"%s\",\"alg\":\"%s\"}\n",
                       i % 2 == 0 ? "jwt" : "application/at+JWT", algorithm_name((enum algorithm)i),
                       algorithm_name((enum algorithm)i));
        vector_token(fixture.keys[i], header, vector_good_claims, &token);
        ASSERT_FAULT(fixture.keyring, &token, TOKEN_OK);
    }
    vector_keys_free(&fixture);
}

Test(token, the_grant_is_what_the_claims_say)
{
    struct vector_keys fixture = vector_keys_make();
    struct vector token;
    struct grant *grant = NULL;
    vector_good_token(fixture.keys[ALGORITHM_EDDSA], &token);
    cr_assert_eq(
        token_verify(fixture.keyring, &vector_rules, vector_slice(&token), VECTOR_NOW_MS, &grant),
        TOKEN_OK);
    cr_assert(slice_equal_text(grant_subject(grant), "alice"));
    cr_assert(grant_may_read(grant, slice_of("chat/42")));
    cr_assert_not(grant_may_write(grant, slice_of("chat/42")));
    cr_assert_eq(grant_expires_ms(grant), 2000 * 1000);
    grant_release(grant);
    vector_keys_free(&fixture);
}

// ---- another algorithm than the key's ----------------------------------------------------------

Test(token, rejects_none_algorithm_however_it_is_written)
{
    static const char *const names[] = {"none", "None", "NONE", "nOnE", "", "none ", "null"};
    struct vector_keys fixture = vector_keys_make();
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct vector token;
        char header[64];
        (void)snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", names[i]);
        vector_token(fixture.keys[ALGORITHM_HS256], header, vector_good_claims, &token);
        ASSERT_FAULT(fixture.keyring, &token, TOKEN_ALGORITHM);
        // And without its signature.
        size_t length = (size_t)(strrchr(token.text, '.') - token.text) + 1;
        cr_assert_eq(vector_verify_text(fixture.keyring, token.text, length), TOKEN_FORM);
    }
    vector_keys_free(&fixture);
}

Test(token, rejects_algorithms_by_another_name_and_those_not_here)
{
    static const char *const names[] = {
        "hs256", "HS384",  "HS512", "RS384",   "RS512",  "PS256",        "PS384", "PS512", "ES384",
        "ES512", "ES256K", "eddsa", "Ed25519", "HS256 ", "HS256\\u0000", "RS1",   "A128KW"};
    struct vector_keys fixture = vector_keys_make();
    for (unsigned algorithm = 0; algorithm < ALGORITHMS; algorithm++) {
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            struct vector token;
            char header[64];
            (void)snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", names[i]);
            vector_token(fixture.keys[algorithm], header, vector_good_claims, &token);
            ASSERT_FAULT(fixture.keyring, &token, TOKEN_ALGORITHM);
        }
    }
    vector_keys_free(&fixture);
}

// Each key signs what says that it is of each other algorithm, by each other key's id and without.
Test(token, rejects_algorithm_confusion)
{
    struct vector_keys fixture = vector_keys_make();
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
                vector_token(fixture.keys[signer], header, vector_good_claims, &token);
                bool is_known = id == claimed || id == ALGORITHMS;
                ASSERT_FAULT(fixture.keyring, &token,
                             !is_known           ? TOKEN_KEY_UNKNOWN
                             : signer == claimed ? TOKEN_OK
                                                 : TOKEN_SIGNATURE);
            }
        }
    }
    vector_keys_free(&fixture);
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
            vector_token(secret, "{\"alg\":\"HS256\"}", vector_good_claims, &token);
            ASSERT_FAULT(keyring, &token, TOKEN_KEY_UNKNOWN);
            vector_token(secret,
                         algorithm == ALGORITHM_RS256   ? "{\"alg\":\"RS256\"}"
                         : algorithm == ALGORITHM_ES256 ? "{\"alg\":\"ES256\"}"
                                                        : "{\"alg\":\"EdDSA\"}",
                         vector_good_claims, &token);
            ASSERT_FAULT(keyring, &token, TOKEN_SIGNATURE);
            key_free(secret);
        }
        keyring_release(keyring);
        key_free(key);
    }
}

Test(token, rejects_attacker_provided_keys)
{
    struct vector_keys fixture = vector_keys_make();
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
        vector_token(attacker, header, vector_good_claims, &token);
        ASSERT_FAULT(fixture.keyring, &token, TOKEN_SIGNATURE);
        // The same from who has the right key is passed over, not used.
        vector_token(fixture.keys[i], header, vector_good_claims, &token);
        ASSERT_FAULT(fixture.keyring, &token, TOKEN_OK);
        key_free(attacker);
    }
    vector_keys_free(&fixture);
}

Test(token, only_allowed_algorithms_count)
{
    struct vector_keys fixture = vector_keys_make();
    for (unsigned allowed = 0; allowed < ALGORITHMS; allowed++) {
        const struct token_rules some = {.algorithms = 1U << allowed};
        for (unsigned i = 0; i < ALGORITHMS; i++) {
            struct vector token;
            struct grant *grant = NULL;
            vector_good_token(fixture.keys[i], &token);
            cr_assert_eq(
                token_verify(fixture.keyring, &some, vector_slice(&token), VECTOR_NOW_MS, &grant),
                i == allowed ? TOKEN_OK : TOKEN_ALGORITHM);
            grant_release(grant);
        }
    }
    vector_keys_free(&fixture);
}

// ---- which key ---------------------------------------------------------------------------------

Test(token, a_named_key_or_none)
{
    struct key *keys[] = {vector_key(ALGORITHM_HS256, "one"), vector_key(ALGORITHM_HS256, "two"),
                          vector_key(ALGORITHM_ES256, "two")};
    struct keyring *keyring = vector_keyring(keys, 3);
    struct vector token;
    vector_token(keys[1], "{\"alg\":\"HS256\",\"kid\":\"two\"}", vector_good_claims, &token);
    ASSERT_FAULT(keyring, &token, TOKEN_OK);
    vector_token(keys[2], "{\"alg\":\"ES256\",\"kid\":\"two\"}", vector_good_claims, &token);
    ASSERT_FAULT(keyring, &token, TOKEN_OK);
    vector_token(keys[1], "{\"alg\":\"HS256\",\"kid\":\"one\"}", vector_good_claims, &token);
    ASSERT_FAULT(keyring, &token, TOKEN_SIGNATURE);
    vector_token(keys[1], "{\"alg\":\"HS256\",\"kid\":\"three\"}", vector_good_claims, &token);
    ASSERT_FAULT(keyring, &token, TOKEN_KEY_UNKNOWN);
    vector_token(keys[1], "{\"alg\":\"HS256\",\"kid\":\"Two\"}", vector_good_claims, &token);
    ASSERT_FAULT(keyring, &token, TOKEN_KEY_UNKNOWN);
    vector_token(keys[1], "{\"alg\":\"HS256\",\"kid\":\"t\\u0077o\"}", vector_good_claims, &token);
    ASSERT_FAULT(keyring, &token, TOKEN_OK);
    vector_token(keys[1], "{\"alg\":\"HS256\",\"kid\":\"two\\u0000\"}", vector_good_claims, &token);
    ASSERT_FAULT(keyring, &token, TOKEN_KEY_UNKNOWN);
    vector_token(keys[1], "{\"alg\":\"HS256\"}", vector_good_claims, &token);
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
    vector_token(keys[KEYRING_UNNAMED_MAX - 1], "{\"alg\":\"HS256\"}", vector_good_claims, &token);
    ASSERT_FAULT(keyring, &token, TOKEN_OK);
    keyring_release(keyring);
    keyring = vector_keyring(keys, KEYRING_UNNAMED_MAX + 1);
    ASSERT_FAULT(keyring, &token, TOKEN_KEY_UNNAMED);
    vector_token(keys[8], "{\"alg\":\"HS256\",\"kid\":\"8\"}", vector_good_claims, &token);
    ASSERT_FAULT(keyring, &token, TOKEN_OK);
    keyring_release(keyring);
    for (unsigned i = 0; i <= KEYRING_UNNAMED_MAX; i++) {
        key_free(keys[i]);
    }
}
