// How ringcast-bench ends.
#ifndef RINGCAST_LOADGEN_STATUS_H
#define RINGCAST_LOADGEN_STATUS_H

enum status {
    STATUS_GOOD = 0,
    STATUS_BAD = 1,   // ran, and events were lost, repeated, out of order or refused
    STATUS_WRONG = 2, // could not run
};

#endif
