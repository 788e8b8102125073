#include "reader.h"

#include "reader_dial.h"
#include "segments.h"

#include "base/assert.h"
#include "base/clock.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    READER_BUFFERS = 512,
    READER_GROUP = 1,
    READER_SQ_ENTRIES = 1024,
    READER_CQ_FACTOR = 8,
};

// What the main thread asks for.
struct command {
    bool cuts; // else connect again
    uint64_t goal;
};

static const uint64_t READER_ROUND_NS = UINT64_C(100) * 1000 * 1000;

static void attempt_release(struct reader *reader, uint16_t attempt)
{
    reader->attempts_free[reader->attempts_free_count++] = attempt;
}

// --- one subscriber ---

void reader_fail(struct reader *reader)
{
    reader->ledgers[GROUP_HEALTHY].findings.failed++;
    uint32_t failed = (uint32_t)atomic_fetch_add(&reader->failed, 1) + 1;
    if (!reader->config.goes_on) {
        reader->is_stuck = true;
    }
    // Whoever waits for all of them to be open is not disturbed before they are, or failed.
    if (!reader->config.goes_on || atomic_load(&reader->ready) + failed >= reader->config.count) {
        meter_fail(reader->config.meter);
    }
}

// One that is not healthy may be cut off, but not before it got its header.
static void subscriber_fail(struct reader *reader, struct subscriber *subscriber, bool was_open)
{
    subscriber->state = SUBSCRIBER_FAILED;
    if (subscriber->group != GROUP_HEALTHY && was_open) {
        return;
    }
    reader_fail(reader);
}

// Its opening is over, well or not. The attempt is free once its request is out of the kernel's
// hands.
static void opening_end(struct reader *reader, struct subscriber *subscriber)
{
    struct reader_attempt *attempt = &reader->attempts[subscriber->attempt];
    if (subscriber->state == SUBSCRIBER_RECEIVING) {
        histogram_record(reader->reopened > 0 ? &reader->reopening : &reader->opening,
                         reader->ledgers[GROUP_HEALTHY].now_ns - subscriber->opened_ns);
        atomic_fetch_add(&reader->ready, 1);
    }
    if (!attempt->is_sending) {
        attempt_release(reader, subscriber->attempt);
    }
}

void reader_receive(struct reader *reader, uint32_t index, uint32_t bytes)
{
    struct io_uring_sqe *sqe = loop_sqe(&reader->loop, reader_ring_of(reader, index));
    if (bytes == 0) {
        io_uring_prep_recv_multishot(sqe, reader_descriptor_of(reader, index), NULL, 0, 0);
    } else {
        io_uring_prep_recv(sqe, reader_descriptor_of(reader, index), NULL, bytes, 0);
    }
    reader->subscribers[index].is_reading = true;
    sqe->flags |= IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
    sqe->buf_group = READER_GROUP;
    sqe->user_data = loop_tag(OP_RECEIVE, index, 0);
}

// Until its header has come, each is like the healthy ones.
static struct subscriber_ledger *ledger_of(struct reader *reader,
                                           const struct subscriber *subscriber)
{
    bool is_opening = subscriber->state == SUBSCRIBER_WAITING;
    return &reader->ledgers[is_opening ? GROUP_HEALTHY : subscriber->group];
}

