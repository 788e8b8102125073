#include "conn/tls.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "base/assert.h"
#include "base/logger.h"
#include "conn/client_address.h"
#include "conn/tally.h"
#include "io/kernel_tls.h"

enum {
    SEALED_BYTES = CONN_TLS_SEALED_FULL_BYTES + SHARD_SCRATCH_BYTES +
                   (SHARD_SCRATCH_BYTES / TLS_RECORD_BYTES_MAX + 1) * TLS_RECORD_OVERHEAD_BYTES,
    SHARE_OF_HANDSHAKE = 64, // of a round's share of requests; a millisecond with RSA
    SHARE_OF_RESUMPTION = 16,
    LOG_INTERVAL_MS = 5000,
};

// --- life ---

bool conn_tls_init(struct shard *shard)
{
    conn_tls_ask_kernel(shard);
    bool is_wanted = false;
    for (uint32_t i = 0; i < shard->listener_count; i++) {
        is_wanted |= (shard->listeners[i].flags & SHARD_LISTENER_TLS) != 0;
    }
    if (!is_wanted) {
        return true;
    }
    void *memory = mmap(NULL, SEALED_BYTES + CONN_TLS_SEND_BYTES_MAX, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        return false;
    }
    shard->sealed = memory;
    shard->unsealed = shard->sealed + SEALED_BYTES;
    return true;
}

void conn_tls_free(struct shard *shard)
{
    if (shard->sealed != NULL) {
        munmap(shard->sealed, SEALED_BYTES + CONN_TLS_SEND_BYTES_MAX);
    }
}

static struct tls_session *session_of(const struct shard *shard, const struct conn *conn)
{
    return conn_cold_of(shard, conn)->tls;
}

void conn_tls_drop(struct shard *shard, struct conn *conn)
{
    // The kernel may be reading its keys: then it goes when that is over.
    if ((conn->flags & CONN_TLS) != 0 && (conn->ops & CONN_OP_KEYS) == 0) {
        struct conn_cold *cold = conn_cold_of(shard, conn);
        tls_session_free(cold->tls);
        cold->tls = NULL;
    }
}

// --- sending ---

static struct buffer begin_sealing(struct shard *shard, size_t bytes_max)
{
    ASSERT(shard->sealed_used + bytes_max <= SEALED_BYTES);
    struct buffer out;
    buffer_wrap(&out, shard->sealed + shard->sealed_used, bytes_max);
    return out;
}

static void queue_sealed(struct shard *shard, struct conn *conn, const struct buffer *out)
{
    struct slice bytes = buffer_slice(out);
    shard->sealed_used += (uint32_t)bytes.length;
    shard->stats.tls_bytes_sent += bytes.length;
    conn_queue_bytes(shard, conn, bytes.at, (uint32_t)bytes.length);
}

// Its caller may still be about to do this and that with it: so it ends in its next turn.
static void give_up(struct shard *shard, struct conn *conn)
{
    conn_tls_drop(shard, conn);
    conn_linger(shard, conn, CLOSE_TLS);
}

static bool seal(struct shard *shard, struct conn *conn, struct slice plain, struct buffer *out)
{
    struct tls_session *session = session_of(shard, conn);
    if (session == NULL || (conn->ops & CONN_OP_KEYS) != 0 ||
        !tls_session_write(session, plain, out)) {
        give_up(shard, conn);
        return false;
    }
    if (conn->state == CONN_ACTIVE && tls_session_is_worn(session)) {
        conn->flags |= CONN_TIMER_DUE;
        conn_make_ready(shard, conn);
    }
    return true;
}

void conn_tls_send(struct shard *shard, struct conn *conn, struct slice plain)
{
    struct buffer out = begin_sealing(shard, tls_sealed_bytes_max(plain.length));
    if (seal(shard, conn, plain, &out)) {
        queue_sealed(shard, conn, &out);
    }
}

