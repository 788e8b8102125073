// A shard: the connections of one worker and all that they share. The connection's states live in
// conn.c (slots, closing, timers), request.c and start.c (from the first byte to the first event),
// walk.c (which bytes come next), send.c. The worker (worker/worker.c) feeds it with the log's
// messages and runs its rounds. One thread.
#pragma once

#include "auth/token_fault.h"
#include "base/assert.h"
#include "base/distribution.h"
#include "base/prng.h"
#include "conn/access.h"
#include "conn/access_log.h"
#include "conn/agents.h"
#include "conn/client_limits.h"
#include "conn/close_reason.h"
#include "conn/conn.h"
#include "conn/context.h"
#include "conn/delivery.h"
#include "conn/standing.h"
#include "conn/terms.h"
#include "flow/overflow.h"
#include "flow/pressure.h"
#include "flow/quality.h"
#include "flow/rules.h"
#include "flow/sweep.h"
#include "http/request.h"
#include "http/request_id.h"
#include "http/response.h"
#include "http/subscribe.h"
#include "io/accept.h"
#include "io/buffers.h"
#include "io/loop.h"
#include "io/ops.h"
#include "stream/cold.h"
#include "stream/history.h"
#include "stream/stream.h"
#include "wire/notice.h"
#include "wire/renditions.h"

enum {
    SHARD_OP_RECEIVE = OP_CONN,
    SHARD_OP_SEND_EVENTS,
    SHARD_OP_SEND_BYTES,
    SHARD_OP_SEND_BATCH,
    SHARD_OP_HANGUP,
    SHARD_OP_WRITABLE,
    SHARD_OP_SHUTDOWN,
    SHARD_OP_CLOSE,
    SHARD_OP_COLD_READ,
    SHARD_OP_INSTALL,
    SHARD_OP_ACCESS_LOG,
    SHARD_OP_TLS_ATTACH,
    SHARD_OP_TLS_KEYS,
    SHARD_OP_ACCEPT = OP_CONN + 16,                               // and one more for each ring,
    SHARD_OP_ACCEPT_ADMIN = SHARD_OP_ACCEPT + LOOP_RINGS_MAX - 1, // of which there is one less
    SHARD_TIMER_CONN = 0,
    SHARD_TIMER_FLOW,
    SHARD_TIMER_LINK,
};

enum {
    SHARD_CONTEXTS_MAX =
        4096, // requests being read, started or asked at once, 32 KiB each, committed as used
    // With so many no new connections are accepted. Fewer are waited for: those who send slowly, or
    // not at all, keep nobody out.
    SHARD_STARTS_PAUSE = SHARD_CONTEXTS_MAX / 4 * 3,
    SHARD_WAITS_HEADER_MAX = SHARD_STARTS_PAUSE / 6, // one more: the oldest one's time is over
    SHARD_WAITS_BODY_MAX = SHARD_STARTS_PAUSE / 3,
    // As many wait for the log; one more is told to come back. However long it takes, there is room
    // for those who do not need it.
    SHARD_ASKING_MAX = SHARD_CONTEXTS_MAX / 8 * 7,
    SHARD_REQUESTS_MAX = 256,      // subscriptions and look-ups with the log at once: the quota
    SHARD_PIECES_MAX = 16384,      // iovecs of one batch of sends
    SHARD_MESSAGES_MAX = 4096,     // vectored sends of one batch
    SHARD_SCRATCH_BYTES = 1 << 20, // broker-made bytes of one batch
    SEND_PIECES_MAX = 64,          // of one send
    SEND_BYTES_MAX = 256 << 10,    // of one send, before it stops taking further pieces
    SCAN_RECORDS_MAX = 32768,      // of blocks, looked at or passed over in one round, not sent
    OUTBOX_BYTES_MAX =
        64 << 10,          // a connection that leaves more of broker-made bytes unread is closed
    RECEIVE_BUFFERS = 128, // of each ring
    SHARD_ADMIN_CONNECTIONS_MAX = 32, // of admin listeners, beside all others; more wait
    // What one round does for requests, and for answers to them, before subscribers have their turn
    // again: a request or an answer is one, what takes longer counts as several.
    SHARD_REQUEST_SHARE = 512,
    SHARE_OF_TOKEN = 16,        // that is verified, and was not known
    SHARE_BODY_BYTES = 1 << 10, // of a body count as one
};

