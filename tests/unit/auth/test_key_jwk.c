// link: tests/unit/auth/vectors.c
#include "auth/key_jwk.h"

#include "unit/auth/vectors.h"

#include <criterion/criterion.h>
#include <stdio.h>

static unsigned notes;

static void count_note(void *context, const char *line)
{
    (void)context;
    (void)line;
    notes++;
}

struct reading {
    struct key_jwk_reader reader;
    bool is_read;
    size_t count;
};

static struct reading read_json(const char *json, bool wants_private)
{
    struct reading reading = {.reader = {.keyring = keyring_create(),
                                         .default_id = SLICE_LITERAL("file"),
                                         .wants_private = wants_private,
                                         .note = count_note}};
    notes = 0;
    reading.is_read = key_jwk_read(&reading.reader, slice_of(json));
    reading.count = keyring_count(reading.reader.keyring);
    return reading;
}

static void done(struct reading *reading)
{
    keyring_release(reading->reader.keyring);
}

static bool verifies(const struct reading *reading, const struct key *signer)
{
    static const struct token_rules rules = {.algorithms = ALGORITHMS_ALL};
    struct vector token;
    struct grant *grant = NULL;
    vector_good_token(signer, &token);
    enum token_fault fault =
        token_verify(reading->reader.keyring, &rules, vector_slice(&token), 0, &grant);
    grant_release(grant);
    return fault == TOKEN_OK;
}

static const struct key *only_key(const struct reading *reading, enum algorithm algorithm)
{
    size_t position = 0;
    return keyring_next(reading->reader.keyring, algorithm, slice_empty(), &position);
}

Test(key_jwk, each_kind_alone_and_in_a_set)
{
    for (unsigned i = 0; i < ALGORITHMS; i++) {
        struct key *key = vector_key((enum algorithm)i, "named");
        struct vector jwk;
        char set[VECTOR_BYTES_MAX + 100];
        vector_jwk(key, false, ",\"use\":\"sig\",\"key_ops\":[\"verify\"],\"x5c\":[\"AA\"]", &jwk);
        struct reading one = read_json(jwk.text, false);
        cr_assert(one.is_read && one.count == 1, "%s", one.reader.reason);
        cr_assert(verifies(&one, key));
        cr_assert(slice_equal_text(key_id(only_key(&one, (enum algorithm)i)), "named"));
        cr_assert_eq(one.reader.has_secret, i == ALGORITHM_HS256);
        (void)snprintf(set, sizeof(set), "{\"x\":[],\"keys\":[%s]}", jwk.text);
        struct reading several = read_json(set, false);
        cr_assert(several.is_read && several.count == 1 && verifies(&several, key));
        done(&one);
        done(&several);
        key_free(key);
    }
}

Test(key_jwk, private_parts_are_read_only_to_sign_with)
{
    for (unsigned i = ALGORITHM_RS256; i < ALGORITHMS; i++) {
        struct key *key = vector_key((enum algorithm)i, "");
        struct vector jwk;
        vector_jwk(key, true, "", &jwk);
        struct reading verifying = read_json(jwk.text, false);
        cr_assert(verifying.is_read && verifying.reader.has_secret);
        cr_assert_not(only_key(&verifying, (enum algorithm)i)->can_sign);
        cr_assert(verifies(&verifying, key));
        struct reading signing = read_json(jwk.text, true);
        cr_assert(signing.is_read, "%s", signing.reader.reason);
        cr_assert(only_key(&signing, (enum algorithm)i)->can_sign);
        cr_assert(verifies(&verifying, only_key(&signing, (enum algorithm)i)));
        done(&verifying);
        done(&signing);
        key_free(key);
    }
}

Test(key_jwk, a_private_part_of_another_key_is_refused)
{
    struct key *one = vector_key(ALGORITHM_EDDSA, "");
    struct key *other = vector_key(ALGORITHM_EDDSA, "");
    struct vector public;
    struct vector private;
    char mixed[2 * VECTOR_BYTES_MAX];
    vector_jwk(one, false, "", &public);
    vector_jwk(other, true, "", &private);
    (void)snprintf(mixed, sizeof(mixed), "%.*s%s", (int)public.length - 1, public.text,
                   strstr(private.text, ",\"d\""));
    struct reading reading = read_json(mixed, true);
    cr_assert_not(reading.is_read);
    done(&reading);
    key_free(one);
    key_free(other);
}

Test(key_jwk, a_key_alone_without_an_id_has_the_files)
{
    struct key *key = vector_key(ALGORITHM_HS256, "");
    struct vector jwk;
    char set[VECTOR_BYTES_MAX + 100];
    vector_jwk(key, false, "", &jwk);
    struct reading one = read_json(jwk.text, false);
    cr_assert(slice_equal_text(key_id(only_key(&one, ALGORITHM_HS256)), "file"));
    (void)snprintf(set, sizeof(set), "{\"keys\":[%s]}", jwk.text);
    struct reading several = read_json(set, false);
    cr_assert_eq(only_key(&several, ALGORITHM_HS256)->id_length, 0);
    done(&one);
    done(&several);
    key_free(key);
}

