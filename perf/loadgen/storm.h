// `storm`: all subscribers connect at once; then they are cut off at once, events are published
// while nobody is there, and all come back at once, each with the id that it saw last, and must get
// exactly what they missed.
#ifndef RINGCAST_LOADGEN_STORM_H
#define RINGCAST_LOADGEN_STORM_H

#include "result.h"

// Runs it all and fills in *result. Returns 0 when it could be run (result_is_good says how it
// went) or -errno with a line in result->error when it could not go on.
int storm_run(struct result *result, const struct options *options);

#endif
