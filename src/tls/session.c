#include "tls/session.h"

#include "base/assert.h"
#include "tls/hello.h"
#include "tls/server_internal.h"
#include "tls/stream.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>

enum {
    RECORD_HEADER_BYTES = 5,
    // Of the client's, in all: each costs as much as thousands of bytes, and clients do so once in
    // millions of records.
    KEY_UPDATES_MAX = 16,
};

struct tls_session {
    SSL *ssl;                  // NULL: only `stream` goes on
    struct tls_stream *stream; // NULL: it still reads
    struct tls_server *server; // a reference, until the handshake is over
    const char *fault;
    struct tls_hello hello;
    uint64_t records; // sent since the handshake, or since the keys were last changed
    bool has_closed;
    bool has_renewed;      // the keys are no longer those of `secret`
    uint8_t key_updates;   // that the client sent
    bool is_taken_back;    // from the kernel
    uint8_t secret_length; // of what the application's records are sealed with; 0: not TLS 1.3
    uint8_t secret[TLS_SECRET_BYTES_MAX];
    struct tls_kernel_keys *kernel_keys; // while the kernel may read them
    // During a call:
    struct slice input;
    struct buffer *out;
};

const struct tls_server *tls_session_server(const SSL *ssl)
{
    const struct tls_session *session = SSL_get_app_data(ssl);
    ASSERT(session != NULL && session->server != NULL);
    return session->server;
}

// --- what OpenSSL reads from and writes to ---

static int bio_read(BIO *bio, char *into, int size)
{
    struct tls_session *session = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (session->fault != NULL) {
        return -1; // not to be tried again: that ends it
    }
    size_t length = session->input.length;
    length = length < (size_t)size ? length : (size_t)size;
    if (length == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    if (session->server != NULL &&
        !tls_hello_look(&session->hello, slice_first(session->input, length),
                        SSL_version(session->ssl) == TLS1_3_VERSION)) {
        session->fault = "the client's hello is too long";
        return -1;
    }
    memcpy(into, session->input.at, length);
    session->input = slice_after(session->input, length);
    return (int)length;
}

static int bio_write(BIO *bio, const char *bytes, int length)
{
    struct tls_session *session = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (session->out == NULL || buffer_room(session->out) < (size_t)length) {
        BIO_set_retry_write(bio); // which ends it: no valid answer is so long
        return -1;
    }
    buffer_append(session->out, bytes, (size_t)length);
    return length;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP;
}

static BIO_METHOD *method;
static pthread_once_t method_once = PTHREAD_ONCE_INIT;

// Lives as long as the process.
static void make_method(void)
{
    method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "ringcast");
    if (method != NULL &&
        (BIO_meth_set_read(method, bio_read) != 1 || BIO_meth_set_write(method, bio_write) != 1 ||
         BIO_meth_set_ctrl(method, bio_control) != 1)) {
        BIO_meth_free(method);
        method = NULL;
    }
}

// --- life ---

struct tls_session *tls_session_create(struct tls_server *server)
{
    ASSERT(server->count > 0);
    (void)pthread_once(&method_once, make_method);
    struct tls_session *session = calloc(1, sizeof(*session));
    BIO *bio = method == NULL ? NULL : BIO_new(method);
    SSL *ssl = SSL_new(server->contexts[0]);
    if (session == NULL || bio == NULL || ssl == NULL || SSL_set_app_data(ssl, session) != 1) {
        ERR_clear_error();
        SSL_free(ssl);
        BIO_free(bio);
        free(session);
        return NULL;
    }
    BIO_set_data(bio, session);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_accept_state(ssl);
    session->ssl = ssl;
    session->server = tls_server_hold(server);
    return session;
}