void reader_give_up(struct reader *reader, uint32_t index, const char *format, ...)
{
    struct subscriber *subscriber = &reader->subscribers[index];
    bool was_waiting =
        subscriber->state == SUBSCRIBER_CONNECTING || subscriber->state == SUBSCRIBER_WAITING;
    char text[FINDINGS_TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    findings_note(&ledger_of(reader, subscriber)->findings, "%s", text);
    subscriber_fail(reader, subscriber, !was_waiting);
    if (was_waiting) {
        opening_end(reader, subscriber);
    }
}

void reader_send(struct reader *reader, uint32_t index)
{
    struct reader_attempt *attempt = &reader->attempts[reader->subscribers[index].attempt];
    struct slice rest = buffer_slice(&attempt->output);
    if (attempt->is_sending || rest.length == 0) {
        return;
    }
    struct io_uring_sqe *sqe = loop_sqe(&reader->loop, reader_ring_of(reader, index));
    io_uring_prep_send(sqe, reader_descriptor_of(reader, index), rest.at, rest.length,
                       MSG_NOSIGNAL | MSG_WAITALL);
    sqe->flags |= IOSQE_FIXED_FILE;
    sqe->user_data = loop_tag(OP_SEND, index, 0);
    attempt->is_sending = true;
}

static void on_connect(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                       int32_t result, uint32_t cqe_flags)
{
    (void)loop;
    (void)ring;
    (void)cqe_flags;
    struct reader *reader = context;
    uint32_t index = loop_tag_slot(user_data);
    struct subscriber *subscriber = &reader->subscribers[index];
    if (result < 0) {
        reader_give_up(reader, index, "connecting subscriber %u: %s", reader->config.first + index,
                       strerror(-result));
        return;
    }
    subscriber->state = SUBSCRIBER_WAITING;
    if (reader->secure != NULL) {
        reader_secure_begin(reader, index);
    } else {
        struct reader_attempt *attempt = &reader->attempts[subscriber->attempt];
        (void)buffer_append(&attempt->output, attempt->request, attempt->request_length);
        reader_send(reader, index);
    }
    if (subscriber->state == SUBSCRIBER_FAILED) {
        return;
    }
    reader_receive(reader, index, subscriber->group == GROUP_STALLED ? READER_BUFFER_BYTES : 0);
}

static void on_send(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                    int32_t result, uint32_t cqe_flags)
{
    (void)loop;
    (void)ring;
    (void)cqe_flags;
    struct reader *reader = context;
    uint32_t index = loop_tag_slot(user_data);
    struct subscriber *subscriber = &reader->subscribers[index];
    struct reader_attempt *attempt = &reader->attempts[subscriber->attempt];
    attempt->is_sending = false;
    if (subscriber->state != SUBSCRIBER_WAITING) {
        attempt_release(reader, subscriber->attempt);
    } else if (result < 0) {
        reader_give_up(reader, index, "sending a request: %s", strerror(-result));
    } else {
        buffer_consume(&attempt->output, (size_t)result);
        reader_send(reader, index);
    }
}

// As subscriber_take; notes when it first knows an id, and when it has all that it missed.
static void take_resuming(struct reader *reader, struct subscriber *subscriber, const uint8_t *at,
                          size_t length)
{
    struct subscriber_ledger *ledger = &reader->ledgers[GROUP_HEALTHY];
    bool was_behind = subscriber->number_next <= reader->goal;
    bool had_id = subscriber->response.last_id.length > 0;
    subscriber_take(subscriber, ledger, at, length);
    if (was_behind && subscriber->number_next > reader->goal) {
        histogram_record(&reader->catching_up,
                         reader->ledgers[GROUP_HEALTHY].now_ns - subscriber->opened_ns);
    }
    if (!had_id && subscriber->response.last_id.length > 0) {
        atomic_fetch_add(&reader->resumable, 1);
    }
}

static void pong_submit(struct reader *reader, uint32_t index)
{
    const char *pong = reader->config.target->protocol->pong;
    struct io_uring_sqe *sqe = loop_sqe(&reader->loop, reader_ring_of(reader, index));
    io_uring_prep_send(sqe, reader_descriptor_of(reader, index), pong, strlen(pong), MSG_NOSIGNAL);
    sqe->flags |= IOSQE_FIXED_FILE;
    loop_ignore(sqe); // a connection that is gone is told by its receive
    reader->subscribers[index].owes_pong = false;
}

void reader_take(struct reader *reader, uint32_t index, const uint8_t *at, size_t length)
{
    struct subscriber *subscriber = &reader->subscribers[index];
    bool was_waiting = subscriber->state == SUBSCRIBER_WAITING;
    struct subscriber_ledger *ledger = ledger_of(reader, subscriber);
    ledger->now_ns = clock_monotonic_ns();
    ledger->record_from_ns =
        atomic_load_explicit(&reader->config.meter->record_from_ns, memory_order_relaxed);
    if (reader->config.resumes || reader->goal > 0) {
        take_resuming(reader, subscriber, at, length);
    } else {
        subscriber_take(subscriber, ledger, at, length);
    }
    if (subscriber->state == SUBSCRIBER_FAILED) {
        subscriber_fail(reader, subscriber, !was_waiting);
    }
    if (was_waiting && subscriber->state != SUBSCRIBER_WAITING) {
        opening_end(reader, subscriber);
        if (subscriber->group == GROUP_STALLED && subscriber->state == SUBSCRIBER_RECEIVING) {
            stalled_add(&reader->stalled, index);
        }
    }
    if (subscriber->owes_pong) {
        pong_submit(reader, index);
    }
}

static void receive_more(struct reader *reader, uint32_t index)
{
    const struct subscriber *subscriber = &reader->subscribers[index];
    if (subscriber->group != GROUP_STALLED || reader->has_marked) {
        reader_receive(reader, index, 0);
    } else if (subscriber->state == SUBSCRIBER_WAITING) {
        reader_receive(reader, index, READER_BUFFER_BYTES);
    }
}

static void on_receive(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                       int32_t result, uint32_t cqe_flags)
{
    (void)loop;
    struct reader *reader = context;
    uint32_t index = loop_tag_slot(user_data);
    struct subscriber *subscriber = &reader->subscribers[index];
    bool is_alive =
        subscriber->state != SUBSCRIBER_FAILED && subscriber->state != SUBSCRIBER_CUTTING;
    if ((cqe_flags & IORING_CQE_F_BUFFER) != 0) {
        const uint8_t *bytes = buffers_take(&reader->buffers[ring], cqe_flags);
        if (is_alive && result > 0) {
            if (reader->secure == NULL) {
                reader_take(reader, index, bytes, (size_t)result);
            } else {
                reader_secure_take(reader, index, bytes, (size_t)result);
            }
            is_alive = subscriber->state != SUBSCRIBER_FAILED;
        }
        buffers_give_back(&reader->buffers[ring], buffers_id(cqe_flags));
    }
    bool is_over = (cqe_flags & IORING_CQE_F_MORE) == 0;
    if (is_over && subscriber->state == SUBSCRIBER_CUTTING) {
        subscriber->is_reading = false;
        reader_cut_end(reader, index);
    }
    if (!is_over || !is_alive) {
        return;
    }
    subscriber->is_reading = false;
    if (result > 0 || result == -ENOBUFS) {
        reader->buffers_lacked += result == -ENOBUFS;
        receive_more(reader, index);
        return;
    }
    reader_give_up(reader, index, "stream %u: the server closed the connection%s%s",
                   subscriber->stream, result < 0 ? ": " : "", result < 0 ? strerror(-result) : "");
}

static void marks_take(struct reader *reader)
{
    reader->has_marked = true;
    for (uint32_t i = 0; i < reader->config.count; i++) {
        const struct subscriber *subscriber = &reader->subscribers[i];
        subscriber_mark_add(&reader->marks[subscriber->group], subscriber);
    }
    stalled_resume(&reader->stalled);
}

static bool on_round(void *context)
{
    struct reader *reader = context;
    atomic_store_explicit(&reader->bytes_told, reader->ledgers[GROUP_HEALTHY].findings.bytes,
                          memory_order_relaxed);
    stalled_round(&reader->stalled);
    uint64_t deliveries = reader->ledgers[GROUP_HEALTHY].deliveries;
    if (deliveries != reader->deliveries_told) {
        meter_add(reader->config.meter, deliveries - reader->deliveries_told);
        reader->deliveries_told = deliveries;
    }
    if (!reader->has_marked && atomic_load_explicit(&reader->is_marking, memory_order_acquire)) {
        marks_take(reader);
    }
    if (reader->is_cutting) {
        reader->is_cutting = reader_cut_more(reader);
    } else if (reader->opened < reader->config.count && !reader->is_stuck) {
        reader_dial_more(reader);
    }
    return reader->is_cutting;
}

// --- commands ---

static void on_message(void *context, const void *message)
{
    struct reader *reader = context;
    struct command command;
    memcpy(&command, message, sizeof command);
    if (command.cuts) {
        reader->is_cutting = true;
        reader->cut = 0;
    } else {
        reader->goal = command.goal;
        reader->opened = 0;
        reader->reopened++;
    }
}

static void command_post(struct reader *reader, const struct command *command)
{
    uint64_t message[LOOP_MESSAGE_SIZE / sizeof(uint64_t)] = {0};
    memcpy(message, command, sizeof *command);
    bool posted = loop_post(&reader->loop, NULL, message, 0);
    ASSERT(posted); // one at a time, into a big inbox
}

void reader_mark(struct reader *reader)
{
    atomic_store_explicit(&reader->is_marking, true, memory_order_release);
    loop_wake(&reader->loop, NULL);
}

void reader_cut(struct reader *reader)
{
    ASSERT(reader->config.resumes && reader->is_started);
    atomic_store(&reader->uncut, reader->config.count);
    atomic_store(&reader->ready, 0);
    command_post(reader, &(struct command){.cuts = true});
}

void reader_reopen(struct reader *reader, uint64_t goal)
{
    ASSERT(goal > 0 && atomic_load(&reader->uncut) == 0);
    command_post(reader, &(struct command){.goal = goal});
}

// --- the thread ---

static void *reader_run(void *context)
{
    struct reader *reader = context;
    char error[LOOP_ERROR_SIZE];
    if (loop_start(&reader->loop, error, sizeof error) < 0) {
        findings_note(&reader->ledgers[GROUP_HEALTHY].findings, "%s", error);
        reader->ledgers[GROUP_HEALTHY].findings.failed++;
        atomic_fetch_add(&reader->failed, 1);
        meter_fail(reader->config.meter);
        return NULL;
    }
    stalled_start(&reader->stalled);
    (void)on_round(reader);
    while (!atomic_load_explicit(&reader->stopping, memory_order_acquire)) {
        loop_round(&reader->loop, READER_ROUND_NS);
    }
    // The thread's to do, as the rings are its own. Receives that are still armed find no buffers.
    for (uint32_t ring = 0; ring < reader->buffers_count; ring++) {
        buffers_free(&reader->buffers[ring]);
    }
    reader->buffers_count = 0;
    loop_stop(&reader->loop);
    return NULL;
}

static uint32_t table_size_max(void)
{
    struct rlimit limit = {0};
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > LOOP_SLOT_MAX) {
        return LOOP_SLOT_MAX;
    }
    return (uint32_t)limit.rlim_cur;
}

