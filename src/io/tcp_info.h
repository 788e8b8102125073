// What the kernel knows of a TCP connection's path (TCP_INFO), as far as ringcast uses it. Any
// thread.
#ifndef RINGCAST_IO_TCP_INFO_H
#define RINGCAST_IO_TCP_INFO_H

#include <stdbool.h>
#include <stdint.h>

struct tcp_reading {
    uint32_t round_trip_us; // smoothed by the kernel over some eight acknowledgements; at least 1
    uint32_t round_trip_variation_us;
    uint32_t segments_sent; // with data, repeated ones too; these two wrap around
    uint32_t segments_repeated;
    uint64_t delivery_bytes_per_second; // 0: not known
    // The path was never filled since it delivered more than this: it may carry more.
    bool is_delivery_least;
};

// `descriptor` is an ordinary one (io_prep_install_direct). Returns 0 or -errno (-ENOTSOCK,
// -EOPNOTSUPP: no TCP; -ENODATA: the kernel tells less than ringcast needs).
int tcp_info_read(int descriptor, struct tcp_reading *reading);

#endif
