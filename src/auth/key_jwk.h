// Keys as JSON (RFC 7517, RFC 7518, RFC 8037): one, or a set of them.
//
// Taken are `oct` for HS256, `RSA` for RS256, `EC` on P-256 for ES256 and `OKP` with Ed25519 for
// EdDSA. A key for another algorithm or another use, or weaker than allowed, is passed over, as
// RFC 7517 section 5 asks: a set may hold keys that are meant for others. One that is malformed
// makes the whole faulty.
#ifndef RINGCAST_AUTH_KEY_JWK_H
#define RINGCAST_AUTH_KEY_JWK_H

#include "auth/keyring.h"

enum { KEY_JWK_KEYS_MAX = 256 };

struct key_jwk_reader {
    struct keyring *keyring; // where keys are added
    struct slice default_id; // of a key that stands alone and has no `kid`; may be empty
    bool wants_private;      // keys are to sign with: private parts are read, too
    // Told of each key that is passed over, and of private parts that are not needed. May be NULL.
    void (*note)(void *context, const char *line);
    void *context;
    // After key_jwk_read:
    bool has_secret; // the text holds what nobody else may read
    char reason[KEY_REASON_SIZE];
};

// True, also where no key was taken; false with a reason. Keys added before a fault stay added.
bool key_jwk_read(struct key_jwk_reader *reader, struct slice json);

#endif
