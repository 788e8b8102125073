// link: tests/unit/base/scratch.c
// link: tests/unit/tls/peers.c
#include "base/prng.h"
#include "tls/tickets.h"
#include "unit/base/scratch.h"
#include "unit/tls/peers.h"

#include <criterion/criterion.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

static char directory[SCRATCH_PATH_SIZE];
static struct tls_server *server;
static struct tls_session *session;
static struct client client;
static const char *const names[] = {"first", "second", "third"};

static void setup(void)
{
    char message[TLS_MESSAGE_SIZE];
    scratch_make(directory);
    pair_write(directory, "first", &(struct pair_options){.host = "first.test"});
    pair_write(directory, "second",
               &(struct pair_options){.host = "*.second.test", .is_rsa = true});
    pair_write(directory, "third", &(struct pair_options){.host = "third.test"});
    server = server_of(directory, names, 3, NULL, 0, message);
    cr_assert_not_null(server, "%s", message);
    session = tls_session_create(server);
    client_open(&client, "first.test");
}

static void teardown(void)
{
    client_close(&client);
    tls_session_free(session);
    tls_server_release(server);
    scratch_remove(directory);
}

TestSuite(session, .init = setup, .fini = teardown);

static void renew_session(struct tls_server *of)
{
    tls_session_free(session);
    session = tls_session_create(of);
    cr_assert_not_null(session);
}

static void shake_hands(void)
{
    cr_assert_eq(exchange(session, &client, SIZE_MAX, NULL), TLS_NEED_MORE, "%s",
                 tls_session_fault(session));
    cr_assert(tls_session_is_established(session));
    cr_assert(SSL_is_init_finished(client.ssl));
}

// A text to the client, and what it reads.
static void send_and_check(struct slice plain)
{
    static uint8_t storage[PEER_BYTES_MAX];
    struct buffer out;
    buffer_wrap(&out, storage, tls_sealed_bytes_max(plain.length));
    cr_assert(tls_session_write(session, plain, &out));
    cr_assert(client_takes(&client, &out, plain));
}

static const char *host_shown(void)
{
    static char host[PEER_PATH_SIZE];
    X509 *certificate = SSL_get1_peer_certificate(client.ssl);
    (void)X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, host,
                                    sizeof(host));
    X509_free(certificate);
    return host;
}

Test(session, shakes_hands_and_carries_text_both_ways)
{
    shake_hands();
    cr_assert_str_eq(tls_session_version(session), "TLSv1.3");
    cr_assert_not(tls_session_is_resumed(session));
    cr_assert_not(tls_session_has_pending(session));
    send_and_check(slice_of("data: hello\n\n"));
    struct buffer got;
    buffer_init(&got, PEER_BYTES_MAX);
    cr_assert_eq(SSL_write(client.ssl, "GET / HTTP/1.1", 14), 14);
    cr_assert_eq(exchange(session, &client, SIZE_MAX, &got), TLS_NEED_MORE);
    cr_assert(slice_equal_text(buffer_slice(&got), "GET / HTTP/1.1"));
    buffer_free(&got);
}

Test(session, speaks_tls_1_2)
{
    (void)SSL_set_max_proto_version(client.ssl, TLS1_2_VERSION);
    shake_hands();
    cr_assert_str_eq(tls_session_version(session), "TLSv1.2");
    cr_assert_not_null(strstr(tls_session_cipher(session), "ECDHE"));
    send_and_check(slice_of("data: hello\n\n"));
}

Test(session, refuses_older_versions_and_weak_ciphers)
{
    SSL_set_security_level(client.ssl, 0);
    (void)SSL_set_min_proto_version(client.ssl, TLS1_VERSION);
    (void)SSL_set_max_proto_version(client.ssl, TLS1_1_VERSION);
    cr_assert_eq(exchange(session, &client, SIZE_MAX, NULL), TLS_FAILED);
    cr_assert_not_null(strstr(tls_session_fault(session), "protocol"), "%s",
                       tls_session_fault(session));
    renew_session(server);
    client_again(&client, NULL);
    (void)SSL_set_max_proto_version(client.ssl, TLS1_2_VERSION);
    cr_assert_eq(SSL_set_cipher_list(client.ssl, "AES128-SHA:ECDHE-ECDSA-AES128-SHA"), 1);
    cr_assert_eq(exchange(session, &client, SIZE_MAX, NULL), TLS_FAILED);
    cr_assert_str_eq(tls_session_fault(session), "no shared cipher");
}