enum {
    SHARD_LISTENER_TLS = 1 << 0,
    SHARD_LISTENER_ADMIN = 1 << 1, // metrics and health, for those who run the broker
    SHARD_LISTENER_PROXY = 1 << 2, // every connection begins with a PROXY header
    SHARD_LISTENER_UNIX = 1 << 3,
};

// What connections come by. All workers have the same list, so that an index means the same.
struct shard_listener {
    int fd; // the caller's; -1: another worker accepts from it
    uint8_t flags;
};

struct shard_options {
    unsigned worker; // this worker's number, and how many there are
    unsigned workers;
    uint32_t connections_max;      // of the whole broker: what there is room for
    _Atomic uint32_t *connections; // of the whole broker, shared by all workers
    uint32_t descriptors_per_ring_max;
    uint32_t streams_max;
    const struct shard_listener *listeners; // copied
    uint32_t listener_count;                // 1 to LISTENERS_MAX
    const struct pressure_board *pressure;  // of the whole broker, borrowed; NULL: none
    struct terms *terms;                    // to begin with; held by the shard
};

struct conn_ring {
    struct conn *conns; // by direct descriptor
    struct conn_cold *colds;
    struct conn_link *links;    // conn/link.h
    struct conn_tally *tallies; // conn/tally.h; NULL: nothing is tallied
    uint32_t capacity;
    uint32_t used;
    struct accept_set accept;
    struct buffers buffers;
};

// Connections in a queue, by index, first in first out; CONN_NONE ends it.
struct ready {
    uint32_t first, last, count;
};

// Classes of an answer's status.
enum { SHARD_STATUS_2XX, SHARD_STATUS_4XX, SHARD_STATUS_5XX, SHARD_STATUSES };

// Counted by the worker alone; words of 64 bits only (worker/figures.h).
struct shard_stats {
    uint64_t accepted, closed, requests;
    uint64_t refused[CONN_REFUSALS];
    uint64_t closes[CLOSE_REASON_COUNT];                 // begun, by why
    uint64_t begun[SUBSCRIBE_STARTS];                    // streams, by where they start
    uint64_t answered[HTTP_ROUTE_KINDS][SHARD_STATUSES]; // by route and class of status
    uint64_t errors[ERROR_COUNT];                        // of these, by what was told
    uint64_t tokens[TOKEN_FAULT_COUNT];                  // looked at, by what was found
    // Looks at runs of events for those who are catching up, and at what had left memory.
    uint64_t replays_in_memory, replays_on_disk;
    uint64_t events_sent, bytes_sent, sends, short_sends, heartbeats;
    uint64_t tls_handshakes, tls_resumed, tls_failures, tls_bytes_sent, tls_kernel;
    uint64_t rate_waits, batches_sent, oversize_told, links_read, adaptations;
    uint64_t gaps_told, ends_told, transients_dropped;
    uint64_t dropped[OVERFLOW_POLICIES]; // events told as missing, by the policy that dropped them
    uint64_t replays_refused, subscriptions_refused, events_shed; // for want of memory
    struct distribution delivery_ns;                              // conn/delivery.h
    struct distribution batch_events;                             // of each send to one with a flow
    struct distribution flush_sends; // how many go to the kernel at once
};
STATIC_ASSERT(sizeof(struct shard_stats) % sizeof(uint64_t) == 0, "workers' are added up by words");

