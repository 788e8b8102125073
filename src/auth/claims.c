#include "auth/claims.h"

#include "base/json.h"
#include "base/pattern.h"
#include "base/text.h"
#include "base/utf8.h"

enum {
    SECOND_MS = 1000,
};
// The last second of the year 9999. What is above it was most likely given in milliseconds.
static const uint64_t seconds_max = 253402300799;

struct claims {
    uint8_t *json; // the text that strings are unescaped in
    struct grant_terms terms;
    struct slice read[GRANT_PATTERNS_MAX];
    struct slice write[GRANT_PATTERNS_MAX];
    struct slice types[GRANT_PATTERNS_MAX];
    bool has_expiry;
    bool has_issuer;   // the one asked for
    bool has_audience; // the one asked for
    uint64_t expires_s;
    uint64_t begins_s;
};

// Claims that mean something here, each at most once.
enum claim { CLAIM_EXP, CLAIM_NBF, CLAIM_ISS, CLAIM_AUD, CLAIM_SUB, CLAIM_RINGCAST, CLAIMS };
static const char *const claim_names[CLAIMS] = {"exp", "nbf", "iss", "aud", "sub", "ringcast"};

enum term { TERM_READ, TERM_WRITE, TERM_TYPES, TERM_BROADCAST, TERMS };
static const char *const term_names[TERMS] = {"read", "write", "types", "broadcast"};

// The number of the name, or `count`.
static unsigned find_name(struct json_string key, const char *const *names, unsigned count)
{
    unsigned i = 0;
    while (i < count && !json_string_is(key, names[i])) {
        i++;
    }
    return i;
}

// The string's text; what is escaped is unescaped where it stands.
static struct slice text_of(const struct claims *claims, const struct json_scanner *scanner,
                            struct json_string string)
{
    if (!string.is_escaped) {
        return string.raw;
    }
    uint8_t *at = claims->json + (string.raw.at - scanner->text.at);
    json_unescape(string, at);
    return slice_from(at, string.length);
}

// ---- single claims -----------------------------------------------------------------------------

// NumericDate (RFC 7519 section 2): seconds, perhaps with a fraction, which is dropped.
static bool read_time(struct json_scanner *scanner, uint64_t *seconds)
{
    struct slice raw;
    if (json_peek(scanner) != JSON_NUMBER || !json_read_raw(scanner, &raw)) {
        return false;
    }
    bool is_negative = raw.at[0] == '-';
    struct slice number = slice_after(raw, is_negative ? 1 : 0);
    struct slice fraction = number;
    struct slice whole = slice_split(&fraction, '.');
    for (size_t i = 0; i < fraction.length; i++) {
        if (fraction.at[i] < '0' || fraction.at[i] > '9') {
            return false; // an exponent
        }
    }
    uint64_t value = 0;
    if (!text_parse_u64_max(whole, seconds_max, &value)) {
        return false;
    }
    *seconds = is_negative ? 0 : value;
    return true;
}

// Whether the text that is due is `wanted`, where one is wanted. A fault where it is no text.
static bool read_name(struct claims *claims, struct json_scanner *scanner, struct slice wanted)
{
    struct json_string string;
    if (!json_read_string(scanner, &string)) {
        return false;
    }
    return slice_equal(text_of(claims, scanner, string), wanted);
}

static void read_audience(struct claims *claims, struct json_scanner *scanner, struct slice wanted)
{
    if (json_peek(scanner) != JSON_ARRAY) {
        claims->has_audience = read_name(claims, scanner, wanted);
        return;
    }
    (void)json_enter_array(scanner);
    while (json_next_element(scanner)) {
        claims->has_audience |= read_name(claims, scanner, wanted);
    }
}

static enum token_fault read_subject(struct claims *claims, struct json_scanner *scanner)
{
    struct json_string string;
    if (!json_read_string(scanner, &string)) {
        return TOKEN_SUBJECT;
    }
    struct slice subject = text_of(claims, scanner, string);
    if (subject.length > GRANT_SUBJECT_BYTES_MAX || utf8_has_control(subject)) {
        return TOKEN_SUBJECT;
    }
    claims->terms.subject = subject;
    return TOKEN_OK;
}

// ---- ringcast ----------------------------------------------------------------------------------

static enum token_fault read_patterns(struct claims *claims, struct json_scanner *scanner,
                                      struct slice *into, struct grant_patterns *patterns)
{
    size_t count = 0;
    if (!json_enter_array(scanner)) {
        return TOKEN_PATTERN;
    }
    while (json_next_element(scanner)) {
        struct json_string string;
        if (count == GRANT_PATTERNS_MAX || !json_read_string(scanner, &string)) {
            return TOKEN_PATTERN;
        }
        struct slice pattern = text_of(claims, scanner, string);
        if (!pattern_is_valid(pattern)) {
            return TOKEN_PATTERN;
        }
        into[count++] = pattern;
    }
    *patterns = (struct grant_patterns){.at = into, .count = count};
    return TOKEN_OK;
}