static int rings_open(struct reader *reader, char *error, size_t error_size)
{
    uint32_t table_max = table_size_max();
    uint32_t count = reader->config.count;
    uint32_t rings = (count + table_max - 1) / table_max;
    if (rings > LOOP_RINGS_MAX) {
        (void)snprintf(error, error_size,
                       "%u connections in one thread need %u io_urings of %u descriptors "
                       "(RLIMIT_NOFILE) each, and a thread has at most %d: raise the limit "
                       "(ulimit -n) or give more --threads",
                       count, rings, table_max, LOOP_RINGS_MAX);
        return -EMFILE;
    }
    reader->ring_slots = (count + rings - 1) / rings;
    struct loop_config config = {
        .name = "reader",
        .sq_entries = READER_SQ_ENTRIES,
        .cq_factor = READER_CQ_FACTOR,
        .direct_descriptors = reader->ring_slots,
        .inbox_capacity = 64,
        .callbacks = {.context = reader, .on_message = on_message, .on_round = on_round},
    };
    int result = loop_init(&reader->loop, &config, error, error_size);
    if (result < 0) {
        return result;
    }
    for (uint32_t ring = 0; ring < rings; ring++) {
        if (ring > 0) {
            result = loop_add_ring(&reader->loop, reader->ring_slots, error, error_size);
            if (result < 0) {
                return result;
            }
        }
        result = buffers_init(&reader->buffers[ring], loop_ring(&reader->loop, ring), READER_GROUP,
                              READER_BUFFERS, READER_BUFFER_BYTES);
        if (result < 0) {
            (void)snprintf(error, error_size, "receive buffers: %s", strerror(-result));
            return result;
        }
        reader->buffers_count++;
    }
    return 0;
}

