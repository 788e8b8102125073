// Connections behind proxies: whose they are. Only peers among the trusted proxies may say; those
// of a Unix socket are, since its file says who may connect.
#include <arpa/inet.h>
#include <string.h>

#include "base/ip.h"
#include "base/logger.h"
#include "conn/client_address.h"
#include "conn/proxy_header.h"
#include "conn/shard.h"

enum { WARNING_INTERVAL_MS = 10 * 1000 };

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
    LOGGER_EVERY(WARNING_INTERVAL_MS, LOGGER_WARN, "http",
                 "a connection of " SLICE_FORMAT " to a listener with proxy was closed: it is none "
                 "of --trusted-proxies",
                 SLICE_ARGUMENTS(client_address_text(cold, text)));
    conn_close(shard, conn, CLOSE_PROXY);
}

static void refuse_header(struct shard *shard, struct conn *conn, enum proxy_progress progress)
{
    char text[CLIENT_ADDRESS_TEXT_BYTES];
    LOGGER_EVERY(
        WARNING_INTERVAL_MS, LOGGER_WARN, "http",
        "a connection of proxy " SLICE_FORMAT " was closed: %s",
        SLICE_ARGUMENTS(client_address_text(conn_cold_of(shard, conn), text)),
        progress == PROXY_VERSION_1
            ? "it speaks version 1 of the PROXY protocol, or none; version 2 is understood "
              "(haproxy: send-proxy-v2)"
            : "it does not begin with a PROXY header of version 2");
    conn_close(shard, conn, CLOSE_PROXY);
}

// From here on it is the client's.
static void meet_client(struct shard *shard, struct conn *conn, const struct proxy_header *header)
{
    struct conn_cold *cold = conn_cold_of(shard, conn);
    if (proxy_header_is_local(header)) {
        return; // the proxy's own, which does not count for its address
    }
    cold->family = (uint8_t)proxy_header_family(header); // 0 of a client without an address
    memcpy(cold->address, header->address, sizeof(cold->address));
    cold->port = header->port;
    if ((conn->flags & CONN_UNCOUNTED) == 0 && !shard_count_address(shard, conn)) {
        shard_refuse_address(shard, conn);
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
    meet_client(shard, conn, &done);
    *bytes = slice_after(*bytes, consumed);
    if (bytes->length == 0) {
        request_arm_receive(shard, conn);
    }
    return bytes->length > 0;
}