struct shard {
    struct loop *loop;
    struct log_tail *tail;
    struct shard_options options;
    struct terms *terms; // in force: a reference
    uint32_t ring_count;
    uint32_t conn_count;  // slots in use
    uint32_t admin_count; // of these by admin listeners
    bool has_public;      // listeners of either kind that it accepts from
    bool has_admin;
    bool is_stopping; // no new connections
    bool is_crowded;  // no connections are accepted for now
    bool is_in_batch; // between the first queued send and shard_flush
    bool has_tallies; // what connections are sent is counted for the access log
    struct conn_ring rings[LOOP_RINGS_MAX];
    struct pool contexts;
    struct context_waits {
        struct list contexts; // the oldest first
        uint32_t count;
    } waits[CONTEXT_WAITS];
    struct pool flows; // conn/flow.h
    struct bodies bodies;
    struct bodies answers; // JSON, while it is made and until it is sent: only counted
    struct token_cache *tokens;
    struct stream_table streams;
    struct history_table histories;
    struct cold_cache cold;
    struct renditions renditions;
    struct agents agents;
    struct prng prng;

    // Streams whose subscription is to be asked for, and numbers to be unsubscribed: sent by the
    // worker as inboxes allow.
    struct list unasked; // STREAM_NEW, by idle_node
    struct list idle;    // STREAM_LIVE without readers when it was put here, by idle_node
    // Streams that block, see conn/slowest.h.
    struct list blocking;
    struct list slowest_due;
    struct list slowest_untold;
    uint64_t alive_ms; // when the log last heard of one of them

    // Tasks for the log thread that are not posted yet, in order; NULL: none.
    struct task *tasks;
    struct task **tasks_end; // where the next one is hung up
    uint32_t asking_count;   // contexts whose task is not answered
    struct list answered;    // chains that came back, by the `node` of their first

    uint32_t requests_inflight; // subscriptions and look-ups with the log
    uint64_t *unsubscribed;     // stream numbers
    uint32_t unsubscribed_count, unsubscribed_capacity;

    struct sweep link_sweep; // over the places of all rings
    struct wheel_timer link_timer;

    // What of other terms is not yet taken over (conn/revise.c): heartbeats and qualities of
    // connections from this place on, whether streams block from this one on.
    struct revision {
        bool has_beats, has_qualities, has_streams;
        uint32_t ring, slot, stream;
    } revision;

    // This round.
    uint64_t floor;      // log positions from here on are in memory
    uint64_t handled_id; // of the last block that the log handed to us
    enum pressure_stage pressure;
    uint64_t now_ms; // monotonic
    uint64_t unix_ms;
    uint64_t scan_records_left; // that may still be looked at for those who lag, or passed over
    int32_t request_share_left; // of SHARD_REQUEST_SHARE

    // The present batch of sends: what they point to, until it is flushed.
    uint32_t batch;
    uint32_t piece_count, message_count;
    uint32_t scratch_used;
    uint32_t sealed_used;
    uint64_t sends_flushed; // stats.sends before it
    struct iovec *pieces;
    struct msghdr *messages;
    uint8_t *scratch;
    uint8_t *sealed;         // ciphertext; NULL: no listener speaks TLS
    uint8_t *unsealed;       // where the pieces of one send are put together
    uint32_t kernel_ciphers; // bits of enum tls_kernel_cipher: the kernel may know them

    // Connections that have something to do: those whose requests are read apart from the others.
    struct ready ready;
    struct ready requests;

    uint32_t listener_count;
    struct shard_listener listeners[LISTENERS_MAX];
    struct accept_set admin_accept;

    struct shard_stats stats;
    uint64_t standings[CONN_STANDINGS]; // connections
    struct deliveries deliveries;

    struct access_log access_log;

    // Requests' ids, where their clients give none: made when they are told.
    uint64_t request_life;   // random
    uint64_t request_number; // of the newest
};

// All on the worker's thread. shard_init may fail with one clear line; the shard is large and must
// not move.
int shard_init(struct shard *shard, struct loop *loop, struct log_tail *tail,
               const struct shard_options *options, char *error, size_t error_size);
