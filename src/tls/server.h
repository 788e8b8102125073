// What a TLS listener speaks with: certificates with their keys, chosen by the name that a client
// asks for, and the keys of tickets. Never changed: other files or newer ticket keys are another
// server, which begins with the former one's ticket keys. By counted references; any thread.
#ifndef RINGCAST_TLS_SERVER_H
#define RINGCAST_TLS_SERVER_H

#include "tls/certificate.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tls_server;

enum { TLS_PAIRS_MAX = 32 };

struct tls_server_options {
    const char *const *certificates; // paths. The first is for clients that ask for no name, or an
                                     // unknown one
    const char *const *keys;         // one for each
    size_t count;
    bool only_tls13; // else TLS 1.2, too
    bool has_tickets;
    struct tls_notes notes;
};

// With one reference, the caller's. former: whose ticket keys it goes on with; NULL: none. now_ms:
// monotonic. NULL with one line in message.
struct tls_server *tls_server_create(const struct tls_server_options *options,
                                     const struct tls_server *former, uint64_t now_ms,
                                     char message[TLS_MESSAGE_SIZE]);
// The same with newer ticket keys, where it is time for them; NULL: it is not, or no memory.
struct tls_server *tls_server_rotate(const struct tls_server *former, uint64_t now_ms);

struct tls_server *tls_server_hold(struct tls_server *server);
void tls_server_release(struct tls_server *server); // NULL is allowed

#endif
