#include "auth/token.h"

#include "auth/claims.h"
#include "auth/signature.h"
#include "base/base64.h"
#include "base/json.h"
#include "base/utf8.h"

const char *token_fault_name(enum token_fault fault)
{
    static const char *const names[] = {
#define X(enumerator, name, text) [TOKEN_##enumerator] = (name),
        TOKEN_FAULTS(X)
#undef X
    };
    ASSERT((unsigned)fault < TOKEN_FAULT_COUNT);
    return names[fault];
}

const char *token_fault_text(enum token_fault fault)
{
    static const char *const texts[] = {
#define X(enumerator, name, text) [TOKEN_##enumerator] = (text),
        TOKEN_FAULTS(X)
#undef X
    };
    ASSERT((unsigned)fault < TOKEN_FAULT_COUNT);
    return texts[fault];
}

// ---- the three parts ---------------------------------------------------------------------------

enum {
    PART_BYTES_MAX = TOKEN_BYTES_MAX / 4 * 3,
    ALGORITHM_NAME_BYTES_MAX = 32, // where it is written with escapes
};

struct part {
    size_t length;
    uint8_t bytes[PART_BYTES_MAX];
};

// base/base64.h takes both alphabets and padding; a token has one and none.
static bool decode(struct slice text, struct part *part)
{
    for (size_t i = 0; i < text.length; i++) {
        if (text.at[i] == '+' || text.at[i] == '/' || text.at[i] == '=') {
            return false;
        }
    }
    ssize_t length = base64_decode(part->bytes, sizeof(part->bytes), text, NULL);
    part->length = length > 0 ? (size_t)length : 0;
    return length > 0;
}

struct parts {
    struct slice header;
    struct slice claims;
    struct slice signature;
    struct slice text; // what is signed: the first two with their dot
};

static bool split(struct slice token, struct parts *parts)
{
    struct slice rest = token;
    parts->header = slice_split(&rest, '.');
    parts->claims = slice_split(&rest, '.');
    bool has_signature = rest.at != NULL;
    parts->signature = slice_split(&rest, '.');
    if (!has_signature || rest.at != NULL) {
        return false;
    }
    parts->text = slice_first(token, parts->header.length + 1 + parts->claims.length);
    return true;
}

// ---- the header --------------------------------------------------------------------------------

struct header {
    enum algorithm algorithm;
    size_t id_length; // 0: none
    uint8_t id[KEY_ID_BYTES_MAX];
};

enum member { MEMBER_ALG, MEMBER_KID, MEMBER_TYP, MEMBER_CRIT, MEMBERS };
static const char *const member_names[MEMBERS] = {"alg", "kid", "typ", "crit"};

static enum token_fault read_algorithm(struct json_scanner *scanner, struct header *header)
{
    struct json_string string;
    struct slice name;
    uint8_t scratch[ALGORITHM_NAME_BYTES_MAX];
    if (!json_read_string(scanner, &string)) {
        return TOKEN_HEADER;
    }
    bool is_known = json_string_slice(string, scratch, sizeof(scratch), &name) &&
                    algorithm_from_name(name, &header->algorithm);
    return is_known ? TOKEN_OK : TOKEN_ALGORITHM;
}

static enum token_fault read_key_id(struct json_scanner *scanner, struct header *header)
{
    struct json_string id;
    if (!json_read_string(scanner, &id) || id.length == 0 || id.length > KEY_ID_BYTES_MAX) {
        return TOKEN_KEY_ID;
    }
    json_unescape(id, header->id);
    header->id_length = id.length;
    return TOKEN_OK;
}

