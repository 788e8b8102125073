// What main needs around the threads that it starts. Any thread.
#ifndef RINGCAST_APP_THREADS_H
#define RINGCAST_APP_THREADS_H

enum {
    // How long a thread that is ending may sleep in one round.
    THREADS_STOPPING_ROUND_MS = 20,
};

// Names the calling thread, as ps and debuggers show it (at most 15 bytes).
void threads_name(const char *name);

// Writes to an eventfd.
void threads_notify(int notice_fd);

#endif