// Returns false with a line in `error`.
static bool secure_prepare(struct reader *reader, char *error, size_t error_size)
{
    const struct target *target = reader->config.target;
    if (!target->is_secure) {
        return true;
    }
    struct secure_config config = {
        .host = target->host,
        .authorities = target->options->tls_ca,
        .version = target->options->tls_version,
    };
    (void)snprintf(error, error_size, "no memory");
    reader->sessions = calloc(reader->config.count, sizeof(struct secure_session *));
    reader->secure = reader->sessions == NULL ? NULL : secure_open(&config, error, error_size);
    return reader->secure != NULL;
}

struct reader *reader_open(const struct reader_config *config, char *error, size_t error_size)
{
    ASSERT(config->count > 0 && config->opening_max > 0 && config->opening_max <= UINT16_MAX);
    struct reader *reader = aligned_alloc(_Alignof(struct reader), sizeof *reader);
    if (reader == NULL) {
        (void)snprintf(error, error_size, "no memory");
        return NULL;
    }
    memset(reader, 0, sizeof *reader);
    reader->config = *config;
    reader->goal = config->goal;
    for (unsigned group = 0; group < GROUPS; group++) {
        reader->ledgers[group].protocol = config->target->protocol;
        reader->ledgers[group].run = config->run;
        reader->ledgers[group].allows_gaps = group != GROUP_HEALTHY;
    }
    reader->subscribers = calloc(config->count, sizeof *reader->subscribers);
    reader->attempts = calloc(config->opening_max, sizeof *reader->attempts);
    reader->attempts_free = calloc(config->opening_max, sizeof *reader->attempts_free);
    uint32_t stalled = dealing_count(&config->dealing, GROUP_STALLED, config->first, config->count);
    if (stalled_init(&reader->stalled, reader, stalled, config->stalled_rate) < 0 ||
        reader->subscribers == NULL || reader->attempts == NULL || reader->attempts_free == NULL) {
        (void)snprintf(error, error_size, "no memory for %u subscribers", config->count);
        reader_close(reader);
        return NULL;
    }
    for (uint32_t i = 0; i < config->opening_max; i++) {
        attempt_release(reader, (uint16_t)i);
    }
    if (!secure_prepare(reader, error, error_size) || rings_open(reader, error, error_size) < 0) {
        reader_close(reader);
        return NULL;
    }
    loop_set_handler(&reader->loop, OP_CONNECT, on_connect, reader);
    loop_set_handler(&reader->loop, OP_SEND, on_send, reader);
    loop_set_handler(&reader->loop, OP_RECEIVE, on_receive, reader);
    loop_set_handler(&reader->loop, OP_CLOSE, reader_on_close, reader);
    return reader;
}

