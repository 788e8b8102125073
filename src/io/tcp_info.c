#include "io/tcp_info.h"

#include <errno.h>
#include <linux/tcp.h> // <netinet/tcp.h> has an older and shorter struct tcp_info
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

// Up to and with the last member that is used; what newer kernels add does not matter.
#define BYTES_NEEDED (offsetof(struct tcp_info, tcpi_delivery_rate) + sizeof(uint64_t))

int tcp_info_read(int descriptor, struct tcp_reading *reading)
{
    struct tcp_info info;
    socklen_t length = sizeof(info);
    if (getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) {
        return -errno;
    }
    if (length < BYTES_NEEDED) {
        return -ENODATA;
    }
    *reading = (struct tcp_reading){
        .round_trip_us = info.tcpi_rtt > 0 ? info.tcpi_rtt : 1,
        .round_trip_variation_us = info.tcpi_rttvar,
        .segments_sent = info.tcpi_data_segs_out,
        .segments_repeated = info.tcpi_total_retrans,
        .delivery_bytes_per_second = info.tcpi_delivery_rate,
        .is_delivery_least = info.tcpi_delivery_rate_app_limited,
    };
    return 0;
}
