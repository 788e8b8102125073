// link: tests/unit/base/scratch.c
// link: tests/unit/tls/peers.c
#include "base/prng.h"
#include "tls/stream.h"
#include "unit/base/scratch.h"
#include "unit/tls/peers.h"

#include <criterion/criterion.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct tls_server *server;
static struct tls_session *session;
static struct client client;
static uint8_t secret[TLS_SECRET_BYTES_MAX];
static size_t secret_length;

static void note_secret(const SSL *ssl, const char *line)
{
    (void)ssl;
    static const char label[] = "SERVER_TRAFFIC_SECRET_0 ";
    if (strncmp(line, label, sizeof(label) - 1) == 0) {
        const char *text = strrchr(line, ' ') + 1;
        secret_length = strlen(text) / 2;
        for (size_t i = 0; i < secret_length; i++) {
            unsigned byte;
            cr_assert_eq(sscanf(text + 2 * i, "%2x", &byte), 1);
            secret[i] = (uint8_t)byte;
        }
    }
}

static void setup(void)
{
    static const char *const names[] = {"one"};
    char directory[SCRATCH_PATH_SIZE];
    char message[TLS_MESSAGE_SIZE];
    scratch_make(directory);
    pair_write(directory, "one", &(struct pair_options){.host = "one.test"});
    server = server_of(directory, names, 1, NULL, 0, message);
    cr_assert_not_null(server, "%s", message);
    scratch_remove(directory);
    client_open(&client, "one.test");
    SSL_CTX_set_keylog_callback(client.context, note_secret);
}

static void teardown(void)
{
    client_close(&client);
    tls_session_free(session);
    tls_server_release(server);
}

TestSuite(stream, .init = setup, .fini = teardown);

static void shake_hands(const char *suite)
{
    tls_session_free(session);
    session = tls_session_create(server);
    client_again(&client, "one.test");
    cr_assert_eq(SSL_set_ciphersuites(client.ssl, suite), 1);
    cr_assert_eq(exchange(session, &client, SIZE_MAX, NULL), TLS_NEED_MORE, "%s",
                 tls_session_fault(session));
    cr_assert(tls_session_is_established(session));
}

static void check_received(const struct buffer *out, struct slice plain)
{
    cr_assert(client_takes(&client, out, plain), "%s", ERR_reason_error_string(ERR_peek_error()));
}

static void check_session_write(struct slice plain)
{
    static uint8_t storage[PEER_BYTES_MAX];
    struct buffer out;
    buffer_wrap(&out, storage, tls_sealed_bytes_max(plain.length));
    cr_assert(tls_session_write(session, plain, &out));
    check_received(&out, plain);
}

static void check_over(const struct buffer *out)
{
    char none;
    deliver(&client, out);
    int result = SSL_read(client.ssl, &none, 1);
    cr_assert_leq(result, 0);
    cr_assert_eq(SSL_get_error(client.ssl, result), SSL_ERROR_ZERO_RETURN);
}

static const char *const suites[] = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                                     "TLS_CHACHA20_POLY1305_SHA256"};

Test(stream, a_session_goes_on_without_its_reading_half)
{
    static uint8_t text[300000];
    static const size_t sizes[] = {1, 15, 16, 17, 100, 16384, 16385, sizeof(text)};
    prng_bytes(&(struct prng){{1, 2, 3, 4}}, text, sizeof(text));
    for (size_t i = 0; i < 3; i++) {
        uint8_t storage[TLS_CLOSE_BYTES_MAX];
        struct buffer out;
        buffer_wrap(&out, storage, sizeof(storage));
        shake_hands(suites[i]);
        check_session_write(slice_from(text, 40000)); // three records before
        tls_session_end_reading(session);
        tls_session_end_reading(session); // again is nothing
        for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
            check_session_write(slice_from(text, sizes[k]));
        }
        cr_assert_str_eq(tls_session_cipher(session), suites[i]);
        cr_assert_str_eq(tls_session_version(session), "TLSv1.3");
        cr_assert_not(tls_session_has_pending(session) || tls_session_has_plain(session));
        cr_assert(tls_session_close(session, &out));
        check_over(&out);
        cr_assert_not(tls_session_close(session, &out));
        cr_assert_not(tls_session_write(session, slice_of("late"), &out));
    }
}

Test(stream, after_resumption_too)
{
    shake_hands(suites[0]);
    shake_hands(suites[0]);
    cr_assert(tls_session_is_resumed(session));
    tls_session_end_reading(session);
    check_session_write(slice_of("data: again\n\n"));
}

Test(stream, tls_1_2_and_changed_keys_stay_as_they_are)
{
    shake_hands(suites[0]);
    cr_assert_eq(SSL_key_update(client.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
    (void)SSL_do_handshake(client.ssl);
    cr_assert_eq(exchange(session, &client, SIZE_MAX, NULL), TLS_NEED_MORE);
    tls_session_end_reading(session);
    check_session_write(slice_of("data: under other keys\n\n"));
    (void)SSL_CTX_set_max_proto_version(client.context, TLS1_2_VERSION);
    shake_hands(suites[0]);
    cr_assert_str_eq(tls_session_version(session), "TLSv1.2");
    tls_session_end_reading(session);
    check_session_write(slice_of("data: as before\n\n"));
}

Test(stream, renews_its_keys)
{
    static const uint16_t numbers[] = {0x1301, 0x1302, 0x1303};
    static uint8_t storage[4096];
    struct buffer out;
    for (size_t i = 0; i < 3; i++) {
        SSL_SESSION_free(client.ticket);
        client.ticket = NULL;
        shake_hands(suites[i]);
        struct tls_stream *stream =
            tls_stream_create(numbers[i], slice_from(secret, secret_length), 1); // behind a ticket
        cr_assert_not_null(stream);
        for (int k = 0; k < 3; k++) {
            buffer_wrap(&out, storage, sizeof(storage));
            cr_assert(tls_stream_write(stream, slice_of("data: before\n\n"), &out));
            check_received(&out, slice_of("data: before\n\n"));
            buffer_clear(&out);
            cr_assert(tls_stream_renew(stream, &out));
            cr_assert(tls_stream_write(stream, slice_of("data: after\n\n"), &out));
            check_received(&out, slice_of("data: after\n\n"));
        }
        tls_stream_free(stream);
    }
}

Test(stream, refuses_what_it_does_not_know)
{
    uint8_t storage[16];
    struct buffer out;
    buffer_wrap(&out, storage, sizeof(storage));
    cr_assert_null(tls_stream_create(0x1304, slice_from(secret, 32), 0));
    cr_assert_null(tls_stream_create(0x1302, slice_from(secret, 32), 0));
    struct tls_stream *stream = tls_stream_create(0x1301, slice_from(secret, 32), 0);
    cr_assert_not(tls_stream_write(stream, slice_of("no room"), &out));
    tls_stream_free(stream);
}