// In one piece, so that it becomes as few records as can be.
static struct slice gather(const struct shard *shard, const struct load *load)
{
    ASSERT(load->bytes <= CONN_TLS_SEND_BYTES_MAX);
    if (load->piece_count == 1) {
        return slice_from(load->pieces[0].iov_base, load->pieces[0].iov_len);
    }
    size_t length = 0;
    for (uint32_t i = 0; i < load->piece_count; i++) {
        memcpy(shard->unsealed + length, load->pieces[i].iov_base, load->pieces[i].iov_len);
        length += load->pieces[i].iov_len;
    }
    return slice_from(shard->unsealed, length);
}

void conn_tls_send_load(struct shard *shard, struct conn *conn, const struct load *load)
{
    shard->stats.events_sent += load->events;
    conn_tally_add_kept(shard, conn, load->events);
    conn_tls_send(shard, conn, gather(shard, load));
}

struct conn_outbox *conn_tls_seal_outbox(struct shard *shard, struct conn *conn, struct slice plain)
{
    size_t length = tls_sealed_bytes_max(plain.length);
    struct conn_outbox *outbox = malloc(sizeof(*outbox) + length);
    struct buffer out;
    if (outbox == NULL) {
        return NULL;
    }
    buffer_wrap(&out, outbox->bytes, length);
    if (!seal(shard, conn, plain, &out)) {
        free(outbox);
        return NULL;
    }
    shard->stats.tls_bytes_sent += buffer_length(&out);
    *outbox = (struct conn_outbox){.length = (uint32_t)buffer_length(&out)};
    return outbox;
}

void conn_tls_begin_streaming(struct shard *shard, struct conn *conn)
{
    struct tls_session *session = session_of(shard, conn);
    if (session != NULL) {
        tls_session_end_reading(session);
    }
}

bool conn_tls_end(struct shard *shard, struct conn *conn)
{
    if ((conn->flags & CONN_TLS_KERNEL) != 0) {
        io_prep_tls_close_notify(conn_sqe(shard, conn), (int)conn_slot(shard, conn));
        return true;
    }
    struct tls_session *session = session_of(shard, conn);
    struct buffer out = begin_sealing(shard, TLS_CLOSE_BYTES_MAX);
    if (session == NULL || (conn->ops & CONN_OP_KEYS) != 0 || !tls_session_close(session, &out) ||
        buffer_length(&out) == 0) {
        return true;
    }
    queue_sealed(shard, conn, &out);
    conn_make_ready(shard, conn);
    return false;
}

// --- receiving ---

static bool has_cipher(const struct context *context)
{
    return context != NULL && context->cipher_at < context->cipher_length;
}

bool conn_tls_has_unread(const struct shard *shard, const struct conn *conn)
{
    const struct tls_session *session = session_of(shard, conn);
    return has_cipher(conn_context(shard, conn)) ||
           (session != NULL && tls_session_has_plain(session));
}

bool conn_tls_is_amid(const struct shard *shard, const struct conn *conn)
{
    const struct tls_session *session = session_of(shard, conn);
    return has_cipher(conn_context(shard, conn)) ||
           (session != NULL &&
            (!tls_session_is_established(session) || tls_session_has_pending(session)));
}

// What begins with a letter is HTTP. It is answered as it was asked.
static void refuse_plain(struct shard *shard, struct conn *conn, struct context *context)
{
    char address[CLIENT_ADDRESS_TEXT_BYTES];
    LOGGER_EVERY_WITH(LOG_INTERVAL_MS, LOGGER_INFO, "tls",
                      LOGGER_FIELDS(logger_text(
                          "address", client_address_text(conn_cold_of(shard, conn), address))),
                      "plain HTTP came to a TLS listener");
    shard->stats.tls_failures++;
    conn->flags &= ~(uint32_t)CONN_TLS;
    context->cipher_at = context->cipher_length;
    context->request.is_keep_alive = false;
    request_fail_with(shard, conn, ERR_INVALID_REQUEST,
                      "this port speaks TLS: ask by https:// instead of http://", 0);
    conn_linger(shard, conn, CLOSE_TLS);
}