static enum token_fault read_term(struct claims *claims, struct json_scanner *scanner,
                                  enum term term)
{
    struct grant_terms *terms = &claims->terms;
    switch (term) {
    case TERM_READ: return read_patterns(claims, scanner, claims->read, &terms->read);
    case TERM_WRITE: return read_patterns(claims, scanner, claims->write, &terms->write);
    case TERM_TYPES:
        terms->sees_all_types = false;
        return read_patterns(claims, scanner, claims->types, &terms->types);
    case TERM_BROADCAST:
        return json_read_boolean(scanner, &terms->may_broadcast) ? TOKEN_OK : TOKEN_TERMS;
    case TERMS: break;
    }
    return TOKEN_TERMS; // unknown
}

static enum token_fault read_terms(struct claims *claims, struct json_scanner *scanner)
{
    struct json_string key;
    unsigned seen = 0;
    if (!json_enter_object(scanner)) {
        return TOKEN_TERMS;
    }
    while (json_next_member(scanner, &key)) {
        unsigned term = find_name(key, term_names, TERMS);
        if ((seen >> term & 1) != 0) {
            return TOKEN_TERMS;
        }
        seen |= 1U << term;
        enum token_fault fault = read_term(claims, scanner, (enum term)term);
        if (fault != TOKEN_OK) {
            return fault;
        }
    }
    return TOKEN_OK;
}

// ---- all of them -------------------------------------------------------------------------------

static enum token_fault read_claim(struct claims *claims, struct json_scanner *scanner,
                                   enum claim claim, const struct token_rules *rules)
{
    switch (claim) {
    case CLAIM_EXP:
        claims->has_expiry = true;
        return read_time(scanner, &claims->expires_s) ? TOKEN_OK : TOKEN_TIME;
    case CLAIM_NBF: return read_time(scanner, &claims->begins_s) ? TOKEN_OK : TOKEN_TIME;
    case CLAIM_ISS:
        claims->has_issuer = read_name(claims, scanner, rules->issuer);
        return scanner->fault == JSON_FAULT_TYPE ? TOKEN_ISSUER : TOKEN_OK;
    case CLAIM_AUD:
        read_audience(claims, scanner, rules->audience);
        return scanner->fault == JSON_FAULT_TYPE ? TOKEN_AUDIENCE : TOKEN_OK;
    case CLAIM_SUB: return read_subject(claims, scanner);
    case CLAIM_RINGCAST: return read_terms(claims, scanner);
    case CLAIMS: (void)json_skip_value(scanner); break;
    }
    return TOKEN_OK; // a fault of the scanner's is found at the end
}

static enum token_fault read_all(struct claims *claims, struct json_scanner *scanner,
                                 const struct token_rules *rules)
{
    struct json_string key;
    unsigned seen = 0;
    (void)json_enter_object(scanner);
    while (json_next_member(scanner, &key)) {
        unsigned claim = find_name(key, claim_names, CLAIMS);
        if (claim != CLAIMS && (seen >> claim & 1) != 0) {
            return TOKEN_CLAIMS;
        }
        seen |= 1U << claim;
        enum token_fault fault = read_claim(claims, scanner, (enum claim)claim, rules);
        if (fault != TOKEN_OK) {
            return fault;
        }
    }
    return json_finish(scanner) ? TOKEN_OK : TOKEN_CLAIMS;
}

static enum token_fault check(const struct claims *claims, const struct token_rules *rules,
                              uint64_t now_ms)
{
    if (!claims->has_expiry && rules->needs_expiry) {
        return TOKEN_EXPIRY_MISSING;
    }
    if (claims->has_expiry && now_ms >= claims->expires_s * SECOND_MS + rules->leeway_ms) {
        return TOKEN_EXPIRED;
    }
    if (now_ms + rules->leeway_ms < claims->begins_s * SECOND_MS) {
        return TOKEN_NOT_YET;
    }
    if (rules->issuer.length > 0 && !claims->has_issuer) {
        return TOKEN_ISSUER;
    }
    return rules->audience.length > 0 && !claims->has_audience ? TOKEN_AUDIENCE : TOKEN_OK;
}

enum token_fault claims_read(uint8_t *json, size_t json_bytes, const struct token_rules *rules,
                             uint64_t now_ms, struct grant **grant)
{
    struct claims claims = {.json = json, .terms = {.sees_all_types = true}};
    struct json_scanner scanner;
    json_begin(&scanner, slice_from(json, json_bytes));
    enum token_fault fault = read_all(&claims, &scanner, rules);
    if (fault == TOKEN_OK) {
        fault = check(&claims, rules, now_ms);
    }
    if (fault != TOKEN_OK) {
        return fault;
    }
    claims.terms.expires_ms =
        claims.has_expiry ? claims.expires_s * SECOND_MS + rules->leeway_ms : GRANT_NEVER_EXPIRES;
    *grant = grant_create(&claims.terms);
    return *grant == NULL ? TOKEN_MEMORY : TOKEN_OK;
}
