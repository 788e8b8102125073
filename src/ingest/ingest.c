#include "ingest/ingest.h"

#include "base/assert.h"
#include "base/limits.h"
#include "base/logger.h"
#include "ingest/producer.h"
#include "ingest/question.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    MODE_DEFAULT = 0660,
    PRODUCERS_DEFAULT = 1024,
    CREDIT_BYTES_DEFAULT = 4 << 20,
    CREDIT_BYTES_MIN = 64 << 10, // as far as load lowers it
    RECEIVE_BYTES_DEFAULT = 256 << 20,
    WAIT_MS_DEFAULT = 10 * 1000,
    STALL_MS_DEFAULT = 30 * 1000,
    IDLE_MS_DEFAULT = 10 * 1000,
    // In thousandths of the log's room: from INGEST_FULL_HIGH on the credit is a quarter, from here
    // on a sixteenth; whole again below the last.
    FULL_HIGHER = 950,
    FULL_LOW = 600,
    DESTROY_ROUNDS = 500,
    DESTROY_ROUND_NS = 10 * 1000 * 1000,
};

// ---- accepting ---------------------------------------------------------------------------------

static void ingest_accept(struct ingest *ingest)
{
    if (ingest->accept_inflight || ingest->is_stopping || pool_is_full(&ingest->producers)) {
        ingest->accept_rests = !ingest->accept_inflight;
        return;
    }
    struct io_uring_sqe *sqe = loop_sqe(ingest->loop, 0);
    // An ordinary descriptor: a direct one cannot be asked for its peer's credentials.
    io_uring_prep_accept(sqe, ingest->listener.fd, NULL, NULL, SOCK_CLOEXEC);
    io_uring_sqe_set_data64(sqe, loop_tag(OP_INGEST_ACCEPT, 0, 0));
    ingest->accept_inflight = true;
    ingest->accept_rests = false;
}

void ingest_resume_accept(struct ingest *ingest)
{
    if (ingest->accept_rests) {
        ingest_accept(ingest);
    }
}

// What is wrong with a new connection, if anything.
static enum rc_error ingest_judge(struct ingest *ingest, const struct peer *peer)
{
    if (!peer_is_allowed(peer, &ingest->rule)) {
        LOGGER_EVERY_WITH(1000, LOGGER_WARN, "ingest",
                          LOGGER_FIELDS(logger_number("user", peer->uid),
                                        logger_number("group", peer->gid),
                                        logger_number("process", (uint64_t)peer->pid)),
                          "refused a producer: it may not publish");
        return ERR_FORBIDDEN;
    }
    if (ingest->live >= ingest->options.producers_max) {
        LOGGER_EVERY(1000, LOGGER_WARN, "ingest", "refused a producer: %u are connected already",
                     ingest->live);
        return ERR_TOO_MANY_CONNECTIONS;
    }
    return ERR_NONE;
}

static void ingest_take(struct ingest *ingest, int fd)
{
    struct peer peer;
    int failure = peer_read(&peer, fd);
    if (failure < 0) {
        LOGGER_EVERY(1000, LOGGER_WARN, "ingest", "cannot tell who a producer is: %s",
                     strerror(-failure));
        close(fd);
        return;
    }
    enum rc_error refusal = ingest_judge(ingest, &peer);
    ingest->status.connections += refusal == ERR_NONE;
    ingest->status.refused += refusal != ERR_NONE;
    if (producer_open(ingest, fd, &peer, refusal) == NULL) {
        close(fd);
    }
}

static void ingest_accepted(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                            int32_t result, uint32_t cqe_flags)
{
    (void)loop;
    (void)ring;
    (void)user_data;
    (void)cqe_flags;
    struct ingest *ingest = context;
    ingest->accept_inflight = false;
    if (result >= 0) {
        ingest_take(ingest, result);
    }
    if (ingest->is_stopping) {
        listen_unix_close(&ingest->listener);
        return;
    }
    bool is_passing =
        result >= 0 || result == -ECONNABORTED || result == -EINTR || result == -EAGAIN;
    if (!is_passing) {
        LOGGER_EVERY(1000, LOGGER_WARN, "ingest", "cannot accept a producer: %s",
                     strerror(-result));
        ingest->accept_rests = true;
        ingest_watch(ingest);
        return;
    }
    ingest_accept(ingest);
}

// The cancelled request tells.
static void ingest_cancelled(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                             int32_t result, uint32_t cqe_flags)
{
    (void)context;
    (void)loop;
    (void)ring;
    (void)user_data;
    (void)result;
    (void)cqe_flags;
}

