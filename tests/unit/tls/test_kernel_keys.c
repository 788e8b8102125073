// link: tests/unit/tls/peers.c

// The keys for the kernel: a record sealed here as the kernel does it is one that OpenSSL's client
// takes for the next.
#include "tls/kernel_keys.h"
#include "unit/tls/peers.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

enum { TAG_BYTES = 16, NONCE_BYTES = 12, HEADER_BYTES = 5, TYPE_DATA = 23, TYPE_ALERT = 21 };

static char directory[PEER_PATH_SIZE];
static struct tls_server *server;
static struct tls_session *session;
static struct client client;

static const struct {
    enum tls_kernel_cipher cipher;
    const char *suite;
    const char *name; // OpenSSL's, of the cipher alone
} suites[] = {
    {TLS_KERNEL_AES_128_GCM, "TLS_AES_128_GCM_SHA256", "AES-128-GCM"},
    {TLS_KERNEL_AES_256_GCM, "TLS_AES_256_GCM_SHA384", "AES-256-GCM"},
    {TLS_KERNEL_CHACHA20_POLY1305, "TLS_CHACHA20_POLY1305_SHA256", "ChaCha20-Poly1305"},
};
enum { SUITES = sizeof(suites) / sizeof(suites[0]) };

static void begin_session(void)
{
    tls_session_free(session);
    session = tls_session_create(server);
    cr_assert_not_null(session);
}

