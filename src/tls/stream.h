// The sending half of a TLS 1.3 connection, without OpenSSL's SSL: what a connection needs that
// only sends any more, in a tenth of the memory. It begins with the server's application traffic
// secret and how many records went out under it (RFC 8446, 5.2, 5.3, 7.2, 7.3); sealing is
// OpenSSL's.
#ifndef RINGCAST_TLS_STREAM_H
#define RINGCAST_TLS_STREAM_H

#include "base/bytes.h"
#include "tls/suite.h"

struct tls_stream;

// number: of the cipher suite, as in the protocol (0x1301 ...). secret: as long as the suite's
// digest, copied. NULL: an unknown suite, or no memory.
struct tls_stream *tls_stream_create(uint16_t number, struct slice secret, uint64_t sequence);
void tls_stream_free(struct tls_stream *stream); // wipes it. NULL is allowed

// Behind what is in `out`, which has room for tls_sealed_bytes_max (tls/session.h). False: it
// cannot go on.
bool tls_stream_write(struct tls_stream *stream, struct slice plain, struct buffer *out);
bool tls_stream_close(struct tls_stream *stream, struct buffer *out); // close_notify
// Tells the client of other keys, and goes on with these; tls_stream_write does so in time.
bool tls_stream_renew(struct tls_stream *stream, struct buffer *out);

// As OpenSSL names it. Static memory.
const char *tls_stream_cipher(const struct tls_stream *stream);

#endif
