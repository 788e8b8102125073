#include "secure.h"

#include "base/assert.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct secure {
    struct secure_config config;
    SSL_CTX *context;
    BIO_METHOD *method;
    SSL_SESSION *ticket; // the newest; NULL: none yet
    struct secure_tally tally;
    // Of the call that is under way.
    struct slice *arrived;
    struct buffer *output; // NULL: what is written is dropped
};

struct secure_session {
    struct secure *secure;
    SSL *ssl;
    bool is_open; // the handshake is over; OpenSSL says otherwise while a ticket comes in pieces
};

static const struct {
    const char *name;
    int number;
} VERSIONS[] = {{"1.2", TLS1_2_VERSION}, {"1.3", TLS1_3_VERSION}};

enum {
    VERSIONS_COUNT = sizeof VERSIONS / sizeof VERSIONS[0],
};

// --- the wire ---

static int wire_read(BIO *bio, char *into, size_t size, size_t *length)
{
    struct slice *arrived = ((struct secure *)BIO_get_data(bio))->arrived;
    BIO_clear_retry_flags(bio);
    *length = size < arrived->length ? size : arrived->length;
    if (*length == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    memcpy(into, arrived->at, *length);
    *arrived = slice_after(*arrived, *length);
    return 1;
}

static int wire_write(BIO *bio, const char *from, size_t size, size_t *length)
{
    struct buffer *output = ((struct secure *)BIO_get_data(bio))->output;
    BIO_clear_retry_flags(bio);
    *length = size;
    return output == NULL || buffer_append(output, from, size) == 0;
}

static long wire_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *wire_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wire");
    if (method != NULL && (BIO_meth_set_read_ex(method, wire_read) == 0 ||
                           BIO_meth_set_write_ex(method, wire_write) == 0 ||
                           BIO_meth_set_ctrl(method, wire_control) == 0)) {
        BIO_meth_free(method);
        return NULL;
    }
    return method;
}

// --- what the sessions share ---

static void error_tell(char *error, size_t error_size, const char *what)
{
    unsigned long code = ERR_peek_error(); // the first is the cause of the others
    const char *reason = code == 0                ? NULL
                         : ERR_SYSTEM_ERROR(code) ? strerror(ERR_GET_REASON(code))
                                                  : ERR_reason_error_string(code);
    (void)snprintf(error, error_size, "%s: %s", what, reason == NULL ? "failed" : reason);
    ERR_clear_error();
}

// A ticket came. Returns whether it is kept.
static int on_ticket(SSL *ssl, SSL_SESSION *ticket)
{
    struct secure *secure = SSL_get_app_data(ssl);
    SSL_SESSION_free(secure->ticket);
    secure->ticket = ticket;
    return 1;
}

static int version_find(const char *name)
{
    for (size_t i = 0; i < VERSIONS_COUNT; i++) {
        if (strcmp(VERSIONS[i].name, name) == 0) {
            return VERSIONS[i].number;
        }
    }
    return 0;
}

bool secure_knows_version(const char *version)
{
    return version_find(version) != 0;
}