// On the worker's thread once its loop has started: receive buffers, first accepts.
int shard_start(struct shard *shard, char *error, size_t error_size);
void shard_free(struct shard *shard);
// How many direct descriptors ring 0 is to be made with.
uint32_t shard_ring_descriptors(const struct shard_options *options);

// --- accepting.c ---
void shard_start_accepting(struct shard *shard);
void shard_stop_accepting(struct shard *shard);
// A connection's place is free again.
void shard_count_out(struct shard *shard, struct conn *conn);
// Among the connections of its address, until shard_uncount_address. False: these are as many as
// there may be.
bool shard_count_address(struct shard *shard, struct conn *conn);
void shard_uncount_address(struct shard *shard, struct conn *conn);
// That is what its request is answered; it counts no more.
void shard_refuse_address(struct shard *shard, struct conn *conn);
// Pauses and resumes the rings' accepts as room asks for.
void shard_choose_accepting(struct shard *shard);
// There are fewer requests that need the worker: it may be crowded no longer.
void shard_note_less(struct shard *shard);

// --- conn.c: slots, timers, closing ---
static inline uint32_t conn_index(const struct shard *shard, const struct conn *conn)
{
    return ((uint32_t)conn->ring << 20) | (uint32_t)(conn - shard->rings[conn->ring].conns);
}
static inline struct conn *conn_at(const struct shard *shard, uint32_t index)
{
    return &shard->rings[index >> 20].conns[index & 0xfffff];
}
static inline uint32_t conn_slot(const struct shard *shard, const struct conn *conn)
{
    return (uint32_t)(conn - shard->rings[conn->ring].conns);
}
static inline struct conn_cold *conn_cold_of(const struct shard *shard, const struct conn *conn)
{
    return &shard->rings[conn->ring].colds[conn_slot(shard, conn)];
}
static inline const struct shard_listener *conn_listener_of(const struct shard *shard,
                                                            const struct conn *conn)
{
    return &shard->listeners[conn_cold_of(shard, conn)->listener];
}
static inline bool conn_is_admin(const struct conn *conn)
{
    return (conn->flags & CONN_ADMIN) != 0;
}
static inline uint64_t conn_handle(const struct shard *shard, const struct conn *conn)
{
    return ((uint64_t)conn->generation << 32) | conn_index(shard, conn);
}
// NULL when that life of the connection is over.
struct conn *conn_of_handle(const struct shard *shard, uint64_t handle);
uint64_t conn_public_id(const struct shard *shard, const struct conn *conn);
struct conn *conn_of_public_id(const struct shard *shard, uint64_t id);
// The only ways to change what its standing goes by.
static inline void conn_set(struct shard *shard, struct conn *conn, enum conn_state state,
                            unsigned ops, uint32_t flags)
{
    shard->standings[conn_standing(conn)]--;
    conn->state = (uint8_t)state;
    conn->ops = (uint8_t)ops;
    conn->flags = flags;
    shard->standings[conn_standing(conn)]++;
}
static inline void conn_set_state(struct shard *shard, struct conn *conn, enum conn_state state)
{
    conn_set(shard, conn, state, conn->ops, conn->flags);
}
static inline void conn_set_writable(struct shard *shard, struct conn *conn, bool is_awaited)
{
    conn_set(shard, conn, (enum conn_state)conn->state,
             is_awaited ? conn->ops | CONN_OP_WRITABLE : conn->ops & ~(unsigned)CONN_OP_WRITABLE,
             conn->flags);
}
static inline void conn_set_parked(struct shard *shard, struct conn *conn, bool is_parked)
{
    conn_set(shard, conn, (enum conn_state)conn->state, conn->ops,
             is_parked ? conn->flags | CONN_PARKED : conn->flags & ~(uint32_t)CONN_PARKED);
}
uint64_t conn_tag(const struct shard *shard, const struct conn *conn, uint8_t op);
struct io_uring_sqe *conn_sqe(struct shard *shard, const struct conn *conn);
void conn_arm(struct shard *shard, struct conn *conn, uint64_t delay_ms);
// Ends it at once: nothing more is sent.
void conn_close(struct shard *shard, struct conn *conn, enum close_reason reason);
// Ends it once all that was queued is sent: half closes, takes what still comes for a moment, so
// that the answer is not lost to a reset. conn_half_close is that second step, for conn_pump.
void conn_half_close(struct shard *shard, struct conn *conn);
void conn_proceed_close(struct shard *shard, struct conn *conn);
void conn_set_handlers(struct shard *shard);
void conn_linger(struct shard *shard, struct conn *conn, enum close_reason reason);
// Its timer expired: heartbeat, time limit, stall.
void conn_timer_due(struct shard *shard, struct conn *conn);
// Queues it for conn_pump.
void conn_make_ready(struct shard *shard, struct conn *conn);
void conn_free_outbox(struct shard *shard, struct conn *conn);
// The next one of shard.ready or shard.requests; NULL: it is empty.
struct conn *conn_take_ready(struct shard *shard, struct ready *ready);
// Sends goodbye with a retry of retry_ms, and closes.
void conn_goodbye(struct shard *shard, struct conn *conn, enum close_reason reason,
                  uint32_t retry_ms);
