// All workers: their listeners, their threads, their end. Used by the main thread alone.
#ifndef RINGCAST_APP_WORKER_SET_H
#define RINGCAST_APP_WORKER_SET_H

#include "app/listeners.h"
#include "app/options.h"
#include "conn/terms.h"
#include "io/loop.h"
#include "log/tail.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct worker_set;

struct worker_set_options {
    const struct options *options; // borrowed
    unsigned workers;              // 1 to WORKERS_MAX
    uint64_t files_max;            // the limit of open files, which bounds a ring's connections
    uint32_t stop_ms_max;          // how long a worker may take to end
    int notice_fd;                 // an eventfd that is written when a worker has ended
    const struct pressure_board *pressure; // borrowed
    const struct notify_sockets *handed;   // borrowed; the set takes the descriptors that it takes
};

// Opens the listeners (app/listeners.h): from here on clients queue in the kernel. NULL with one
// line in message.
struct worker_set *worker_set_listen(const struct worker_set_options *options, char *message,
                                     size_t message_size);

// Where it listens, as listeners_format.
void worker_set_addresses(const struct worker_set *set, char text[static LISTENERS_TEXT_SIZE]);

// Makes the workers, which hold the terms that they begin with. False with one line in message.
bool worker_set_create(struct worker_set *set, struct terms *terms, struct loop *log_loop,
                       struct log_tail *tail, char *message, size_t message_size);
// Their loops, by number; from worker_set_create to worker_set_destroy.
struct loop *const *worker_set_loops(const struct worker_set *set);

// Starts their threads. False with one line in message.
bool worker_set_start(struct worker_set *set, char *message, size_t message_size);

// Tells them to end. Returns whether all have been told: if not (an inbox was full), call it again
// soon.
bool worker_set_stop(struct worker_set *set);
// Other terms from now on, which are held: each worker takes them with its next round.
void worker_set_terms(struct worker_set *set, struct terms *terms);
// Makes each do a round, in which it sees what was stored before.
void worker_set_wake(struct worker_set *set);
bool worker_set_is_over(const struct worker_set *set);
// Whether one ended with an error, which it has told on standard error.
bool worker_set_has_failed(const struct worker_set *set);

// Waits for the threads: worker_set_is_over, or the wait is long.
void worker_set_join(struct worker_set *set);
// After worker_set_join (where they were started). NULL is allowed.
void worker_set_destroy(struct worker_set *set);

#endif
