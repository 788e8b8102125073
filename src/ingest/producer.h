// One producer's connection, for the files of src/ingest alone:
//     producer.c          its life and its I/O
//     publish.c           its requests: from the parsed event to the log, and from the
//     acknowledgement to the answer speak_binary.c      the two protocols: the next request from
//     the input, speak_lines.c       and the answer to one
//
// OPEN -> ENDING (the peer sends no more: what came is still answered) -> CLOSED
// OPEN, ENDING -> CLOSING (told why; what is in the output still goes out) -> CLOSED
// any -> CLOSED (gone, or does not read): freed when the kernel has given back its memory.
#ifndef RINGCAST_INGEST_PRODUCER_H
#define RINGCAST_INGEST_PRODUCER_H

#include "ingest/hold.h"
#include "ingest/module.h"
#include "ingest/rate.h"
#include "ingest/requests.h"

enum producer_state {
    PRODUCER_OPEN,
    PRODUCER_ENDING,
    PRODUCER_CLOSING,
    PRODUCER_CLOSED,
};

enum producer_protocol {
    PROTOCOL_UNKNOWN, // until the first byte
    PROTOCOL_BINARY,
    PROTOCOL_LINES,
};

enum {
    // More answers than this unsent: it is not read from until they are.
    PRODUCER_OUTPUT_HOLD_BYTES = 256 << 10,
    // The largest answer (a list of LINE_LIMIT_MAX entries) fits beyond that. A buffer that
    // overflows even so closes
    // the connection.
    PRODUCER_OUTPUT_BYTES_MAX = 16 << 20,
    // Lines: refs and ready answers that wait for their turn.
    PRODUCER_TEXTS_HOLD_BYTES = 1 << 20,
    PRODUCER_TEXTS_BYTES_MAX = 2 << 20,
    // References given to the log: request counter and index in the batch.
    PRODUCER_INDEX_BITS = 20,
};

struct producer {
    struct list_node runnable; // first: the pool hands out zeroed memory, an unlinked node is zero
    struct list_node dirty; // in the list of those with output; when closed, in that of the closed
    struct ingest *ingest;
    int fd;
    uint32_t slot;
    uint32_t generation;
    enum producer_state state;
    enum producer_protocol protocol;
    enum rc_error refusal; // not ERR_NONE: to be told so, then closed
    bool receive_inflight;
    bool poll_inflight;
    bool send_inflight;
    bool is_held; // something has to happen before it is read from again
    bool is_welcome;
    uint16_t version; // binary: that is spoken

    struct input input;
    int64_t turn_bytes;      // what it may still take in this turn
    size_t wanted_bytes;     // the input has to hold so many before the parser gets further
    uint64_t received_bytes; // since the start
    uint64_t
        expired_bytes;    // requests that begin before this position have waited too long for room
    uint64_t stood_bytes; // those before this one have waited since stood_since_ms, or longer
    uint64_t stood_since_ms;
    uint64_t skip_bytes; // binary: of a frame that is passed over
    bool skip_line;      // lines: the same, up to the next LF

    struct requests requests;
    struct buffer texts;       // lines: see requests.h
    uint64_t unanswered_bytes; // of requests, without those of which something is held
    uint64_t holding_bytes;    // of these
    struct producer_hold hold;

    struct buffer output;  // answers to come
    struct buffer sending; // answers under way

    uint64_t producer_id; // binary: from HELLO
    uint32_t producer_epoch;
    uint32_t batch_count; // of the batch at the input's front; 0: none is begun
    uint32_t batch_index;
    size_t batch_position;
    uint64_t batch_request;

    struct producer_rate rate;
    uint64_t waiting_since_ms; // for room in the log; 0: it is not
    uint64_t sent_ms;          // when sending last made progress
    uint64_t active_ms;
    uid_t uid;
    pid_t pid;
};

// ---- life and I/O (producer.c)

// Takes over the descriptor. NULL when there is no slot; the descriptor stays the caller's then.
struct producer *producer_open(struct ingest *ingest, int fd, const struct peer *peer,
                               enum rc_error refusal);
