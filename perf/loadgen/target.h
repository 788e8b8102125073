// The server under test as its subscribers see it: its address, and the request for each stream.
#ifndef RINGCAST_LOADGEN_TARGET_H
#define RINGCAST_LOADGEN_TARGET_H

#include "messages.h"
#include "options.h"
#include "template.h"

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum {
    TARGET_REQUEST_BYTES_MAX = 4096,
    TARGET_ERROR_SIZE = 320,
    TARGET_NAME_BYTES_MAX = 512, // of a stream
};

#define TARGET_PATH "/streams/{stream}" // where the URL has none

struct target {
    struct sockaddr_storage address;
    socklen_t address_length;
    bool is_loopback; // 127.0.0.0/8, where every address is ours to connect from
    char authority[256];
    char host[256];
    bool is_secure;                           // https://
    const char *path;                         // the template; borrowed
    const struct messages_protocol *protocol; // NULL: HTTP, server-sent events
    const struct options *options;
};

// Reads the URL and resolves its host, which may block. Returns 0 or -EINVAL, with a line in
// `error` (TARGET_ERROR_SIZE bytes are enough).
int target_open(struct target *target, const char *url, const struct options *options, char *error,
                size_t error_size);

// Connects a socket of the caller's to it (TCP_NODELAY), which may block for 10 seconds. Returns
// its descriptor, or -errno: -ETIMEDOUT and the like.
int target_connect(const struct target *target);

// Appends the name of stream `number`.
void target_stream_name(struct buffer *into, const struct options *options, uint32_t number);

// Appends a template, filled in for stream `number` and an event's data (slice_empty: none).
void target_expand(struct buffer *into, const struct options *options, const char *text,
                   enum template_place place, uint32_t number, struct slice data);

// Appends the request that subscribes to stream `number`, behind the event `last_id` unless that is
// empty, with `query` behind the path's own unless that is NULL (over HTTP alone). Returns 0,
// -ENOBUFS, or -EINVAL when the protocol cannot carry the stream's name.
int target_request(struct buffer *into, const struct target *target, uint32_t number,
                   struct slice last_id, const char *query);

#endif
