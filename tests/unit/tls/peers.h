// Both ends of TLS in memory: certificates made for the test, and OpenSSL's client, whose bytes go
// to and from a session by hand.
#pragma once

#include "tls/session.h"

#include <openssl/ssl.h>

enum { PEER_PATH_SIZE = 256, PEER_BYTES_MAX = 1 << 20 };

struct pair_options {
    const char *host;              // of the certificate
    bool is_rsa;                   // else P-256
    int rsa_bits;                  // 0: 2048
    long valid_from_s, valid_to_s; // from now on; both 0: an hour ago, to in a day
    int extra_chain;               // so many further certificates behind it
};
// A self-signed certificate and its key in PEM, made once for a directory: the paths are
// DIR/NAME.crt and DIR/NAME.key.
void pair_write(const char *directory, const char *name, const struct pair_options *options);

// A server of DIR/NAME of each name (up to 4), or NULL with the message.
struct tls_server *server_of(const char *directory, const char *const *names, size_t count,
                             const struct tls_server *former, uint64_t now_ms, char *message);

struct client {
    SSL_CTX *context;
    SSL *ssl;
    BIO *in, *out;       // from and to the session
    SSL_SESSION *ticket; // the newest one that came; owned
};
void client_open(struct client *client, const char *host);
// Another connection of the same client; resumes with its ticket.
void client_again(struct client *client, const char *host);
void client_close(struct client *client);

// Moves bytes both ways, in pieces of piece_bytes to the session, until nothing moves. What the
// session gives goes to *got (where it is not NULL). Returns the session's last progress.
enum tls_progress exchange(struct tls_session *session, struct client *client, size_t piece_bytes,
                           struct buffer *got);
// Bytes of the session to the client.
void deliver(struct client *client, const struct buffer *out);
// The same; whether the client reads this plaintext of it, else OpenSSL's error queue says why not.
bool client_takes(struct client *client, const struct buffer *out, struct slice plain);
