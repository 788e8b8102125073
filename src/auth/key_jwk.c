#include "auth/key_jwk.h"

#include "base/base64.h"
#include "base/json.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <stdarg.h>
#include <stdio.h>

enum {
    NUMBER_BYTES_MAX = KEY_RSA_BITS_MAX / 8 + 1,
    EXPONENT_BYTES_MAX = 8,
    P256_BYTES = 32,
    ED25519_BYTES = 32,
};

enum member { KTY, USE, ALG, KID, CRV, N, E, D, X, Y, K, MEMBERS };
static const char *const member_names[MEMBERS] = {"kty", "use", "alg", "kid", "crv", "n",
                                                  "e",   "d",   "x",   "y",   "k"};

struct jwk {
    unsigned seen;
    struct json_string members[MEMBERS];
    size_t number; // in its set, from 1
    bool has_operations;
    bool may_verify;
    bool may_sign;
};

// What came of one key.
enum outcome { TAKEN, PASSED_OVER, FAULTY };

static enum outcome outcome_of(struct key_jwk_reader *reader, enum outcome outcome,
                               const char *format, ...) __attribute__((format(printf, 3, 4)));
static enum outcome outcome_of(struct key_jwk_reader *reader, enum outcome outcome,
                               const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(reader->reason, sizeof(reader->reason), format, arguments);
    va_end(arguments);
    return outcome;
}

static bool has(const struct jwk *jwk, enum member member)
{
    return (jwk->seen >> member & 1) != 0;
}

static bool is(const struct jwk *jwk, enum member member, const char *text)
{
    return has(jwk, member) && json_string_is(jwk->members[member], text);
}

// Whether the member is there, in the base64url of RFC 7515. *length: its bytes.
static bool decode(const struct jwk *jwk, enum member member, uint8_t *into, size_t capacity,
                   size_t *length)
{
    struct slice text = jwk->members[member].raw;
    if (!has(jwk, member) || jwk->members[member].is_escaped ||
        slice_find(text, '+') < text.length || slice_find(text, '/') < text.length ||
        slice_find(text, '=') < text.length) {
        return false;
    }
    ssize_t decoded = base64_decode(into, capacity, text, NULL);
    *length = decoded > 0 ? (size_t)decoded : 0;
    return decoded > 0;
}

static BIGNUM *number_of(const struct jwk *jwk, enum member member, size_t bytes_max)
{
    uint8_t bytes[NUMBER_BYTES_MAX];
    size_t length = 0;
    ASSERT(bytes_max <= sizeof(bytes));
    BIGNUM *number =
        decode(jwk, member, bytes, bytes_max, &length) ? BN_bin2bn(bytes, (int)length, NULL) : NULL;
    OPENSSL_cleanse(bytes, sizeof(bytes));
    return number;
}

// ---- the kinds of keys -------------------------------------------------------------------------

// NULL where OpenSSL does not take it.
static EVP_PKEY *pair_from(const char *kind, OSSL_PARAM_BLD *builder, bool is_private)
{
    OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
    EVP_PKEY *pair = NULL;
    int selection = is_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY;
    if (parameters == NULL || context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &pair, selection, parameters) != 1) {
        pair = NULL;
    }
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(parameters);
    ERR_clear_error();
    return pair;
}

static EVP_PKEY *rsa_pair(const struct jwk *jwk, bool is_private)
{
    BIGNUM *n = number_of(jwk, N, NUMBER_BYTES_MAX);
    BIGNUM *e = number_of(jwk, E, EXPONENT_BYTES_MAX);
    BIGNUM *d = is_private ? number_of(jwk, D, NUMBER_BYTES_MAX) : NULL;
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    EVP_PKEY *pair = NULL;
    if (builder != NULL && n != NULL && e != NULL && (d != NULL || !is_private) &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) == 1 &&
        (d == NULL || OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_D, d) == 1)) {
        pair = pair_from("RSA", builder, is_private);
    }
    OSSL_PARAM_BLD_free(builder);
    BN_free(n);
    BN_free(e);
    BN_clear_free(d);
    return pair;
}

static EVP_PKEY *ec_pair(const struct jwk *jwk, bool is_private)
{
    uint8_t point[1 + 2 * P256_BYTES] = {POINT_CONVERSION_UNCOMPRESSED};
    size_t x_length = 0;
    size_t y_length = 0;
    if (!decode(jwk, X, point + 1, P256_BYTES, &x_length) || x_length != P256_BYTES ||
        !decode(jwk, Y, point + 1 + P256_BYTES, P256_BYTES, &y_length) || y_length != P256_BYTES) {
        return NULL;
    }
    BIGNUM *d = is_private ? number_of(jwk, D, P256_BYTES) : NULL;
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    EVP_PKEY *pair = NULL;
    if (builder != NULL && (d != NULL || !is_private) &&
        OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) ==
            1 &&
        OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)) ==
            1 &&
        (d == NULL || OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PRIV_KEY, d) == 1)) {
        pair = pair_from("EC", builder, is_private);
    }
    OSSL_PARAM_BLD_free(builder);
    BN_clear_free(d);
    return pair;
}