int reader_start(struct reader *reader)
{
    ASSERT(!reader->is_started);
    int result = pthread_create(&reader->thread, NULL, reader_run, reader);
    if (result != 0) {
        return -result;
    }
    reader->is_started = true;
    (void)pthread_setname_np(reader->thread, "reader");
    return 0;
}

uint64_t reader_sample_segments(const struct reader *reader)
{
    uint64_t segments = 0;
    for (uint32_t i = 0; i < reader->sample_count; i++) {
        segments += segments_received(reader->samples[i]);
    }
    return segments;
}

void reader_stop(struct reader *reader)
{
    if (!reader->is_started) {
        return;
    }
    atomic_store_explicit(&reader->stopping, true, memory_order_release);
    loop_wake(&reader->loop, NULL);
    pthread_join(reader->thread, NULL);
    reader->is_started = false;
}

void reader_close(struct reader *reader)
{
    if (reader == NULL) {
        return;
    }
    reader_stop(reader);
    for (uint32_t i = 0; i < reader->buffers_count; i++) {
        buffers_free(&reader->buffers[i]);
    }
    for (uint32_t i = 0; i < reader->sample_count; i++) {
        close(reader->samples[i]);
    }
    if (reader->loop.ring_count > 0) {
        loop_free(&reader->loop);
    }
    for (uint32_t i = 0; reader->sessions != NULL && i < reader->config.count; i++) {
        secure_end(reader->sessions[i]);
    }
    secure_close(reader->secure);
    free(reader->sessions);
    stalled_free(&reader->stalled);
    free(reader->subscribers);
    free(reader->attempts);
    free(reader->attempts_free);
    free(reader);
}
