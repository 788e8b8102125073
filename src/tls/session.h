// One connection's TLS, as its server: ciphertext in by slices, ciphertext out into buffers that
// the caller has. It does no I/O, never waits, and between two calls keeps only what a record that
// came in part needs. One thread at a time.
#ifndef RINGCAST_TLS_SESSION_H
#define RINGCAST_TLS_SESSION_H

#include "base/bytes.h"
#include "tls/kernel_keys.h"
#include "tls/server.h"

struct tls_session;

enum tls_progress {
    TLS_NEED_MORE, // more input is needed
    TLS_PLAIN,     // gave plaintext; perhaps there is more
    TLS_OVER,      // the client says that it sends nothing further
    TLS_FAILED,    // tls_session_fault says why. What is in `out` (an alert) is still to be sent
};

enum {
    TLS_RECORD_BYTES_MAX = 16384, // of plaintext
    // What one call of tls_session_read writes at most: the certificates and what goes with them.
    TLS_READ_OUT_BYTES_MAX = TLS_CHAIN_BYTES_MAX + (16 << 10),
    // What a record is longer than its plaintext at most, with a change of keys before it.
    TLS_RECORD_OVERHEAD_BYTES = 128,
    TLS_CLOSE_BYTES_MAX = 128,
    // Records under one key: far below what AES-GCM bears (RFC 8446, 5.5).
    TLS_RECORDS_OF_KEY_MAX = 1 << 22,
};

// Room for so many bytes of plaintext, sealed.
static inline size_t tls_sealed_bytes_max(size_t plain_bytes)
{
    return plain_bytes + (plain_bytes / TLS_RECORD_BYTES_MAX + 1) * TLS_RECORD_OVERHEAD_BYTES;
}

// Holds the server until its handshake is over. NULL without memory.
struct tls_session *tls_session_create(struct tls_server *server);
void tls_session_free(struct tls_session *session); // NULL is allowed

// Goes on with the handshake, and then with what the client sends. *input moves behind what was
// taken. `out` gets what is to be sent (wrapped, with room for TLS_READ_OUT_BYTES_MAX), `plain` up
// to `size` bytes, *length of them with TLS_PLAIN.
enum tls_progress tls_session_read(struct tls_session *session, struct slice *input,
                                   struct buffer *out, uint8_t *plain, size_t size, size_t *length);
// Whether it holds plaintext that did not fit: it is given without further input.
bool tls_session_has_plain(const struct tls_session *session);
// Whether it holds anything that was taken but not given: that, or a record that came in part.
bool tls_session_has_pending(const struct tls_session *session);
bool tls_session_is_established(const struct tls_session *session);
// After its handshake.
bool tls_session_is_resumed(const struct tls_session *session);
const char *tls_session_version(const struct tls_session *session); // "TLSv1.3"
const char *tls_session_cipher(const struct tls_session *session);

// Why it failed, in OpenSSL's words. Static memory.
const char *tls_session_fault(const struct tls_session *session);

// Seals plaintext, in as few records as can be, behind what is in `out`, which has room for
// tls_sealed_bytes_max. Once the handshake is over. False: it cannot go on.
bool tls_session_write(struct tls_session *session, struct slice plain, struct buffer *out);

// Whether its keys have sealed as much as they should, and it cannot change them (TLS 1.2).
bool tls_session_is_worn(const struct tls_session *session);

// The kernel seals instead. TLS_KERNEL_NONE: it cannot.
enum tls_kernel_cipher tls_session_kernel_cipher(const struct tls_session *session);
// Where it can: the keys for what comes behind all that the session has written. They stay where
// they are until it is freed or taken back; nothing is to be written by it meanwhile. NULL without
// memory.
const struct tls_kernel_keys *tls_session_hand_over(struct tls_session *session);
// Goes on itself, and cannot be handed over any more.
void tls_session_take_back(struct tls_session *session);

// Nothing is read any more: where it can (TLS 1.3), what only reading needs is freed, which is
// most of its memory. tls_session_read is over.
void tls_session_end_reading(struct tls_session *session);

// Says that nothing further comes (close_notify), once. False: that was said, or cannot be.
bool tls_session_close(struct tls_session *session, struct buffer *out);

#endif