// A private part is the whole key: the public one must be the one that follows from it.
static EVP_PKEY *ed25519_pair(const struct jwk *jwk, bool is_private)
{
    uint8_t x[ED25519_BYTES];
    uint8_t d[ED25519_BYTES];
    size_t length = 0;
    if (!decode(jwk, X, x, sizeof(x), &length) || length != sizeof(x)) {
        return NULL;
    }
    EVP_PKEY *pair = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, x, sizeof(x));
    if (is_private && pair != NULL) {
        EVP_PKEY *whole = decode(jwk, D, d, sizeof(d), &length) && length == sizeof(d)
                              ? EVP_PKEY_new_raw_private_key_ex(NULL, "ED25519", NULL, d, sizeof(d))
                              : NULL;
        OPENSSL_cleanse(d, sizeof(d));
        bool is_same = whole != NULL && EVP_PKEY_eq(whole, pair) == 1;
        EVP_PKEY_free(pair);
        pair = is_same ? whole : NULL;
        if (!is_same) {
            EVP_PKEY_free(whole);
        }
    }
    ERR_clear_error();
    return pair;
}

// ---- one key -----------------------------------------------------------------------------------

struct kind {
    const char *kty;
    const char *crv; // NULL: none
    const char *crv_name;
    enum algorithm algorithm;
    EVP_PKEY *(*pair)(const struct jwk *jwk, bool is_private); // NULL: a secret
};

static const struct kind kinds[] = {
    {"oct", NULL, "", ALGORITHM_HS256, NULL},
    {"RSA", NULL, "", ALGORITHM_RS256, rsa_pair},
    {"EC", "P-256", " on P-256", ALGORITHM_ES256, ec_pair},
    {"OKP", "Ed25519", " with Ed25519", ALGORITHM_EDDSA, ed25519_pair},
};

static const struct kind *kind_of(const struct jwk *jwk)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (is(jwk, KTY, kinds[i].kty) && (kinds[i].crv == NULL || is(jwk, CRV, kinds[i].crv))) {
            return &kinds[i];
        }
    }
    return NULL;
}

static enum outcome add(struct key_jwk_reader *reader, const struct jwk *jwk, struct key *key)
{
    if (key == NULL) {
        return PASSED_OVER; // weaker than allowed: the reason is told
    }
    uint8_t id[KEY_ID_BYTES_MAX];
    struct slice given = reader->default_id;
    if (has(jwk, KID)) {
        if (!json_string_slice(jwk->members[KID], id, sizeof(id), &given) || given.length == 0) {
            key_free(key);
            return outcome_of(reader, FAULTY, "its kid is not of 1 to %d bytes", KEY_ID_BYTES_MAX);
        }
    }
    if (given.length > 0 && !key_set_id(key, given)) {
        key_free(key);
        return outcome_of(reader, FAULTY, "its kid is not of 1 to %d bytes", KEY_ID_BYTES_MAX);
    }
    if (!keyring_add(reader->keyring, key)) {
        return outcome_of(reader, FAULTY, "there are more than %d keys", KEYRING_KEYS_MAX);
    }
    return TAKEN;
}

static enum outcome take_secret(struct key_jwk_reader *reader, const struct jwk *jwk)
{
    uint8_t secret[KEY_SECRET_BYTES_MAX];
    size_t length = 0;
    enum outcome outcome = FAULTY;
    reader->has_secret = true;
    if (decode(jwk, K, secret, sizeof(secret), &length)) {
        outcome = add(reader, jwk, key_from_secret(slice_from(secret, length), reader->reason));
    } else {
        (void)outcome_of(reader, FAULTY, "its k is not base64url of at most %d bytes",
                         KEY_SECRET_BYTES_MAX);
    }
    OPENSSL_cleanse(secret, sizeof(secret));
    return outcome;
}

static enum outcome take(struct key_jwk_reader *reader, const struct jwk *jwk)
{
    const struct kind *kind = kind_of(jwk);
    if (!has(jwk, KTY)) {
        return outcome_of(reader, FAULTY, "it has no kty");
    }
    if (kind == NULL) {
        return outcome_of(reader, PASSED_OVER,
                          "of another kind than oct, RSA, EC on P-256 and OKP with Ed25519");
    }
    bool is_allowed =
        !jwk->has_operations || (reader->wants_private ? jwk->may_sign : jwk->may_verify);
    if ((has(jwk, USE) && !is(jwk, USE, "sig")) || !is_allowed) {
        return outcome_of(reader, PASSED_OVER, "for another use (use, key_ops)");
    }
    if (has(jwk, ALG) && !is(jwk, ALG, algorithm_name(kind->algorithm))) {
        return outcome_of(reader, PASSED_OVER, "for another algorithm than %s",
                          algorithm_name(kind->algorithm));
    }
    if (kind->pair == NULL) {
        return take_secret(reader, jwk);
    }
    reader->has_secret |= has(jwk, D);
    bool is_private = has(jwk, D) && reader->wants_private;
    EVP_PKEY *pair = kind->pair(jwk, is_private);
    if (pair == NULL) {
        return outcome_of(reader, FAULTY, "its numbers are no %s key%s", kind->kty, kind->crv_name);
    }
    return add(reader, jwk, key_from_pair(pair, is_private, reader->reason));
}

