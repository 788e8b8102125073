// Runs with subscribers: `fanout`, `floor` (the same against the bare server), `latency` (one
// subscriber, one event at a time).
#ifndef RINGCAST_LOADGEN_FANOUT_H
#define RINGCAST_LOADGEN_FANOUT_H

#include "result.h"

// Runs it all and fills in *result. Returns 0 when it could be run (result_is_good says how it
// went) or -errno with a line in result->error when it could not begin.
int fanout_run(struct result *result, const struct options *options, enum publisher_pace pace);

#endif
