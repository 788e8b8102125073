// A set of one-shot accepts of a few listeners into the direct-descriptor table of one ring, each
// with its own address buffer (multishot accepts give no address). They are exclusive waiters: one
// connection wakes one of them. The listeners have equal shares of them.
//
// Connections are not spread evenly over the sets of one listener: one that has just accepted tries
// again first, and under a burst the first ring takes most (measured). So the callback watches the
// table: a set whose ring has as many descriptors open as its table holds, less the accepts
// in flight there, is paused (accept_pause) until a descriptor is closed.
//
// -ENFILE means that the table (or the system's file table) was full all the same. The kernel has
// then taken the connection and dropped it. After it, or -EMFILE, -ENOBUFS and -ENOMEM, the set
// rests until accept_resume or for ACCEPT_RETRY_MS. A connection that died in the backlog
// (-ECONNABORTED and the like) is counted and passed over. The loop's thread only.
#ifndef RINGCAST_IO_ACCEPT_H
#define RINGCAST_IO_ACCEPT_H

#include "base/limits.h"
#include "io/loop.h"
#include "io/wheel.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum {
    ACCEPT_ARMED_MAX = 32,
    ACCEPT_RETRY_MS = 250,
};

struct accept_listener {
    int fd;
    uint8_t number; // the owner's own, which the callback is told
};

// A new connection of the listener with this number: `descriptor` is direct, in ring `ring`, the
// receiver's to close. `address` holds only during the call.
typedef void (*accept_callback)(void *context, unsigned ring, uint8_t listener, int descriptor,
                                const struct sockaddr *address, socklen_t address_length);

struct accept_entry {
    struct sockaddr_storage address;
    socklen_t address_length;
    bool inflight;
};

struct accept_set {
    struct loop *loop;
    unsigned ring;
    uint8_t op;
    bool paused;  // by accept_pause: nothing is armed anew
    bool resting; // after -ENFILE and the like: until accept_resume or the timer
    bool stopping;
    uint32_t armed_wanted;
    uint32_t inflight;
    uint32_t listener_count;
    uint64_t accepted;
    uint64_t aborted;    // connections that were gone before they were accepted
    uint64_t table_full; // connections dropped by the kernel for want of a descriptor
    int error; // the last error that was not one of the above, 0 when none: a broken listener; the
               // set rests, with all of its listeners
    accept_callback callback;
    void *context;
    struct wheel_timer retry; // of the loop's kind LOOP_TIMER_ACCEPT
    struct accept_listener listeners[LISTENERS_MAX];
    struct accept_entry entries[ACCEPT_ARMED_MAX]; // by turns of the listeners
};

// Arms `armed` accepts (one or more for each listener, ACCEPT_ARMED_MAX together) of the listeners
// (1 to LISTENERS_MAX, copied; the descriptors stay the caller's). `op` is an op number of the loop
// that this set alone uses; the set registers its handler. The set must not move.
void accept_start(struct accept_set *set, struct loop *loop, unsigned ring, uint8_t op,
                  const struct accept_listener *listeners, uint32_t listener_count, uint32_t armed,
                  accept_callback callback, void *context);

// Arms none anew; up to `inflight` connections may still come.
void accept_pause(struct accept_set *set);

// Ends a pause or a rest: to be called too when a descriptor became free. Cheap when there is
// nothing to resume.
void accept_resume(struct accept_set *set);

// Cancels all. Connections may still arrive until accept_is_stopped; only then may the set or its
// listeners go. A set that was never started is stopped.
void accept_stop(struct accept_set *set);

static inline bool accept_is_stopped(const struct accept_set *set)
{
    return set->inflight == 0;
}

#endif