// Tells it why a policy ends it, with the usual retry, and closes.
void conn_disconnect(struct shard *shard, struct conn *conn, enum notice_reason reason);

// --- beat.c ---
void conn_arm_heartbeat(struct shard *shard, struct conn *conn);
// It has begun to take nothing.
void conn_watch_stall(struct shard *shard, struct conn *conn);
// The timer of one that streams expired.
void conn_beat(struct shard *shard, struct conn *conn);

// --- proxied.c ---
// One that has to begin with a PROXY header: closes it if its peer may not say whose it is.
void proxied_begin(struct shard *shard, struct conn *conn);
// Takes the header off what came. False: nothing is left, or the connection is closed.
bool proxied_take_header(struct shard *shard, struct conn *conn, struct slice *bytes);
// Who it is from is known: it counts for that address, which may refuse it, unless that is a
// trusted proxy's, whose requests say whose they are.
void proxied_meet_peer(struct shard *shard, struct conn *conn);
// Of a request on a connection of such a proxy (CONN_PROXIED): whose it is. From then on the
// connection is that client's and counts for it. False: it was answered.
bool proxied_take_client(struct shard *shard, struct conn *conn, const struct context *context);
// A request ends before it is known whose it is: it is the proxy's, and not the former request's
// client's.
void proxied_forget_client(struct shard *shard, struct conn *conn);

// --- request.c ---
void request_begin(struct shard *shard, struct conn *conn); // arms the receive and the time limit
void request_progress(struct shard *shard,
                      struct conn *conn); // parses what came, answers what is whole
// Its client is waited for. Where too many are, the time of the one that began first is over; its
// place stays that of when it began, however often a byte comes.
void request_wait(struct shard *shard, struct context *context);
// Its connection is done with it: gives the context back, at once or when its task is answered.
void request_end(struct shard *shard, struct conn *conn);
void request_free(struct shard *shard, struct context *context);
// Frees what a request holds beside the context's own memory.
void request_release(struct context *context);
// It is answered and over: goes on with the next one, or waits for it.
void request_next(struct shard *shard, struct conn *conn, struct context *context);
void request_arm_receive(struct shard *shard, struct conn *conn);
void request_time_out(struct shard *shard, struct conn *conn);
// The broker stops: what it asked, and is not with the log thread, is refused.
void request_send_away(struct shard *shard, struct conn *conn);
void request_received(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                      int32_t result, uint32_t cqe_flags);

// --- answer.c ---
struct answer {
    struct buffer out;
    struct http_answer form;
};
// Room for an answer to the present request. False: the connection is gone.
bool answer_begin(struct shard *shard, struct conn *conn, uint32_t body_bytes_max,
                  struct answer *answer);
