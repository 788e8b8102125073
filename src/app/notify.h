// What the service manager is told and what it gives: the protocols of sd_notify(3) and
// sd_listen_fds(3), which systemd's manual describes as stable. Without a manager all of this does
// nothing. The main thread alone; notify_open and notify_take_sockets before any other is there,
// since they take their variables out of the environment.
#ifndef RINGCAST_APP_NOTIFY_H
#define RINGCAST_APP_NOTIFY_H

#include "io/listen.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/un.h>

enum {
    NOTIFY_STATUS_SIZE = 256, // longer ones are cut
    // While it recovers the manager is asked for this much more time, again and again, for as long
    // as it gets on.
    NOTIFY_EXTEND_MS = 30 * 1000,
    NOTIFY_EXTEND_INTERVAL_MS = 5 * 1000,
};

struct notify {
    int fd; // -1: nobody is to be told
    struct sockaddr_un address;
    socklen_t address_length;
    uint64_t watchdog_ms;    // the manager ends who was silent for so long; 0: it does not
    uint64_t extend_next_ms; // monotonic
};

// Takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID. What cannot be used is told in the log.
void notify_open(struct notify *notify);
void notify_close(struct notify *notify);

// Each is one datagram, which does not wait; what the manager does not take is told in the log.
// `status` is a line for people (systemctl status).
void notify_ready(struct notify *notify, const char *status);
void notify_reloading(struct notify *notify); // until the next notify_ready
void notify_stopping(struct notify *notify);
void notify_alive(struct notify *notify);
// That the start takes longer and gets on: at most one datagram in NOTIFY_EXTEND_INTERVAL_MS.
void notify_extend(struct notify *notify, uint64_t now_ms);

// Listening sockets that the manager opened: LISTEN_FDS of them, named by LISTEN_FDNAMES.
enum { NOTIFY_SOCKETS_MAX = 16, NOTIFY_NAMES_SIZE = 1024 };

struct listen_handed {
    int fd;           // close-on-exec; the taker's
    const char *name; // in the list
};

struct notify_sockets {
    uint32_t count;
    struct listen_handed sockets[NOTIFY_SOCKETS_MAX];
    char names[NOTIFY_NAMES_SIZE];
};

// Takes LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES; variables meant for another process are no
// fault and give none. The list must not move. False with one line in message (LISTEN_ERROR_SIZE).
bool notify_take_sockets(struct notify_sockets *sockets, char *message, size_t message_size);

#endif
