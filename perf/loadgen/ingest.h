// Runs without subscribers: producers publish over a broker's Unix socket through libringcast as
// fast as they are acknowledged, with a bounded number of events unanswered.
#ifndef RINGCAST_LOADGEN_INGEST_H
#define RINGCAST_LOADGEN_INGEST_H

#include "options.h"
#include "status.h"

// Runs and prints it. STATUS_BAD when an event was not acknowledged; STATUS_WRONG is told on
// stderr.
enum status ingest_run(const struct options *options);

#endif
