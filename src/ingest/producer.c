// A producer's life and I/O.
#include "ingest/producer.h"

#include "base/assert.h"
#include "base/logger.h"
#include "ingest/operation.h"

#include <ringcast/protocol.h>

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    // An output that grows beyond the first becomes as large as the second at once, which is enough
    // for an answer to each
    // request that may be outstanding: a steady flow then never allocates. Given back when idle.
    OUTPUT_SMALL_BYTES = 4 << 10,
    OUTPUT_LARGE_BYTES = 512 << 10,
};
STATIC_ASSERT((int)OUTPUT_LARGE_BYTES >= (int)PRODUCER_OUTPUT_HOLD_BYTES +
                                             (int)REQUESTS_MAX * (RC_HEADER_BYTES + RC_ACK_BYTES),
              "a steady flow of acknowledgements fits");

static uint64_t producer_tag(const struct producer *producer, uint8_t op)
{
    return loop_tag(op, producer->slot, producer->generation);
}

static bool producer_is_reading(const struct producer *producer)
{
    return producer->state == PRODUCER_OPEN || producer->state == PRODUCER_ENDING;
}

// ---- beginning and end -------------------------------------------------------------------------

struct producer *producer_open(struct ingest *ingest, int fd, const struct peer *peer,
                               enum rc_error refusal)
{
    struct producer *producer = pool_alloc(&ingest->producers);
    if (producer == NULL) {
        return NULL;
    }
    *producer = (struct producer){
        .ingest = ingest,
        .fd = fd,
        .slot = pool_index(&ingest->producers, producer),
        .generation = ++ingest->generation,
        .refusal = refusal,
        .wanted_bytes = 1,
        .active_ms = loop_now_ms(ingest->loop),
        .sent_ms = loop_now_ms(ingest->loop),
        .uid = peer->uid,
        .pid = peer->pid,
    };
    rate_begin(producer);
    hold_begin_producer(producer);
    input_init(&producer->input, &ingest->budget);
    requests_init(&producer->requests);
    buffer_init(&producer->texts, PRODUCER_TEXTS_BYTES_MAX);
    buffer_init(&producer->output, PRODUCER_OUTPUT_BYTES_MAX);
    buffer_init(&producer->sending, PRODUCER_OUTPUT_BYTES_MAX);
    if (refusal == ERR_NONE) {
        ingest->live++;
    } else {
        ingest_watch(ingest);
    }
    producer_receive(producer);
    return producer;
}

struct producer *producer_find(struct ingest *ingest, uint32_t slot, uint32_t generation)
{
    if (slot >= ingest->producers.capacity || !pool_is_live(&ingest->producers, slot)) {
        return NULL;
    }
    struct producer *producer = pool_at(&ingest->producers, slot);
    return producer->generation == generation ? producer : NULL;
}

void producer_close_soon(struct producer *producer)
{
    if (producer_is_reading(producer)) {
        producer->state = PRODUCER_CLOSING;
        hold_end_producer(producer); // nothing more is said about it
        producer_touch(producer);
    }
}

static void list_leave(struct list_node *node)
{
    if (list_is_linked(node)) {
        list_remove(node);
    }
}

void producer_close(struct producer *producer)
{
    if (producer->state == PRODUCER_CLOSED) {
        return;
    }
    producer->state = PRODUCER_CLOSED;
    rate_end(producer);
    hold_end_producer(producer);
    // Brings back what is in flight.
    shutdown(producer->fd, SHUT_RDWR);
    list_leave(&producer->runnable);
    list_leave(&producer->dirty);
    list_push_back(&producer->ingest->closed, &producer->dirty);
    // Acknowledgements of the log that are still to come find nobody.
    struct request *request = requests_first(&producer->requests);
    for (; request != NULL; request = requests_first(&producer->requests)) {
        if (request->operation != NULL) {
            operation_abandon(request->operation);
        }
        requests_pop(&producer->requests);
    }
}

