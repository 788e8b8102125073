#include "tls/server.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "tls/server_internal.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

// All of TLS 1.2's that are sound: forward secret, with authenticated encryption.
#define CIPHERS_OF_TLS12 "ECDHE+AESGCM:ECDHE+CHACHA20"
#define GROUPS           "X25519:P-256:P-384"

// --- what OpenSSL asks during a handshake ---

static int choose_certificate(SSL *ssl, int *alert, void *unused)
{
    (void)alert;
    (void)unused;
    const char *host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    const struct tls_server *server = tls_session_server(ssl);
    for (size_t i = 0; host != NULL && i < server->count; i++) {
        if (tls_certificate_is_for(server->contexts[i], host)) {
            (void)SSL_set_SSL_CTX(ssl, server->contexts[i]);
            break;
        }
    }
    return SSL_TLSEXT_ERR_OK;
}

// Who offers only what is not spoken here (h2) is told so by an alert.
static int choose_protocol(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_length,
                           const unsigned char *offered, unsigned offered_length, void *unused)
{
    (void)ssl;
    (void)unused;
    static const uint8_t http1[] = "\x08http/1.1";
    unsigned char *found;
    if (SSL_select_next_proto(&found, chosen_length, http1, sizeof(http1) - 1, offered,
                              offered_length) != OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *chosen = found;
    return SSL_TLSEXT_ERR_OK;
}

static int prepare_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                          EVP_MAC_CTX *mac, int is_sealing)
{
    enum { OPENED = 1, OPENED_TO_BE_RENEWED = 2 };
    int result = tls_tickets_prepare(&tls_session_server(ssl)->tickets, name, iv, cipher, mac,
                                     is_sealing != 0);
    // Clients use a ticket of TLS 1.3 once: who resumes gets the next one.
    bool is_used_up = is_sealing == 0 && SSL_version(ssl) == TLS1_3_VERSION;
    return result == OPENED && is_used_up ? OPENED_TO_BE_RENEWED : result;
}

static void note_message(int is_sent, int version, int content_type, const void *message,
                         size_t length, SSL *ssl, void *unused)
{
    (void)version;
    (void)unused;
    if (length > 0) {
        tls_session_note_message(ssl, is_sent != 0, content_type, *(const uint8_t *)message);
    }
}

// --- life ---

static bool set_up(SSL_CTX *context, const struct tls_server_options *options)
{
    static const unsigned char name[] = "ringcast";
    uint64_t switches = SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                        SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                        (options->has_tickets ? 0 : SSL_OP_NO_TICKET);
    (void)SSL_CTX_set_options(context, switches);
    // Buffers are given back between two calls: an idle connection has none.
    (void)SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_timeout(context, TLS_TICKET_LIFE_MS / 1000);
    SSL_CTX_set_tlsext_servername_callback(context, choose_certificate);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    SSL_CTX_set_keylog_callback(context, tls_session_note_secret);
    SSL_CTX_set_msg_callback(context, note_message);
    int version = options->only_tls13 ? TLS1_3_VERSION : TLS1_2_VERSION;
    return SSL_CTX_set_min_proto_version(context, version) == 1 &&
           SSL_CTX_set_cipher_list(context, CIPHERS_OF_TLS12) == 1 &&
           SSL_CTX_set1_groups_list(context, GROUPS) == 1 &&
           SSL_CTX_set_session_id_context(context, name, sizeof(name) - 1) == 1 &&
           SSL_CTX_set_num_tickets(context, options->has_tickets ? 1 : 0) == 1 &&
           SSL_CTX_set_tlsext_ticket_key_evp_cb(context, prepare_ticket) == 1;
}

static struct tls_server *begin(void)
{
    struct tls_server *server = calloc(1, sizeof(*server));
    if (server != NULL) {
        references_begin(&server->references);
    }
    return server;
}

struct tls_server *tls_server_create(const struct tls_server_options *options,
                                     const struct tls_server *former, uint64_t now_ms,
                                     char message[TLS_MESSAGE_SIZE])
{
    ASSERT(options->count >= 1 && options->count <= TLS_PAIRS_MAX);
    ERR_clear_error();
    (void)snprintf(message, TLS_MESSAGE_SIZE, "no memory for TLS");
    struct tls_server *server = begin();
    if (server == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < options->count; i++) {
        SSL_CTX *context = SSL_CTX_new(TLS_server_method());
        server->contexts[i] = context;
        server->count++;
        if (context == NULL || !set_up(context, options) ||
            !tls_certificate_use(context, options->certificates[i], options->keys[i],
                                 &options->notes, message)) {
            ERR_clear_error();
            tls_server_release(server);
            return NULL;
        }
    }
    if (options->has_tickets) {
        tls_tickets_begin(&server->tickets, former != NULL ? &former->tickets : NULL, now_ms);
    }
    return server;
}

struct tls_server *tls_server_rotate(const struct tls_server *former, uint64_t now_ms)
{
    if (!tls_tickets_are_due(&former->tickets, now_ms)) {
        return NULL;
    }
    struct tls_server *server = begin();
    if (server == NULL) {
        return NULL;
    }
    for (; server->count < former->count; server->count++) {
        server->contexts[server->count] = former->contexts[server->count];
        (void)SSL_CTX_up_ref(server->contexts[server->count]);
    }
    tls_tickets_begin(&server->tickets, &former->tickets, now_ms);
    return server;
}

struct tls_server *tls_server_hold(struct tls_server *server)
{
    references_hold(&server->references);
    return server;
}

void tls_server_release(struct tls_server *server)
{
    if (server == NULL || !references_release(&server->references)) {
        return;
    }
    for (size_t i = 0; i < server->count; i++) {
        SSL_CTX_free(server->contexts[i]);
    }
    tls_tickets_wipe(&server->tickets);
    free(server);
}
