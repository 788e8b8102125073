// The ingest module on a real loop and socket with a made-up log, for the fuzz targets of the two
// protocols.
#ifndef TESTS_FUZZ_INGEST_RIG_H
#define TESTS_FUZZ_INGEST_RIG_H

#include "base/bytes.h"

enum { INGEST_RIG_EVENT_BYTES_MAX = 200 };

// Sends the bytes as one producer, in pieces and with a log that behaves as `plan` says, ends its
// side of the connection, and waits for the broker to end the other. Returns all answers; valid
// until the next call.
struct slice ingest_rig_converse(uint8_t plan, struct slice bytes);

#endif