bool producer_release(struct producer *producer)
{
    ASSERT(producer->state == PRODUCER_CLOSED);
    if (producer->receive_inflight || producer->poll_inflight || producer->send_inflight) {
        return false;
    }
    struct ingest *ingest = producer->ingest;
    list_remove(&producer->dirty);
    close(producer->fd);
    input_free(&producer->input);
    requests_free(&producer->requests);
    buffer_free(&producer->texts);
    buffer_free(&producer->output);
    buffer_free(&producer->sending);
    if (producer->refusal == ERR_NONE) {
        ingest->live--;
    }
    pool_free(&ingest->producers, producer);
    ingest_resume_accept(ingest);
    return true;
}

void producer_check_end(struct producer *producer)
{
    bool is_sent = !producer->send_inflight && buffer_length(&producer->output) == 0;
    bool is_answered =
        input_length(&producer->input) == 0 && requests_are_none(&producer->requests);
    if (is_sent && (producer->state == PRODUCER_CLOSING ||
                    (producer->state == PRODUCER_ENDING && is_answered))) {
        producer_close(producer);
    }
}

// ---- receiving ---------------------------------------------------------------------------------

static void producer_run_soon(struct producer *producer)
{
    if (producer_is_reading(producer) && !list_is_linked(&producer->runnable)) {
        list_push_back(&producer->ingest->runnable, &producer->runnable);
    }
}

void producer_wake(struct producer *producer)
{
    if (producer->is_held) {
        producer->is_held = false;
        producer_run_soon(producer);
    }
}

void producer_receive(struct producer *producer)
{
    if (producer->state != PRODUCER_OPEN || producer->receive_inflight || producer->poll_inflight) {
        return;
    }
    if (!input_reserve(&producer->input, producer->wanted_bytes) &&
        !input_reserve(&producer->input, 0)) {
        LOGGER_EVERY(1000, LOGGER_WARN, "ingest", "no memory to receive from a producer");
        producer_close(producer);
        return;
    }
    // With a large buffer it does not wait for data in it, so that the sweep can take it away.
    bool is_polled = input_is_large(&producer->input) && input_length(&producer->input) == 0;
    size_t room;
    uint8_t *bytes = input_room(&producer->input, &room);
    struct io_uring_sqe *sqe = loop_sqe(producer->ingest->loop, 0);
    io_uring_prep_recv(sqe, producer->fd, bytes, room, is_polled ? MSG_DONTWAIT : 0);
    io_uring_sqe_set_data64(sqe, producer_tag(producer, OP_INGEST_RECEIVE));
    producer->receive_inflight = true;
}

static void producer_poll(struct producer *producer)
{
    struct io_uring_sqe *sqe = loop_sqe(producer->ingest->loop, 0);
    io_uring_prep_poll_add(sqe, producer->fd, POLLIN);
    io_uring_sqe_set_data64(sqe, producer_tag(producer, OP_INGEST_POLL));
    producer->poll_inflight = true;
    ingest_watch(producer->ingest);
}

void producer_received(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                       int32_t result, uint32_t cqe_flags)
{
    (void)ring;
    (void)cqe_flags;
    struct producer *producer =
        producer_find(context, loop_tag_slot(user_data), loop_tag_generation(user_data));
    ASSERT(producer != NULL && producer->receive_inflight);
    producer->receive_inflight = false;
    if (producer->state == PRODUCER_CLOSED || producer->state == PRODUCER_CLOSING) {
        return;
    }
    if (result > 0) {
        input_commit(&producer->input, (size_t)result);
        producer->received_bytes += (uint32_t)result;
        producer->ingest->status.bytes += (uint32_t)result;
        producer->active_ms = loop_now_ms(loop);
        producer_run_soon(producer);
    } else if (result == 0) {
        producer->state = PRODUCER_ENDING;
        producer_run_soon(producer);
    } else if (result == -EAGAIN) {
        producer_poll(producer);
    } else if (result == -EINTR) {
        producer_receive(producer);
    } else {
        producer_close(producer);
    }
}

