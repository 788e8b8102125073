// What one send of events carries, and queueing it. Inline: the fan-out does this for each of many
// thousand connections.
#pragma once

#include "conn/tally.h"
#include "io/send.h"

// What one send will carry.
struct load {
    struct iovec *pieces;
    uint32_t piece_count;
    uint32_t events;
    uint64_t bytes;
};

// Neighbours in memory become one piece. False when the send is full.
static inline bool load_add(struct load *load, const uint8_t *at, uint32_t length)
{
    struct iovec *last = load->piece_count > 0 ? &load->pieces[load->piece_count - 1] : NULL;
    if (last != NULL && (const uint8_t *)last->iov_base + last->iov_len == at) {
        last->iov_len += length;
    } else {
        if (load->piece_count == SEND_PIECES_MAX) {
            return false;
        }
        load->pieces[load->piece_count++] = (struct iovec){(void *)(uintptr_t)at, length};
    }
    load->bytes += length;
    return true;
}

static inline void load_note_send(struct shard *shard, struct conn *conn, uint32_t events,
                                  uint64_t bytes)
{
    conn->batch = shard->batch;
    conn->last_send_ms = (uint32_t)shard->now_ms;
    shard->is_in_batch = true;
    shard->stats.sends++;
    shard->stats.bytes_sent += bytes;
    if (__builtin_expect(shard->has_tallies, false)) {
        conn_tally_add(shard, conn, events, bytes);
    }
}

// The pieces stay until the batch is flushed.
static inline void load_queue(struct shard *shard, struct conn *conn, const struct load *load)
{
    struct io_uring_sqe *sqe = conn_sqe(shard, conn);
    int slot = (int)conn_slot(shard, conn);
    uint64_t tag = conn_tag(shard, conn, SHARD_OP_SEND_EVENTS);
    if (load->piece_count == 1) {
        io_prep_send_quiet(sqe, slot, load->pieces[0].iov_base, load->pieces[0].iov_len, tag);
    } else {
        struct msghdr *message = &shard->messages[shard->message_count++];
        *message = (struct msghdr){.msg_iov = load->pieces, .msg_iovlen = load->piece_count};
        io_prep_sendmsg_quiet(sqe, slot, message, tag);
    }
    shard->stats.events_sent += load->events;
    load_note_send(shard, conn, load->events, load->bytes);
}
