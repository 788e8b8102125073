// How many connections each client address has, of the whole broker: one table for all workers,
// without a lock, so that none of them waits for another.
//
// An address is kept as a keyed hash of 64 bits, so that two count as one with a chance of about
// one in 10^12. One that comes by several workers in the same moment as its place in the table is
// found may, rarely, be counted in two places, and then get in more often than it should; none is
// ever refused or held for another's connections. Any thread.
#ifndef RINGCAST_CONN_ADDRESSES_H
#define RINGCAST_CONN_ADDRESSES_H

#include <stdbool.h>
#include <stdint.h>

struct addresses;

enum { ADDRESSES_EACH_MAX = (1 << 24) - 1 };

// Room for connections_max connections, of at most each_max from one address. NULL: no memory.
struct addresses *addresses_create(uint32_t connections_max, uint32_t each_max);
void addresses_destroy(struct addresses *addresses);

// The key of an address: AF_INET with its 4 bytes; AF_INET6, of which the first 64 bits count,
// since that is what one client is given, or all where it holds an IPv4 address. 0 for other
// families: such are not counted.
uint64_t addresses_key(const struct addresses *addresses, int family, const uint8_t address[16]);

// One more connection of this address. False where it has as many as it may.
bool addresses_enter(struct addresses *addresses, uint64_t key);
// One that entered is gone.
void addresses_leave(struct addresses *addresses, uint64_t key);

#endif