// Sends what was written; what follows is the next request, or the end.
void answer_send(struct shard *shard, struct conn *conn, const struct answer *answer);
// An answer that is large: a copy of it is kept until it is sent. False, and nothing is done, where
// there is no room for that.
bool answer_send_document(struct shard *shard, struct conn *conn, const char *content_type,
                          struct slice body);
// The request's id: the client's or, written into `made`, one of ours. context: NULL where a
// request is refused for which there was none.
struct slice request_id(const struct shard *shard, const struct context *context,
                        char made[REQUEST_ID_MADE_BYTES_MAX]);
// What its answer has in common with all others; valid until the request's end.
struct http_answer request_answer(const struct shard *shard, struct context *context);
// Answers with a problem document.
void request_problem(struct shard *shard, struct conn *conn, const struct http_problem *problem);
void request_fail(struct shard *shard, struct conn *conn, const struct http_fault *fault,
                  const char *allow, uint32_t retry_after_s);
void request_fail_with(struct shard *shard, struct conn *conn, enum rc_error error,
                       const char *detail, uint32_t retry_after_s);
// With 429: its address or subject has as many connections as it may.
void request_fail_crowded(struct shard *shard, struct conn *conn, const char *detail);
// Answers 204.
void request_no_content(struct shard *shard, struct conn *conn);
void answer_asset(struct shard *shard, struct conn *conn, const struct context *context);
void answer_health(struct shard *shard, struct conn *conn);
void answer_options(struct shard *shard, struct conn *conn, const struct context *context);

// --- ask.c: tasks for the log thread ---
// Lends it the context's task, which says what is wanted; the connection waits for the answer.
void ask_begin(struct shard *shard, struct conn *conn, struct context *context);
// A chain of them came back. ask_go_on answers their clients, as far as the round's share goes.
void ask_answered(struct shard *shard, struct task *chain);
void ask_go_on(struct shard *shard);

// --- task.c: what is asked of the log thread ---
void task_begin(struct context *context); // nothing is asked yet
void task_end(struct context *context);   // frees what it holds for its task
// Reads what the header says of it. False: it was answered with a problem.
bool task_prepare(struct shard *shard, struct conn *conn, struct context *context);
// The request is whole.
void task_ask(struct shard *shard, struct conn *conn, struct context *context);
// Its task was answered: so is the client.
void task_answered(struct shard *shard, struct conn *conn, struct context *context);

// --- start.c ---
void start_begin(struct shard *shard, struct conn *conn, struct context *context);
void start_stream_answered(struct shard *shard, struct stream *stream);
// A look-up that this connection waited for while starting came back.
void start_looked_up(struct shard *shard, struct conn *conn, const struct history *history);
void start_abandon(struct shard *shard, struct context *context); // its connection goes
// Its keys are where they are to be.
void start_go_on(struct shard *shard, struct conn *conn);
// Notes a stream that perhaps nobody reads any more; shard_release_idle lets go of it at the end of
// the round.
void start_release_stream(struct shard *shard, struct stream *stream);
// It was deleted: unsubscribes, and leaves it to those who read it. False where memory ran out.
bool start_leave_stream(struct shard *shard, struct stream *stream);
static inline struct context *conn_context(const struct shard *shard, const struct conn *conn)
{
    return conn->context == CONN_NONE ? NULL : pool_at(&shard->contexts, conn->context);
}

void shard_release_idle(struct shard *shard);
// Begins a round: what was given out in the last one may go, and those who found no room for a
// look-up or a block look again.
void shard_begin_round(struct shard *shard);
// Whether there is something to do at once, without a message or a completion.
bool shard_needs_round(const struct shard *shard);
// Questions for the log, as its inbox and the quota allow: post returns false when there is no
// room.
bool shard_post_requests(struct shard *shard,
                         bool (*post)(void *context, const struct log_message *message),
                         void *context);