// Media types compare without case, and may leave out their "application/" (RFC 7515 4.1.9).
static enum token_fault read_kind(struct json_scanner *scanner)
{
    static const struct slice kinds[] = {SLICE_LITERAL("JWT"), SLICE_LITERAL("application/jwt"),
                                         SLICE_LITERAL("at+jwt"),
                                         SLICE_LITERAL("application/at+jwt")};
    struct json_string string;
    struct slice kind;
    uint8_t scratch[32];
    if (!json_read_string(scanner, &string) ||
        !json_string_slice(string, scratch, sizeof(scratch), &kind)) {
        return TOKEN_KIND;
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (slice_equal_ignoring_case(kind, kinds[i])) {
            return TOKEN_OK;
        }
    }
    return TOKEN_KIND;
}

static enum token_fault read_member(struct json_scanner *scanner, enum member member,
                                    struct header *header)
{
    switch (member) {
    case MEMBER_ALG: return read_algorithm(scanner, header);
    case MEMBER_KID: return read_key_id(scanner, header);
    case MEMBER_TYP: return read_kind(scanner);
    case MEMBER_CRIT: return TOKEN_CRITICAL;
    case MEMBERS: break;
    }
    (void)json_skip_value(scanner); // jwk, jku, x5u, x5c: no key comes out of a token
    return TOKEN_OK;
}

static enum token_fault read_header(struct slice json, struct header *header)
{
    struct json_scanner scanner;
    struct json_string key;
    unsigned seen = 0;
    json_begin(&scanner, json);
    (void)json_enter_object(&scanner);
    while (json_next_member(&scanner, &key)) {
        unsigned member = 0;
        while (member < MEMBERS && !json_string_is(key, member_names[member])) {
            member++;
        }
        if (member < MEMBERS && (seen >> member & 1) != 0) {
            return TOKEN_HEADER;
        }
        seen |= 1U << member;
        enum token_fault fault = read_member(&scanner, (enum member)member, header);
        if (fault != TOKEN_OK) {
            return fault;
        }
    }
    bool is_whole = json_finish(&scanner) && (seen >> MEMBER_ALG & 1) != 0;
    return is_whole ? TOKEN_OK : TOKEN_HEADER;
}

// ---- all of it ---------------------------------------------------------------------------------

static enum token_fault check_signature(const struct keyring *keyring, const struct header *header,
                                        struct slice text, struct slice signature)
{
    struct slice id = slice_from(header->id, header->id_length);
    bool is_named = id.length > 0;
    if (!is_named && keyring_count_of(keyring, header->algorithm) > KEYRING_UNNAMED_MAX) {
        return TOKEN_KEY_UNNAMED;
    }
    enum token_fault fault = TOKEN_KEY_UNKNOWN;
    size_t position = 0;
    const struct key *key = NULL;
    while ((key = keyring_next(keyring, header->algorithm, id, &position)) != NULL) {
        if (signature_verify(key, text, signature)) {
            return TOKEN_OK;
        }
        fault = TOKEN_SIGNATURE;
    }
    return fault;
}

enum token_fault token_verify(const struct keyring *keyring, const struct token_rules *rules,
                              struct slice token, uint64_t now_ms, struct grant **grant)
{
    struct parts parts;
    struct part part;
    struct part signature;
    struct header header = {.algorithm = ALGORITHM_HS256};
    if (token.length > TOKEN_BYTES_MAX) {
        return TOKEN_TOO_LONG;
    }
    if (!split(token, &parts) || !decode(parts.signature, &signature) ||
        !decode(parts.header, &part)) {
        return TOKEN_FORM;
    }
    enum token_fault fault = read_header(slice_from(part.bytes, part.length), &header);
    if (fault != TOKEN_OK) {
        return fault;
    }
    if ((rules->algorithms >> header.algorithm & 1) == 0) {
        return TOKEN_ALGORITHM;
    }
    if (!decode(parts.claims, &part)) {
        return TOKEN_FORM;
    }
    fault = check_signature(keyring, &header, parts.text,
                            slice_from(signature.bytes, signature.length));
    if (fault != TOKEN_OK) {
        return fault;
    }
    return claims_read(part.bytes, part.length, rules, now_ms, grant);
}