void producer_polled(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                     int32_t result, uint32_t cqe_flags)
{
    (void)loop;
    (void)ring;
    (void)result;
    (void)cqe_flags;
    struct producer *producer =
        producer_find(context, loop_tag_slot(user_data), loop_tag_generation(user_data));
    ASSERT(producer != NULL && producer->poll_inflight);
    producer->poll_inflight = false;
    producer_receive(producer); // tells what the matter is
}

// ---- parsing -----------------------------------------------------------------------------------

static void producer_refuse_connection(struct producer *producer)
{
    const char *message = producer->refusal == ERR_FORBIDDEN
                              ? "your user and groups may not publish to this broker"
                              : "the broker has as many producers as it may have";
    if (producer->protocol == PROTOCOL_BINARY) {
        binary_refuse_connection(producer, producer->refusal, message);
    } else {
        lines_refuse_connection(producer, producer->refusal, message);
    }
    producer->ingest->status.errors++;
    producer_close_soon(producer);
}

static enum step producer_step(struct producer *producer)
{
    if (producer->protocol == PROTOCOL_UNKNOWN) {
        struct slice bytes = input_slice(&producer->input);
        if (bytes.length == 0) {
            producer->wanted_bytes = 1;
            return STEP_STARVED;
        }
        ASSERT(bytes.at != NULL);
        bool is_binary = bytes.at[0] == RC_PROTOCOL_FIRST_BYTE;
        producer->protocol = is_binary ? PROTOCOL_BINARY : PROTOCOL_LINES;
    }
    if (producer->refusal != ERR_NONE) {
        producer_refuse_connection(producer);
        return STEP_HELD;
    }
    return producer->protocol == PROTOCOL_BINARY ? binary_step(producer) : lines_step(producer);
}

size_t producer_run(struct producer *producer, size_t budget_bytes, bool *more)
{
    *more = false;
    producer->turn_bytes = (int64_t)budget_bytes;
    // While a receive is under way nothing is left to be parsed.
    if (producer->receive_inflight || producer->poll_inflight) {
        return 0;
    }
    enum step step = STEP_TOOK;
    while (step == STEP_TOOK && producer->turn_bytes > 0 && producer_is_reading(producer)) {
        step = producer_step(producer);
    }
    if (buffer_failure(&producer->texts) != 0) {
        producer_close(producer);
    }
    if (producer_is_reading(producer)) {
        *more = step == STEP_TOOK;
        if (step == STEP_STARVED && producer->state == PRODUCER_ENDING) {
            // What the peer began and did not finish.
            input_consume(&producer->input, input_length(&producer->input));
            producer_check_end(producer);
        } else if (step == STEP_STARVED) {
            producer_receive(producer);
        }
    }
    int64_t taken = (int64_t)budget_bytes - producer->turn_bytes;
    return taken < 0 ? 0 : (size_t)taken;
}

// ---- sending -----------------------------------------------------------------------------------

void producer_touch(struct producer *producer)
{
    struct buffer *output = &producer->output;
    if (buffer_failure(output) == 0 && output->capacity_bytes > OUTPUT_SMALL_BYTES &&
        output->capacity_bytes < OUTPUT_LARGE_BYTES &&
        buffer_reserve(output, OUTPUT_LARGE_BYTES - buffer_length(output)) == NULL) {
        output->failure = 0; // without so much memory it grows step by step
    }
    if (producer->state != PRODUCER_CLOSED && !list_is_linked(&producer->dirty)) {
        list_push_back(&producer->ingest->dirty, &producer->dirty);
    }
}

static void producer_send(struct producer *producer)
{
    struct slice bytes = buffer_slice(&producer->sending);
    struct io_uring_sqe *sqe = loop_sqe(producer->ingest->loop, 0);
    io_uring_prep_send(sqe, producer->fd, bytes.at, bytes.length, MSG_NOSIGNAL);
    io_uring_sqe_set_data64(sqe, producer_tag(producer, OP_INGEST_SEND));
    producer->send_inflight = true;
    ingest_watch(producer->ingest);
}