void shard_looked_up(struct shard *shard, struct log_lookup *lookup);
void shard_subscribed(struct shard *shard, struct log_subscription *subscription);

static inline void shard_take_looking(struct shard *shard, uint64_t records)
{
    shard->scan_records_left -=
        records < shard->scan_records_left ? records : shard->scan_records_left;
}

// --- revise.c ---
// Goes by these terms from now on: takes over the caller's reference. At the start of a round.
void shard_take_terms(struct shard *shard, struct terms *terms);
// Goes on with what follows from them, a part in each round. True: some is left.
bool shard_revise(struct shard *shard);

// --- admit.c ---
// What the caches may hold, as the terms and the memory allow.
void shard_size_caches(struct shard *shard);
// Looks how short of memory the broker is, and does what that asks of the caches.
void shard_take_pressure(struct shard *shard);
// Answers 503 with a Retry-After, and closes.
void admit_refuse(struct shard *shard, struct conn *conn, const char *detail);
// Whether one more subscription is taken; if not, it was refused.
bool admit_subscription(struct shard *shard, struct conn *conn);
enum admission {
    ADMIT_YES,
    ADMIT_WAIT, // the log is asked: start_looked_up comes
    ADMIT_NO,
    ADMIT_FAILED, // memory ran out
};
// Whether a request whose starting points are known may begin: not where memory is short and its
// first events would have to be read back from disk.
enum admission admit_replay(struct shard *shard, struct conn *conn, struct context *context);

// --- fan_out.c ---
// Sends a stream's news to its subscribers, as far as *visits_left goes, from which it takes what
// it did: those who are held back cost a visit, and a send costs SHARD_VISITS_OF_SEND of them, so
// that the last one may bring it below 0. True when the pass is over.
bool shard_fan_out(struct shard *shard, struct stream *stream, int32_t *visits_left);
enum { SHARD_VISITS_OF_SEND = 4 };

// --- send.c ---
// Sends what this connection is due: rest of the outbox, a gap notice, events. Never waits.
void conn_pump(struct shard *shard, struct conn *conn);
// Sends bytes that the broker made (in scratch of this batch, or static). What the socket does not
// take goes to the outbox.
void conn_send_bytes(struct shard *shard, struct conn *conn, const uint8_t *bytes, uint32_t length);
// The same of bytes that go as they are.
void conn_queue_bytes(struct shard *shard, struct conn *conn, const uint8_t *bytes,
                      uint32_t length);
// Whether a send of it is queued in the present batch.
static inline bool conn_has_send(const struct shard *shard, const struct conn *conn)
{
    return shard->is_in_batch && conn->batch == shard->batch;
}
// Whether it may be sent something new now: nothing unsent, nothing half sent, not in this batch
// yet, and no farewell behind which nothing comes.
static inline bool conn_is_clear(const struct shard *shard, const struct conn *conn)
{
    return conn->state == CONN_ACTIVE && (conn->flags & CONN_GOODBYE) == 0 &&
           conn->outbox == NULL && conn->frame_offset == 0 && (conn->ops & CONN_OP_WRITABLE) == 0 &&
           !conn_has_send(shard, conn);
}
// Room for one more send with `pieces` on this ring, flushing the batch when there is none.
// Handlers may run.
void shard_make_room(struct shard *shard, unsigned ring, uint32_t pieces, uint32_t scratch_bytes);
uint8_t *shard_scratch(struct shard *shard, uint32_t bytes);
void shard_flush(struct shard *shard);
// The connection that a short send's completion is about, which is then counted and not caught up;
// NULL when that life of it is over.
struct conn *conn_of_short_send(struct shard *shard, unsigned ring, uint64_t user_data);
void conn_sent_events(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                      int32_t result, uint32_t cqe_flags);
void conn_sent_bytes(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                     int32_t result, uint32_t cqe_flags);
void conn_arm_writable(struct shard *shard, struct conn *conn);
