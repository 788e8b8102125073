// layer: tls
// link: tests/unit/tls/peers.c
// A session under any bytes. The first byte says how: as they are, in pieces; or as changes (three
// bytes each: where, two bytes; what is turned over) of what OpenSSL's client sends, in pieces.
// Whatever comes, the session takes all of its input or ends, and writes no more than it may.
#include "unit/tls/peers.h"

#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { TURNS_MAX = 4, FLIGHT_BYTES_MAX = 1 << 16 };

static struct tls_server *server;

static void begin(void)
{
    static const char *const names[] = {"one"};
    char directory[] = "/tmp/fuzz_tls.XXXXXX";
    char message[TLS_MESSAGE_SIZE];
    char path[PEER_PATH_SIZE];
    bool is_made = mkdtemp(directory) != NULL;
    ASSERT(is_made);
    pair_write(directory, "one", &(struct pair_options){.host = "one.test"});
    server = server_of(directory, names, 1, NULL, 0, message);
    ASSERT(server != NULL);
    (void)snprintf(path, sizeof(path), "%s/one.crt", directory);
    (void)unlink(path);
    (void)snprintf(path, sizeof(path), "%s/one.key", directory);
    (void)unlink(path);
    (void)rmdir(directory);
}

// False: it is over.
static bool feed(struct tls_session *session, struct slice bytes, size_t piece_bytes,
                 struct buffer *answers)
{
    static uint8_t storage[TLS_READ_OUT_BYTES_MAX];
    while (bytes.length > 0) {
        size_t length = bytes.length < piece_bytes ? bytes.length : piece_bytes;
        uint8_t *copy = malloc(length); // so that the sanitizer sees a read beyond it
        ASSERT(copy != NULL);
        memcpy(copy, bytes.at, length);
        struct slice input = slice_from(copy, length);
        bytes = slice_after(bytes, length);
        enum tls_progress progress = TLS_PLAIN;
        while (progress == TLS_PLAIN) {
            uint8_t plain[300];
            size_t given = 0;
            struct buffer out;
            buffer_wrap(&out, storage, sizeof(storage));
            progress = tls_session_read(session, &input, &out, plain, sizeof(plain), &given);
            ASSERT((progress == TLS_PLAIN) == (given > 0) && given <= sizeof(plain));
            (void)buffer_append_slice(answers, buffer_slice(&out));
        }
        ASSERT(progress != TLS_NEED_MORE || input.length == 0);
        free(copy);
        if (progress != TLS_NEED_MORE) {
            ASSERT(tls_session_fault(session)[0] != 0);
            return false;
        }
    }
    return true;
}

static void change(uint8_t *flight, size_t length, struct slice changes)
{
    for (; changes.length >= 3; changes = slice_after(changes, 3)) {
        flight[load_le16(changes.at) % length] ^= changes.at[2];
    }
}

// What it sends once it has no reading half is what the client reads.
static void check_sending(struct tls_session *session, struct client *client,
                          struct buffer *answers)
{
    char read[16];
    size_t length = 0;
    tls_session_end_reading(session);
    bool is_sealed = tls_session_write(session, slice_of("data: x\n\n"), answers);
    ASSERT(is_sealed);
    deliver(client, answers);
    buffer_clear(answers);
    bool is_read = SSL_read_ex(client->ssl, read, sizeof(read), &length) == 1;
    ASSERT(is_read && slice_equal_text(slice_from(read, length), "data: x\n\n"));
}

static void play(struct tls_session *session, struct slice changes, unsigned plan,
                 struct buffer *answers)
{
    static uint8_t flight[FLIGHT_BYTES_MAX];
    struct client client;
    client_open(&client, (plan & 1) != 0 ? "one.test" : NULL);
    if ((plan & 2) != 0) {
        (void)SSL_set_max_proto_version(client.ssl, TLS1_2_VERSION);
    }
    bool goes_on = true;
    for (unsigned turn = 0; turn < TURNS_MAX && goes_on; turn++) {
        if (SSL_do_handshake(client.ssl) == 1) {
            (void)SSL_write(client.ssl, "GET / HTTP/1.1\r\n\r\n", 18);
        }
        int length = BIO_read(client.out, flight, sizeof(flight));
        if (length <= 0) {
            break;
        }
        if (turn == (plan >> 2) % TURNS_MAX) {
            change(flight, (size_t)length, changes);
        }
        goes_on = feed(session, slice_from(flight, (size_t)length), (plan & 16) != 0 ? 7 : SIZE_MAX,
                       answers);
        deliver(&client, answers);
        buffer_clear(answers);
    }
    if (goes_on && tls_session_is_established(session) && SSL_is_init_finished(client.ssl) == 1) {
        check_sending(session, &client, answers);
    }
    client_close(&client);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (server == NULL) {
        begin();
    }
    if (size < 1) {
        return 0;
    }
    struct buffer answers;
    buffer_init(&answers, 1 << 20);
    struct tls_session *session = tls_session_create(server);
    ASSERT(session != NULL);
    struct slice bytes = slice_from(data + 1, size - 1);
    if ((data[0] & 0x80) != 0) {
        (void)feed(session, bytes, (size_t)(data[0] & 0x7f) + 1, &answers);
    } else {
        play(session, bytes, data[0], &answers);
    }
    tls_session_free(session);
    buffer_free(&answers);
    return 0;
}
