// The listeners that clients come by: what --listen and --admin-listen say, opened. Main thread.
//
// TCP listeners for subscribers are one a worker, which share the port (SO_REUSEPORT); a Unix
// socket is one that all workers accept from; those for administrators are worker 0's alone.
#ifndef RINGCAST_APP_LISTENERS_H
#define RINGCAST_APP_LISTENERS_H

#include "app/notify.h"
#include "app/options.h"
#include "base/limits.h"
#include "conn/shard.h"
#include "io/listen.h"
#include "io/listen_spec.h"

#include <stddef.h>

struct listener {
    struct listen_spec spec;
    uint8_t flags;                 // SHARD_LISTENER_*
    int handed_fd;                 // -1: it is opened by spec
    struct listen_address address; // of TCP, with the real port, and of what was handed in
    struct listen_unix local;      // of Unix
    int fds[WORKERS_MAX];          // of TCP, one a worker; -1: none
};

struct listeners {
    uint32_t count;
    struct listener each[LISTENERS_MAX];
};

// What the settings say, without opening anything. 0, or -EINVAL with one line in message.
int listeners_read(struct listeners *listeners, const struct options *options, char *message,
                   size_t message_size);

#define LISTENERS_PRODUCERS "producers" // the name of a socket that is theirs

// Puts sockets that were handed in in the place of those that the settings say: named public or tls
// in that of --listen, named admin in that of --admin-listen; `,proxy` may follow the name. Those
// named producers are left to others. Takes over the descriptors that it takes, also where it
// fails. 0, or -EINVAL with one line in message.
int listeners_take_handed(struct listeners *listeners, const struct notify_sockets *sockets,
                          char *message, size_t message_size);

// Whether the other settings have what these listeners need. 0, or -EINVAL with one line in
// message.
int listeners_check(const struct listeners *listeners, const struct options *options, char *message,
                    size_t message_size);

// The socket for producers that was handed in, which stays the caller's, and its path; 0: there is
// none. -EINVAL with one line in message.
int listeners_find_producers(const struct notify_sockets *sockets, char path[LISTEN_PATH_SIZE],
                             char *message, size_t message_size);

// Opens what was read: from here on clients queue in the kernel. 0, or -errno with one line in
// message; listeners_close is due either way.
int listeners_open(struct listeners *listeners, unsigned workers, char *message,
                   size_t message_size);
void listeners_close(struct listeners *listeners);

// What this worker accepts from.
void listeners_of_worker(const struct listeners *listeners, unsigned worker,
                         struct shard_listener own[static LISTENERS_MAX]);

// "http://127.0.0.1:8080, unix:/run/sse, admin on http://127.0.0.1:9180", with the real ports.
enum { LISTENERS_TEXT_SIZE = LISTENERS_MAX * (LISTEN_ADDRESS_TEXT_SIZE + 32) };
void listeners_format(const struct listeners *listeners, char text[static LISTENERS_TEXT_SIZE]);

#endif