Test(session, can_keep_to_tls_1_3)
{
    char certificate[2 * PEER_PATH_SIZE];
    char key[2 * PEER_PATH_SIZE];
    char message[TLS_MESSAGE_SIZE];
    (void)snprintf(certificate, sizeof(certificate), "%s/first.crt", directory);
    (void)snprintf(key, sizeof(key), "%s/first.key", directory);
    const char *certificates[] = {certificate};
    const char *keys[] = {key};
    const struct tls_server_options options = {
        .certificates = certificates, .keys = keys, .count = 1, .only_tls13 = true};
    struct tls_server *strict = tls_server_create(&options, NULL, 0, message);
    cr_assert_not_null(strict, "%s", message);
    renew_session(strict);
    shake_hands();
    cr_assert_null(client.ticket); // none without has_tickets
    renew_session(strict);
    client_again(&client, NULL);
    (void)SSL_set_max_proto_version(client.ssl, TLS1_2_VERSION);
    cr_assert_eq(exchange(session, &client, SIZE_MAX, NULL), TLS_FAILED);
    tls_server_release(strict);
}

Test(session, chooses_the_certificate_by_name)
{
    static const char *const cases[][2] = {{"first.test", "first.test"},
                                           {"a.second.test", "*.second.test"},
                                           {"THIRD.test", "third.test"},
                                           {"fourth.test", "first.test"},
                                           {NULL, "first.test"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        renew_session(server);
        client_close(&client); // with its ticket
        client_open(&client, cases[i][0]);
        shake_hands();
        cr_assert_str_eq(host_shown(), cases[i][1]);
    }
}

Test(session, takes_http_1_1_where_it_is_offered)
{
    static const uint8_t both[] = "\x02h2\x08http/1.1";
    static const uint8_t other[] = "\x02h2";
    const unsigned char *chosen;
    unsigned length;
    cr_assert_eq(SSL_set_alpn_protos(client.ssl, both, sizeof(both) - 1), 0);
    shake_hands();
    SSL_get0_alpn_selected(client.ssl, &chosen, &length);
    cr_assert(slice_equal_text(slice_from(chosen, length), "http/1.1"));
    renew_session(server);
    client_again(&client, NULL);
    cr_assert_eq(SSL_set_alpn_protos(client.ssl, other, sizeof(other) - 1), 0);
    cr_assert_eq(exchange(session, &client, SIZE_MAX, NULL), TLS_FAILED);
    cr_assert_eq(ERR_GET_REASON(ERR_peek_error()), SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL);
}

// Resumes with another server's session, which has only the ticket keys in common.
static void check_resumption(int version)
{
    char message[TLS_MESSAGE_SIZE];
    (void)SSL_CTX_set_max_proto_version(client.context, version);
    client_again(&client, "first.test");
    shake_hands();
    cr_assert_not_null(client.ticket);
    struct tls_server *other = server_of(directory, names, 1, server, TLS_TICKET_LIFE_MS, message);
    cr_assert_not_null(other, "%s", message);
    renew_session(other);
    client_again(&client, "first.test");
    shake_hands();
    cr_assert(tls_session_is_resumed(session));
    cr_assert_eq(SSL_session_reused(client.ssl), 1);
    send_and_check(slice_of("data: again\n\n"));
    struct tls_server *stranger = server_of(directory, names, 1, NULL, 0, message);
    renew_session(stranger);
    client_again(&client, "first.test");
    shake_hands();
    cr_assert_not(tls_session_is_resumed(session));
    tls_server_release(other);
    tls_server_release(stranger);
}

Test(session, resumes_across_servers_with_the_same_ticket_keys)
{
    check_resumption(TLS1_3_VERSION);
}

// Clients use a ticket of TLS 1.3 once.
Test(session, who_resumes_gets_a_ticket_for_the_next_time)
{
    shake_hands();
    for (int times = 0; times < 3; times++) {
        renew_session(server);
        client_again(&client, NULL);
        shake_hands();
        cr_assert(tls_session_is_resumed(session), "after %d times", times);
    }
}

Test(session, resumes_in_tls_1_2)
{
    check_resumption(TLS1_2_VERSION);
}

Test(session, takes_its_bytes_one_by_one)
{
    cr_assert_eq(exchange(session, &client, 1, NULL), TLS_NEED_MORE);
    cr_assert(tls_session_is_established(session));
    static uint8_t text[50000];
    prng_bytes(&(struct prng){{1, 2, 3, 4}}, text, sizeof(text));
    cr_assert_eq(SSL_write(client.ssl, text, sizeof(text)), (int)sizeof(text));
    struct buffer got;
    buffer_init(&got, PEER_BYTES_MAX);
    cr_assert_eq(exchange(session, &client, 1, &got), TLS_NEED_MORE);
    cr_assert(slice_equal(buffer_slice(&got), slice_from(text, sizeof(text))));
    buffer_free(&got);
}

Test(session, holds_what_came_in_part)
{
    static uint8_t bytes[4096];
    static uint8_t storage[TLS_READ_OUT_BYTES_MAX];
    uint8_t plain[64];
    size_t length = 0;
    struct buffer out;
    shake_hands();
    cr_assert_eq(SSL_write(client.ssl, "ping", 4), 4);
    int sealed = BIO_read(client.out, bytes, sizeof(bytes));
    buffer_wrap(&out, storage, sizeof(storage));
    struct slice part = slice_from(bytes, (size_t)sealed - 1);
    cr_assert_eq(tls_session_read(session, &part, &out, plain, sizeof(plain), &length),
                 TLS_NEED_MORE);
    cr_assert_eq(part.length, 0);
    cr_assert(tls_session_has_pending(session));
    part = slice_from(bytes + sealed - 1, 1);
    cr_assert_eq(tls_session_read(session, &part, &out, plain, 3, &length), TLS_PLAIN);
    cr_assert_eq(length, 3);
    cr_assert(tls_session_has_pending(session));
    part = slice_empty();
    cr_assert_eq(tls_session_read(session, &part, &out, plain, 3, &length), TLS_PLAIN);
    cr_assert_eq(length, 1);
    cr_assert_not(tls_session_has_pending(session));
}

Test(session, seals_texts_of_all_sizes)
{
    static uint8_t text[300000];
    static const size_t sizes[] = {1, 2, 100, 16383, 16384, 16385, 65536, sizeof(text)};
    prng_bytes(&(struct prng){{5, 6, 7, 8}}, text, sizeof(text));
    shake_hands();
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        send_and_check(slice_from(text, sizes[i]));
    }
}