#define SECRET "\"k\":\"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE\""

Test(key_jwk, keys_for_others_are_passed_over)
{
    static const char *const texts[] = {
        "{\"kty\":\"oct\",\"use\":\"enc\"," SECRET "}",
        "{\"kty\":\"oct\",\"key_ops\":[\"sign\"]," SECRET "}",
        "{\"kty\":\"oct\",\"key_ops\":[]," SECRET "}",
        "{\"kty\":\"oct\",\"key_ops\":[\"encrypt\",\"wrapKey\"]," SECRET "}",
        "{\"kty\":\"oct\",\"alg\":\"HS384\"," SECRET "}",
        "{\"kty\":\"oct\",\"alg\":\"RS256\"," SECRET "}",
        "{\"kty\":\"oct\",\"alg\":\"none\"," SECRET "}",
        "{\"kty\":\"oct\",\"k\":\"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MA\"}", // 31 bytes
        "{\"kty\":\"OCT\"," SECRET "}",
        "{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"AA\",\"y\":\"AA\"}",
        "{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"AA\",\"y\":\"AA\"}",
        "{\"kty\":\"EC\",\"x\":\"AA\",\"y\":\"AA\"}",
        "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"AA\"}",
        "{\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":\"AA\"}",
        "{\"kty\":\"AKP\",\"alg\":\"ML-DSA-44\",\"pub\":\"AA\"}",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct reading reading = read_json(texts[i], false);
        cr_assert(reading.is_read, "%s: %s", texts[i], reading.reader.reason);
        cr_assert_eq(reading.count, 0, "%s", texts[i]);
        cr_assert_eq(notes, 1);
        cr_assert_not_null(strstr(reading.reader.reason, "key 1 is passed over: "), "%s",
                           reading.reader.reason);
        done(&reading);
    }
}

Test(key_jwk, malformed_keys_are_refused)
{
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "7",
        "{\"keys\":{}}",
        "{\"keys\":[7]}",
        "{\"keys\":[],\"keys\":[]}",
        "{\"keys\":[]} x",
        "{\"keys\":[{}]}",
        "{\"keys\":[{\"kid\":\"a\"}]}",
        "{\"kty\":\"oct\"}",
        "{\"kty\":7," SECRET "}",
        "{\"kty\":\"oct\",\"kty\":\"oct\"," SECRET "}",
        "{\"kty\":\"oct\"," SECRET "," SECRET "}",
        "{\"kty\":\"oct\",\"key_ops\":\"verify\"," SECRET "}",
        "{\"kty\":\"oct\",\"key_ops\":[\"verify\"],\"key_ops\":[\"verify\"]," SECRET "}",
        "{\"kty\":\"oct\",\"k\":\"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\"}",
        "{\"kty\":\"oct\",\"k\":\"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MD+\"}",
        "{\"kty\":\"oct\",\"k\":\"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MD \"}",
        "{\"kty\":\"oct\",\"k\":\"\"}",
        "{\"kty\":\"oct\",\"kid\":\"\"," SECRET "}",
        "{\"kty\":\"oct\",\"kid\":7," SECRET "}",
        "{\"kty\":\"RSA\",\"n\":\"AQAB\"}",
        "{\"kty\":\"RSA\",\"e\":\"AQAB\"}",
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AA\"}",
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}",
        // A point that is not on the curve.
        ("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\","
         "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\"}"),
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct reading reading = read_json(texts[i], false);
        cr_assert_not(reading.is_read, "%s", texts[i]);
        cr_assert_neq(reading.reader.reason[0], 0, "%s", texts[i]);
        cr_assert_null(strstr(reading.reader.reason, "MDEy"), "%s", reading.reader.reason);
        done(&reading);
    }
}

Test(key_jwk, weak_rsa_keys_are_passed_over)
{
    // 1024 bits: an odd number that looks like a modulus.
    char json[400] = "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"";
    size_t used = strlen(json);
    memset(json + used, '_', 170);
    memcpy(json + used + 170, "w\"}", 4);
    struct reading reading = read_json(json, false);
    cr_assert(reading.is_read && reading.count == 0);
    cr_assert_not_null(strstr(reading.reader.reason, "1024 bits"), "%s", reading.reader.reason);
    done(&reading);
}

Test(key_jwk, sets_are_bounded)
{
    static char json[64 << 10];
    for (unsigned keys = KEY_JWK_KEYS_MAX; keys <= KEY_JWK_KEYS_MAX + 1; keys++) {
        size_t used = (size_t)snprintf(json, sizeof(json), "{\"keys\":[");
        for (unsigned i = 0; i < keys; i++) {
            used += (size_t)snprintf(json + used, sizeof(json) - used,
                                     "%s{\"kty\":\"oct\",\"kid\":\"%u\"," SECRET "}",
                                     i == 0 ? "" : ",", i);
        }
        (void)snprintf(json + used, sizeof(json) - used, "]}");
        struct reading reading = read_json(json, false);
        cr_assert_eq(reading.is_read, keys == KEY_JWK_KEYS_MAX, "%s", reading.reader.reason);
        done(&reading);
    }
}
