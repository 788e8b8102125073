// What an event of the load generator carries, as ASCII text of a fixed layout, padded to the size
// asked for:
//
//     0   2  "rb"
//     2   8  run: events of other runs and of other producers are told apart by it
//    10   1  "-"
//    11   6  stream number
//    17   1  "-"
//    18  10  number of the event in its stream, from 1
//    28   1  "-"
//    29  16  time at which it was meant to be sent, nanoseconds of CLOCK_MONOTONIC
//    45      padding, "."
//
// All numbers are hexadecimal in lower case. There is nothing to escape in JSON, HTTP or SSE.
#ifndef RINGCAST_LOADGEN_PAYLOAD_H
#define RINGCAST_LOADGEN_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PAYLOAD_BYTES_MIN = 45,
    PAYLOAD_STREAM_MAX = (1 << 24) - 1,
};

#define PAYLOAD_NUMBER_MAX ((UINT64_C(1) << 40) - 1)

struct payload {
    uint32_t run;
    uint32_t stream;
    uint64_t number;
    uint64_t intended_ns;
};

// Writes `size_bytes` (PAYLOAD_BYTES_MIN or more). stream and number are within their maxima.
void payload_write(uint8_t *into, size_t size_bytes, const struct payload *payload);

// Reads the first bytes of data; what follows them is not looked at. A leading double quote is
// passed over, for servers that send data as JSON. False: not a payload.
bool payload_read(struct payload *payload, const uint8_t *at, size_t length);

#endif
