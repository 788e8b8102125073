// What the files of src/worker share.
#pragma once

#include "base/json_writer.h"
#include "worker/worker.h"

enum { WORKER_UNPOSTED_MAX = ADMIN_REQUESTS_MAX };

struct worker {
    struct loop loop;
    struct loop *log_loop;
    struct log_tail *tail;
    struct worker_options options;
    uint64_t handled_position; // end of the last block handled
    uint32_t resumed_lap;      // LOG_RESUME was sent for this one (log_tail_lap)
    bool is_stopping;
    uint64_t stop_deadline_ms;
    uint32_t stop_ring, stop_slot; // next connection to say goodbye to
    uint32_t unposted_count;       // answers that the log's full inbox did not take yet
    struct log_message unposted[WORKER_UNPOSTED_MAX];
    _Atomic(struct terms *) offered_terms; // a reference, from worker_offer_terms; NULL: none
    struct shard shard;
};

// admin.c
void worker_answer_admin(struct worker *worker, struct admin_request *request);
// figures.c
struct worker_figures;
void worker_take_figures(const struct worker *worker, struct worker_figures *figures);
// admin_connection.c: one JSON object. with_quality: also what it is served with, and why.
void worker_write_connection(struct json_writer *writer, struct shard *shard,
                             const struct conn *conn, bool with_quality);
// admin_link.c: the member "link" of a connection.
void worker_write_link(struct json_writer *writer, const struct shard *shard,
                       const struct conn *conn);
// transient.c
void worker_send_transient(struct worker *worker, struct log_transient *transient);
// Sends a frame without id to one connection, if it is clear to take it. False when it was passed
// over.
bool worker_send_frame(struct worker *worker, struct conn *conn, struct slice frame);
// Posts to the log thread's inbox; false when it is full.
bool worker_post_log(struct worker *worker, const struct log_message *message);
// As worker_post_log, but what does not fit is kept and posted later, in order. At most
// WORKER_UNPOSTED_MAX (asserted: no more requests are under way than that).
void worker_post_log_surely(struct worker *worker, const struct log_message *message);
void worker_post_unposted(struct worker *worker);