// ---- time --------------------------------------------------------------------------------------

void ingest_watch(struct ingest *ingest)
{
    if (wheel_is_armed(&ingest->sweep)) {
        return;
    }
    uint64_t period_ms = ingest->options.wait_ms_max < ingest->options.stall_ms_max
                             ? ingest->options.wait_ms_max / 8
                             : ingest->options.stall_ms_max / 8;
    period_ms = period_ms < INGEST_SWEEP_MS_MIN ? INGEST_SWEEP_MS_MIN : period_ms;
    period_ms = period_ms > INGEST_SWEEP_MS_MAX ? INGEST_SWEEP_MS_MAX : period_ms;
    // The first look comes soon where a worker has to be asked again.
    loop_arm(ingest->loop, &ingest->sweep, ingest->is_unposted ? INGEST_SWEEP_MS_MIN : period_ms);
}

// What workers with full inboxes did not take.
static void post_again(struct ingest *ingest)
{
    if (ingest->is_unposted) {
        ingest->is_unposted = false;
        operation_post_all(ingest);
        gateway_post(ingest);
    }
}

static void ingest_sweep(void *context, struct loop *loop, struct wheel_timer *timer)
{
    (void)timer;
    struct ingest *ingest = context;
    uint64_t now_ms = loop_now_ms(loop);
    bool is_watched = false;
    uint32_t slot = pool_next_live(&ingest->producers, 0);
    for (; slot != POOL_INDEX_NONE; slot = pool_next_live(&ingest->producers, slot + 1)) {
        is_watched = producer_sweep(pool_at(&ingest->producers, slot), now_ms) || is_watched;
    }
    is_watched = hold_sweep(ingest) || is_watched;
    is_watched = gateway_sweep(ingest) || is_watched;
    post_again(ingest);
    ingest_resume_accept(ingest);
    ingest_measure(ingest);
    bool is_low = ingest->credit_bytes < ingest->options.credit_bytes;
    if (is_watched || is_low || ingest->accept_rests || ingest->is_unposted) {
        ingest_watch(ingest);
    }
}

// ---- beginning ---------------------------------------------------------------------------------

static void default_u32(uint32_t *option, uint32_t value)
{
    *option = *option == 0 ? value : *option;
}

static void default_u64(uint64_t *option, uint64_t value)
{
    *option = *option == 0 ? value : *option;
}

// Who may connect.
static void set_rule(struct ingest *ingest, const uid_t *uids, size_t uid_count, const gid_t *gids,
                     size_t gid_count)
{
    ingest->rule = (struct peer_rule){ingest->uids, 1, ingest->gids, gid_count};
    ingest->uids[0] = geteuid();
    if (uid_count > 0) {
        memcpy(ingest->uids, uids, uid_count * sizeof *uids);
        ingest->rule.uid_count = uid_count;
    }
    if (gid_count > 0) {
        memcpy(ingest->gids, gids, gid_count * sizeof *gids);
    }
}

void ingest_set_terms(struct ingest *ingest, const struct ingest_terms *terms)
{
    struct ingest_options *options = &ingest->options;
    set_rule(ingest, terms->allowed_uids, terms->allowed_uid_count, terms->allowed_gids,
             terms->allowed_gid_count);
    options->wait_ms_max = terms->wait_ms_max;
    if (options->events_per_second == terms->events_per_second &&
        options->bytes_per_second == terms->bytes_per_second) {
        return;
    }
    options->events_per_second = terms->events_per_second;
    options->bytes_per_second = terms->bytes_per_second;
    for (uint32_t i = pool_next_live(&ingest->producers, 0); i != POOL_INDEX_NONE;
         i = pool_next_live(&ingest->producers, i + 1)) {
        rate_change(pool_at(&ingest->producers, i));
    }
}