void producer_flush(struct producer *producer)
{
    if (producer->state == PRODUCER_CLOSED || producer->send_inflight) {
        return;
    }
    if (buffer_failure(&producer->output) != 0) {
        LOGGER_EVERY_WITH(1000, LOGGER_WARN, "ingest",
                          LOGGER_FIELDS(logger_number("process", (uint64_t)producer->pid)),
                          "closed a producer's connection: it does not read its answers");
        producer_close(producer);
        return;
    }
    if (buffer_length(&producer->output) == 0) {
        producer_check_end(producer);
        return;
    }
    struct buffer empty = producer->sending;
    ASSERT(buffer_length(&empty) == 0);
    producer->sending = producer->output;
    producer->output = empty;
    producer->sent_ms = loop_now_ms(producer->ingest->loop);
    producer_send(producer);
}

void producer_sent(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                   int32_t result, uint32_t cqe_flags)
{
    (void)ring;
    (void)cqe_flags;
    struct producer *producer =
        producer_find(context, loop_tag_slot(user_data), loop_tag_generation(user_data));
    ASSERT(producer != NULL && producer->send_inflight);
    producer->send_inflight = false;
    if (producer->state == PRODUCER_CLOSED) {
        return;
    }
    if (result < 0 && result != -EINTR && result != -EAGAIN) {
        producer_close(producer);
        return;
    }
    if (result > 0) {
        buffer_consume(&producer->sending, (size_t)result);
        producer->sent_ms = loop_now_ms(loop);
        producer->active_ms = producer->sent_ms;
    }
    if (buffer_length(&producer->sending) > 0) {
        producer_send(producer);
        return;
    }
    buffer_clear(&producer->sending);
    hold_tell_producer(producer);
    producer_touch(producer);
    producer_wake(producer);
}

// ---- time --------------------------------------------------------------------------------------

static void buffer_give_back(struct buffer *buffer)
{
    if (buffer_length(buffer) == 0 && buffer->capacity_bytes > OUTPUT_SMALL_BYTES) {
        buffer_free(buffer);
    }
}

// Memory that a burst made it hold. True: there is some, but it is still too early.
static bool producer_give_back(struct producer *producer, uint64_t now_ms)
{
    bool is_large = input_is_large(&producer->input) ||
                    producer->output.capacity_bytes > OUTPUT_SMALL_BYTES ||
                    producer->sending.capacity_bytes > OUTPUT_SMALL_BYTES;
    if (!is_large) {
        return false;
    }
    if (now_ms - producer->active_ms < producer->ingest->options.idle_ms) {
        return true;
    }
    if (producer->poll_inflight) {
        input_shrink(&producer->input);
    }
    if (!producer->send_inflight) {
        buffer_give_back(&producer->output);
        buffer_give_back(&producer->sending);
    }
    return false;
}

bool producer_sweep(struct producer *producer, uint64_t now_ms)
{
    struct ingest *ingest = producer->ingest;
    if (producer->state == PRODUCER_CLOSED) {
        return true;
    }
    if (producer->refusal != ERR_NONE && producer->protocol == PROTOCOL_UNKNOWN &&
        producer->state == PRODUCER_OPEN && now_ms - producer->active_ms >= INGEST_REFUSAL_MS) {
        producer_refuse_connection(producer);
    }
    if (producer->waiting_since_ms != 0 &&
        now_ms - producer->waiting_since_ms >= ingest->options.wait_ms_max) {
        producer->waiting_since_ms = 0;
        producer->expired_bytes = producer->received_bytes;
        producer_wake(producer);
    }
    if (producer->send_inflight && now_ms - producer->sent_ms >= ingest->options.stall_ms_max) {
        LOGGER_EVERY_WITH(1000, LOGGER_WARN, "ingest",
                          LOGGER_FIELDS(logger_number("process", (uint64_t)producer->pid)),
                          "closed a producer's connection: it has not read its answers for %u s",
                          ingest->options.stall_ms_max / 1000);
        producer_close(producer);
    }
    bool is_large = producer_give_back(producer, now_ms);
    return is_large || producer->state == PRODUCER_CLOSED || producer->refusal != ERR_NONE ||
           producer->waiting_since_ms != 0 || producer->send_inflight;
}
