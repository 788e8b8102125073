// The keys of session tickets: what a client keeps so that its next handshake is short. Tickets are
// sealed with the newest key and opened with any that is kept, so that one made before a rotation,
// by another worker or before the certificates changed still counts. A value: copied, never shared.
#ifndef RINGCAST_TLS_TICKETS_H
#define RINGCAST_TLS_TICKETS_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    TLS_TICKET_LIFE_MS = 12 * 3600 * 1000, // how long a key seals; as long again it opens
    TLS_TICKET_NAME_BYTES = 16,
    TLS_TICKET_KEY_BYTES = 32,
};

struct tls_ticket_key {
    uint64_t made_ms; // monotonic
    uint8_t name[TLS_TICKET_NAME_BYTES];
    uint8_t cipher[TLS_TICKET_KEY_BYTES];
    uint8_t mac[TLS_TICKET_KEY_BYTES];
};

struct tls_tickets {
    uint32_t count;                // 0: no tickets are made
    struct tls_ticket_key keys[2]; // the newest first
};

// Keys to begin with; `former` where there were some, which are kept as far as they still count
// (NULL: none).
void tls_tickets_begin(struct tls_tickets *tickets, const struct tls_tickets *former,
                       uint64_t now_ms);
bool tls_tickets_are_due(const struct tls_tickets *tickets, uint64_t now_ms);
void tls_tickets_wipe(struct tls_tickets *tickets);

// What OpenSSL asks for: prepares both contexts. As its callback returns: 1, or 0 where a ticket is
// of no key that is known, or negative on a failure.
int tls_tickets_prepare(const struct tls_tickets *tickets, uint8_t name[TLS_TICKET_NAME_BYTES],
                        uint8_t iv[EVP_MAX_IV_LENGTH], EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
                        bool is_sealing);

#endif
