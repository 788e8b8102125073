// How a command learns that it shall end.
#ifndef RINGCAST_CLI_SIGNALS_H
#define RINGCAST_CLI_SIGNALS_H

#include <signal.h>

// From now on SIGINT and SIGTERM set the flag that is returned, which lives for ever; the second
// one ends the process. System calls that wait are interrupted. Called by the main thread before
// others start.
const volatile sig_atomic_t *signals_catch_end(void);

#endif
