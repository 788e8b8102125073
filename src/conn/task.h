// What a worker asks the log thread to do for an HTTP client: publish, create, close, delete, tell
// of streams and of itself, send to connections.
//
// The worker owns a task and lends it to the log thread (ingest/gateway.h) from the message that
// carries it until the answer; meanwhile it does not touch it, nor what it points at. Tasks travel
// in chains, one message a round in each direction: the log thread's MESSAGE_TASKS, the worker's
// MESSAGE_TASKS_DONE (worker/admin.h), whose `pointer` is the first one. A chain that finds an
// inbox full is kept and grows until there is room, so that neither waits for the other.
#ifndef RINGCAST_CONN_TASK_H
#define RINGCAST_CONN_TASK_H

#include "auth/grant.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/list.h"
#include "event/event.h"
#include "log/settings.h"

#include <stdbool.h>
#include <stdint.h>

enum task_kind {
    TASK_PUBLISH,   // events; then, where `life` is not STREAM_OPEN, the stream ends so
    TASK_CREATE,    // stream, settings: makes it, or changes the settings of one that is open
    TASK_END,       // stream, life: closed, cancelled or deleted (with its history)
    TASK_INFO,      // stream
    TASK_LIST,      // prefix, after, limit, grant: streams that the grant may read
    TASK_SEND,      // connection_id, events[0]
    TASK_BROADCAST, // events[0]
    TASK_RENEW,     // connection_id, grant: the connection goes on with this one
    TASK_READY,     // nothing: whether the log takes events
    TASK_METRICS,   // all figures, as Prometheus reads them
    TASK_STATS,     // all figures, as JSON
};

enum {
    TASK_DETAIL_BYTES = 160,
    TASK_JSON_BYTES_MAX = 1 << 20,       // a list that comes near it ends there, with a `next`
    TASK_LIST_ENTRY_BYTES_MAX = 2 << 10, // a name and a type of escapes, and all settings
    TASK_FIGURES_BYTES = 96 << 10,       // of all but the workers,
    TASK_FIGURES_WORKER_BYTES = 4 << 10, // and of each worker
};

struct task {
    struct task *next; // in its chain
    enum task_kind kind;
    unsigned worker; // whose it is

    // Asked.
    const struct event *events; // valid by event_validate, all of `stream`
    uint32_t event_count;
    enum ack_level level;  // CREATE, END: at least ACK_WRITTEN
    enum stream_life life; // PUBLISH, END: asked. INFO: answered
    bool wants_reach;      // PUBLISH, INFO: how many subscribe
    struct slice stream;
    struct stream_settings settings;
    struct slice content_type; // CREATE: empty: as it is. INFO: answered, lies in the task
    uint64_t connection_id;
    struct slice prefix;
    uint64_t after; // LIST: `next` of the page before; 0: from the beginning
    uint32_t limit;
    struct grant *grant; // the worker's reference; NULL: anybody

    // Answered.
    enum rc_error error;
    char detail[TASK_DETAIL_BYTES]; // more than the error's own sentence; may be empty
    uint32_t retry_after_s;         // 0: none
    uint64_t id;                    // of the last event, or of the stream's last (INFO)
    uint64_t sequence;
    uint32_t accepted; // also where an error stopped the rest
    uint32_t duplicates;
    uint64_t reached; // subscribers, or connections that took it
    bool is_created;  // CREATE: it was not there
    // LIST: {"streams":[…],"next":…}, where there may be more. INFO, CREATE: the stream as one
    // object, unless the room is 0. METRICS: a text. The worker gives it room (buffer_init) and
    // frees it.
    struct buffer json;

    uint32_t taken; // events given to the log: where an error stopped it, that one's index

    // The log thread's own while it has it; after that the worker's.
    struct list_node node;
    uint8_t stage;                     // ingest/gateway.h
    bool has_waited;                   // for room,
    uint64_t since_ms;                 // from then on
    uint32_t pending;                  // acknowledgements to come
    uint64_t place;                    // LIST: where it goes on,
    uint32_t looked;                   // how many streams it has looked at,
    uint32_t listed;                   // and told of
    uint8_t text[ATTRIBUTE_BYTES_MAX]; // INFO: content_type
};

#endif
