// layer: base
// link: perf/loadgen/secure.c
#include "../perf/loadgen/secure.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    FLIGHT_BYTES_MAX = 1 << 16,
};

// The other end, which speaks over the buffers that the client writes and reads.
struct server {
    SSL_CTX *context;
    SSL *ssl;
};

static struct server server;
static struct secure *secure;
static struct secure_session *session;
static uint8_t sent_bytes[FLIGHT_BYTES_MAX];
static struct buffer sent; // by the client
static char error[SECURE_ERROR_SIZE];
static char certificate_path[] = "/tmp/rc-secure-XXXXXX";

static void certificate_make(SSL_CTX *context)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    cr_assert(key != NULL && certificate != NULL);
    (void)X509_set_version(certificate, 2);
    (void)ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    (void)X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    (void)X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    (void)X509_set_pubkey(certificate, key);
    X509_NAME *name = X509_get_subject_name(certificate);
    (void)X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"here", -1,
                                     -1, 0);
    (void)X509_set_issuer_name(certificate, name);
    X509_EXTENSION *names =
        X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:here.test,IP:192.0.2.7");
    cr_assert_eq(X509_add_ext(certificate, names, -1), 1);
    X509_EXTENSION_free(names);
    cr_assert_gt(X509_sign(certificate, key, EVP_sha256()), 0);
    cr_assert_eq(SSL_CTX_use_certificate(context, certificate), 1);
    cr_assert_eq(SSL_CTX_use_PrivateKey(context, key), 1);
    int fd = mkstemp(certificate_path);
    FILE *file = fdopen(fd, "w");
    cr_assert_not_null(file);
    cr_assert_eq(PEM_write_X509(file, certificate), 1);
    cr_assert_eq(fclose(file), 0);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static void server_begin(void)
{
    SSL_free(server.ssl);
    server.ssl = SSL_new(server.context);
    SSL_set_bio(server.ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_accept_state(server.ssl);
    buffer_clear(&sent);
}

static void client_begin(const struct secure_config *config)
{
    secure = secure_open(config, error, sizeof error);
    cr_assert_not_null(secure, "%s", error);
    session = secure_begin(secure, true);
    cr_assert_not_null(session);
}

static void set_up(void)
{
    server.context = SSL_CTX_new(TLS_server_method());
    cr_assert_not_null(server.context);
    certificate_make(server.context);
    buffer_wrap(&sent, sent_bytes, sizeof sent_bytes);
    server_begin();
}

static void tear_down(void)
{
    secure_end(session);
    secure_close(secure);
    SSL_free(server.ssl);
    SSL_CTX_free(server.context);
    (void)unlink(certificate_path);
}

TestSuite(secure, .init = set_up, .fini = tear_down, .timeout = 20);

static const struct secure_config PLAIN = {.host = "here.test"};

// What the client has written goes to the server.
static void deliver(void)
{
    struct slice flight = buffer_slice(&sent);
    if (flight.length > 0) {
        cr_assert_eq(BIO_write(SSL_get_rbio(server.ssl), flight.at, (int)flight.length),
                     (int)flight.length);
    }
    buffer_clear(&sent);
}

// What the server has written since the last time.
static struct slice collect(uint8_t bytes[FLIGHT_BYTES_MAX])
{
    int length = BIO_read(SSL_get_wbio(server.ssl), bytes, FLIGHT_BYTES_MAX);
    return slice_from(bytes, length > 0 ? (size_t)length : 0);
}

// Until the client's handshake is over or failed; what it gets comes in pieces of `piece` bytes.
static int shake(size_t piece)
{
    static uint8_t bytes[FLIGHT_BYTES_MAX];
    struct slice arrived = slice_empty();
    int result = secure_shake(session, &arrived, &sent, error, sizeof error);
    while (result == 0) {
        deliver();
        (void)SSL_do_handshake(server.ssl);
        struct slice flight = collect(bytes);
        cr_assert_gt(flight.length, 0, "both wait");
        while (result == 0 && flight.length > 0) {
            size_t length = piece < flight.length ? piece : flight.length;
            arrived = slice_first(flight, length);
            flight = slice_after(flight, length);
            result = secure_shake(session, &arrived, &sent, error, sizeof error);
        }
        cr_assert(result < 0 || arrived.length + flight.length == 0);
    }
    return result;
}

static void expect_request(const char *text)
{
    char got[64] = "";
    cr_assert_eq(secure_write(session, slice_of(text), &sent), 0);
    deliver();
    (void)SSL_do_handshake(server.ssl);
    cr_assert_eq(SSL_read(server.ssl, got, sizeof got - 1), (int)strlen(text));
    cr_assert_str_eq(got, text);
}

// The server says `text`, which comes in pieces.
static void expect_response(const char *text, size_t piece)
{
    static uint8_t bytes[FLIGHT_BYTES_MAX];
    char got[64] = "";
    size_t have = 0;
    cr_assert_eq(SSL_write(server.ssl, text, (int)strlen(text)), (int)strlen(text));
    struct slice flight = collect(bytes);
    while (flight.length > 0) {
        size_t length = piece < flight.length ? piece : flight.length;
        struct slice arrived = slice_first(flight, length);
        flight = slice_after(flight, length);
        ssize_t taken = 0;
        while ((taken = secure_read(session, &arrived, (uint8_t *)got + have, 3, error,
                                    sizeof error)) > 0) {
            have += (size_t)taken;
        }
        cr_assert_eq(taken, 0, "%s", error);
        cr_assert_eq(arrived.length, 0);
        cr_assert(secure_is_open(session));
    }
    cr_assert_str_eq(got, text);
}

static void speak(const struct secure_config *config, size_t piece, const char *version)
{
    client_begin(config);
    cr_assert_not(secure_is_open(session));
    cr_assert_eq(shake(piece), 1, "%s", error);
    expect_request("GET / HTTP/1.1\r\n\r\n");
    expect_response("HTTP/1.1 200 OK\r\n\r\ndata: x\n\n", piece);
    cr_assert_str_eq(secure_tally(secure)->version, version);
    cr_assert_eq(secure_tally(secure)->handshakes, 1);
    cr_assert_eq(secure_tally(secure)->resumed, 0);
}

Test(secure, speaks_1_3)
{
    speak(&PLAIN, FLIGHT_BYTES_MAX, "TLSv1.3");
    cr_assert_str_eq(SSL_get_servername(server.ssl, TLSEXT_NAMETYPE_host_name), "here.test");
}

Test(secure, speaks_1_2_where_it_is_to)
{
    struct secure_config config = {.host = "here.test", .version = "1.2"};
    speak(&config, FLIGHT_BYTES_MAX, "TLSv1.2");
}

Test(secure, takes_a_byte_at_a_time_also_tickets)
{
    speak(&PLAIN, 1, "TLSv1.3");
}

Test(secure, does_not_speak_what_it_must_not)
{
    struct secure_config config = {.host = "here.test", .version = "1.3"};
    (void)SSL_CTX_set_max_proto_version(server.context, TLS1_2_VERSION);
    server_begin();
    client_begin(&config);
    cr_assert_eq(shake(FLIGHT_BYTES_MAX), -EPROTO);
    cr_assert_neq(error[0], 0);
}

Test(secure, knows_versions)
{
    cr_assert(secure_knows_version("1.2") && secure_knows_version("1.3"));
    cr_assert_not(secure_knows_version("1.1") || secure_knows_version(""));
}

Test(secure, verifies_names_and_addresses_where_it_has_authorities)
{
    static const struct {
        const char *host;
        const char *told; // NULL: good
    } cases[] = {{"here.test", NULL},
                 {"192.0.2.7", NULL},
                 {"there.test", "hostname mismatch"},
                 {"192.0.2.8", "IP address mismatch"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct secure_config config = {.host = cases[i].host, .authorities = certificate_path};
        server_begin();
        client_begin(&config);
        int result = shake(FLIGHT_BYTES_MAX);
        cr_assert_eq(result, cases[i].told == NULL ? 1 : -EPROTO, "%s: %s", cases[i].host, error);
        cr_assert(cases[i].told == NULL || strcasestr(error, cases[i].told) != NULL, "%s", error);
        secure_end(session);
        secure_close(secure);
        session = NULL;
        secure = NULL;
    }
}

Test(secure, tells_what_is_wrong_with_the_authorities)
{
    struct secure_config config = {.host = "here.test", .authorities = "/nonexistent/ca"};
    cr_assert_null(secure_open(&config, error, sizeof error));
    cr_assert_str_eq(error, "/nonexistent/ca: No such file or directory");
}

Test(secure, one_that_comes_back_resumes_though_the_first_has_gone)
{
    static const char *const versions[] = {"1.2", "1.3"};
    for (size_t i = 0; i < 2; i++) {
        struct secure_config config = {.host = "here.test", .version = versions[i]};
        server_begin();
        client_begin(&config);
        cr_assert_eq(shake(FLIGHT_BYTES_MAX), 1);
        expect_request("one");
        expect_response("two", FLIGHT_BYTES_MAX);
        for (uint64_t again = 1; again <= 2; again++) {
            secure_end(session);
            session = secure_begin(secure, true);
            server_begin();
            cr_assert_eq(shake(FLIGHT_BYTES_MAX), 1, "%s", error);
            expect_request("three");
            expect_response("four", FLIGHT_BYTES_MAX);
            cr_assert_eq(secure_tally(secure)->resumed, again, "%s", versions[i]);
        }
        secure_end(session);
        session = secure_begin(secure, false);
        server_begin();
        cr_assert_eq(shake(FLIGHT_BYTES_MAX), 1);
        cr_assert_eq(secure_tally(secure)->resumed, 2);
        cr_assert_eq(secure_tally(secure)->handshakes, 4);
        secure_end(session);
        secure_close(secure);
        session = NULL;
        secure = NULL;
    }
}

Test(secure, several_at_once_may_offer_the_same_ticket)
{
    client_begin(&PLAIN);
    cr_assert_eq(shake(FLIGHT_BYTES_MAX), 1);
    expect_request("one");
    expect_response("two", FLIGHT_BYTES_MAX);
    secure_end(session);
    for (uint64_t resumed = 1; resumed <= 2; resumed++) {
        session = secure_begin(secure, true);
        server_begin();
        (void)SSL_set_num_tickets(server.ssl, 0);
        cr_assert_eq(shake(FLIGHT_BYTES_MAX), 1);
        cr_assert_eq(secure_tally(secure)->resumed, resumed);
        secure_end(session);
    }
    session = NULL;
}

Test(secure, the_servers_goodbye_is_its_end)
{
    static uint8_t bytes[FLIGHT_BYTES_MAX];
    uint8_t plain[16];
    speak(&PLAIN, FLIGHT_BYTES_MAX, "TLSv1.3");
    (void)SSL_shutdown(server.ssl);
    struct slice arrived = collect(bytes);
    cr_assert_eq(secure_read(session, &arrived, plain, sizeof plain, error, sizeof error),
                 -ENOTCONN);
}

Test(secure, a_record_that_was_changed_is_refused)
{
    static uint8_t bytes[FLIGHT_BYTES_MAX];
    uint8_t plain[16];
    speak(&PLAIN, FLIGHT_BYTES_MAX, "TLSv1.3");
    cr_assert_eq(SSL_write(server.ssl, "data", 4), 4);
    struct slice arrived = collect(bytes);
    bytes[arrived.length - 1] ^= 1;
    cr_assert_eq(secure_read(session, &arrived, plain, sizeof plain, error, sizeof error), -EPROTO);
    cr_assert_str_eq(error, "TLS: decryption failed or bad record mac");
}

Test(secure, a_change_of_keys_is_followed)
{
    speak(&PLAIN, FLIGHT_BYTES_MAX, "TLSv1.3");
    cr_assert_eq(SSL_key_update(server.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
    expect_response("data: with other keys\n\n", 1);
}

Test(secure, what_does_not_fit_the_output_is_an_error)
{
    struct slice none = slice_empty();
    uint8_t few[16];
    struct buffer small;
    buffer_wrap(&small, few, sizeof few);
    client_begin(&PLAIN);
    cr_assert_eq(secure_shake(session, &none, &small, error, sizeof error), -EPROTO);
}

Test(secure, tallies_are_summed)
{
    struct secure_tally sum = {0};
    struct secure_tally one = {3, 1, "TLSv1.3", "A", "g"};
    struct secure_tally other = {4, 4, "TLSv1.3", "B", ""};
    secure_tally_merge(&sum, &one);
    secure_tally_merge(&sum, &other);
    cr_assert_eq(sum.handshakes, 7);
    cr_assert_eq(sum.resumed, 5);
    cr_assert_str_eq(sum.cipher, "A");
}
