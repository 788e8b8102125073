// How many connections each client has, of the whole broker: one table for all workers, without a
// lock, so that none of them waits for another. One table counts by address, another by subject.
//
// One that comes by several workers in the same moment as its place in the table is found may,
// rarely, be counted in two places, and then get in more often than it should; none is ever refused
// or held for another's connections. Any thread.
#ifndef RINGCAST_CONN_CLIENT_COUNTS_H
#define RINGCAST_CONN_CLIENT_COUNTS_H

#include <stdbool.h>
#include <stdint.h>

struct client_counts;

enum { CLIENT_COUNTS_EACH_MAX = (1 << 24) - 1 };

// Room for connections_max connections, with one reference, the caller's. NULL: no memory.
struct client_counts *client_counts_create(uint32_t connections_max);
struct client_counts *client_counts_hold(struct client_counts *counts);
void client_counts_release(struct client_counts *counts); // NULL is allowed

// One more connection of this client (conn/client_key.h; not 0). False where it has each_max
// already; up to CLIENT_COUNTS_EACH_MAX.
bool client_counts_enter(struct client_counts *counts, uint64_t key, uint32_t each_max);
// One that entered is gone.
void client_counts_leave(struct client_counts *counts, uint64_t key);

#endif
