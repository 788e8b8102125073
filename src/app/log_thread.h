// The log thread: one loop that hosts the log and the ingest module.
//
// Life, all on the main thread: log_thread_create (opens, recovers, listens; errors are told
// there), then the workers are made with its loop and tail, log_thread_set_readers,
// log_thread_start, log_thread_stop (begins the end: producers are turned away, the log is
// drained), log_thread_is_drained after a notice, log_thread_finish once the workers have ended,
// log_thread_destroy.
#ifndef RINGCAST_APP_LOG_THREAD_H
#define RINGCAST_APP_LOG_THREAD_H

#include "app/options.h"
#include "flow/pressure.h"
#include "io/loop.h"
#include "log/tail.h"

#include <stdbool.h>
#include <stddef.h>

struct log_thread;

struct log_thread_terms; // app/terms.h

struct log_thread_options {
    const struct options *options; // these three are borrowed for the thread's life
    const char *socket_path;
    int socket_fd; // a listening Unix socket for producers, taken over; 0: socket_path is opened
    const char *data_dir;
    unsigned readers; // workers
    int notice_fd; // an eventfd that is written when main shall look: drained, or ended by itself
    const struct pressure_board *pressure; // borrowed
    const struct reload_board *reloads;    // borrowed
    void (*progress)(void *context);       // called again and again while the log recovers
    void *progress_context;
};

// NULL, with one line in message (LISTEN_ERROR_SIZE bytes), where anything cannot be had. Blocks:
// recovery reads the log.
struct log_thread *log_thread_create(const struct log_thread_options *options, char *message,
                                     size_t message_size);

// Where workers post to; from create to destroy.
struct loop *log_thread_loop(struct log_thread *thread);
struct log_tail *log_thread_tail(struct log_thread *thread);

// The workers' loops, by their number. Borrowed until log_thread_finish has returned.
void log_thread_set_readers(struct log_thread *thread, struct loop *const *loops);

// 0, or a negative errno with one line in message.
int log_thread_start(struct log_thread *thread, char *message, size_t message_size);

// Other terms from now on, from malloc, which it takes over: with its next round, the newest where
// several were given. Between log_thread_create and log_thread_finish.
void log_thread_set_terms(struct log_thread *thread, struct log_thread_terms *terms);

// Begins the end.
void log_thread_stop(struct log_thread *thread);
// Whether everything that was taken is written, synced, handed out and answered.
bool log_thread_is_drained(const struct log_thread *thread);
// Whether the thread ended without being told to.
bool log_thread_has_failed(const struct log_thread *thread);

// Ends the thread and waits for it. No worker runs any more.
void log_thread_finish(struct log_thread *thread);
// Closes the log (marks it clean where it was drained) and everything else. NULL is allowed.
void log_thread_destroy(struct log_thread *thread);

#endif
