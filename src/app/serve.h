// `ringcast serve`: starts the broker, waits for signals, ends it.
#ifndef RINGCAST_APP_SERVE_H
#define RINGCAST_APP_SERVE_H

// argv[0] is the command's name. Returns the exit status: 0 ended as told, 1 could not start or go
// on, 2 usage.
int cli_serve(int argc, char **argv);

#endif
