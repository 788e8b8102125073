// How often the settings were read again: written by the main thread, read by the log thread for
// the metrics, each member by itself.
#ifndef RINGCAST_INGEST_RELOAD_BOARD_H
#define RINGCAST_INGEST_RELOAD_BOARD_H

#include <stdatomic.h>
#include <stdint.h>

struct reload_board {
    _Atomic uint64_t taken;    // reloads that took effect
    _Atomic uint64_t refused;  // reloads that had faults and changed nothing
    _Atomic uint64_t taken_ms; // Unix time of the last that took effect; 0: there was none
};

#endif
