#include "auth/claims.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

enum { NOW_MS = 1000 * 1000, LEEWAY_MS = 30 * 1000 };

static const struct token_rules plain = {.algorithms = ALGORITHMS_ALL};
static const struct token_rules strict = {.algorithms = ALGORITHMS_ALL,
                                          .audience = SLICE_LITERAL("ringcast"),
                                          .issuer = SLICE_LITERAL("https://id.example"),
                                          .leeway_ms = LEEWAY_MS,
                                          .needs_expiry = true};

static enum token_fault read_claims(const struct token_rules *rules, const char *json,
                                    struct grant **grant)
{
    // Of its own size, so that ASan sees a read beyond it.
    size_t length = strlen(json);
    uint8_t *copy = malloc(length);
    memcpy(copy, json, length);
    *grant = NULL;
    enum token_fault fault = claims_read(copy, length, rules, NOW_MS, grant);
    memset(copy, 'x', length); // the grant has a copy of its own
    free(copy);
    cr_assert_eq(fault == TOKEN_OK, *grant != NULL);
    return fault;
}

struct claims_case {
    const char *json;
    enum token_fault fault;
};

static void check(const struct token_rules *rules, const struct claims_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct grant *grant = NULL;
        enum token_fault fault = read_claims(rules, cases[i].json, &grant);
        cr_assert_eq(fault, cases[i].fault, "%s: %s, not: %s", cases[i].json,
                     token_fault_text(fault), token_fault_text(cases[i].fault));
        grant_release(grant);
    }
}

#define CHECK(rules, cases) check(rules, cases, sizeof(cases) / sizeof((cases)[0]))

Test(claims, what_they_allow)
{
    struct grant *grant = NULL;
    cr_assert_eq(read_claims(&plain,
                             "{\"sub\":\"al\\u0069ce\",\"jti\":{\"exp\":1},\"ringcast\":{\"read\":"
                             "[\"chat/*\",\"n\\u0065ws\"],\"write\":[\"chat/al\\/ice\"],\"types\":"
                             "[\"text\"],\"broadcast\":true}}",
                             &grant),
                 TOKEN_OK);
    cr_assert(slice_equal_text(grant_subject(grant), "alice"));
    cr_assert(grant_may_read(grant, slice_of("chat/1")) && grant_may_read(grant, slice_of("news")));
    cr_assert(grant_may_write(grant, slice_of("chat/al/ice")));
    cr_assert_not(grant_may_write(grant, slice_of("chat/1")));
    cr_assert(grant_may_see(grant, slice_of("text")) && !grant_may_see(grant, slice_of("error")));
    cr_assert(grant_may_broadcast(grant));
    cr_assert_eq(grant_expires_ms(grant), GRANT_NEVER_EXPIRES);
    grant_release(grant);
}

Test(claims, none_allow_nothing)
{
    static const char *const texts[] = {"{}", "{\"ringcast\":{}}",
                                        "{\"ringcast\":{\"read\":[],\"write\":[]}}"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct grant *grant = NULL;
        cr_assert_eq(read_claims(&plain, texts[i], &grant), TOKEN_OK);
        cr_assert_not(grant_may_read(grant, slice_of("chat")));
        cr_assert_not(grant_may_write(grant, slice_of("chat")));
        cr_assert_not(grant_may_broadcast(grant));
        cr_assert(grant_sees_all_types(grant));
        cr_assert_eq(grant_subject(grant).length, 0);
        grant_release(grant);
    }
    struct grant *blind = NULL;
    cr_assert_eq(read_claims(&plain, "{\"ringcast\":{\"types\":[]}}", &blind), TOKEN_OK);
    cr_assert_not(grant_may_see(blind, slice_of("text")));
    cr_assert_not(grant_may_see(blind, slice_empty()));
    grant_release(blind);
}

