// Makes indexes and the checkpoint anew from what a survey found. One thread.
#ifndef RINGCAST_CLI_LOG_REBUILD_H
#define RINGCAST_CLI_LOG_REBUILD_H

#include "cli/log_survey.h"

// The index of the segment whose runs and marks the survey holds, into out (empty). 0, -ENOBUFS or
// -ENOMEM.
int log_rebuild_index(const struct log_survey *survey, const struct recovery_segment *segment,
                      struct buffer *out);

// A checkpoint at the log's end, into out (empty): from the blocks and, where there is a valid one,
// from the former checkpoint. 0, -ENOBUFS or -ENOMEM.
int log_rebuild_checkpoint(const struct log_survey *survey, uint64_t now_ms, struct buffer *out);

#endif
