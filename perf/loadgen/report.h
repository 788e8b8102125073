// The report of a run as one page of HTML that needs nothing else.
#ifndef RINGCAST_LOADGEN_REPORT_H
#define RINGCAST_LOADGEN_REPORT_H

#include "result.h"

#include <stdio.h>

// For a result that is complete, whether the run was good or not. Main thread.
void report_write(FILE *out, const struct result *result);

#endif
