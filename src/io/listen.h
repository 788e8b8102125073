// Listening sockets, TCP and Unix. Used at start-up: these calls may block (name look-up) and give
// errors for a person to read.
//
// Every function here that fails writes one line, without a newline, into `error`: what, where, and
// what to do.
#ifndef RINGCAST_IO_LISTEN_H
#define RINGCAST_IO_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

enum {
    LISTEN_ERROR_SIZE = 320,        // enough for every error line
    LISTEN_ADDRESS_TEXT_SIZE = 128, // enough for every address as text
    LISTEN_PATH_SIZE = 108,         // sizeof sockaddr_un.sun_path
    LISTEN_BACKLOG = 4096,
    // A stalled reader then holds about 46 KB of kernel memory rather than 4 MB (measured, see
    // architecture).
    LISTEN_NOTSENT_LOWAT_BYTES = 16 * 1024,
    LISTEN_RECEIVE_BUFFER_BYTES = 16 * 1024,
    // A peer that vanished without a word is found after about two minutes of silence.
    LISTEN_KEEPALIVE_IDLE_S = 60,
    LISTEN_KEEPALIVE_INTERVAL_S = 20,
    LISTEN_KEEPALIVE_PROBES = 3,
};

struct listen_address {
    struct sockaddr_storage storage;
    socklen_t length;
};

// Reads "HOST:PORT": "127.0.0.1:8080", "[::1]:8080", "localhost:8080"; "*:8080" and ":8080" are
// every address, IPv6 and IPv4 where the system has both. Port 0 lets the kernel choose. Returns 0;
// -EINVAL for what cannot be read; -EADDRNOTAVAIL for a name that does not resolve.
int listen_address_parse(struct listen_address *address, const char *text, char *error,
                         size_t error_size);

// Whether listen_address_parse would understand it. Looks no name up.
bool listen_address_is_well_formed(const char *text);

// Writes an address of TCP as "127.0.0.1:8080" or "[::1]:8080" and of a Unix socket as "unix:PATH"
// or "unix:". Any thread.
void listen_address_format(const struct sockaddr *address, socklen_t length, char *text,
                           size_t text_size);

// Opens a listening TCP socket with SO_REUSEADDR, with `reuse_port` also SO_REUSEPORT (one listener
// for each worker), and the options that accepted sockets inherit: TCP_NODELAY, TCP_NOTSENT_LOWAT,
// SO_RCVBUF. `port`, unless NULL, gets the real port. With several listeners on port 0: open the
// first, write its port into the address with listen_address_set_port, go on. Returns the
// descriptor (close-on-exec, the caller's) or -errno: -EADDRINUSE, -EACCES, -EADDRNOTAVAIL...
int listen_tcp(const struct listen_address *address, bool reuse_port, uint16_t *port, char *error,
               size_t error_size);

void listen_address_set_port(struct listen_address *address, uint16_t port);

// Takes a listening socket, TCP or Unix, that another process opened: gives it the options that
// accepted sockets inherit, and its address. Returns 0 or -errno; -EINVAL where it is no such
// socket. The descriptor stays the caller's.
int listen_adopt(int fd, struct listen_address *address, char *error, size_t error_size);

struct listen_unix {
    int fd;
    char path[LISTEN_PATH_SIZE]; // empty: not ours to remove
    dev_t device; // of the socket file that we made: only that one is removed at close
    ino_t inode;
};

// Opens a listening Unix stream socket at `path` with the permission bits `mode`, whatever the
// umask. A socket file that nobody answers is removed and replaced; one that somebody answers gives
// -EADDRINUSE; a file of another kind is never touched (-EEXIST). Returns 0 or -errno.
int listen_unix_open(struct listen_unix *listener, const char *path, mode_t mode, char *error,
                     size_t error_size);

// Closes, and removes the socket file if it is still ours. Does nothing the second time (fd is then
// -1).
void listen_unix_close(struct listen_unix *listener);

#endif