static bool ingest_set_options(struct ingest *ingest, const struct ingest_options *given,
                               char *message, size_t message_size)
{
    struct ingest_options *options = &ingest->options;
    *options = *given;
    if (given->allowed_uid_count > INGEST_LISTS_MAX ||
        given->allowed_gid_count > INGEST_LISTS_MAX) {
        snprintf(message, message_size, "at most %d users and %d groups may be allowed to publish",
                 INGEST_LISTS_MAX, INGEST_LISTS_MAX);
        return false;
    }
    ASSERT(given->workers <= WORKERS_MAX && given->event_bytes_max <= EVENT_BYTES_MAX);
    options->socket_mode = given->socket_mode == 0 ? MODE_DEFAULT : given->socket_mode;
    default_u32(&options->producers_max, PRODUCERS_DEFAULT);
    default_u32(&options->event_bytes_max, EVENT_BYTES_MAX);
    default_u64(&options->credit_bytes, CREDIT_BYTES_DEFAULT);
    default_u64(&options->receive_bytes_max, RECEIVE_BYTES_DEFAULT);
    default_u32(&options->wait_ms_max, WAIT_MS_DEFAULT);
    default_u32(&options->stall_ms_max, STALL_MS_DEFAULT);
    default_u32(&options->idle_ms, IDLE_MS_DEFAULT);
    set_rule(ingest, given->allowed_uids, given->allowed_uid_count, given->allowed_gids,
             given->allowed_gid_count);
    ingest->credit_bytes = options->credit_bytes;
    ingest->budget.limit_bytes = options->receive_bytes_max;
    ingest->frame_bytes_max = options->event_bytes_max + INGEST_FRAME_MORE_BYTES;
    // As LINE_BYTES_MAX: each byte of data may be written as \u0000.
    ingest->line_bytes_max = 6 * (size_t)options->event_bytes_max + (4 << 10);
    return true;
}

static bool ingest_allocate(struct ingest *ingest, char *message, size_t message_size)
{
    uint32_t slots = ingest->options.producers_max + INGEST_REFUSALS_MAX;
    if (line_scratch_init(&ingest->scratch, ingest->options.event_bytes_max) < 0) {
        snprintf(message, message_size, "no memory for the producers' socket");
        return false;
    }
    if (slots > LOOP_SLOT_MAX ||
        pool_init(&ingest->producers, sizeof(struct producer), sizeof(uint64_t), slots) < 0) {
        snprintf(message, message_size, "no memory for %u producers",
                 ingest->options.producers_max);
        line_scratch_free(&ingest->scratch);
        return false;
    }
    if (hold_init(ingest) < 0) {
        snprintf(message, message_size, "no memory for what producers hold");
        pool_destroy(&ingest->producers);
        line_scratch_free(&ingest->scratch);
        return false;
    }
    return true;
}

static void ingest_release(struct ingest *ingest)
{
    hold_free(ingest);
    pool_destroy(&ingest->producers);
    line_scratch_free(&ingest->scratch);
    free(ingest);
}

struct ingest *ingest_create(struct loop *loop, struct log *log,
                             const struct ingest_options *options, ingest_post post, void *context,
                             char *message, size_t message_size)
{
    struct ingest *ingest = calloc(1, sizeof *ingest);
    if (ingest == NULL) {
        snprintf(message, message_size, "no memory for the producers' socket");
        return NULL;
    }
    ingest->loop = loop;
    ingest->log = log;
    ingest->post = post;
    ingest->post_context = context;
    list_init(&ingest->runnable);
    list_init(&ingest->dirty);
    list_init(&ingest->closed);
    list_init(&ingest->operations);
    list_init(&ingest->spare_operations);
    ingest->questions = (struct asker){.done = question_done, .wake = ingest_wake_all};
    ingest->tasks = (struct asker){.done = gateway_operation_done, .wake = gateway_ask_waiting};
    gateway_init(&ingest->gateway);
    if (!ingest_set_options(ingest, options, message, message_size) ||
        !ingest_allocate(ingest, message, message_size)) {
        free(ingest);
        return NULL;
    }
    if (options->socket_fd > 0) {
        ingest->listener.fd = options->socket_fd;
    } else if (listen_unix_open(&ingest->listener, options->socket_path,
                                ingest->options.socket_mode, message, message_size) < 0) {
        ingest_release(ingest);
        return NULL;
    }
    ingest->options.socket_path = ingest->listener.path;
    ingest->sweep.tag = loop_timer_tag(INGEST_TIMER_KIND, 0);
    loop_set_handler(loop, OP_INGEST_ACCEPT, ingest_accepted, ingest);
    loop_set_handler(loop, OP_INGEST_CANCEL, ingest_cancelled, ingest);
    loop_set_handler(loop, OP_INGEST_RECEIVE, producer_received, ingest);
    loop_set_handler(loop, OP_INGEST_POLL, producer_polled, ingest);
    loop_set_handler(loop, OP_INGEST_SEND, producer_sent, ingest);
    loop_set_timer_handler(loop, INGEST_TIMER_KIND, ingest_sweep, ingest);
    loop_set_timer_handler(loop, INGEST_TIMER_RATE, rate_timer_due, ingest);
    ingest->accept_rests = true; // the first round begins it
    return ingest;
}