Test(claims, times)
{
    static const struct claims_case cases[] = {
        {"{\"exp\":1001}", TOKEN_OK},
        {"{\"exp\":1000}", TOKEN_EXPIRED},
        {"{\"exp\":1000.9}", TOKEN_EXPIRED},
        {"{\"exp\":1001.5}", TOKEN_OK},
        {"{\"exp\":0}", TOKEN_EXPIRED},
        {"{\"exp\":-1}", TOKEN_EXPIRED},
        {"{\"exp\":-9999999999999999999999}", TOKEN_TIME},
        {"{\"exp\":1e10}", TOKEN_TIME},
        {"{\"exp\":1.0e10}", TOKEN_TIME},
        {"{\"exp\":\"1001\"}", TOKEN_TIME},
        {"{\"exp\":null}", TOKEN_TIME},
        {"{\"exp\":true}", TOKEN_TIME},
        {"{\"exp\":[1001]}", TOKEN_TIME},
        {"{\"exp\":01001}", TOKEN_TIME},
        {"{\"exp\":253402300799}", TOKEN_OK},
        {"{\"exp\":253402300800}", TOKEN_TIME}, // milliseconds, most likely
        {"{\"exp\":1795291831000}", TOKEN_TIME},
        {"{\"exp\":18446744073709551615}", TOKEN_TIME},
        {"{\"exp\":18446744073709551616}", TOKEN_TIME},
        {"{\"nbf\":1000}", TOKEN_OK},
        {"{\"nbf\":1000.9}", TOKEN_OK},
        {"{\"nbf\":1001}", TOKEN_NOT_YET},
        {"{\"nbf\":-5}", TOKEN_OK},
        {"{\"nbf\":\"0\"}", TOKEN_TIME},
        {"{\"iat\":99999999999999}", TOKEN_OK},
        {"{\"exp\":1001,\"exp\":9999}", TOKEN_CLAIMS},
        {"{\"exp\":1001,\"e\\u0078p\":9999}", TOKEN_CLAIMS},
    };
    CHECK(&plain, cases);
}

Test(claims, leeway_is_given_to_both_sides)
{
    static const struct token_rules rules = {.leeway_ms = LEEWAY_MS};
    static const struct claims_case cases[] = {
        {"{\"exp\":971}", TOKEN_OK},
        {"{\"exp\":970}", TOKEN_EXPIRED},
        {"{\"nbf\":1030}", TOKEN_OK},
        {"{\"nbf\":1031}", TOKEN_NOT_YET},
    };
    CHECK(&rules, cases);
    struct grant *grant = NULL;
    cr_assert_eq(read_claims(&rules, "{\"exp\":971}", &grant), TOKEN_OK);
    cr_assert_eq(grant_expires_ms(grant), 971 * 1000 + LEEWAY_MS);
    grant_release(grant);
}

Test(claims, issuer_and_audience)
{
#define GOOD "\"exp\":2000,\"iss\":\"https://id.example\""
    static const struct claims_case cases[] = {
        {"{" GOOD ",\"aud\":\"ringcast\"}", TOKEN_OK},
        {"{" GOOD ",\"aud\":[\"other\",\"ring\\u0063ast\"]}", TOKEN_OK},
        {"{" GOOD ",\"aud\":[\"ringcast\",\"other\"]}", TOKEN_OK},
        {"{" GOOD ",\"aud\":[]}", TOKEN_AUDIENCE},
        {"{" GOOD ",\"aud\":\"Ringcast\"}", TOKEN_AUDIENCE},
        {"{" GOOD ",\"aud\":\"ringcast2\"}", TOKEN_AUDIENCE},
        {"{" GOOD ",\"aud\":[\"other\"]}", TOKEN_AUDIENCE},
        {"{" GOOD ",\"aud\":[[\"ringcast\"]]}", TOKEN_AUDIENCE},
        {"{" GOOD ",\"aud\":[\"ringcast\",7]}", TOKEN_AUDIENCE},
        {"{" GOOD ",\"aud\":{\"ringcast\":1}}", TOKEN_AUDIENCE},
        {"{" GOOD ",\"aud\":null}", TOKEN_AUDIENCE},
        {"{" GOOD "}", TOKEN_AUDIENCE},
        {"{" GOOD ",\"aud\":\"other\",\"aud\":\"ringcast\"}", TOKEN_CLAIMS},
        {"{\"exp\":2000,\"aud\":\"ringcast\"}", TOKEN_ISSUER},
        {"{\"exp\":2000,\"aud\":\"ringcast\",\"iss\":\"https://id.example/\"}", TOKEN_ISSUER},
        {"{\"exp\":2000,\"aud\":\"ringcast\",\"iss\":[\"https://id.example\"]}", TOKEN_ISSUER},
        {"{\"iss\":\"https://id.example\",\"aud\":\"ringcast\"}", TOKEN_EXPIRY_MISSING},
    };
#undef GOOD
    CHECK(&strict, cases);
}

