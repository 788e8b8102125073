// How connections come in: which listeners are accepted from, who is counted, who is refused.
//
// The listeners for subscribers share one accept_set a ring. Those for administrators have one of
// their own, in ring 0, so that a broker that is full or busy with others still answers them; it
// is paused only where as many of theirs are open as there may be.
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/assert.h"
#include "base/logger.h"
#include "conn/access.h"
#include "conn/shard.h"

enum { ADMIN_ARMED = 4 }; // accepts, or one a listener where these are more
STATIC_ASSERT((int)SHARD_ADMIN_CONNECTIONS_MAX > (int)LISTENERS_MAX,
              "accepts in flight are within the bound");

static void take_address(struct conn_cold *cold, const struct sockaddr *address)
{
    cold->family = (uint8_t)address->sa_family;
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
        memcpy(cold->address, &in->sin_addr, sizeof(in->sin_addr));
        cold->port = ntohs(in->sin_port);
    } else if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;
        memcpy(cold->address, &in6->sin6_addr, sizeof(in6->sin6_addr));
        cold->port = ntohs(in6->sin6_port);
    }
}

// --- when ---

// Those whose tasks are with the log thread take room, but are not what the worker is busy with.
static bool is_crowded(const struct shard *shard)
{
    uint32_t room = (SHARD_CONTEXTS_MAX - shard->asking_count) / 4;
    return shard->is_stopping || pool_used(&shard->contexts) - shard->asking_count >= 3 * room;
}

void shard_note_less(struct shard *shard)
{
    if (shard->is_crowded && !is_crowded(shard)) {
        shard_choose_accepting(shard);
    }
}

// Places of ring 0 that subscribers leave free.
static uint32_t places_kept(const struct shard *shard, uint32_t ring)
{
    return ring == 0 && shard->has_admin ? SHARD_ADMIN_CONNECTIONS_MAX - shard->admin_count : 0;
}

// One ring accepts at a time, the first with room: so that few connections live in few rings.
static void choose_ring(struct shard *shard)
{
    bool is_chosen = false;
    for (uint32_t i = 0; i < shard->ring_count; i++) {
        struct conn_ring *ring = &shard->rings[i];
        uint32_t kept = 2 * ACCEPT_ARMED_MAX + places_kept(shard, i);
        bool has_room = ring->used + kept < ring->capacity;
        if (has_room && !is_chosen && !shard->is_crowded) {
            is_chosen = true;
            accept_resume(&ring->accept);
        } else if (!ring->accept.paused) {
            accept_pause(&ring->accept);
        }
    }
}

void shard_choose_accepting(struct shard *shard)
{
    shard->is_crowded = is_crowded(shard);
    if (shard->has_public) {
        choose_ring(shard);
    }
    if (!shard->has_admin || shard->is_stopping) {
        return;
    }
    if (shard->admin_count + shard->admin_accept.armed_wanted < SHARD_ADMIN_CONNECTIONS_MAX) {
        accept_resume(&shard->admin_accept);
    } else if (!shard->admin_accept.paused) {
        accept_pause(&shard->admin_accept);
        LOGGER_EVERY(60 * 1000, LOGGER_WARN, "worker",
                     "%u connections to admin listeners are open: others wait until one ends",
                     shard->admin_count);
    }
}

// --- who ---

// Those that are refused do not count while they are told so: else a storm of them would keep the
// places that become free.
static void refuse(struct conn *conn, struct conn_cold *cold, enum conn_refusal refusal)
{
    conn->flags |= CONN_REFUSED | CONN_UNCOUNTED;
    cold->refusal = refusal & 0xfU;
}

static uint64_t address_key(const struct shard *shard, const struct conn_cold *cold)
{
    return client_limits_address(&shard->terms->limits, cold->family, cold->address);
}

bool shard_count_address(struct shard *shard, struct conn *conn)
{
    ASSERT((conn->flags & CONN_BY_ADDRESS) == 0);
    const struct client_limits *limits = &shard->terms->limits;
    if (!client_limits_enter(limits->address_connections,
                             address_key(shard, conn_cold_of(shard, conn)),
                             limits->connections_per_address)) {
        return false;
    }
    conn->flags |= CONN_BY_ADDRESS;
    return true;
}

void shard_uncount_address(struct shard *shard, struct conn *conn)
{
    if ((conn->flags & CONN_BY_ADDRESS) != 0) {
        conn->flags &= ~(uint32_t)CONN_BY_ADDRESS;
        client_limits_leave(shard->terms->limits.address_connections,
                            address_key(shard, conn_cold_of(shard, conn)));
    }
}

void shard_refuse_address(struct shard *shard, struct conn *conn)
{
    refuse(conn, conn_cold_of(shard, conn), REFUSAL_ADDRESS);
    atomic_fetch_sub_explicit(shard->options.connections, 1, memory_order_relaxed);
}

