// `replay`: events are published to streams in turn, then one subscriber reads one of the streams
// from its beginning.
#ifndef RINGCAST_LOADGEN_REPLAY_H
#define RINGCAST_LOADGEN_REPLAY_H

#include "result.h"

// Fills in what depends on other options: a run's number, and streams of its own. Returns false
// with a line in `error` when they do not go together.
bool replay_prepare(struct options *options, char *error, size_t error_size);

// Runs it all and fills in *result. Returns 0 when it could be run (result_is_good says how it
// went) or -errno with a line in result->error when it could not go on.
int replay_run(struct result *result, const struct options *options);

#endif
