// What an operator writes of a listener:
//
//     HOST:PORT[,tls][,proxy]
//     unix:PATH[,mode=0660][,tls][,proxy]
//
// tls: what comes is encrypted; proxy: every connection begins with a PROXY header of version 2;
// mode: the permission bits of the socket's file. A path has no comma and no blank.
#ifndef RINGCAST_IO_LISTEN_SPEC_H
#define RINGCAST_IO_LISTEN_SPEC_H

#include "base/bytes.h"
#include "io/listen.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    LISTEN_PLACE_SIZE = 272, // a host name and a port, or a path
    LISTEN_MODE_DEFAULT = 0660,
};

struct listen_spec {
    bool is_unix;
    bool has_tls;
    bool has_proxy;
    mode_t mode;                   // of a Unix socket
    char place[LISTEN_PLACE_SIZE]; // "127.0.0.1:8080", or the path
};

// 0, or -EINVAL with one line in `error` (LISTEN_ERROR_SIZE is enough), which quotes the spec. A
// host is not looked up.
int listen_spec_parse(struct listen_spec *spec, struct slice text, char *error, size_t error_size);

#endif