static bool context_prepare(struct secure *secure, char *error, size_t error_size)
{
    static const unsigned char protocols[] = "\x08http/1.1";
    SSL_CTX *context = secure->context;
    int version = secure->config.version == NULL ? 0 : version_find(secure->config.version);
    (void)SSL_CTX_set_min_proto_version(context, version == 0 ? TLS1_2_VERSION : version);
    (void)SSL_CTX_set_max_proto_version(context, version);
    (void)SSL_CTX_set_alpn_protos(context, protocols, sizeof protocols - 1);
    (void)SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_CTX_set_session_cache_mode(context,
                                         SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, on_ticket);
    if (secure->config.authorities == NULL) {
        return true;
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    if (SSL_CTX_load_verify_file(context, secure->config.authorities) != 1) {
        error_tell(error, error_size, secure->config.authorities);
        return false;
    }
    return true;
}

struct secure *secure_open(const struct secure_config *config, char *error, size_t error_size)
{
    struct secure *secure = calloc(1, sizeof *secure);
    if (secure == NULL) {
        (void)snprintf(error, error_size, "no memory");
        return NULL;
    }
    secure->config = *config;
    secure->context = SSL_CTX_new(TLS_client_method());
    secure->method = wire_method();
    bool is_made = secure->context != NULL && secure->method != NULL;
    if (!is_made) {
        error_tell(error, error_size, "TLS");
    }
    if (!is_made || !context_prepare(secure, error, error_size)) {
        secure_close(secure);
        return NULL;
    }
    return secure;
}

void secure_close(struct secure *secure)
{
    if (secure == NULL) {
        return;
    }
    SSL_SESSION_free(secure->ticket);
    SSL_CTX_free(secure->context);
    BIO_meth_free(secure->method);
    free(secure);
}

const struct secure_tally *secure_tally(const struct secure *secure)
{
    return &secure->tally;
}

void secure_tally_merge(struct secure_tally *into, const struct secure_tally *from)
{
    uint64_t handshakes = into->handshakes + from->handshakes;
    uint64_t resumed = into->resumed + from->resumed;
    if (into->version[0] == 0) {
        *into = *from;
    }
    into->handshakes = handshakes;
    into->resumed = resumed;
}

// --- a session ---

// Whom the session is to speak to: names are told and verified, addresses are verified alone.
static bool host_set(const struct secure *secure, SSL *ssl)
{
    const char *host = secure->config.host;
    bool verifies = secure->config.authorities != NULL;
    struct in6_addr address;
    if (inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1) {
        return !verifies || X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    }
    return SSL_set_tlsext_host_name(ssl, host) == 1 && (!verifies || SSL_set1_host(ssl, host) == 1);
}

// As a copy: OpenSSL takes a ticket of TLS 1.3 that was offered for used up.
static bool ticket_offer(SSL *ssl, const SSL_SESSION *ticket)
{
    SSL_SESSION *copy = SSL_SESSION_dup(ticket);
    bool is_offered = copy != NULL && SSL_set_session(ssl, copy) == 1;
    SSL_SESSION_free(copy);
    return is_offered;
}

static bool ssl_begin(struct secure_session *session, bool resumes)
{
    struct secure *secure = session->secure;
    session->ssl = SSL_new(secure->context);
    BIO *wire = session->ssl == NULL ? NULL : BIO_new(secure->method);
    if (wire == NULL) {
        return false;
    }
    BIO_set_data(wire, secure);
    BIO_set_init(wire, 1);
    SSL_set_bio(session->ssl, wire, wire);
    SSL_set_connect_state(session->ssl);
    return SSL_set_app_data(session->ssl, secure) == 1 && host_set(secure, session->ssl) &&
           (!resumes || secure->ticket == NULL || ticket_offer(session->ssl, secure->ticket));
}

struct secure_session *secure_begin(struct secure *secure, bool resumes)
{
    struct secure_session *session = calloc(1, sizeof *session);
    if (session == NULL) {
        return NULL;
    }
    session->secure = secure;
    if (!ssl_begin(session, resumes)) {
        ERR_clear_error();
        secure_end(session);
        return NULL;
    }
    return session;
}

void secure_end(struct secure_session *session)
{
    if (session == NULL) {
        return;
    }
    if (session->ssl != NULL) {
        // As if both had said goodbye: else OpenSSL takes the session's ticket for spoilt.
        SSL_set_shutdown(session->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_free(session->ssl);
    }
    free(session);
}

static void tally_take(struct secure_tally *tally, SSL *ssl)
{
    tally->handshakes++;
    tally->resumed += SSL_session_reused(ssl) != 0;
    if (tally->version[0] != 0) {
        return;
    }
    int group = (int)SSL_get_negotiated_group(ssl);
    const char *name = group == 0 ? NULL : SSL_group_to_name(ssl, group);
    (void)snprintf(tally->version, sizeof tally->version, "%s", SSL_get_version(ssl));
    (void)snprintf(tally->cipher, sizeof tally->cipher, "%s", SSL_get_cipher_name(ssl));
    (void)snprintf(tally->group, sizeof tally->group, "%s", name == NULL ? "" : name);
}

static void wire_lay(struct secure *secure, struct slice *arrived, struct buffer *output)
{
    secure->arrived = arrived;
    secure->output = output;
}

static int fail(const struct secure_session *session, char *error, size_t error_size)
{
    bool verifies = session->secure->config.authorities != NULL;
    long verified = verifies ? SSL_get_verify_result(session->ssl) : X509_V_OK;
    if (verified == X509_V_OK) {
        error_tell(error, error_size, "TLS");
    } else {
        (void)snprintf(error, error_size, "the server's certificate: %s",
                       X509_verify_cert_error_string(verified));
        ERR_clear_error();
    }
    return -EPROTO;
}

int secure_shake(struct secure_session *session, struct slice *arrived, struct buffer *output,
                 char *error, size_t error_size)
{
    ASSERT(!session->is_open);
    wire_lay(session->secure, arrived, output);
    int result = SSL_do_handshake(session->ssl);
    if (result == 1) {
        session->is_open = true;
        tally_take(&session->secure->tally, session->ssl);
        return 1;
    }
    if (SSL_get_error(session->ssl, result) == SSL_ERROR_WANT_READ) {
        ASSERT(arrived->length == 0);
        return 0;
    }
    return fail(session, error, error_size);
}

bool secure_is_open(const struct secure_session *session)
{
    return session->is_open;
}

int secure_write(struct secure_session *session, struct slice plain, struct buffer *output)
{
    struct slice none = slice_empty();
    size_t written = 0;
    ASSERT(session->is_open);
    wire_lay(session->secure, &none, output);
    int result = SSL_write_ex(session->ssl, plain.at, plain.length, &written);
    ERR_clear_error();
    return result == 1 && written == plain.length ? 0 : -ENOBUFS;
}

ssize_t secure_read(struct secure_session *session, struct slice *arrived, uint8_t *plain,
                    size_t size, char *error, size_t error_size)
{
    size_t length = 0;
    ASSERT(session->is_open);
    wire_lay(session->secure, arrived, NULL);
    int result = SSL_read_ex(session->ssl, plain, size, &length);
    if (result == 1) {
        return (ssize_t)length;
    }
    switch (SSL_get_error(session->ssl, result)) {
    case SSL_ERROR_WANT_READ: return 0;
    case SSL_ERROR_ZERO_RETURN: return -ENOTCONN;
    default: return fail(session, error, error_size);
    }
}
