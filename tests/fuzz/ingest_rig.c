#include "fuzz/ingest_rig.h"

#include "base/logger.h"
#include "ingest/ingest.h"
#include "io/loop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { PENDING_MAX = 4096, ROUNDS_MAX = 200 * 1000, WORKERS = 2 };

static struct loop loop;
static struct ingest *ingest;
static struct sockaddr_un address = {.sun_family = AF_UNIX};
static struct buffer answers;

// What the log owes.
static struct log_acknowledgement pending[PENDING_MAX];
static uint32_t pending_count;
static uint64_t last_id;
static uint32_t appends;
static uint8_t plan;
static bool is_full;
static uint32_t rests;
static struct admin_request *asked[WORKERS * 64];
static uint32_t asked_count;

static bool plan_has(unsigned bit)
{
    return (plan >> bit & 1) != 0;
}

static enum log_append_result take(enum ack_level level, uint64_t producer, uint64_t reference,
                                   enum rc_error *error)
{
    appends++;
    if (plan_has(0) && appends % 3 == 0) {
        is_full = true;
        return LOG_APPEND_FULL;
    }
    if (plan_has(1) && appends % 5 == 0) {
        *error = ERR_LOG_ERROR;
        return LOG_APPEND_REFUSED;
    }
    if (level == ACK_RECEIVED) {
        return LOG_APPEND_TAKEN;
    }
    if (pending_count == PENDING_MAX) {
        is_full = true;
        return LOG_APPEND_FULL;
    }
    struct log_acknowledgement *acknowledgement = &pending[pending_count++];
    *acknowledgement = (struct log_acknowledgement){.producer = producer, .reference = reference};
    if (plan_has(2) && appends % 7 == 0) {
        acknowledgement->error = ERR_STALE_EPOCH;
    } else {
        acknowledgement->id = ++last_id;
        acknowledgement->sequence = last_id;
        acknowledgement->duplicate = plan_has(2) && appends % 4 == 0;
    }
    if (plan_has(3)) {
        pending_count--;
        struct log_acknowledgement now = *acknowledgement;
        ingest_acknowledge(ingest, &now);
    }
    return LOG_APPEND_TAKEN;
}

// The stream "s" blocks: its subscriber falls behind with every third event, and catches up.
static void press(enum log_pressure_stage stage)
{
    struct log_pressure pressure = {
        .name = slice_of("s"), .stage = stage, .full_permille = 300 * stage, .wait_ms = 1};
    ingest_pressure(ingest, &pressure);
}

bool log_knows(const struct log *log, const struct event *event)
{
    (void)log;
    return event->producer_sequence % 5 == 1;
}

bool log_stream_pressure(const struct log *log, struct slice name, struct log_pressure *pressure)
{
    (void)log;
    *pressure = (struct log_pressure){.name = name, .full_permille = 7};
    return slice_equal_text(name, "s");
}

enum log_append_result log_append(struct log *log, const struct event *event, enum ack_level level,
                                  uint64_t producer, uint64_t reference, enum rc_error *error)
{
    (void)log;
    char message[256];
    ASSERT(event_validate(event, message, sizeof(message)) == ERR_NONE);
    ASSERT(event->data.length <= INGEST_RIG_EVENT_BYTES_MAX);
    if (plan_has(2) && slice_equal_text(event->stream, "s")) {
        press((enum log_pressure_stage)(appends % 3));
    }
    return take(level, producer, reference, error);
}

enum log_append_result log_set_stream(struct log *log, struct slice name,
                                      const struct stream_settings *settings,
                                      struct slice content_type, enum ack_level level,
                                      uint64_t producer, uint64_t reference, enum rc_error *error)
{
    (void)log;
    static uint8_t record[SETTINGS_RECORD_BYTES_MAX];
    ASSERT(event_name_is_valid(name));
    ASSERT(settings_encode(settings, content_type, record) >= SETTINGS_BYTES);
    return take(level, producer, reference, error);
}

enum log_append_result log_discard_stream(struct log *log, struct slice name, enum ack_level level,
                                          uint64_t producer, uint64_t reference,
                                          enum rc_error *error)
{
    (void)log;
    ASSERT(event_name_is_valid(name));
    return take(level, producer, reference, error);
}

enum log_append_result log_end_stream(struct log *log, struct slice name, enum stream_life life,
                                      enum ack_level level, uint64_t producer, uint64_t reference,
                                      enum rc_error *error)
{
    (void)log;
    ASSERT(event_name_is_valid(name) && life != STREAM_OPEN);
    return take(level, producer, reference, error);
}

void log_get_status(const struct log *log, struct log_status *status)
{
    (void)log;
    *status = (struct log_status){.last_id = last_id, .writable = true};
}

uint32_t log_full_permille(const struct log *log)
{
    (void)log;
    return plan_has(4) ? appends * 7 % 1001 : 0;
}

bool log_is_writable(const struct log *log)
{
    (void)log;
    return true;
}