// ---- rounds ------------------------------------------------------------------------------------

// Takes from the producers on the socket. True: there is more to be had at once.
static bool round_of_producers(struct ingest *ingest)
{
    bool has_held = hold_refuse_due(ingest, loop_now_ms(ingest->loop));
    if (!ingest->is_stopping && hold_release(ingest, INGEST_RELEASE_BYTES)) { // they came first
        has_held = true;
    }
    size_t left = INGEST_ROUND_BYTES;
    while (left > 0 && !list_is_empty(&ingest->runnable)) {
        struct list_node *node = list_pop_front(&ingest->runnable);
        struct producer *producer = LIST_ENTRY(node, struct producer, runnable);
        bool more;
        size_t taken = producer_run(producer, INGEST_TURN_BYTES, &more);
        left = taken < left ? left - taken : 0;
        if (more && !list_is_linked(&producer->runnable)) {
            list_push_back(&ingest->runnable, &producer->runnable);
        }
    }
    return has_held || !list_is_empty(&ingest->runnable);
}

bool ingest_round(struct ingest *ingest)
{
    ingest_resume_accept(ingest);
    // Both have a share of the round; who is first has what room there is.
    bool goes_first = ingest->gateway.goes_first;
    bool has_more = goes_first && gateway_round(ingest);
    has_more |= round_of_producers(ingest);
    has_more |= !goes_first && gateway_round(ingest);
    if (ingest->has_appended || ingest->log_is_full) {
        ingest->has_appended = false;
        ingest_measure(ingest);
    }
    return has_more;
}

bool ingest_flush(struct ingest *ingest)
{
    gateway_post(ingest);
    post_again(ingest);
    hold_tell(ingest);
    struct list now;
    list_init(&now);
    list_move_all(&now, &ingest->dirty);
    for (struct list_node *node = list_pop_front(&now); node != NULL; node = list_pop_front(&now)) {
        producer_flush(LIST_ENTRY(node, struct producer, dirty));
    }
    LIST_EACH_SAFE (node, &ingest->closed) {
        producer_release(LIST_ENTRY(node, struct producer, dirty));
    }
    bool has_held = !list_is_empty(&ingest->hold.ready) && !ingest->log_is_full;
    return has_held || !list_is_empty(&ingest->runnable) || !list_is_empty(&ingest->dirty) ||
           gateway_has_more(&ingest->gateway);
}

void ingest_acknowledge(struct ingest *ingest, const struct log_acknowledgement *acknowledgement)
{
    if (acknowledgement->producer == GATEWAY_PRODUCER) {
        gateway_acknowledge(ingest, acknowledgement);
        return;
    }
    struct producer *producer = producer_find(ingest, (uint32_t)acknowledgement->producer,
                                              (uint32_t)(acknowledgement->producer >> 32));
    bool is_there = producer != NULL && producer->state != PRODUCER_CLOSED &&
                    producer->state != PRODUCER_CLOSING;
    if (is_there) {
        producer_acknowledge(producer, acknowledgement);
    }
}

void ingest_wake_all(struct ingest *ingest)
{
    uint32_t slot = pool_next_live(&ingest->producers, 0);
    for (; slot != POOL_INDEX_NONE; slot = pool_next_live(&ingest->producers, slot + 1)) {
        producer_wake(pool_at(&ingest->producers, slot));
    }
}

void ingest_room(struct ingest *ingest)
{
    ingest->log_is_full = false;
    gateway_wake(ingest);
    ingest_wake_all(ingest);
}

void ingest_pressure(struct ingest *ingest, const struct log_pressure *pressure)
{
    hold_pressure(ingest, pressure);
    if (pressure->stage != LOG_PRESSURE_FULL) {
        gateway_wake(ingest);
    }
}

void ingest_handle_message(struct ingest *ingest, const struct log_message *message)
{
    if (message->kind == MESSAGE_TASKS) {
        gateway_take(ingest, message->pointer);
        return;
    }
    ASSERT(message->kind == MESSAGE_ADMIN_DONE);
    operation_handle_done(ingest, message->pointer);
}

// ---- pressure ----------------------------------------------------------------------------------

static uint64_t credit_for(const struct ingest *ingest, uint32_t full_permille)
{
    uint64_t whole = ingest->options.credit_bytes;
    uint64_t least = whole < CREDIT_BYTES_MIN ? whole : CREDIT_BYTES_MIN;
    uint64_t credit = ingest->credit_bytes;
    if (full_permille >= FULL_HIGHER) {
        credit = whole / 16;
    } else if (full_permille >= INGEST_FULL_HIGH) {
        credit = credit < whole / 4 ? credit : whole / 4;
    } else if (full_permille < FULL_LOW) {
        credit = whole;
    }
    return credit < least ? least : credit;
}

