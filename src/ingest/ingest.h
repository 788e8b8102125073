// The ingest module: producers' connections on the Unix socket, and the tasks of workers for HTTP
// clients (ingest/gateway.h), hosted by the log thread's loop.
//
// It accepts, checks who the peer is, reads requests in either protocol (the binary one of
// <ringcast/protocol.h>, or one JSON object a line, see ingest/line.h), validates, calls
// log_append, and answers when the log acknowledges. It never waits: a producer that the log has no
// room for is not read from until there is, so that the kernel slows it.
//
// The log thread's glue calls, in this order:
//     a message of the inbox   MESSAGE_ADMIN_DONE, MESSAGE_TASKS: ingest_handle_message; others:
//                              log_handle_message
//     each round (on_round)    ingest_round (read, parse, append), log_round (close the block,
//                              submit its write), ingest_flush (send the answers that are ready)
//     log_callbacks            acknowledge: ingest_acknowledge; room: ingest_room; pressure:
//                              ingest_pressure. From inside log_append too
// The round does not wait when ingest_round or ingest_flush returned true.
//
// All functions on the loop's thread, except ingest_create, which may run on another before the
// loop starts.
#ifndef RINGCAST_INGEST_INGEST_H
#define RINGCAST_INGEST_INGEST_H

#include "flow/pressure.h"
#include "log/log.h"
#include "worker/admin.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct loop;
struct ingest;
struct reload_board; // ingest/reload_board.h

enum { INGEST_LISTS_MAX = 64 }; // uids or gids in the options

// The timer kinds that it takes on the loop; its op numbers are those of io/ops.h.
enum { INGEST_TIMER_KIND = 10, INGEST_TIMER_RATE = 11 };

// Zero or NULL members take the default.
struct ingest_options {
    const char *socket_path;   // required, unless a socket is handed in
    int socket_fd;             // a listening Unix socket, which is taken over; 0: none
    mode_t socket_mode;        // 0660
    const uid_t *allowed_uids; // besides root; none given: the process's own
    size_t allowed_uid_count;
    const gid_t *allowed_gids; // primary or supplementary group of the peer; none given: none
    size_t allowed_gid_count;
    uint32_t producers_max;     // connections held at once; 1024
    uint32_t event_bytes_max;   // data of one event; EVENT_BYTES_MAX, and at most that
    uint32_t events_per_second; // of one producer (ingest/rate.h); 0: any number
    uint32_t bytes_per_second;  // of data; 0: any number
    uint64_t credit_bytes;      // unanswered bytes of one producer; 4 MiB
    uint64_t receive_bytes_max; // receive buffers of all producers together; 256 MiB
    uint32_t wait_ms_max;       // how long a request waits for room in the log; 10 s
    uint32_t stall_ms_max;      // how long a producer may leave its answers unread; 30 s
    uint32_t idle_ms; // without traffic, before a producer's large buffers are freed; 10 s
    unsigned workers; // indexes 0 to workers - 1 are valid for `post`; at most WORKERS_MAX
    const struct pressure_board *pressure; // shown by `status`; NULL: not known. Borrowed
    const struct reload_board *reloads;    // shown by the metrics; as above
};

// What of ingest_options may change while it runs.
struct ingest_terms {
    size_t allowed_uid_count;
    uid_t allowed_uids[INGEST_LISTS_MAX];
    size_t allowed_gid_count;
    gid_t allowed_gids[INGEST_LISTS_MAX];
    uint32_t events_per_second;
    uint32_t bytes_per_second;
    uint32_t wait_ms_max;
};

// Posts a message to a worker's inbox; false when it is full (asked again later). Of MESSAGE_ADMIN
// no more than ADMIN_REQUESTS_MAX are under way at once; of MESSAGE_TASKS_DONE there may be any
// number.
typedef bool (*ingest_post)(void *context, unsigned worker, const struct log_message *message);

// Opens the socket and starts to accept with the loop's first round. What `options` points at is
// copied. On failure returns NULL and one clear line in message (LISTEN_ERROR_SIZE bytes are
// enough).
struct ingest *ingest_create(struct loop *loop, struct log *log,
                             const struct ingest_options *options, ingest_post post, void *context,
                             char *message, size_t message_size);

// Goes by these from now on. Who is connected stays, and gets the new rates.
void ingest_set_terms(struct ingest *ingest, const struct ingest_terms *terms);

// The log's answer to an append.
void ingest_acknowledge(struct ingest *ingest, const struct log_acknowledgement *acknowledgement);

// The log has room again.
void ingest_room(struct ingest *ingest);

// A stream that blocks is under pressure, or no more.
void ingest_pressure(struct ingest *ingest, const struct log_pressure *pressure);

// MESSAGE_ADMIN_DONE or MESSAGE_TASKS from a worker.
void ingest_handle_message(struct ingest *ingest, const struct log_message *message);

// Takes what has arrived, a bounded amount from each producer in turn. True: more is waiting.
bool ingest_round(struct ingest *ingest);

// Sends what is ready to be answered. True: call it again soon.
bool ingest_flush(struct ingest *ingest);

// Begins the end: accepts nobody, answers new requests with shutting_down. Requests that the log
// has taken are still answered.
void ingest_stop(struct ingest *ingest);

// After ingest_stop: everything taken is answered and sent, and no worker owes an answer.
bool ingest_is_idle(const struct ingest *ingest);

// Closes all connections and the listener and removes the socket file. Outside of the loop's
// callbacks, before loop_stop; runs rounds of the loop (bounded) until the kernel has given back
// all memory. The workers have ended, or owe no answer; the log is still there. NULL is allowed.
void ingest_destroy(struct ingest *ingest);

// Of tasks for HTTP clients.
struct gateway_status {
    uint64_t tasks;    // here now
    uint64_t waiting;  // of these, those that wait for room
    uint64_t requests; // ever
    uint64_t events;   // taken by the log
    uint64_t errors;   // tasks answered with one
    uint64_t refused;  // of these, those that were told at once to come again
    uint64_t waits;    // tasks that had to wait for room
    uint64_t timeouts; // of these, those that waited for too long
};

struct ingest_status {
    uint64_t producers;       // connected now
    uint64_t connections;     // accepted since start
    uint64_t refused;         // by credentials or the limit
    uint64_t requests;        // frames and lines
    uint64_t events;          // taken by the log
    uint64_t errors;          // answered
    uint64_t bytes;           // received
    uint64_t waits;           // times that a producer had to wait for room
    uint64_t rate_waits;      // and for its own rate
    uint64_t receive_bytes;   // receive buffers held now
    uint64_t held_events;     // that wait for subscribers of their streams, now
    uint64_t holds;           // events that had to, ever
    uint64_t hold_refusals;   // of these, those that waited for too long
    uint64_t pressed_streams; // streams that block and whose subscribers lag, now
    uint64_t full_permille;   // how full the log is
    struct gateway_status gateway;
};
void ingest_get_status(const struct ingest *ingest, struct ingest_status *status);

#endif
