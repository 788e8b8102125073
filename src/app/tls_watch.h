// Watches the files of certificates and their keys as app/key_watch.h does those of tokens, and
// sees to it that the keys of tickets are made anew in time. Files that cannot be used are told of
// in the log, and what is in force stays. The main thread alone.
#ifndef RINGCAST_APP_TLS_WATCH_H
#define RINGCAST_APP_TLS_WATCH_H

#include "app/options.h"
#include "tls/server.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tls_watch {
    const struct options *options;
    uint64_t fingerprint;
    uint64_t next_ms; // monotonic; UINT64_MAX: there is nothing to watch
};

// Reads the certificates. `options` are borrowed for as long as the watch is used. True, with a
// reference in *server (NULL: no listener speaks TLS); false with one line in message. former:
// whose ticket keys go on; NULL: none.
bool tls_watch_open(struct tls_watch *watch, const struct options *options,
                    const struct tls_server *former, struct tls_server **server, char *message,
                    size_t message_size);

// Looks where it is time to. What is to take the place of `current`, with a reference, or NULL.
struct tls_server *tls_watch_look(struct tls_watch *watch, const struct tls_server *current,
                                  uint64_t now_ms);

#endif
