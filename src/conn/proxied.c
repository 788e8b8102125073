// Connections behind proxies: whose they are. Only peers among the trusted proxies may say; those
// of a Unix socket are, since its file says who may connect.
#include <arpa/inet.h>
#include <string.h>

#include "base/ip.h"
#include "base/logger.h"
#include "conn/client_address.h"
#include "conn/proxy_header.h"
#include "conn/shard.h"
#include "http/forwarded.h"

enum { WARNING_INTERVAL_MS = 10 * 1000 };

static void take_peer(struct conn_cold *cold, const struct conn_peer *peer)
{
    cold->family = peer->family;
    cold->port = peer->port;
    memcpy(cold->address, peer->address, sizeof(cold->address));
}

static bool is_trusted(const struct shard *shard, int family, const uint8_t *address)
{
    struct ip ip = ip_of(family, address);
    return family == AF_UNIX || ip_ranges_have(&shard->terms->trusted_proxies, &ip);
}

// --- PROXY ---

void proxied_begin(struct shard *shard, struct conn *conn)
{
    struct conn_cold *cold = conn_cold_of(shard, conn);
    if (is_trusted(shard, cold->family, cold->address)) {
        return;
    }
    char text[CLIENT_ADDRESS_TEXT_BYTES];
    LOGGER_EVERY_WITH(WARNING_INTERVAL_MS, LOGGER_WARN, "http",
                      LOGGER_FIELDS(logger_text("address", client_address_text(cold, text))),
                      "a connection to a listener with proxy was closed: it is none of "
                      "--trusted-proxies");
    conn_close(shard, conn, CLOSE_PROXY);
}

static void refuse_header(struct shard *shard, struct conn *conn, enum proxy_progress progress)
{
    char text[CLIENT_ADDRESS_TEXT_BYTES];
    LOGGER_EVERY_WITH(
        WARNING_INTERVAL_MS, LOGGER_WARN, "http",
        LOGGER_FIELDS(logger_text("address", client_address_text(conn_cold_of(shard, conn), text))),
        "a proxy's connection was closed: %s",
        progress == PROXY_VERSION_1
            ? "it speaks version 1 of the PROXY protocol, or none; version 2 is understood "
              "(haproxy: send-proxy-v2)"
            : "it does not begin with a PROXY header of version 2");
    conn_close(shard, conn, CLOSE_PROXY);
}

// From here on it is the client's, or the proxy's own.
static void take_address(struct conn_cold *cold, const struct proxy_header *header)
{
    if (!proxy_header_is_local(header)) {
        cold->family = (uint8_t)proxy_header_family(header); // 0 of a client without an address
        memcpy(cold->address, header->address, sizeof(cold->address));
        cold->port = header->port;
    }
}

bool proxied_take_header(struct shard *shard, struct conn *conn, struct slice *bytes)
{
    struct proxy_header *header = &conn_cold_of(shard, conn)->proxy;
    size_t consumed = 0;
    enum proxy_progress progress = proxy_header_feed(header, *bytes, &consumed);
    switch (progress) {
    case PROXY_NEED_MORE: request_arm_receive(shard, conn); return false;
    case PROXY_VERSION_1:
    case PROXY_FAILED: refuse_header(shard, conn, progress); return false;
    case PROXY_DONE: break;
    }
    conn->flags &= ~(uint32_t)CONN_PROXY_HEADER;
    const struct proxy_header done = *header; // its place is another's from here on
    *header = (struct proxy_header){.at = 0};
    take_address(conn_cold_of(shard, conn), &done);
    if ((conn->flags & CONN_UNCOUNTED) == 0 && !proxy_header_is_local(&done)) {
        proxied_meet_peer(shard, conn);
    }
    *bytes = slice_after(*bytes, consumed);
    if (bytes->length == 0) {
        request_arm_receive(shard, conn);
    }
    return bytes->length > 0;
}

// --- fields of requests ---

void proxied_meet_peer(struct shard *shard, struct conn *conn)
{
    struct conn_cold *cold = conn_cold_of(shard, conn);
    if (shard->terms->forwarded != HTTP_FORWARDED_NOT &&
        is_trusted(shard, cold->family, cold->address)) {
        conn->flags |= CONN_PROXIED;
        cold->peer = (struct conn_peer){.family = cold->family, .port = cold->port};
        memcpy(cold->peer.address, cold->address, sizeof(cold->address));
    } else if (!shard_count_address(shard, conn)) {
        shard_refuse_address(shard, conn);
    }
}

// The peer itself, unless it says who: where what it says cannot be read, too.
static struct conn_peer client_of(const struct shard *shard, const struct conn_cold *cold,
                                  const struct context *context)
{
    struct conn_peer client = cold->peer;
    enum http_forwarded form = shard->terms->forwarded;
    if (form == HTTP_FORWARDED_NOT || !is_trusted(shard, client.family, client.address)) {
        return client;
    }
    struct slice field =
        http_request_field(&context->request, form == HTTP_FORWARDED_X ? HTTP_FIELD_X_FORWARDED_FOR
                                                                       : HTTP_FIELD_FORWARDED);
    struct ip ip;
    uint16_t port = 0;
    char text[CLIENT_ADDRESS_TEXT_BYTES];
    switch (http_forwarded_client(form, field, &shard->terms->trusted_proxies, &ip, &port)) {
    case HTTP_CLIENT_UNKNOWN: break;
    case HTTP_CLIENT_KNOWN:
        client.family = ip.family;
        client.port = port;
        memcpy(client.address, ip.bytes, sizeof(client.address));
        break;
    case HTTP_CLIENT_MALFORMED:
        LOGGER_EVERY_WITH(WARNING_INTERVAL_MS, LOGGER_WARN, "http",
                          LOGGER_FIELDS(logger_text("address", client_address_text(cold, text))),
                          "a proxy's %s cannot be read: the request counts as its own",
                          form == HTTP_FORWARDED_X ? "X-Forwarded-For" : "Forwarded");
        break;
    }
    return client;
}

bool proxied_take_client(struct shard *shard, struct conn *conn, const struct context *context)
{
    struct conn_cold *cold = conn_cold_of(shard, conn);
    const struct conn_peer client = client_of(shard, cold, context);
    bool is_same = client.family == cold->family &&
                   memcmp(client.address, cold->address, sizeof(client.address)) == 0;
    cold->port = client.port;
    if (is_same && (conn->flags & (CONN_BY_ADDRESS | CONN_UNCOUNTED)) != 0) {
        return true;
    }
    shard_uncount_address(shard, conn);
    take_peer(cold, &client);
    if ((conn->flags & CONN_UNCOUNTED) != 0 || shard_count_address(shard, conn)) {
        return true;
    }
    request_fail_crowded(shard, conn, "your address has as many connections as it may");
    return false;
}

void proxied_forget_client(struct shard *shard, struct conn *conn)
{
    if ((conn->flags & CONN_PROXIED) != 0) {
        struct conn_cold *cold = conn_cold_of(shard, conn);
        shard_uncount_address(shard, conn);
        take_peer(cold, &cold->peer);
    }
}
