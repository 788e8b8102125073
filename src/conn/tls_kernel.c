// The kernel seals instead of a session; see conn/tls.h.
#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "base/logger.h"
#include "conn/tls.h"
#include "io/kernel_tls.h"

enum {
    // Of one key: far enough below what AES-GCM bears (2^24.5 full ones, RFC 8446, 5.5), since the
    // kernel cuts some records short.
    RECORDS_MAX = 1 << 23,
    LOG_INTERVAL_MS = 60 * 1000,
};

// --- handing over ---

void conn_tls_ask_kernel(struct shard *shard)
{
    bool can_ask = loop_has(shard->loop, LOOP_FEATURE_SOCKET_COMMAND);
    shard->kernel_ciphers = can_ask ? (1U << TLS_KERNEL_CIPHERS) - 1 : 0;
}

static bool wants_kernel(const struct shard *shard, const struct conn *conn)
{
    return shard->terms->tls_kernel && shard->kernel_ciphers != 0 &&
           (conn_listener_of(shard, conn)->flags & SHARD_LISTENER_UNIX) == 0;
}

bool conn_tls_hand_over(struct shard *shard, struct conn *conn)
{
    ASSERT(conn->state == CONN_STARTING && conn->outbox == NULL && !conn_has_send(shard, conn));
    struct tls_session *session = conn_cold_of(shard, conn)->tls;
    enum tls_kernel_cipher cipher = session == NULL || !wants_kernel(shard, conn)
                                        ? TLS_KERNEL_NONE
                                        : tls_session_kernel_cipher(session);
    if (cipher == TLS_KERNEL_NONE || (shard->kernel_ciphers & (1U << cipher)) == 0) {
        return false;
    }
    const struct tls_kernel_keys *keys = tls_session_hand_over(session);
    if (keys == NULL) {
        return false;
    }
    // Not linked: where the first one fails, the second one finds nothing to give keys to.
    int slot = (int)conn_slot(shard, conn);
    io_prep_tls_attach(conn_sqe(shard, conn), slot, conn_tag(shard, conn, SHARD_OP_TLS_ATTACH));
    io_prep_tls_send_keys(conn_sqe(shard, conn), slot, &keys->info, keys->bytes,
                          conn_tag(shard, conn, SHARD_OP_TLS_KEYS));
    conn->ops |= CONN_OP_KEYS;
    return true;
}

// Failures that say nothing of the next connection.
static bool is_of_connection(int error)
{
    return error == ENOTCONN || error == ECANCELED || error == EBADF || error == ENOMEM ||
           error == ENOBUFS || error == EINTR;
}

static void on_attached(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                        int32_t result, uint32_t cqe_flags)
{
    (void)loop;
    (void)ring;
    (void)user_data;
    (void)cqe_flags;
    struct shard *shard = context;
    if (result < 0 && !is_of_connection(-result) && shard->kernel_ciphers != 0) {
        shard->kernel_ciphers = 0;
        LOGGER_EVERY(LOG_INTERVAL_MS, LOGGER_INFO, "tls", "streams are encrypted here: %s",
                     result == -ENOENT ? "the kernel's module tls is not loaded"
                                       : strerrordesc_np(-result));
    }
}

static void note_refused(struct shard *shard, const struct tls_session *session, int error)
{
    enum tls_kernel_cipher cipher = tls_session_kernel_cipher(session);
    if (error != ENOPROTOOPT && !is_of_connection(error) && cipher != TLS_KERNEL_NONE) {
        shard->kernel_ciphers &= ~(1U << cipher);
        LOGGER_EVERY(LOG_INTERVAL_MS, LOGGER_INFO, "tls",
                     "streams by %s are encrypted here: the kernel says: %s",
                     tls_session_cipher(session), strerrordesc_np(error));
    }
}

static void take_over(struct shard *shard, struct conn *conn)
{
    struct conn_cold *cold = conn_cold_of(shard, conn);
    conn_tls_drop(shard, conn);
    conn->flags = (conn->flags & ~(uint32_t)CONN_TLS) | CONN_TLS_KERNEL;
    cold->tls_records = 0;
    shard->stats.tls_kernel++;
    struct context *context = conn_context(shard, conn);
    if (context != NULL) {
        context->request.is_keep_alive = false; // nobody could read the next request
    }
}

static void on_keys(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                    int32_t result, uint32_t cqe_flags)
{
    (void)loop;
    (void)cqe_flags;
    struct shard *shard = context;
    struct conn *conn = &shard->rings[ring].conns[loop_tag_slot(user_data)];
    ASSERT(conn->generation == loop_tag_generation(user_data) && (conn->flags & CONN_TLS) != 0);
    conn->ops &= (uint8_t)~CONN_OP_KEYS;
    struct tls_session *session = conn_cold_of(shard, conn)->tls;
    if (result == 0) {
        take_over(shard, conn);
    } else {
        note_refused(shard, session, -result);
        tls_session_take_back(session);
    }
    if (conn->state == CONN_STARTING) {
        conn_make_ready(shard, conn);
        return;
    }
    conn_tls_drop(shard, conn); // it has ended meanwhile
    if (conn->state == CONN_CLOSING) {
        conn_proceed_close(shard, conn);
    }
}

void conn_tls_set_handlers(struct shard *shard)
{
    loop_set_handler(shard->loop, SHARD_OP_TLS_ATTACH, on_attached, shard);
    loop_set_handler(shard->loop, SHARD_OP_TLS_KEYS, on_keys, shard);
}

// --- sending ---

bool conn_tls_is_worn(const struct shard *shard, const struct conn *conn)
{
    const struct conn_cold *cold = conn_cold_of(shard, conn);
    if ((conn->flags & CONN_TLS_KERNEL) != 0) {
        return cold->tls_records >= RECORDS_MAX;
    }
    return (conn->flags & CONN_TLS) != 0 && cold->tls != NULL && tls_session_is_worn(cold->tls);
}

void conn_tls_prep_kernel(struct shard *shard, struct conn *conn, const struct iovec *pieces,
                          uint32_t piece_count, uint64_t bytes, uint8_t op)
{
    ASSERT((conn->flags & CONN_TLS_KERNEL) != 0);
    int slot = (int)conn_slot(shard, conn);
    uint64_t tag = conn_tag(shard, conn, op);
    struct io_uring_sqe *sqe = conn_sqe(shard, conn);
    if (piece_count == 1) {
        io_prep_write_quiet(sqe, slot, pieces->iov_base, pieces->iov_len, tag);
    } else {
        io_prep_writev_quiet(sqe, slot, pieces, piece_count, tag);
    }
    conn_cold_of(shard, conn)->tls_records += 1 + bytes / TLS_RECORD_BYTES_MAX;
    if (conn_tls_is_worn(shard, conn)) {
        conn->flags |= CONN_TIMER_DUE;
        conn_make_ready(shard, conn);
    }
}

void conn_tls_send_load_kernel(struct shard *shard, struct conn *conn, const struct load *load)
{
    conn_tls_prep_kernel(shard, conn, load->pieces, load->piece_count, load->bytes,
                         SHARD_OP_SEND_EVENTS);
    shard->stats.events_sent += load->events;
    load_note_send(shard, conn, load->events, load->bytes);
}