Test(session, says_once_that_it_is_over)
{
    uint8_t storage[TLS_CLOSE_BYTES_MAX];
    char none;
    struct buffer out;
    buffer_wrap(&out, storage, sizeof(storage));
    cr_assert_not(tls_session_close(session, &out)); // before the handshake
    shake_hands();
    cr_assert(tls_session_close(session, &out));
    deliver(&client, &out);
    cr_assert_leq(SSL_read(client.ssl, &none, 1), 0);
    cr_assert_eq(SSL_get_error(client.ssl, 0), SSL_ERROR_ZERO_RETURN);
    cr_assert_not(tls_session_close(session, &out));
}

Test(session, hears_that_the_client_is_over)
{
    shake_hands();
    (void)SSL_shutdown(client.ssl);
    cr_assert_eq(exchange(session, &client, SIZE_MAX, NULL), TLS_OVER);
    send_and_check(slice_of("still an answer")); // the other way is open
}

Test(session, refuses_to_shake_hands_again)
{
    (void)SSL_set_max_proto_version(client.ssl, TLS1_2_VERSION);
    shake_hands();
    cr_assert_eq(SSL_renegotiate(client.ssl), 1);
    (void)SSL_do_handshake(client.ssl);
    (void)exchange(session, &client, SIZE_MAX, NULL);
    cr_assert_eq(SSL_is_init_finished(client.ssl), 0); // it was refused
}