bool log_find_stream(const struct log *log, struct slice name, struct log_stream_info *info)
{
    (void)log;
    *info = (struct log_stream_info){.name = name};
    return false;
}

bool log_bounds_owners(const struct log *log)
{
    (void)log;
    return false;
}

uint64_t log_visit_streams(const struct log *log, struct slice prefix, uint64_t after,
                           uint32_t most,
                           void (*visit)(void *context, const struct log_stream_info *info),
                           void *context)
{
    (void)log;
    (void)after;
    struct log_stream_info info = {.name = prefix, .last_time_ms = 1};
    for (uint32_t i = 0; i < most && i < 3; i++) {
        visit(context, &info);
    }
    return 0;
}

static bool post(void *context, unsigned worker, const struct log_message *message)
{
    (void)context;
    static uint32_t posts;
    if (plan_has(5) && ++posts % 3 == 0) {
        return false; // its inbox is full
    }
    ASSERT(asked_count < WORKERS * 64 && worker < WORKERS);
    asked[asked_count++] = message->pointer;
    return true;
}

static void answer_workers(void)
{
    uint32_t count = asked_count;
    asked_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct log_message done = {.kind = MESSAGE_ADMIN_DONE, .pointer = asked[i]};
        asked[i]->parts[0].reached = asked[i]->connection_id % 2;
        ingest_handle_message(ingest, &done);
    }
}

static void answer_log(void)
{
    uint32_t count = pending_count;
    for (uint32_t i = 0; i < count; i++) {
        struct log_acknowledgement now = pending[i];
        ingest_acknowledge(ingest, &now);
    }
    pending_count = 0;
    if (plan_has(2) && ++rests % 4 != 0) { // now and then it stays so for longer
        press((enum log_pressure_stage)(rests % 2));
    }
    if (is_full) {
        is_full = false;
        ingest_room(ingest);
    }
}

static bool on_round(void *context)
{
    (void)context;
    answer_workers();
    bool more = ingest_round(ingest);
    answer_log();
    return ingest_flush(ingest) || more;
}

static void end(void)
{
    (void)unlink(address.sun_path);
    *strrchr(address.sun_path, '/') = 0;
    (void)rmdir(address.sun_path);
}

static void begin(void)
{
    char message[LOOP_ERROR_SIZE] = "";
    char directory[] = "/tmp/ringcast-fuzz-ingest.XXXXXX";
    logger_set_level(LOGGER_OFF);
    ASSERT(mkdtemp(directory) != NULL);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", directory);
    const struct loop_config config = {.callbacks = {.on_round = on_round}};
    const struct ingest_options options = {
        .socket_path = address.sun_path,
        .event_bytes_max = INGEST_RIG_EVENT_BYTES_MAX,
        .workers = WORKERS,
    };
    if (loop_init(&loop, &config, message, sizeof(message)) != 0 ||
        loop_start(&loop, message, sizeof(message)) != 0 ||
        (ingest = ingest_create(&loop, NULL, &options, post, NULL, message, sizeof(message))) ==
            NULL) {
        fprintf(stderr, "%s\n", message);
        abort();
    }
    (void)atexit(end);
    buffer_init(&answers, 64 << 20);
}

static void send_piece(int fd, struct slice *bytes)
{
    size_t most = plan_has(6) ? 1 + bytes->length / 3 : bytes->length;
    most = plan_has(7) ? 1 + bytes->length / 64 : most;
    ssize_t count = send(fd, bytes->at, most, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count > 0) {
        *bytes = slice_after(*bytes, (size_t)count);
    } else if (errno != EAGAIN) {
        *bytes = slice_empty();
    }
}

struct slice ingest_rig_converse(uint8_t new_plan, struct slice bytes)
{
    if (ingest == NULL) {
        begin();
    }
    plan = new_plan;
    appends = 0;
    rests = 0;
    press(LOG_PRESSURE_NONE);
    buffer_clear(&answers);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    ASSERT(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    bool has_ended = false;
    bool is_open = true;
    uint32_t rounds = 0;
    while (is_open) {
        ASSERT(rounds++ < ROUNDS_MAX); // it hangs
        if (bytes.length > 0) {
            send_piece(fd, &bytes);
        } else if (!has_ended) {
            shutdown(fd, SHUT_WR);
            has_ended = true;
        }
        // Mostly without waiting; now and then, for what only time brings.
        loop_round(&loop, rounds % 32 == 0 ? 1000 * 1000 : 0);
        uint8_t piece[16384];
        ssize_t count = recv(fd, piece, sizeof(piece), 0);
        if (count > 0) {
            ASSERT(buffer_append(&answers, piece, (size_t)count) == 0);
        }
        is_open = count > 0 || (count < 0 && errno == EAGAIN);
    }
    close(fd);
    // The connection's memory goes with the next round, so that runs do not depend on each other.
    struct ingest_status status;
    do {
        loop_round(&loop, 0);
        ingest_get_status(ingest, &status);
        ASSERT(rounds++ < ROUNDS_MAX);
    } while (status.producers > 0);
    return buffer_slice(&answers);
}
