// TLS of a connection (CONN_TLS: it came by a TLS listener). The session (tls/session.h) hangs at
// conn_cold and is begun by the first byte; nothing of it is in the way of connections without.
//
// Receiving. What comes is copied into `cipher` of the connection's context, as plain bytes are
// into `received`; in the connection's turn among the requests conn_tls_read makes the one of the
// other, and all that reads requests goes on from there. A context is kept until the handshake is
// over, and while a record has come in part: so half-open handshakes are bounded, and have their
// time, as half-sent headers. What the session itself has to say (handshake, alerts) goes out
// before anything else: then the turn is over.
//
// Sending. Plaintext is sealed into shard.sealed, memory of the present batch, and sent from there
// quietly, as any bytes that the broker made: what a short send leaves is ciphertext, cannot be
// made again, and is copied to the outbox. So to the cursor what was sealed is sent: no send of
// events is ever settled, and each is bounded (CONN_TLS_SEND_BYTES_MAX, a larger frame goes in
// parts), since that much of the stream a slow connection may hold. The fan-out seals the same
// plaintext for each of its TLS connections, in one record where it has several pieces.
//
// A connection that streams reads nothing any more: of its session only what seals is left
// (tls/stream.h).
//
// The kernel's TLS (conn/tls_kernel.c). Right before a stream begins, when all that was sealed has
// been sent, the session's keys are handed to the kernel, where it can go on with them; the stream
// begins when that is decided. Where it was taken the session is freed, CONN_TLS gives way to
// CONN_TLS_KERNEL, and all is sent as it stands in the log, as to a connection without TLS: the
// kernel keeps what a socket does not take, and a short send is settled. A key of the kernel's
// seals so many records; who outlives that is told goodbye, and comes back.
#pragma once

#include "conn/load.h"
#include "conn/shard.h"
#include "tls/session.h"

enum {
    CONN_TLS_SEND_BYTES_MAX = 32 << 10, // of events in one send, before they are sealed
    // Of shard.sealed: beyond that the batch is flushed, so that the largest send finds room.
    CONN_TLS_SEALED_FULL_BYTES = 1 << 20,
    CONN_TLS_OUTBOX_BYTES_MAX = OUTBOX_BYTES_MAX + (OUTBOX_BYTES_MAX / TLS_RECORD_BYTES_MAX + 1) *
                                                       TLS_RECORD_OVERHEAD_BYTES,
};

// shard.sealed, where some listener speaks TLS. False without memory.
bool conn_tls_init(struct shard *shard);
void conn_tls_free(struct shard *shard);
// The session goes with its connection.
void conn_tls_drop(struct shard *shard, struct conn *conn);

// In its turn, nothing being under way to it: makes plaintext of what came, where none is left of
// before. False when the turn is over: it was answered, or is over.
bool conn_tls_read(struct shard *shard, struct conn *conn);
// Whether there is something that can be read without receiving more.
bool conn_tls_has_unread(const struct shard *shard, const struct conn *conn);
// Whether its context has to stay, though no request has begun.
bool conn_tls_is_amid(const struct shard *shard, const struct conn *conn);

// Seals and queues bytes that the broker made. Where that fails the connection ends in its next
// turn.
void conn_tls_send(struct shard *shard, struct conn *conn, struct slice plain);
// The same of events, up to CONN_TLS_SEND_BYTES_MAX of them. The pieces are done with afterwards.
void conn_tls_send_load(struct shard *shard, struct conn *conn, const struct load *load);
// An outbox of these bytes. NULL without memory.
struct conn_outbox *conn_tls_seal_outbox(struct shard *shard, struct conn *conn,
                                         struct slice plain);

// It streams from now on: nothing is read of it any more.
void conn_tls_begin_streaming(struct shard *shard, struct conn *conn);

// Its next stop is its stream, and all that was sealed is sent. True: its keys go to the kernel; it
// is made ready when that is decided, and until then nothing may be sent to it.
bool conn_tls_hand_over(struct shard *shard, struct conn *conn);
// The kernel is asked again, though it could not before.
void conn_tls_ask_kernel(struct shard *shard);
void conn_tls_set_handlers(struct shard *shard);
// Whether its keys have sealed as much as they should.
bool conn_tls_is_worn(const struct shard *shard, const struct conn *conn);
// Of CONN_TLS_KERNEL: fills in a send of all pieces; ends the connection in its next turn where the
// keys are worn.
void conn_tls_prep_kernel(struct shard *shard, struct conn *conn, const struct iovec *pieces,
                          uint32_t piece_count, uint64_t bytes, uint8_t op);

// Queues a send of events. The pieces stay until the batch is flushed.
void conn_tls_send_load_kernel(struct shard *shard, struct conn *conn, const struct load *load);

// A send of bytes that go as they are, whose completion, if any, is that op's.
static inline void conn_prep_send(struct shard *shard, struct conn *conn, const uint8_t *bytes,
                                  uint32_t length, uint8_t op)
{
    if ((conn->flags & CONN_TLS_KERNEL) != 0) {
        const struct iovec piece = {(void *)(uintptr_t)bytes, length};
        conn_tls_prep_kernel(shard, conn, &piece, 1, length, op);
    } else {
        io_prep_send_quiet(conn_sqe(shard, conn), (int)conn_slot(shard, conn), bytes, length,
                           conn_tag(shard, conn, op));
    }
}

// Events, however this connection is to be sent to. The pieces stay until the batch is flushed.
static inline void conn_queue_load(struct shard *shard, struct conn *conn, const struct load *load)
{
    if ((conn->flags & (CONN_TLS | CONN_TLS_KERNEL)) == 0) {
        load_queue(shard, conn, load);
    } else if ((conn->flags & CONN_TLS) != 0) {
        conn_tls_send_load(shard, conn, load);
    } else {
        conn_tls_send_load_kernel(shard, conn, load);
    }
}

// Before the connection is half closed: says to the client that nothing further comes. False: it is
// said just now, and to be asked again once that is sent.
bool conn_tls_end(struct shard *shard, struct conn *conn);