Test(session, answers_a_change_of_keys)
{
    shake_hands();
    cr_assert_eq(SSL_key_update(client.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
    (void)SSL_do_handshake(client.ssl);
    cr_assert_eq(exchange(session, &client, SIZE_MAX, NULL), TLS_NEED_MORE);
    send_and_check(slice_of("under other keys"));
}

// A few kilobytes of them would keep a worker busy for as long as thousands of requests.
Test(session, ends_with_a_client_that_does_nothing_else)
{
    shake_hands();
    for (int i = 0; i < 16; i++) {
        cr_assert_eq(SSL_key_update(client.ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
        (void)SSL_do_handshake(client.ssl);
    }
    cr_assert_eq(exchange(session, &client, SIZE_MAX, NULL), TLS_NEED_MORE);
    send_and_check(slice_of("under the same keys"));
    cr_assert_eq(SSL_key_update(client.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
    (void)SSL_do_handshake(client.ssl);
    cr_assert_eq(exchange(session, &client, SIZE_MAX, NULL), TLS_FAILED);
    cr_assert_not_null(strstr(tls_session_fault(session), "keys too often"));
}

// One bit of a client's bytes is another: its handshake fails, and nothing else happens.
// OpenSSL would make room for all of it.
Test(session, refuses_a_hello_that_says_it_is_huge)
{
    static const struct {
        struct slice bytes;
        const char *fault;
    } cases[] = {
        {SLICE_LITERAL("\x16\3\1\0\x0a\1\2\1\x44\3\3"
                       "abcd"),
         "hello is too long"},
        {SLICE_LITERAL("\x16\3\1\0\1\1\x16\3\1\0\3\0\x40\1"), "hello is too long"},
        {SLICE_LITERAL("\x14\3\3\0\1\1\x16\3\1\0\x0a\1\2\1\x44\3\3"
                       "abcd"),
         ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t storage[TLS_READ_OUT_BYTES_MAX];
        uint8_t plain[64];
        size_t length = 0;
        struct buffer out;
        struct slice input = cases[i].bytes;
        buffer_wrap(&out, storage, sizeof(storage));
        renew_session(server);
        cr_assert_eq(tls_session_read(session, &input, &out, plain, sizeof(plain), &length),
                     TLS_FAILED, "%zu", i);
        cr_assert_not_null(strstr(tls_session_fault(session), cases[i].fault), "%zu: %s", i,
                           tls_session_fault(session));
    }
}

Test(session, survives_mutated_handshakes, .timeout = 60)
{
    static uint8_t bytes[PEER_BYTES_MAX];
    static uint8_t storage[TLS_READ_OUT_BYTES_MAX];
    struct prng prng;
    prng_seed(&prng, 7);
    unsigned failed = 0;
    for (unsigned i = 0; i < 300; i++) {
        renew_session(server);
        client_again(&client, "first.test");
        bool is_over = false;
        for (unsigned turn = 0; turn < 3 && !is_over; turn++) {
            uint8_t plain[100];
            size_t given = 0;
            struct buffer out;
            buffer_wrap(&out, storage, sizeof(storage));
            (void)SSL_do_handshake(client.ssl);
            int length = BIO_read(client.out, bytes, sizeof(bytes));
            if (length <= 0) {
                break;
            }
            if (turn == i % 2) {
                bytes[prng_below(&prng, (uint64_t)length)] ^= (uint8_t)(1u << prng_below(&prng, 8));
            }
            struct slice input = slice_from(bytes, (size_t)length);
            is_over =
                tls_session_read(session, &input, &out, plain, sizeof(plain), &given) == TLS_FAILED;
            deliver(&client, &out);
        }
        failed += is_over;
        cr_assert(is_over || !tls_session_is_established(session) || i % 2 == 0 ||
                  SSL_is_init_finished(client.ssl));
    }
    cr_assert_gt(failed, 100);
}

Test(session, survives_mutated_records)
{
    static uint8_t bytes[4096];
    static uint8_t storage[TLS_READ_OUT_BYTES_MAX];
    uint8_t plain[100];
    size_t length = 0;
    struct buffer out;
    buffer_wrap(&out, storage, sizeof(storage));
    shake_hands();
    cr_assert_eq(SSL_write(client.ssl, "ping", 4), 4);
    int sealed = BIO_read(client.out, bytes, sizeof(bytes));
    bytes[sealed - 1] ^= 1;
    struct slice input = slice_from(bytes, (size_t)sealed);
    cr_assert_eq(tls_session_read(session, &input, &out, plain, sizeof(plain), &length),
                 TLS_FAILED);
    cr_assert_str_eq(tls_session_fault(session), "decryption failed or bad record mac");
    cr_assert_gt(buffer_length(&out), 0); // an alert
    cr_assert_not(tls_session_write(session, slice_of("no more"), &out));
    cr_assert_not(tls_session_close(session, &out));
}
