// What server.c and session.c share.
#ifndef RINGCAST_TLS_SERVER_INTERNAL_H
#define RINGCAST_TLS_SERVER_INTERNAL_H

#include "base/references.h"
#include "tls/server.h"
#include "tls/tickets.h"

struct tls_server {
    struct references references;
    size_t count;
    SSL_CTX *contexts[TLS_PAIRS_MAX]; // a reference on each
    struct tls_tickets tickets;
};

// Whose handshake this is. session.c sees to it that it is there for as long as it goes on.
const struct tls_server *tls_session_server(const SSL *ssl);
// A line of OpenSSL's key log; the beginning of a message.
void tls_session_note_secret(const SSL *ssl, const char *line);
void tls_session_note_message(const SSL *ssl, bool is_sent, int content_type, uint8_t kind);

#endif