static void setup(void)
{
    static const char *const names[] = {"one"};
    const char *base = getenv("RC_TMP");
    char message[TLS_MESSAGE_SIZE];
    (void)snprintf(directory, sizeof(directory), "%s/keys.XXXXXX", base == NULL ? "/tmp" : base);
    cr_assert_not_null(mkdtemp(directory));
    pair_write(directory, "one", &(struct pair_options){.host = "one.test"});
    server = server_of(directory, names, 1, NULL, 0, message);
    cr_assert_not_null(server, "%s", message);
    session = NULL;
    begin_session();
    client_open(&client, "one.test");
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

static void teardown(void)
{
    client_close(&client);
    tls_session_free(session);
    tls_server_release(server);
    cr_assert_eq(nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

TestSuite(kernel_keys, .init = setup, .fini = teardown);

static void shake_hands(void)
{
    cr_assert_eq(exchange(session, &client, SIZE_MAX, NULL), TLS_NEED_MORE, "%s",
                 tls_session_fault(session));
    cr_assert(tls_session_is_established(session));
}

static void send_by_session(struct slice plain)
{
    static uint8_t storage[PEER_BYTES_MAX];
    struct buffer out;
    buffer_wrap(&out, storage, tls_sealed_bytes_max(plain.length));
    cr_assert(tls_session_write(session, plain, &out));
    cr_assert(client_takes(&client, &out, plain));
}

// --- a record as the kernel makes it, from nothing but what it is given ---

struct parts {
    const uint8_t *key;
    uint8_t iv[NONCE_BYTES];
    uint8_t sequence[8];
};

static struct parts parts_of(const struct tls_kernel_keys *keys)
{
    struct parts parts = {0};
    cr_assert_eq(keys->info.version, TLS_1_3_VERSION);
    switch (keys->info.cipher_type) {
    case TLS_CIPHER_AES_GCM_128:
        cr_assert_eq(keys->bytes, sizeof(keys->aes_128_gcm));
        parts.key = keys->aes_128_gcm.key;
        memcpy(parts.iv, keys->aes_128_gcm.salt, 4);
        memcpy(parts.iv + 4, keys->aes_128_gcm.iv, 8);
        memcpy(parts.sequence, keys->aes_128_gcm.rec_seq, 8);
        break;
    case TLS_CIPHER_AES_GCM_256:
        cr_assert_eq(keys->bytes, sizeof(keys->aes_256_gcm));
        parts.key = keys->aes_256_gcm.key;
        memcpy(parts.iv, keys->aes_256_gcm.salt, 4);
        memcpy(parts.iv + 4, keys->aes_256_gcm.iv, 8);
        memcpy(parts.sequence, keys->aes_256_gcm.rec_seq, 8);
        break;
    case TLS_CIPHER_CHACHA20_POLY1305:
        cr_assert_eq(keys->bytes, sizeof(keys->chacha20_poly1305));
        parts.key = keys->chacha20_poly1305.key;
        memcpy(parts.iv, keys->chacha20_poly1305.iv, NONCE_BYTES);
        memcpy(parts.sequence, keys->chacha20_poly1305.rec_seq, 8);
        break;
    default: cr_assert_fail("no such cipher");
    }
    return parts;
}

static void seal(const struct tls_kernel_keys *keys, const char *cipher, uint8_t after,
                 uint8_t type, struct slice plain, struct buffer *out)
{
    struct parts parts = parts_of(keys);
    parts.sequence[7] = (uint8_t)(parts.sequence[7] + after);
    uint8_t nonce[NONCE_BYTES];
    memcpy(nonce, parts.iv, NONCE_BYTES);
    for (size_t i = 0; i < sizeof(parts.sequence); i++) {
        nonce[4 + i] ^= parts.sequence[i];
    }
    size_t length = plain.length + 1 + TAG_BYTES;
    const uint8_t header[HEADER_BYTES] = {TYPE_DATA, 3, 3, (uint8_t)(length >> 8), (uint8_t)length};
    uint8_t sealed[1024];
    uint8_t tag[TAG_BYTES];
    int done = 0;
    int more = 0;
    EVP_CIPHER *kind = EVP_CIPHER_fetch(NULL, cipher, NULL);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    cr_assert_eq(EVP_EncryptInit_ex2(context, kind, parts.key, nonce, NULL), 1);
    cr_assert_eq(EVP_EncryptUpdate(context, NULL, &done, header, HEADER_BYTES), 1);
    cr_assert_eq(EVP_EncryptUpdate(context, sealed, &done, plain.at, (int)plain.length), 1);
    cr_assert_eq(EVP_EncryptUpdate(context, sealed + done, &more, &type, 1), 1);
    done += more;
    cr_assert_eq(EVP_EncryptFinal_ex(context, sealed + done, &more), 1);
    cr_assert_eq(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, tag), 1);
    EVP_CIPHER_CTX_free(context);
    EVP_CIPHER_free(kind);
    buffer_append(out, header, HEADER_BYTES);
    buffer_append(out, sealed, (size_t)(done + more));
    buffer_append(out, tag, TAG_BYTES);
}

static void send_by_kernel(const struct tls_kernel_keys *keys, const char *cipher, uint8_t after,
                           struct slice plain)
{
    uint8_t storage[2048];
    struct buffer out;
    buffer_wrap(&out, storage, sizeof(storage));
    seal(keys, cipher, after, TYPE_DATA, plain, &out);
    cr_assert(client_takes(&client, &out, plain));
}

static void end_by_kernel(const struct tls_kernel_keys *keys, const char *cipher, uint8_t after)
{
    static const uint8_t close_notify[] = {1, 0};
    uint8_t storage[64];
    struct buffer out;
    buffer_wrap(&out, storage, sizeof(storage));
    seal(keys, cipher, after, TYPE_ALERT, slice_from(close_notify, sizeof(close_notify)), &out);
    deliver(&client, &out);
    char none;
    int result = SSL_read(client.ssl, &none, 1);
    cr_assert_eq(SSL_get_error(client.ssl, result), SSL_ERROR_ZERO_RETURN);
}

// Tickets, answers of one record and of several count; a client that resumes finds the same.
Test(kernel_keys, continue_what_the_session_wrote)
{
    static uint8_t large[40000];
    memset(large, 'x', sizeof(large));
    for (size_t i = 0; i < SUITES; i++) {
        for (int answers = 0; answers < 4; answers++) {
            begin_session();
            client_again(&client, "one.test");
            cr_assert_eq(SSL_set_ciphersuites(client.ssl, suites[i].suite), 1);
            shake_hands();
            for (int k = 0; k < answers; k++) {
                send_by_session(k % 2 == 0 ? slice_of("HTTP/1.1 200 OK\r\n\r\n")
                                           : slice_from(large, sizeof(large)));
            }
            cr_assert_eq(tls_session_kernel_cipher(session), suites[i].cipher);
            const struct tls_kernel_keys *keys = tls_session_hand_over(session);
            cr_assert_not_null(keys);
            send_by_kernel(keys, suites[i].name, 0, slice_of("id: 1\ndata: by the kernel\n\n"));
            send_by_kernel(keys, suites[i].name, 1, slice_of("id: 2\ndata: again\n\n"));
            end_by_kernel(keys, suites[i].name, 2);
        }
    }
}

Test(kernel_keys, are_the_sessions_own_again_when_taken_back)
{
    shake_hands();
    cr_assert_neq(tls_session_kernel_cipher(session), TLS_KERNEL_NONE);
    cr_assert_not_null(tls_session_hand_over(session));
    tls_session_take_back(session);
    cr_assert_eq(tls_session_kernel_cipher(session), TLS_KERNEL_NONE);
    send_by_session(slice_of("data: here\n\n"));
    tls_session_end_reading(session);
    send_by_session(slice_of("data: still here\n\n"));
}

Test(kernel_keys, are_none_of_tls_1_2)
{
    (void)SSL_set_max_proto_version(client.ssl, TLS1_2_VERSION);
    shake_hands();
    cr_assert_eq(tls_session_kernel_cipher(session), TLS_KERNEL_NONE);
}

Test(kernel_keys, are_none_where_records_have_to_be_short)
{
    cr_assert_eq(SSL_set_tlsext_max_fragment_length(client.ssl, TLSEXT_max_fragment_length_1024),
                 1);
    shake_hands();
    cr_assert_eq(tls_session_kernel_cipher(session), TLS_KERNEL_NONE);
    static uint8_t large[5000];
    memset(large, 'x', sizeof(large));
    send_by_session(slice_from(large, sizeof(large)));
    tls_session_end_reading(session);
    send_by_session(slice_from(large, sizeof(large))); // in short ones still
}

// Either end may change the keys at any time.
Test(kernel_keys, are_none_once_they_were_changed)
{
    shake_hands();
    cr_assert_neq(tls_session_kernel_cipher(session), TLS_KERNEL_NONE);
    cr_assert_eq(SSL_key_update(client.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
    cr_assert_eq(SSL_write(client.ssl, "GET", 3), 3);
    struct buffer got;
    buffer_init(&got, PEER_BYTES_MAX);
    cr_assert_eq(exchange(session, &client, SIZE_MAX, &got), TLS_NEED_MORE);
    cr_assert(slice_equal_text(buffer_slice(&got), "GET"));
    buffer_free(&got);
    cr_assert_eq(tls_session_kernel_cipher(session), TLS_KERNEL_NONE);
    send_by_session(slice_of("data: with other keys\n\n"));
}

// RFC 8448, 3: the server's application traffic secret, and what becomes of it.
Test(kernel_keys, are_those_of_the_published_example)
{
    static const uint8_t secret[] = {0xa1, 0x1a, 0xf9, 0xf0, 0x55, 0x31, 0xf8, 0x56,
                                     0xad, 0x47, 0x11, 0x6b, 0x45, 0xa9, 0x50, 0x32,
                                     0x82, 0x04, 0xb4, 0xf4, 0x4b, 0xfb, 0x6b, 0x3a,
                                     0x4b, 0x4f, 0x1f, 0x3f, 0xcb, 0x63, 0x16, 0x43};
    static const uint8_t key[] = {0x9f, 0x02, 0x28, 0x3b, 0x6c, 0x9c, 0x07, 0xef,
                                  0xc2, 0x6b, 0xb9, 0xf2, 0xac, 0x92, 0xe3, 0x56};
    static const uint8_t iv[] = {0xcf, 0x78, 0x2b, 0x88, 0xdd, 0x83,
                                 0x54, 0x9a, 0xad, 0xf1, 0xe9, 0x84};
    static const uint8_t sequence[] = {0, 0, 0, 0, 0, 1, 2, 3};
    struct tls_kernel_keys keys;
    cr_assert(tls_kernel_keys_derive(&keys, tls_suite_find(0x1301), secret, 0x10203));
    struct parts parts = parts_of(&keys);
    cr_assert_eq(memcmp(parts.key, key, sizeof(key)), 0);
    cr_assert_eq(memcmp(parts.iv, iv, sizeof(iv)), 0);
    cr_assert_eq(memcmp(parts.sequence, sequence, sizeof(sequence)), 0);
}
