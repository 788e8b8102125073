// What may be wrong with a token, once. TOKEN_FAULTS(X) expands X(enumerator, name, text): the name
// is for metrics; the text is for the client and for the log, is valid inside a quoted string of
// HTTP, and holds nothing of the token.
#ifndef RINGCAST_AUTH_TOKEN_FAULT_H
#define RINGCAST_AUTH_TOKEN_FAULT_H

// clang-format off
#define TOKEN_FAULTS(X)                                                                          \
    X(OK,             "ok",             "the token is good")                                     \
    X(TOO_LONG,       "too_long",       "the token is longer than 4096 bytes")                   \
    X(FORM,           "form",                                                                    \
      "the token is not three parts of base64url between two dots")                              \
    X(HEADER,         "header",                                                                  \
      "the header is not one JSON object with alg, each member once")                            \
    X(ALGORITHM,      "algorithm",      "the algorithm (alg) is not allowed here")               \
    X(CRITICAL,       "critical",                                                                \
      "the token needs extensions (crit) that are not known here")                               \
    X(KIND,           "kind",           "the token is of another kind (typ) than JWT or at+jwt") \
    X(KEY_ID,         "key_id",         "the key id (kid) is not a text of 1 to 255 bytes")      \
    X(KEY_UNKNOWN,    "key_unknown",    "no key here has this key id (kid) and algorithm (alg)") \
    X(KEY_UNNAMED,    "key_unnamed",                                                             \
      "the token names no key (kid), and there are too many to try them all")                    \
    X(SIGNATURE,      "signature",      "the signature does not fit")                            \
    X(CLAIMS,         "claims",         "the claims are not one JSON object, each member once")  \
    X(TIME,           "time",                                                                    \
      "exp and nbf must be seconds since 1970, before the year 10000")                           \
    X(EXPIRY_MISSING, "expiry_missing", "the token has no expiry (exp)")                         \
    X(EXPIRED,        "expired",        "the token has expired (exp)")                           \
    X(NOT_YET,        "not_yet",        "the token is not valid yet (nbf)")                      \
    X(ISSUER,         "issuer",         "the token is from another issuer (iss)")                \
    X(AUDIENCE,       "audience",       "the token is for another audience (aud)")               \
    X(SUBJECT,        "subject",                                                                 \
      "the subject (sub) is not a text of at most 255 bytes without controls")                   \
    X(TERMS,          "terms",                                                                   \
      "the claim ringcast is not an object of read, write, types and broadcast")                 \
    X(PATTERN,        "pattern",                                                                 \
      "the claim ringcast has a list that is not of at most 64 patterns, each a "                \
                      "text of 1 to 255 bytes without controls")                                 \
    X(MEMORY,         "memory",         "there is no memory to check the token")
// clang-format on

enum token_fault {
#define X(enumerator, name, text) TOKEN_##enumerator,
    TOKEN_FAULTS(X)
#undef X
};

enum {
#define X(enumerator, name, text) +1
    TOKEN_FAULT_COUNT = 0 TOKEN_FAULTS(X)
#undef X
};

// Static memory. Any thread.
const char *token_fault_name(enum token_fault fault);
const char *token_fault_text(enum token_fault fault);

#endif