struct producer *producer_find(struct ingest *ingest, uint32_t slot, uint32_t generation);
void producer_receive(struct producer *producer);
// Parses up to budget_bytes. Returns how many were taken; *more: there is more to do at once.
size_t producer_run(struct producer *producer, size_t budget_bytes, bool *more);
// What it was held for may have changed: it is run in the next round.
void producer_wake(struct producer *producer);
// There is something in its output.
void producer_touch(struct producer *producer);
void producer_flush(struct producer *producer);
// Closes once the output is sent.
void producer_close_soon(struct producer *producer);
// Closes now. The memory stays until the kernel is done with it, and at least until the next
// ingest_flush.
void producer_close(struct producer *producer);
// Closes it if its end has come.
void producer_check_end(struct producer *producer);
// Time limits and idle memory. True: there is still something to watch.
bool producer_sweep(struct producer *producer, uint64_t now_ms);
// Frees a closed one. False: the kernel still holds its memory.
bool producer_release(struct producer *producer);

void producer_received(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                       int32_t result, uint32_t cqe_flags);
void producer_polled(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                     int32_t result, uint32_t cqe_flags);
void producer_sent(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                   int32_t result, uint32_t cqe_flags);

// ---- requests (publish.c)

enum step {
    STEP_TOOK,    // a request, or a part of one
    STEP_STARVED, // wanted_bytes are not there yet
    STEP_HELD,    // has to wait: for room in the log, for answers, for its own peer to read
};

// Whether one more request may be begun.
bool producer_may_begin(struct producer *producer);
// A new request; its counter is in *counter. NULL: no memory, the connection is being closed.
struct request *producer_begin(struct producer *producer, enum request_kind kind, uint64_t number,
                               uint32_t bytes, uint64_t *counter);
// Takes back the request begun last: it will be read again later.
void producer_take_back(struct producer *producer);
// Takes a whole request from the input.
void producer_consume(struct producer *producer, size_t length_bytes);

enum take {
    TAKE_TAKEN,
    TAKE_REFUSED, // *error says why
    TAKE_HELD,    // no room: try again when woken
};
// Hands an event that was read to the log, on behalf of the request `counter`.
enum take producer_append(struct producer *producer, uint64_t counter, uint32_t index,
                          const struct event *event, enum ack_level level, enum rc_error *error,
                          char *message, size_t message_size);
// What is to be done with a stream itself.
struct stream_control {
    enum control_kind kind;                 // not CONTROL_NONE
    enum ack_level level;                   // at least ACK_WRITTEN
    enum stream_life life;                  // END
    const struct stream_settings *settings; // SET
    struct slice content_type;              // SET: empty: as it is
};
enum take producer_control(struct producer *producer, uint64_t counter, struct slice stream,
                           const struct stream_control *control, enum rc_error *error);
// An event of the request was refused. offset: RC_OFFSET_NONE or in the frame (binary).
void producer_refuse(struct producer *producer, struct request *request, uint32_t index,
                     enum rc_error error, uint32_t offset, const char *message);
// A held event goes to the log. LOG_APPEND_FULL: it stays held.
enum log_append_result producer_append_held(struct producer *producer,
                                            const struct held_place *place,
                                            const struct event *event, enum rc_error *error);
void producer_held_refused(struct producer *producer, uint64_t counter, uint32_t index,
                           enum rc_error error);
// Nothing more of it is to come but answers of the log.
void producer_finish_reading(struct producer *producer, uint64_t counter);
void producer_acknowledge(struct producer *producer,
                          const struct log_acknowledgement *acknowledgement);
// The request's operation is over.
void producer_operation_done(struct producer *producer, uint64_t counter);

// ---- the protocols (speak_binary.c, speak_lines.c)

enum step binary_step(struct producer *producer);
void binary_refuse_event(struct producer *producer, const struct request *request, uint32_t index,
                         enum rc_error error, uint32_t offset, const char *message);
void binary_answer(struct producer *producer, struct request *request);
void binary_refuse_connection(struct producer *producer, enum rc_error error, const char *message);
void binary_tell_credit(struct producer *producer);

enum step lines_step(struct producer *producer);
void lines_answer(struct producer *producer, struct request *request);
void lines_refuse_connection(struct producer *producer, enum rc_error error, const char *message);

#endif
