// The signature algorithms of tokens (RFC 7518, RFC 8037). `none` is none of them. Any thread.
#ifndef RINGCAST_AUTH_ALGORITHM_H
#define RINGCAST_AUTH_ALGORITHM_H

#include "base/bytes.h"

#include <stdbool.h>

enum algorithm {
    ALGORITHM_HS256, // HMAC with SHA-256: who verifies can sign as well
    ALGORITHM_RS256, // RSA PKCS #1 1.5 with SHA-256
    ALGORITHM_ES256, // ECDSA on P-256 with SHA-256
    ALGORITHM_EDDSA, // Ed25519
    ALGORITHMS
};

// A set of them: bit n for algorithm n.
enum { ALGORITHMS_ALL = (1 << ALGORITHMS) - 1 };

// As in the `alg` of a token: "HS256". Static memory.
const char *algorithm_name(enum algorithm algorithm);

// Letters count as they stand. False for what is none of them.
bool algorithm_from_name(struct slice name, enum algorithm *algorithm);

#endif