static bool begin(struct shard *shard, struct conn *conn, struct context *context)
{
    uint8_t first = context->cipher[context->cipher_at] | 0x20;
    if (first >= 'a' && first <= 'z') {
        refuse_plain(shard, conn, context);
        return false;
    }
    struct tls_session *session =
        shard->terms->tls != NULL ? tls_session_create(shard->terms->tls) : NULL;
    if (session == NULL) {
        LOGGER_EVERY(LOG_INTERVAL_MS, LOGGER_ERROR, "tls", "no memory for one more connection");
        conn_close(shard, conn, CLOSE_MEMORY);
        return false;
    }
    conn_cold_of(shard, conn)->tls = session;
    return true;
}

static void fail(struct shard *shard, struct conn *conn, const struct tls_session *session)
{
    shard->stats.tls_failures++;
    char address[CLIENT_ADDRESS_TEXT_BYTES];
    LOGGER_EVERY_WITH(
        LOG_INTERVAL_MS, LOGGER_INFO, "tls",
        LOGGER_FIELDS(
            logger_text("address", client_address_text(conn_cold_of(shard, conn), address))),
        "%s: %s",
        tls_session_is_established(session) ? "a connection failed" : "a handshake failed",
        tls_session_fault(session));
    conn_linger(shard, conn, CLOSE_TLS); // once the alert is sent
}

// A handshake that went on costs what several requests do.
static void note_handshake(struct shard *shard, const struct tls_session *session)
{
    bool is_resumed = tls_session_is_resumed(session);
    if (tls_session_is_established(session)) {
        shard->stats.tls_handshakes++;
        shard->stats.tls_resumed += is_resumed;
    } else {
        shard->request_share_left -= is_resumed ? SHARE_OF_RESUMPTION : SHARE_OF_HANDSHAKE;
    }
}

static bool decrypt(struct shard *shard, struct conn *conn, struct context *context)
{
    struct tls_session *session = session_of(shard, conn);
    bool was_established = tls_session_is_established(session);
    struct slice input = slice_from(context->cipher + context->cipher_at,
                                    context->cipher_length - context->cipher_at);
    struct buffer out = begin_sealing(shard, TLS_READ_OUT_BYTES_MAX);
    size_t length = 0;
    enum tls_progress progress = tls_session_read(session, &input, &out, context->received,
                                                  sizeof(context->received), &length);
    context->cipher_at = context->cipher_length - (uint32_t)input.length;
    context->received_at = 0;
    context->received_length = (uint32_t)length;
    bool has_answer = buffer_length(&out) > 0;
    if (!was_established && (has_answer || tls_session_is_established(session))) {
        note_handshake(shard, session);
    }
    if (has_answer) {
        queue_sealed(shard, conn, &out);
    }
    switch (progress) {
    case TLS_NEED_MORE:
    case TLS_PLAIN: break;
    case TLS_OVER: conn_linger(shard, conn, CLOSE_CLIENT); return false;
    case TLS_FAILED: fail(shard, conn, session); return false;
    }
    if (has_answer) {
        conn_make_ready(shard, conn);
    }
    return !has_answer;
}

bool conn_tls_read(struct shard *shard, struct conn *conn)
{
    struct context *context = conn_context(shard, conn);
    if (context == NULL && (conn->flags & CONN_REFUSED) != 0 &&
        conn_cold_of(shard, conn)->refusal == REFUSAL_BUSY) {
        conn_close(shard, conn, CLOSE_ANSWERED); // it has nothing to shake hands with
        return false;
    }
    if (context == NULL || context->is_reading || context->received_at < context->received_length ||
        !conn_tls_has_unread(shard, conn)) {
        return true;
    }
    if (session_of(shard, conn) == NULL && !begin(shard, conn, context)) {
        return false;
    }
    return decrypt(shard, conn, context);
}