Test(claims, subjects)
{
    char just[400];
    char over[400];
    struct grant *grant = NULL;
    char text[260];
    memset(text, 'a', sizeof(text));
    (void)snprintf(just, sizeof(just), "{\"sub\":\"%.255s\"}", text);
    (void)snprintf(over, sizeof(over), "{\"sub\":\"%.256s\"}", text);
    cr_assert_eq(read_claims(&plain, just, &grant), TOKEN_OK);
    cr_assert_eq(grant_subject(grant).length, 255);
    grant_release(grant);
    cr_assert_eq(read_claims(&plain, over, &grant), TOKEN_SUBJECT);
    static const struct claims_case cases[] = {
        {"{\"sub\":7}", TOKEN_SUBJECT},
        {"{\"sub\":null}", TOKEN_SUBJECT},
        {"{\"sub\":\"a\\u0000b\"}", TOKEN_SUBJECT},
        {"{\"sub\":\"a\\r\\nb\"}", TOKEN_SUBJECT},
        {"{\"sub\":\"a\\u009bb\"}", TOKEN_SUBJECT},
        {"{\"sub\":\"\"}", TOKEN_OK},
        {"{\"sub\":\"\\ud83d\\ude00 gr\xc3\xbc\xc3\x9f\"}", TOKEN_OK},
        {"{\"sub\":\"a\",\"sub\":\"b\"}", TOKEN_CLAIMS},
    };
    CHECK(&plain, cases);
}

Test(claims, terms_are_read_strictly)
{
    static const struct claims_case cases[] = {
        {"{\"ringcast\":null}", TOKEN_TERMS},
        {"{\"ringcast\":[]}", TOKEN_TERMS},
        {"{\"ringcast\":true}", TOKEN_TERMS},
        {"{\"ringcast\":{},\"ringcast\":{}}", TOKEN_CLAIMS},
        {"{\"ringcast\":{\"type\":[\"text\"]}}", TOKEN_TERMS}, // would otherwise allow all
        {"{\"ringcast\":{\"Types\":[\"text\"]}}", TOKEN_TERMS},
        {"{\"ringcast\":{\"read\":[\"a\"],\"read\":[\"**\"]}}", TOKEN_TERMS},
        {"{\"ringcast\":{\"types\":[\"a\"],\"t\\u0079pes\":[\"**\"]}}", TOKEN_TERMS},
        {"{\"ringcast\":{\"broadcast\":1}}", TOKEN_TERMS},
        {"{\"ringcast\":{\"broadcast\":\"true\"}}", TOKEN_TERMS},
        {"{\"ringcast\":{\"broadcast\":false}}", TOKEN_OK},
        {"{\"ringcast\":{\"read\":\"**\"}}", TOKEN_PATTERN},
        {"{\"ringcast\":{\"read\":null}}", TOKEN_PATTERN},
        {"{\"ringcast\":{\"read\":[7]}}", TOKEN_PATTERN},
        {"{\"ringcast\":{\"read\":[\"\"]}}", TOKEN_PATTERN},
        {"{\"ringcast\":{\"read\":[[\"a\"]]}}", TOKEN_PATTERN},
        {"{\"ringcast\":{\"write\":[\"a\\u000ab\"]}}", TOKEN_PATTERN},
        {"{\"ringcast\":{\"types\":[\"a\\u0000b\"]}}", TOKEN_PATTERN},
        {"{\"ringcast\":{\"read\":[\"a\",]}}", TOKEN_PATTERN},
        {"{\"ringcast\":{\"read\":[\"a\"]}", TOKEN_CLAIMS},
    };
    CHECK(&plain, cases);
}

Test(claims, lists_are_bounded)
{
    char json[2000];
    for (int patterns = GRANT_PATTERNS_MAX; patterns <= GRANT_PATTERNS_MAX + 1; patterns++) {
        size_t used = (size_t)snprintf(json, sizeof(json), "{\"ringcast\":{\"read\":[\"a\"");
        for (int i = 1; i < patterns; i++) {
            used += (size_t)snprintf(json + used, sizeof(json) - used, ",\"a%d\"", i);
        }
        (void)snprintf(json + used, sizeof(json) - used, "]}}");
        struct grant *grant = NULL;
        cr_assert_eq(read_claims(&plain, json, &grant),
                     patterns == GRANT_PATTERNS_MAX ? TOKEN_OK : TOKEN_PATTERN);
        grant_release(grant);
    }
}

Test(claims, what_is_not_one_object)
{
    static const struct claims_case cases[] = {
        {"[]", TOKEN_CLAIMS},
        {"null", TOKEN_CLAIMS},
        {"\"exp\"", TOKEN_CLAIMS},
        {"{", TOKEN_CLAIMS},
        {"{}{}", TOKEN_CLAIMS},
        {"{}\xff", TOKEN_CLAIMS},
        {"{\"a\":1,}", TOKEN_CLAIMS},
        {"{\"a\":\"\xed\xa0\x80\"}", TOKEN_CLAIMS},
        {"{\"a\":\"\\q\"}", TOKEN_CLAIMS},
        {"{\"a\" 1}", TOKEN_CLAIMS},
        {"foo", TOKEN_CLAIMS},
        {" {} ", TOKEN_OK},
        {"{\"iss\":\"\\ud800\"}", TOKEN_CLAIMS},
    };
    CHECK(&plain, cases);
}