static void free_ssl(struct tls_session *session)
{
    if (session->ssl != NULL) {
        // Else OpenSSL locks the context, to forget a session that it does not keep.
        SSL_set_shutdown(session->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_free(session->ssl);
        session->ssl = NULL;
    }
}

static void free_kernel_keys(struct tls_session *session)
{
    if (session->kernel_keys != NULL) {
        OPENSSL_cleanse(session->kernel_keys, sizeof(*session->kernel_keys));
        free(session->kernel_keys);
        session->kernel_keys = NULL;
    }
}

void tls_session_free(struct tls_session *session)
{
    if (session != NULL) {
        free_kernel_keys(session);
        free_ssl(session);
        tls_stream_free(session->stream);
        tls_server_release(session->server);
        OPENSSL_cleanse(session->secret, sizeof(session->secret));
        free(session);
    }
}

// --- what OpenSSL tells of ---

void tls_session_note_secret(const SSL *ssl, const char *line)
{
    static const char label[] = "SERVER_TRAFFIC_SECRET_0 ";
    struct tls_session *session = SSL_get_app_data(ssl);
    const char *secret = strrchr(line, ' ');
    size_t length = secret == NULL ? 0 : strlen(secret + 1) / 2;
    if (session == NULL || strncmp(line, label, sizeof(label) - 1) != 0 ||
        length > TLS_SECRET_BYTES_MAX) {
        return;
    }
    for (size_t i = 0; i < length; i++) {
        session->secret[i] = (uint8_t)(OPENSSL_hexchar2int((unsigned char)secret[1 + 2 * i]) << 4 |
                                       OPENSSL_hexchar2int((unsigned char)secret[2 + 2 * i]));
    }
    session->secret_length = (uint8_t)length;
}

void tls_session_note_message(const SSL *ssl, bool is_sent, int content_type, uint8_t kind)
{
    struct tls_session *session = SSL_get_app_data(ssl);
    if (session == NULL || content_type != SSL3_RT_HANDSHAKE || kind != SSL3_MT_KEY_UPDATE) {
        return;
    }
    if (is_sent) {
        session->has_renewed = true;
    } else if (session->key_updates == KEY_UPDATES_MAX) {
        session->fault = "the client changes its keys too often";
    } else {
        session->key_updates++;
    }
}

// Every record of the application's keys counts: its number is part of how the next is sealed.
static void count_records(struct tls_session *session, struct slice sent)
{
    while (sent.length > 0) {
        ASSERT(sent.length >= RECORD_HEADER_BYTES);
        size_t length = RECORD_HEADER_BYTES + ((size_t)sent.at[3] << 8 | sent.at[4]);
        sent = slice_after(sent, length);
        session->records++;
    }
}

// --- receiving ---

static void note_fault(struct tls_session *session, int error)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    if (error == SSL_ERROR_WANT_WRITE) {
        reason = "the answer would be too long";
    }
    if (session->fault == NULL) {
        session->fault = reason != NULL ? reason : "broken off";
    }
    ERR_clear_error();
}

static enum tls_progress judge(struct tls_session *session, int result)
{
    int error = SSL_get_error(session->ssl, result);
    switch (error) {
    case SSL_ERROR_WANT_READ: return TLS_NEED_MORE;
    case SSL_ERROR_ZERO_RETURN: return TLS_OVER;
    default: note_fault(session, error); return TLS_FAILED;
    }
}

enum tls_progress tls_session_read(struct tls_session *session, struct slice *input,
                                   struct buffer *out, uint8_t *plain, size_t size, size_t *length)
{
    ASSERT(session->ssl != NULL);
    ERR_clear_error();
    size_t out_before = buffer_length(out);
    session->input = *input;
    session->out = out;
    *length = 0;
    int result = SSL_read_ex(session->ssl, plain, size, length);
    enum tls_progress progress = result == 1 ? TLS_PLAIN : judge(session, result);
    *input = session->input;
    session->input = slice_empty();
    session->out = NULL;
    if (session->server != NULL && SSL_is_init_finished(session->ssl)) {
        tls_server_release(session->server); // the SSL has its own hold on its context
        session->server = NULL;
    }
    if (session->server == NULL) {
        // What a handshake's last call sends, tickets, is under these keys already.
        count_records(session, slice_after(buffer_slice(out), out_before));
    }
    return progress;
}

bool tls_session_has_plain(const struct tls_session *session)
{
    return session->ssl != NULL && SSL_pending(session->ssl) > 0;
}

bool tls_session_has_pending(const struct tls_session *session)
{
    return session->ssl != NULL && SSL_has_pending(session->ssl) == 1;
}

bool tls_session_is_established(const struct tls_session *session)
{
    return session->server == NULL;
}

bool tls_session_is_resumed(const struct tls_session *session)
{
    ASSERT(session->ssl != NULL);
    return SSL_session_reused(session->ssl) == 1;
}

const char *tls_session_version(const struct tls_session *session)
{
    return session->ssl == NULL ? "TLSv1.3" : SSL_get_version(session->ssl);
}

const char *tls_session_cipher(const struct tls_session *session)
{
    return session->ssl == NULL ? tls_stream_cipher(session->stream)
                                : SSL_get_cipher_name(session->ssl);
}

const char *tls_session_fault(const struct tls_session *session)
{
    return session->fault != NULL ? session->fault : "no fault";
}

