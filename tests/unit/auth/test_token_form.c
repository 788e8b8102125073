// Tokens that were changed on their way, or have another form than they must. Names are those of
// Wycheproof's JSON Web Signature cases, where they are such; keys and tokens are made here.
// link: tests/unit/auth/vectors.c
#include "auth/token.h"

#include "auth/signature.h"
#include "unit/auth/vectors.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define ASSERT_FAULT(keyring, token, expected)                                  \
    do {                                                                        \
        enum token_fault fault_here = vector_verify(keyring, token);            \
        cr_assert_eq(fault_here, expected, "%s: %s, not: %s", (token)->text,    \
                     token_fault_text(fault_here), token_fault_text(expected)); \
    } while (0)

// ---- changed on the way ------------------------------------------------------------------------

Test(token_form, rejects_modified_signature_payload_and_header)
{
    struct vector_keys fixture = vector_keys_make();
    for (unsigned i = 0; i < ALGORITHMS; i++) {
        struct vector token;
        vector_good_token(fixture.keys[i], &token);
        for (size_t at = 0; at < token.length; at++) {
            char before = token.text[at];
            if (before == '.') {
                continue;
            }
            token.text[at] = before == 'A' ? 'B' : 'A';
            cr_assert_neq(vector_verify(fixture.keyring, &token), TOKEN_OK, "%s at %zu", token.text,
                          at);
            token.text[at] = before;
        }
        ASSERT_FAULT(fixture.keyring, &token, TOKEN_OK);
    }
    vector_keys_free(&fixture);
}

Test(token_form, rejects_truncated)
{
    struct vector_keys fixture = vector_keys_make();
    for (unsigned i = 0; i < ALGORITHMS; i++) {
        struct vector token;
        vector_good_token(fixture.keys[i], &token);
        for (size_t length = 0; length < token.length; length++) {
            cr_assert_neq(vector_verify_text(fixture.keyring, token.text, length), TOKEN_OK);
        }
        for (size_t start = 1; start < token.length; start++) {
            cr_assert_neq(
                vector_verify_text(fixture.keyring, token.text + start, token.length - start),
                TOKEN_OK);
        }
    }
    vector_keys_free(&fixture);
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

Test(token_form, rejects_missing_reordered_and_extra_components)
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
    struct vector_keys fixture = vector_keys_make();
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
            cr_assert_neq(vector_verify_text(fixture.keyring, text, strlen(text)), TOKEN_OK,
                          "%s: %s", forms[i], text);
        }
        // A NUL ends nothing.
        token.text[token.length] = 0;
        cr_assert_eq(vector_verify_text(fixture.keyring, token.text, token.length + 1), TOKEN_FORM);
    }
    vector_keys_free(&fixture);
}

Test(token_form, rejects_the_other_base64_alphabet)
{
    struct vector_keys fixture = vector_keys_make();
    struct vector token;
    // Letters that differ are in the header.
    vector_token(fixture.keys[ALGORITHM_HS256], "{\"alg\":\"HS256\",\"x\":\"~~~>>>~>>~~>\"}",
                 vector_good_claims, &token);
    ASSERT_FAULT(fixture.keyring, &token, TOKEN_OK);
    bool is_changed = false;
    for (char *at = token.text; *at != '.'; at++) {
        is_changed |= *at == '-' || *at == '_';
        *at = (char)(*at == '-' ? '+' : *at == '_' ? '/' : *at);
    }
    cr_assert(is_changed);
    ASSERT_FAULT(fixture.keyring, &token, TOKEN_FORM);
    vector_keys_free(&fixture);
}