uint32_t ingest_full_permille(const struct ingest *ingest)
{
    return ingest->log_is_full ? 1000 : log_full_permille(ingest->log);
}

void ingest_measure(struct ingest *ingest)
{
    uint32_t full_permille = ingest_full_permille(ingest);
    ingest->status.full_permille = full_permille;
    uint64_t credit = credit_for(ingest, full_permille);
    if (credit == ingest->credit_bytes) {
        return;
    }
    bool is_higher = credit > ingest->credit_bytes;
    ingest->credit_bytes = credit;
    uint32_t slot = pool_next_live(&ingest->producers, 0);
    for (; slot != POOL_INDEX_NONE; slot = pool_next_live(&ingest->producers, slot + 1)) {
        struct producer *producer = pool_at(&ingest->producers, slot);
        if (producer->is_welcome && producer->state == PRODUCER_OPEN) {
            binary_tell_credit(producer);
        }
    }
    if (is_higher) {
        ingest_wake_all(ingest);
    } else {
        ingest_watch(ingest);
    }
}

// ---- end ---------------------------------------------------------------------------------------

void ingest_stop(struct ingest *ingest)
{
    if (ingest->is_stopping) {
        return;
    }
    ingest->is_stopping = true;
    if (ingest->accept_inflight) {
        struct io_uring_sqe *sqe = loop_sqe(ingest->loop, 0);
        io_uring_prep_cancel64(sqe, loop_tag(OP_INGEST_ACCEPT, 0, 0), 0);
        io_uring_sqe_set_data64(sqe, loop_tag(OP_INGEST_CANCEL, 0, 0));
    } else {
        listen_unix_close(&ingest->listener);
    }
    hold_sweep(ingest);
    gateway_wake(ingest);
    // Those that wait for room are told that there will be none.
    ingest_wake_all(ingest);
}

bool ingest_is_idle(const struct ingest *ingest)
{
    if (!ingest->is_stopping || ingest->accept_inflight || !list_is_empty(&ingest->operations) ||
        !list_is_empty(&ingest->dirty) || !gateway_is_idle(&ingest->gateway)) {
        return false;
    }
    uint32_t slot = pool_next_live(&ingest->producers, 0);
    for (; slot != POOL_INDEX_NONE; slot = pool_next_live(&ingest->producers, slot + 1)) {
        const struct producer *producer = pool_at(&ingest->producers, slot);
        if (producer->send_inflight || !requests_are_none(&producer->requests) ||
            buffer_length(&producer->output) > 0) {
            return false;
        }
    }
    return true;
}

static void ingest_close_all(struct ingest *ingest)
{
    uint32_t slot = pool_next_live(&ingest->producers, 0);
    for (; slot != POOL_INDEX_NONE; slot = pool_next_live(&ingest->producers, slot + 1)) {
        producer_close(pool_at(&ingest->producers, slot));
    }
    LIST_EACH_SAFE (node, &ingest->closed) {
        producer_release(LIST_ENTRY(node, struct producer, dirty));
    }
}

void ingest_destroy(struct ingest *ingest)
{
    if (ingest == NULL) {
        return;
    }
    ingest_stop(ingest);
    ingest_close_all(ingest);
    for (int i = 0; i < DESTROY_ROUNDS; i++) {
        if (pool_used(&ingest->producers) == 0 && !ingest->accept_inflight) {
            break;
        }
        loop_round(ingest->loop, DESTROY_ROUND_NS);
        ingest_close_all(ingest);
    }
    wheel_cancel(&ingest->loop->wheel, &ingest->sweep);
    listen_unix_close(&ingest->listener);
    operation_end_all(ingest);
    if (pool_used(&ingest->producers) > 0 || ingest->accept_inflight) {
        LOG_ERROR("ingest", "%u producers' requests did not come back; their memory is left alone",
                  pool_used(&ingest->producers));
        return;
    }
    ingest_release(ingest);
}

void ingest_get_status(const struct ingest *ingest, struct ingest_status *status)
{
    *status = ingest->status;
    status->producers = ingest->live;
    status->receive_bytes = ingest->budget.used_bytes;
    status->pressed_streams = pool_used(&ingest->hold.pressed);
    gateway_get_status(&ingest->gateway, &status->gateway);
}