// Refuses it where the broker or its address holds as many as it may.
static void count_in(struct shard *shard, struct conn *conn, struct conn_cold *cold)
{
    _Atomic uint32_t *connections = shard->options.connections;
    shard->rings[conn->ring].used++;
    shard->conn_count++;
    shard->stats.accepted++;
    shard->admin_count += conn_is_admin(conn) ? 1 : 0;
    if (shard->is_stopping) {
        refuse(conn, cold, REFUSAL_STOPPING);
    } else if (conn_is_admin(conn)) {
        conn->flags |= CONN_UNCOUNTED;
    } else if (atomic_fetch_add_explicit(connections, 1, memory_order_relaxed) >=
               shard->terms->connections_max) {
        refuse(conn, cold, REFUSAL_CONNECTIONS);
        atomic_fetch_sub_explicit(connections, 1, memory_order_relaxed);
    } else if ((conn->flags & CONN_PROXY_HEADER) == 0) {
        proxied_meet_peer(shard, conn);
    }
}

void shard_count_out(struct shard *shard, struct conn *conn)
{
    shard->stats.closed++;
    shard->conn_count--;
    shard->rings[conn->ring].used--;
    shard->admin_count -= conn_is_admin(conn) ? 1 : 0;
    if ((conn->flags & CONN_UNCOUNTED) != 0) {
        return;
    }
    shard_uncount_address(shard, conn);
    access_leave(shard, conn);
    atomic_fetch_sub_explicit(shard->options.connections, 1, memory_order_relaxed);
}

// --- how ---

static void on_accept(void *context, unsigned ring_index, uint8_t listener, int descriptor,
                      const struct sockaddr *address, socklen_t address_length)
{
    (void)address_length;
    struct shard *shard = context;
    struct conn_ring *ring = &shard->rings[ring_index];
    ASSERT((uint32_t)descriptor < ring->capacity);
    struct conn *conn = &ring->conns[descriptor];
    ASSERT(conn->state == CONN_FREE && conn->ops == 0);
    uint32_t generation = conn->generation + 1;
    memset(conn, 0, sizeof(*conn));
    conn->generation = generation;
    conn->ring = (uint8_t)ring_index;
    conn->context = CONN_NONE;
    conn->flow = CONN_NONE;
    conn->last_send_ms = (uint32_t)shard->now_ms;
    conn->batch = shard->batch - 1;
    uint8_t kind = shard->listeners[listener].flags;
    conn->flags = ((kind & SHARD_LISTENER_TLS) != 0 ? CONN_TLS : 0) |
                  ((kind & SHARD_LISTENER_PROXY) != 0 ? CONN_PROXY_HEADER : 0) |
                  ((kind & SHARD_LISTENER_ADMIN) != 0 ? CONN_ADMIN : 0);
    struct conn_cold *cold = &ring->colds[descriptor];
    memset(cold, 0, sizeof(*cold));
    cold->connected_ms = shard->unix_ms;
    cold->listener = listener & 0xfU;
    take_address(cold, address);
    count_in(shard, conn, cold);
    request_begin(shard, conn);
    if ((conn->flags & CONN_PROXY_HEADER) != 0) {
        proxied_begin(shard, conn);
    }
    shard_choose_accepting(shard);
}

// Those of the listeners that are admin ones, or that are not; returns how many.
static uint32_t choose_listeners(const struct shard *shard, bool are_admin,
                                 struct accept_listener chosen[static LISTENERS_MAX])
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < shard->listener_count; i++) {
        const struct shard_listener *listener = &shard->listeners[i];
        bool is_admin = (listener->flags & SHARD_LISTENER_ADMIN) != 0;
        if (listener->fd >= 0 && is_admin == are_admin) {
            chosen[count++] = (struct accept_listener){.fd = listener->fd, .number = (uint8_t)i};
        }
    }
    return count;
}

void shard_start_accepting(struct shard *shard)
{
    struct accept_listener chosen[LISTENERS_MAX];
    uint32_t count = choose_listeners(shard, false, chosen);
    shard->has_public = count > 0;
    for (uint32_t i = 0; i < shard->ring_count && count > 0; i++) {
        accept_start(&shard->rings[i].accept, shard->loop, i, (uint8_t)(SHARD_OP_ACCEPT + i),
                     chosen, count, ACCEPT_ARMED_MAX, on_accept, shard);
        if (i > 0) {
            accept_pause(&shard->rings[i].accept);
        }
    }
    count = choose_listeners(shard, true, chosen);
    shard->has_admin = count > 0;
    if (shard->has_admin) {
        accept_start(&shard->admin_accept, shard->loop, 0, SHARD_OP_ACCEPT_ADMIN, chosen, count,
                     count > ADMIN_ARMED ? count : ADMIN_ARMED, on_accept, shard);
    }
}

void shard_stop_accepting(struct shard *shard)
{
    for (uint32_t i = 0; i < shard->ring_count && shard->has_public; i++) {
        accept_stop(&shard->rings[i].accept);
    }
    if (shard->has_admin) {
        accept_stop(&shard->admin_accept);
    }
}
