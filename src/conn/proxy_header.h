// The header that a connection begins with behind a proxy that speaks the PROXY protocol, version 2
// (haproxy's proxy-protocol.txt, section 2.2):
//
//     12 bytes  0d 0a 0d 0a 00 0d 0a 51 55 49 54 0a
//      1        version 2 in the upper half, command in the lower: 0 LOCAL, 1 PROXY
//      1        family in the upper half (0 none, 1 IPv4, 2 IPv6, 3 Unix), kind of transport in the
//               lower (0 none, 1 stream, 2 datagram)
//      2        how many bytes follow, big-endian
//               addresses: source, destination, source port, destination port; then TLVs
//
// Read byte by byte as it comes, so that nothing of it has to be kept. Addresses of Unix sockets
// and TLVs are passed over. One thread.
#ifndef RINGCAST_CONN_PROXY_HEADER_H
#define RINGCAST_CONN_PROXY_HEADER_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PROXY_HEADER_START_BYTES = 16,
    PROXY_HEADER_BYTES_MAX = 2048, // behind the start; more is refused
};

enum proxy_progress {
    PROXY_NEED_MORE,
    PROXY_DONE,
    PROXY_VERSION_1, // refused: the old form, which is text
    PROXY_FAILED,    // it is no such header
};

// Zeroed to begin with.
struct proxy_header {
    uint16_t at;     // bytes taken
    uint16_t length; // behind the start
    uint8_t command;
    uint8_t transport;
    uint8_t address[16]; // of the client: IPv4 in the first 4
    uint16_t port;
};

// Takes bytes as they come; *consumed is how many were the header's, with PROXY_DONE.
enum proxy_progress proxy_header_feed(struct proxy_header *header, struct slice bytes,
                                      size_t *consumed);

// Once it is done: AF_INET or AF_INET6, whose client `address` and `port` are; 0: the header says
// nothing of the client, and the connection is the proxy's own (LOCAL, UNSPEC) or its client has no
// address (UNIX).
int proxy_header_family(const struct proxy_header *header);
// Whether the connection is the proxy's own, as for a look at whether we live.
bool proxy_header_is_local(const struct proxy_header *header);

#endif
