#include "unit/tls/peers.h"

#include "base/assert.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

static X509 *make_certificate(EVP_PKEY *key, const struct pair_options *options)
{
    X509 *certificate = X509_new();
    ASSERT(certificate != NULL);
    bool is_usual = options->valid_from_s == 0 && options->valid_to_s == 0;
    (void)X509_set_version(certificate, 2);
    (void)ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    (void)X509_gmtime_adj(X509_getm_notBefore(certificate),
                          is_usual ? -3600 : options->valid_from_s);
    (void)X509_gmtime_adj(X509_getm_notAfter(certificate), is_usual ? 86400 : options->valid_to_s);
    (void)X509_set_pubkey(certificate, key);
    X509_NAME *name = X509_get_subject_name(certificate);
    (void)X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)options->host, -1,
                                     -1, 0);
    (void)X509_set_issuer_name(certificate, name);
    char alternative[PEER_PATH_SIZE];
    (void)snprintf(alternative, sizeof(alternative), "DNS:%s", options->host);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, alternative);
    ASSERT(X509_add_ext(certificate, extension, -1) == 1);
    X509_EXTENSION_free(extension);
    ASSERT(X509_sign(certificate, key, EVP_sha256()) > 0);
    return certificate;
}

void pair_write(const char *directory, const char *name, const struct pair_options *options)
{
    EVP_PKEY *key =
        options->is_rsa
            ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA",
                                (size_t)(options->rsa_bits > 0 ? options->rsa_bits : 2048))
            : EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    ASSERT(key != NULL);
    X509 *certificate = make_certificate(key, options);
    char path[2 * PEER_PATH_SIZE];
    (void)snprintf(path, sizeof(path), "%s/%s.crt", directory, name);
    FILE *file = fopen(path, "w");
    for (int i = 0; i <= options->extra_chain; i++) {
        ASSERT(PEM_write_X509(file, certificate) == 1);
    }
    ASSERT(fclose(file) == 0);
    (void)snprintf(path, sizeof(path), "%s/%s.key", directory, name);
    file = fopen(path, "w");
    ASSERT(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1);
    ASSERT(fclose(file) == 0);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

struct tls_server *server_of(const char *directory, const char *const *names, size_t count,
                             const struct tls_server *former, uint64_t now_ms, char *message)
{
    enum { NAMES_MAX = 4 };
    char certificates[NAMES_MAX][2 * PEER_PATH_SIZE];
    char keys[NAMES_MAX][2 * PEER_PATH_SIZE];
    const char *certificate_paths[NAMES_MAX];
    const char *key_paths[NAMES_MAX];
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(certificates[i], sizeof(certificates[i]), "%s/%s.crt", directory, names[i]);
        (void)snprintf(keys[i], sizeof(keys[i]), "%s/%s.key", directory, names[i]);
        certificate_paths[i] = certificates[i];
        key_paths[i] = keys[i];
    }
    const struct tls_server_options options = {
        .certificates = certificate_paths, .keys = key_paths, .count = count, .has_tickets = true};
    return tls_server_create(&options, former, now_ms, message);
}

// --- the client ---

static int keep_ticket(SSL *ssl, SSL_SESSION *ticket)
{
    struct client *client = SSL_get_app_data(ssl);
    SSL_SESSION_free(client->ticket);
    client->ticket = ticket;
    return 1;
}

static void begin(struct client *client, const char *host)
{
    client->ssl = SSL_new(client->context);
    client->in = BIO_new(BIO_s_mem());
    client->out = BIO_new(BIO_s_mem());
    ASSERT(client->ssl != NULL && client->in != NULL && client->out != NULL);
    SSL_set_bio(client->ssl, client->in, client->out);
    SSL_set_connect_state(client->ssl);
    (void)SSL_set_app_data(client->ssl, client);
    if (host != NULL) {
        (void)SSL_set_tlsext_host_name(client->ssl, host);
    }
    if (client->ticket != NULL) {
        (void)SSL_set_session(client->ssl, client->ticket);
    }
}

void client_open(struct client *client, const char *host)
{
    *client = (struct client){.context = SSL_CTX_new(TLS_client_method())};
    ASSERT(client->context != NULL);
    (void)SSL_CTX_set_session_cache_mode(client->context, SSL_SESS_CACHE_CLIENT);
    SSL_CTX_sess_set_new_cb(client->context, keep_ticket);
    begin(client, host);
}

void client_again(struct client *client, const char *host)
{
    // Else OpenSSL takes its ticket for spoilt.
    SSL_set_shutdown(client->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(client->ssl);
    begin(client, host);
}

void client_close(struct client *client)
{
    SSL_free(client->ssl);
    SSL_SESSION_free(client->ticket);
    SSL_CTX_free(client->context);
}

void deliver(struct client *client, const struct buffer *out)
{
    struct slice bytes = buffer_slice(out);
    if (bytes.length > 0) {
        ASSERT(BIO_write(client->in, bytes.at, (int)bytes.length) == (int)bytes.length);
    }
}

static enum tls_progress feed(struct tls_session *session, struct client *client,
                              struct slice input, struct buffer *got)
{
    static uint8_t storage[TLS_READ_OUT_BYTES_MAX];
    enum tls_progress progress = TLS_PLAIN;
    while (progress == TLS_PLAIN) {
        uint8_t plain[1000];
        size_t length = 0;
        struct buffer out;
        buffer_wrap(&out, storage, sizeof(storage));
        progress = tls_session_read(session, &input, &out, plain, sizeof(plain), &length);
        deliver(client, &out);
        if (length > 0 && got != NULL) {
            ASSERT(buffer_append(got, plain, length) == 0);
        }
    }
    ASSERT(progress != TLS_NEED_MORE || input.length == 0);
    return progress;
}

enum tls_progress exchange(struct tls_session *session, struct client *client, size_t piece_bytes,
                           struct buffer *got)
{
    static uint8_t bytes[PEER_BYTES_MAX];
    enum tls_progress progress = TLS_NEED_MORE;
    for (;;) {
        if (!SSL_is_init_finished(client->ssl)) {
            (void)SSL_do_handshake(client->ssl);
        } else {
            char none;
            (void)SSL_peek(client->ssl, &none, 1); // takes tickets
        }
        int length = BIO_read(client->out, bytes, sizeof(bytes));
        if (length <= 0) {
            return progress;
        }
        struct slice rest = slice_from(bytes, (size_t)length);
        while (rest.length > 0) {
            size_t piece = rest.length < piece_bytes ? rest.length : piece_bytes;
            progress = feed(session, client, slice_first(rest, piece), got);
            if (progress == TLS_FAILED || progress == TLS_OVER) {
                (void)SSL_do_handshake(client->ssl);
                return progress;
            }
            rest = slice_after(rest, piece);
        }
    }
}

bool client_takes(struct client *client, const struct buffer *out, struct slice plain)
{
    deliver(client, out);
    uint8_t *read = malloc(plain.length);
    size_t total = 0;
    size_t got = 0;
    while (total < plain.length &&
           SSL_read_ex(client->ssl, read + total, plain.length - total, &got) == 1) {
        total += got;
    }
    bool is_equal = slice_equal(slice_from(read, total), plain);
    free(read);
    return is_equal;
}