static void read_operations(struct json_scanner *scanner, struct jwk *jwk)
{
    struct json_string operation;
    if (jwk->has_operations) {
        json_fail(scanner, JSON_FAULT_MEMBER);
        return;
    }
    jwk->has_operations = true;
    (void)json_enter_array(scanner);
    while (json_next_element(scanner)) {
        if (json_read_string(scanner, &operation)) {
            jwk->may_verify |= json_string_is(operation, "verify");
            jwk->may_sign |= json_string_is(operation, "sign");
        }
    }
}

static bool read_members(struct json_scanner *scanner, struct jwk *jwk)
{
    struct json_string key;
    (void)json_enter_object(scanner);
    while (json_next_member(scanner, &key)) {
        unsigned member = 0;
        while (member < MEMBERS && !json_string_is(key, member_names[member])) {
            member++;
        }
        if (json_string_is(key, "key_ops")) {
            read_operations(scanner, jwk);
        } else if (member == MEMBERS) {
            (void)json_skip_value(scanner);
        } else if (has(jwk, (enum member)member)) {
            json_fail(scanner, JSON_FAULT_MEMBER);
        } else {
            (void)json_read_string(scanner, &jwk->members[member]);
            jwk->seen |= 1U << member;
        }
    }
    return scanner->fault == JSON_OK;
}

// False with a reason.
static bool read_key(struct key_jwk_reader *reader, struct json_scanner *scanner, size_t number)
{
    struct jwk jwk = {.number = number};
    if (!read_members(scanner, &jwk)) {
        return false; // the scanner has the fault
    }
    enum outcome outcome = take(reader, &jwk);
    if (outcome == TAKEN) {
        return true;
    }
    char reason[KEY_REASON_SIZE];
    (void)snprintf(reason, sizeof(reason), "%.*s", KEY_REASON_SIZE - 1, reader->reason);
    (void)outcome_of(reader, outcome, "key %zu%s: %.120s", number,
                     outcome == PASSED_OVER ? " is passed over" : "", reason);
    if (outcome == PASSED_OVER && reader->note != NULL) {
        reader->note(reader->context, reader->reason);
    }
    return outcome == PASSED_OVER;
}

// ---- a set -------------------------------------------------------------------------------------

static bool read_set(struct key_jwk_reader *reader, struct json_scanner *scanner)
{
    struct json_string name;
    bool has_keys = false;
    size_t number = 0;
    (void)json_enter_object(scanner);
    while (json_next_member(scanner, &name)) {
        if (!json_string_is(name, "keys")) {
            (void)json_skip_value(scanner);
            continue;
        }
        if (has_keys) {
            json_fail(scanner, JSON_FAULT_MEMBER);
            break;
        }
        has_keys = true;
        (void)json_enter_array(scanner);
        while (json_next_element(scanner)) {
            if (++number > KEY_JWK_KEYS_MAX) {
                (void)outcome_of(reader, FAULTY, "more than %d keys", KEY_JWK_KEYS_MAX);
                return false;
            }
            if (!read_key(reader, scanner, number)) {
                return false;
            }
        }
    }
    return json_finish(scanner);
}

// Whether it is one key rather than a set: it says of what kind it is.
static bool is_one_key(struct slice json)
{
    struct json_scanner scanner;
    struct json_string name;
    bool has_kind = false;
    json_begin(&scanner, json);
    (void)json_enter_object(&scanner);
    while (json_next_member(&scanner, &name)) {
        has_kind |= json_string_is(name, "kty");
        (void)json_skip_value(&scanner);
    }
    return has_kind;
}

bool key_jwk_read(struct key_jwk_reader *reader, struct slice json)
{
    struct json_scanner scanner;
    reader->has_secret = false;
    reader->reason[0] = 0;
    json_begin(&scanner, json);
    bool is_read = false;
    if (is_one_key(json)) {
        is_read = read_key(reader, &scanner, 1) && json_finish(&scanner);
    } else {
        reader->default_id = slice_empty();
        is_read = read_set(reader, &scanner);
    }
    if (!is_read && scanner.fault != JSON_OK) {
        (void)outcome_of(reader, FAULTY, "not a JSON Web Key or a set of them: %s at byte %zu",
                         json_fault_text(scanner.fault), scanner.fault_position + 1);
    }
    return is_read;
}
