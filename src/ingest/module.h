// The ingest module's own state, for the files of src/ingest alone. Everything runs on the loop's
// thread.
#ifndef RINGCAST_INGEST_MODULE_H
#define RINGCAST_INGEST_MODULE_H

#include "base/list.h"
#include "base/pool.h"
#include "ingest/gateway.h"
#include "ingest/hold.h"
#include "ingest/ingest.h"
#include "ingest/input.h"
#include "ingest/line.h"
#include "ingest/peer.h"
#include "io/listen.h"
#include "io/loop.h"
#include "io/ops.h"

struct operation;

enum {
    OP_INGEST_ACCEPT = OP_INGEST,
    OP_INGEST_RECEIVE,
    OP_INGEST_SEND,
    OP_INGEST_POLL,
    OP_INGEST_CANCEL,

    // Connections beyond the limit or not allowed live for a moment, to be told why they may not
    // stay.
    INGEST_REFUSALS_MAX = 16,
    // How long such a one may take to show which protocol it speaks.
    INGEST_REFUSAL_MS = 1000,

    // What one round takes, of all producers and of one in a turn: a few thousand small events, so
    // that the log closes its block about each millisecond under full load, and nobody is starved.
    INGEST_ROUND_BYTES = 1 << 20,
    INGEST_TURN_BYTES = 64 << 10,
    INGEST_RELEASE_BYTES = 256 << 10, // of events that were held

    INGEST_LIST_UNDER_PRESSURE_MAX = 100, // entries; what `ringcast status` asks for

    // Names and attributes that come with the data of an event.
    INGEST_FRAME_MORE_BYTES = 64 << 10,

    // In thousandths of the log's room: from here on who publishes is to feel it.
    INGEST_FULL_HIGH = 800,

    INGEST_SWEEP_MS_MIN = 16,
    INGEST_SWEEP_MS_MAX = 250,
};

// One of those who ask the workers (ingest/operation.h), and its share of operations under way.
enum { ASKER_OPERATIONS_MAX = ADMIN_REQUESTS_MAX / 2 };
struct asker {
    uint32_t operations;
    bool is_waiting; // for a place
    void (*done)(struct operation *operation);
    void (*wake)(struct ingest *ingest); // there is a place again
};

struct ingest {
    struct loop *loop;
    struct log *log;
    ingest_post post;
    void *post_context;
    struct ingest_options options; // with defaults filled in; the lists are `uids` and `gids`
    uid_t uids[INGEST_LISTS_MAX];
    gid_t gids[INGEST_LISTS_MAX];
    struct peer_rule rule;
    size_t frame_bytes_max;
    size_t line_bytes_max;

    struct listen_unix listener;
    bool accept_inflight;
    bool accept_rests; // no slot or no descriptor was left: tried again when one is freed, and by
                       // the sweep
    bool is_stopping;

    struct pool producers;
    uint32_t generation;
    uint32_t live;          // producers that were not refused
    struct list runnable;   // producers that may have something to parse
    struct list dirty;      // producers that have answers to send
    struct list closed;     // producers to be freed
    struct list operations; // that wait for workers, or for a place in their inboxes
    struct list spare_operations;
    struct asker questions; // the producers'
    struct asker tasks;     // the gateway's
    struct gateway gateway;
    bool is_unposted; // some inbox was full

    struct line_scratch scratch;
    struct input_budget budget;
    struct wheel_timer sweep;

    uint64_t credit_bytes; // as it is now
    bool log_is_full;      // an append found no room since the last room()
    bool has_appended;     // in this round

    struct hold hold;
    struct ingest_status status;
};

// Sees to it that the sweep runs soon: something is to be watched.
void ingest_watch(struct ingest *ingest);

// Producers that were held look again whether they may go on.
void ingest_wake_all(struct ingest *ingest);

// How full the log is now.
uint32_t ingest_full_permille(const struct ingest *ingest);
// Measures how full the log is, and tells the producers when their credit changes.
void ingest_measure(struct ingest *ingest);

// Accepts again if accepting had stopped for want of a slot.
void ingest_resume_accept(struct ingest *ingest);

#endif
