// Where things are when nobody says. Any thread; the environment is read at each call.
#ifndef RINGCAST_APP_PATHS_H
#define RINGCAST_APP_PATHS_H

#include <stddef.h>
#include <sys/types.h>

enum { PATHS_SIZE = 512 };

// Where `ringcast serve` puts the producers' socket: ringcast.sock in $RUNTIME_DIRECTORY, which
// systemd sets for a service; else for root /run/ringcast/ringcast.sock, else ringcast.sock in
// $XDG_RUNTIME_DIR, else /tmp/ringcast-UID.sock.
void paths_default_socket(char path[PATHS_SIZE]);

// Where the other commands look for it: $RINGCAST_SOCKET, else the path above, else root's where
// only that one is there.
void paths_find_socket(char path[PATHS_SIZE]);

// Where the log is kept: $STATE_DIRECTORY, as above; else for root /var/lib/ringcast, else ringcast
// in $XDG_STATE_HOME or ~/.local/state, else ringcast-data in the working directory.
void paths_default_data(char path[PATHS_SIZE]);

// The environment variable, or NULL. Only main changes the environment (notify.h), before other
// threads are there, so any thread may ask.
const char *paths_variable(const char *name);

// Makes the directories above the last part of `path` with `mode`. 0 or a negative errno.
int paths_make_parents(const char *path, mode_t mode);

#endif