// --- sending ---

// Under TLS 1.3 the keys change before they have sealed too much.
static bool keep_keys_fresh(struct tls_session *session)
{
    if (session->records < TLS_RECORDS_OF_KEY_MAX || SSL_version(session->ssl) != TLS1_3_VERSION) {
        return true;
    }
    session->records = 0;
    return SSL_key_update(session->ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1;
}

static bool write_by_stream(struct tls_session *session, struct slice plain, struct buffer *out)
{
    if (session->fault != NULL || session->has_closed) {
        return false;
    }
    if (!tls_stream_write(session->stream, plain, out)) {
        session->fault = "a record could not be sealed";
    }
    return session->fault == NULL;
}

bool tls_session_write(struct tls_session *session, struct slice plain, struct buffer *out)
{
    ASSERT(tls_session_is_established(session) && plain.length > 0);
    if (session->stream != NULL) {
        return write_by_stream(session, plain, out);
    }
    ERR_clear_error();
    size_t out_before = buffer_length(out);
    session->out = out;
    size_t written = 0;
    int result = 0;
    if (session->fault == NULL && keep_keys_fresh(session)) {
        result = SSL_write_ex(session->ssl, plain.at, plain.length, &written);
    }
    session->out = NULL;
    if (result != 1) {
        note_fault(session, SSL_get_error(session->ssl, result));
        return false;
    }
    ASSERT(written == plain.length);
    count_records(session, slice_after(buffer_slice(out), out_before));
    return true;
}

bool tls_session_is_worn(const struct tls_session *session)
{
    return session->records >= TLS_RECORDS_OF_KEY_MAX && session->stream == NULL &&
           SSL_version(session->ssl) != TLS1_3_VERSION;
}

// --- others go on with what it sends ---

// What its records are sealed with, where somebody else can go on with that: under TLS 1.3, with
// the secret that is known, and in records as long as the protocol allows. NULL: nobody can.
static const struct tls_suite *suite_of(const struct tls_session *session)
{
    if (session->stream != NULL || !tls_session_is_established(session) || session->fault != NULL ||
        session->has_closed || session->has_renewed || session->secret_length == 0 ||
        SSL_version(session->ssl) != TLS1_3_VERSION ||
        SSL_get_key_update_type(session->ssl) != SSL_KEY_UPDATE_NONE ||
        SSL_SESSION_get_max_fragment_length(SSL_get0_session(session->ssl)) != 0) {
        return NULL;
    }
    const struct tls_suite *suite =
        tls_suite_find(SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(session->ssl)));
    return suite != NULL && suite->digest_bytes == session->secret_length ? suite : NULL;
}

enum tls_kernel_cipher tls_session_kernel_cipher(const struct tls_session *session)
{
    const struct tls_suite *suite = session->is_taken_back ? NULL : suite_of(session);
    return suite == NULL ? TLS_KERNEL_NONE : tls_kernel_cipher_of(suite);
}

const struct tls_kernel_keys *tls_session_hand_over(struct tls_session *session)
{
    const struct tls_suite *suite = suite_of(session);
    ASSERT(suite != NULL && session->kernel_keys == NULL);
    session->kernel_keys = malloc(sizeof(*session->kernel_keys));
    if (session->kernel_keys != NULL &&
        !tls_kernel_keys_derive(session->kernel_keys, suite, session->secret, session->records)) {
        free_kernel_keys(session);
    }
    return session->kernel_keys;
}

void tls_session_take_back(struct tls_session *session)
{
    free_kernel_keys(session);
    session->is_taken_back = true;
}

void tls_session_end_reading(struct tls_session *session)
{
    const struct tls_suite *suite = suite_of(session);
    if (suite == NULL) {
        return;
    }
    struct slice secret = slice_from(session->secret, session->secret_length);
    session->stream = tls_stream_create(suite->number, secret, session->records);
    if (session->stream != NULL) {
        OPENSSL_cleanse(session->secret, sizeof(session->secret));
        free_ssl(session);
    }
}

bool tls_session_close(struct tls_session *session, struct buffer *out)
{
    if (!tls_session_is_established(session) || session->fault != NULL || session->has_closed) {
        return false;
    }
    session->has_closed = true;
    if (session->stream != NULL) {
        return tls_stream_close(session->stream, out);
    }
    ERR_clear_error();
    session->out = out;
    int result = SSL_shutdown(session->ssl);
    session->out = NULL;
    ERR_clear_error();
    return result >= 0;
}
