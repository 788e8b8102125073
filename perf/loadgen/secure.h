// TLS as a client, for the subscribers of one reader, by OpenSSL. What comes and goes is in memory
// of the caller's: nothing blocks, and a session that waits for more holds no buffer.
//
// One thread's.
#ifndef RINGCAST_LOADGEN_SECURE_H
#define RINGCAST_LOADGEN_SECURE_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    SECURE_ERROR_SIZE = 160,
    SECURE_NAME_SIZE = 48,
    // What a client says at the most before its request, and beyond the request's own bytes.
    SECURE_OVERHEAD_BYTES_MAX = 4096,
};

struct secure;
struct secure_session;

struct secure_config {
    const char *host;        // of the URL, a name or an address: told to the server
    const char *authorities; // a file of certificates, one of which has to vouch for the server and
                             // `host`; NULL: the server's is not looked at
    const char *version;     // "1.2" or "1.3", and no other; NULL: either
};

// What was agreed upon, by the first session that was, and how often.
struct secure_tally {
    uint64_t handshakes;
    uint64_t resumed; // of these
    char version[SECURE_NAME_SIZE];
    char cipher[SECURE_NAME_SIZE];
    char group[SECURE_NAME_SIZE]; // of the key exchange; "" unknown
};

void secure_tally_merge(struct secure_tally *into, const struct secure_tally *from);

// Whether that is a version for secure_config.
bool secure_knows_version(const char *version);

// Returns NULL with a line in `error` (SECURE_ERROR_SIZE). The texts are borrowed until
// secure_close.
struct secure *secure_open(const struct secure_config *config, char *error, size_t error_size);

// After its sessions. NULL is allowed.
void secure_close(struct secure *secure);

const struct secure_tally *secure_tally(const struct secure *secure);

// A session, which begins with secure_shake; with `resumes` one that offers the newest ticket that
// any session of `secure` was given, if there is one. NULL: no memory.
struct secure_session *secure_begin(struct secure *secure, bool resumes);

// Frees it without a word to the server. NULL is allowed.
void secure_end(struct secure_session *session);

// The handshake: takes what arrived off the front of `arrived`, and appends what is to be sent.
// Returns 1 when it is over (what is left in `arrived` is for
// secure_read), 0 when it goes on, or -EPROTO with a line in `error` (SECURE_ERROR_SIZE).
int secure_shake(struct secure_session *session, struct slice *arrived, struct buffer *output,
                 char *error, size_t error_size);

bool secure_is_open(const struct secure_session *session);

// After the handshake, once: encrypts the request. Returns 0 or -ENOBUFS.
int secure_write(struct secure_session *session, struct slice plain, struct buffer *output);

// After the handshake: takes what arrived off the front of `arrived` and decrypts it. Returns how
// many bytes of plaintext there are, up to `size`; 0 when there are no more until more arrives;
// -ENOTCONN when the server said that it ends; -EPROTO with a line in `error`. What a session
// would answer by itself (a change of keys, an alert) is dropped: nothing else is sent that the
// server would have to read behind it.
ssize_t secure_read(struct secure_session *session, struct slice *arrived, uint8_t *plain,
                    size_t size, char *error, size_t error_size);

#endif