// Signed by who has the key, so that the text alone is what is wrong with it.
Test(token_form, rejects_other_encodings_also_with_the_right_signature)
{
    static const struct {
        const char *text; // header and claims as they are signed
        enum token_fault fault;
    } cases[] = {
        {"eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjIwMDB9", TOKEN_OK},
        {"eyJhbGciOiJIUzI1NiJ9=.eyJleHAiOjIwMDB9", TOKEN_FORM},
        {"eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjIwMDB9====", TOKEN_FORM},
        {"eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjIwMDB9 ", TOKEN_FORM},
        {"eyJhbGciOiJIUzI1NiJ9.eyJleHAi\nOjIwMDB9", TOKEN_FORM},
        {"eyJhbGciOiJIUzI1NiJ9.eyJleHAi?OjIwMDB9", TOKEN_FORM},
        {"eyJhbGciOiJIUzI1NiIgfQ.eyJleHAiOjIwMDB9", TOKEN_OK},
        {"eyJhbGciOiJIUzI1NiIgfR.eyJleHAiOjIwMDB9", TOKEN_FORM}, // bits left over
        {"eyJhbGciOiJIUzI1NiIgfQ==.eyJleHAiOjIwMDB9", TOKEN_FORM},
        {"eyJhbGciOiJIUzI1NiJ9.e", TOKEN_FORM},
        {"eyJhbGciOiJIUzI1NiJ9.", TOKEN_FORM},
        {"{\"alg\":\"HS256\"}.{\"exp\":2000}", TOKEN_FORM},
    };
    struct key *key = vector_key(ALGORITHM_HS256, "");
    struct keyring *keyring = vector_keyring(&key, 1);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t bytes[SIGNATURE_BYTES_MAX];
        struct vector signature;
        char token[200];
        size_t length = signature_make(key, slice_of(cases[i].text), bytes);
        vector_base64(slice_from(bytes, length), &signature);
        (void)snprintf(token, sizeof(token), "%s.%.100s", cases[i].text, signature.text);
        cr_assert_eq(vector_verify_text(keyring, token, strlen(token)), cases[i].fault, "%s",
                     token);
    }
    keyring_release(keyring);
    key_free(key);
}

Test(token_form, rejects_another_tokens_parts)
{
    struct vector_keys fixture = vector_keys_make();
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
        cr_assert_eq(vector_verify_text(fixture.keyring, text, strlen(text)), TOKEN_SIGNATURE);
    }
    vector_keys_free(&fixture);
}

// ---- headers -----------------------------------------------------------------------------------

struct header_case {
    const char *header;
    enum token_fault fault;
};

Test(token_form, headers_are_read_strictly)
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
    struct vector_keys fixture = vector_keys_make();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct vector token;
        vector_token(fixture.keys[ALGORITHM_HS256], cases[i].header, vector_good_claims, &token);
        enum token_fault fault = vector_verify(fixture.keyring, &token);
        cr_assert_eq(fault, cases[i].fault, "%s: %s", cases[i].header, token_fault_text(fault));
    }
    vector_keys_free(&fixture);
}

Test(token_form, rejects_a_deeply_nested_header)
{
    struct vector_keys fixture = vector_keys_make();
    char header[2500] = "{\"alg\":\"HS256\",\"x\":";
    for (size_t length = strlen(header); length < 1000; length++) {
        header[length] = '[';
    }
    struct vector token;
    vector_token(fixture.keys[ALGORITHM_HS256], header, vector_good_claims, &token);
    ASSERT_FAULT(fixture.keyring, &token, TOKEN_HEADER);
    vector_keys_free(&fixture);
}

Test(token_form, rejects_huge)
{
    struct vector_keys fixture = vector_keys_make();
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
    cr_assert_eq(vector_verify_text(fixture.keyring, huge, length), TOKEN_TOO_LONG);
    memset(huge, 'A', length);
    cr_assert_eq(vector_verify_text(fixture.keyring, huge, length), TOKEN_TOO_LONG);
    cr_assert_eq(vector_verify_text(fixture.keyring, huge, TOKEN_BYTES_MAX), TOKEN_FORM);
    free(huge);
    vector_keys_free(&fixture);
}
