#include "conn/access_log.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/logger.h"
#include "base/text.h"
#include "conn/access_file.h"
#include "conn/client_address.h"
#include "conn/connection_id.h"
#include "conn/grant.h"
#include "conn/tally.h"

enum {
    // As they stand in a line; so that what is behind the longest has room.
    PATH_BYTES_MAX = 2048,
    SUBJECT_BYTES_MAX = 512,
    AGENT_BYTES_IN_LINE_MAX = 640,
    NS_PER_US = 1000,
};

// What the end of a subscription tells of its request.
struct access_stream {
    uint64_t began_ns;
    uint16_t id_length;
    uint16_t path_length;
    uint8_t texts[]; // the id, the path
};

static bool is_on(const struct shard *shard)
{
    return appender_is_on(&shard->access_log.appender);
}

// --- lines ---

// What was dropped before is told first, by a line of its own.
static uint8_t *reserve(struct shard *shard);

static bool begin_line(struct shard *shard, struct logger_line *line, const char *event)
{
    struct access_log *log = &shard->access_log;
    char time[TEXT_RFC3339_BYTES];
    uint8_t *at = reserve(shard);
    if (at == NULL) {
        return false;
    }
    enum logger_format format = logger_format();
    size_t length = text_format_rfc3339(shard->unix_ms, time);
    logger_line_begin(line, format, (char *)at, APPENDER_LINE_BYTES_MAX);
    if (log->file != NULL && log->file->is_stderr) {
        logger_line_plain(line, logger_priority(LOGGER_INFO));
    }
    if (format == LOGGER_TEXT) {
        logger_line_plain(line, slice_from(time, length));
        logger_line_plain(line, slice_of(" "));
        logger_line_plain(line, slice_of(event));
    } else {
        logger_line_open(line);
        logger_line_text(line, "time", slice_from(time, length), sizeof(time));
        logger_line_text(line, "event", slice_of(event), SIZE_MAX);
    }
    return true;
}

static void end_line(struct shard *shard, struct logger_line *line)
{
    appender_commit(&shard->access_log.appender, logger_line_end(line).length);
}

static uint8_t *reserve(struct shard *shard)
{
    struct access_log *log = &shard->access_log;
    uint64_t untold = log->appender.lines_dropped - log->dropped_told;
    struct logger_line line;
    if (untold > 0) {
        log->dropped_told = log->appender.lines_dropped;
        if (!begin_line(shard, &line, "lines_lost")) {
            log->dropped_told -= untold;
            return NULL;
        }
        logger_line_u64(&line, "lines", untold);
        end_line(shard, &line);
    }
    return appender_reserve(&log->appender);
}

static void put_text(struct logger_line *line, const char *key, struct slice text, size_t bytes_max)
{
    if (text.length > 0) {
        logger_line_text(line, key, text, bytes_max);
    }
}

static void put_duration(struct logger_line *line, uint64_t began_ns)
{
    uint64_t now_ns = clock_monotonic_ns();
    logger_line_thousandths(line, "duration_ms",
                            now_ns > began_ns ? (now_ns - began_ns) / NS_PER_US : 0);
}

// What a line tells of the connection.
static void put_client(struct shard *shard, const struct conn *conn, struct logger_line *line,
                       struct slice request)
{
    char id[CONNECTION_ID_TEXT_BYTES];
    char address[CLIENT_ADDRESS_TEXT_BYTES];
    connection_id_write(id, conn_public_id(shard, conn));
    logger_line_text(line, "request", request, REQUEST_ID_BYTES_MAX);
    logger_line_text(line, "connection", slice_from(id, sizeof(id)), sizeof(id));
    put_text(line, "address", client_address_text(conn_cold_of(shard, conn), address),
             sizeof(address));
}

// --- requests ---

static bool has_stream_name(enum http_route_kind kind)
{
    return kind != HTTP_ROUTE_SEND && kind != HTTP_ROUTE_RENEW;
}

// Without the query. A stream's name was decoded where it stands, which may have made it shorter.
static struct slice path_of(const struct context *context)
{
    const struct http_route *route = &context->route;
    if (route->name.length > 0 && has_stream_name(route->kind) &&
        route->name.at >= route->path.at &&
        route->name.at + route->name.length <= route->path.at + route->path.length) {
        return slice_from(route->path.at,
                          (size_t)(route->name.at + route->name.length - route->path.at));
    }
    struct slice path = route->path;
    if (path.length == 0) { // it failed before its route was looked for
        path = http_request_target(&context->request);
        path = slice_first(path, slice_find(path, '?'));
        path = slice_first(path, slice_find(path, '#'));
    }
    // Else it may have the user and password of an absolute URL.
    return path.length > 0 && (path.at[0] == '/' || path.at[0] == '*') ? path : slice_empty();
}

static void put_request(struct logger_line *line, const struct context *context)
{
    const struct http_request *request = &context->request;
    logger_line_text(line, "method", slice_of(http_method_name(request->method)), SIZE_MAX);
    logger_line_text(line, "route", slice_of(http_route_name(context->route.kind)), SIZE_MAX);
    logger_line_u64(line, "bytes_in", request->lines.bytes + request->body_bytes);
    put_duration(line, context->began_ns);
}

// What may be long comes last.
static void put_texts(struct logger_line *line, const struct context *context)
{
    put_text(line, "path", path_of(context), PATH_BYTES_MAX);
    put_text(line, "subject", grant_subject(context->grant), SUBJECT_BYTES_MAX);
    put_text(line, "agent", http_request_field(&context->request, HTTP_FIELD_USER_AGENT),
             AGENT_BYTES_IN_LINE_MAX);
}

void access_log_answered(struct shard *shard, struct conn *conn, struct context *context,
                         int status, uint64_t bytes)
{
    struct logger_line line;
    char made[REQUEST_ID_MADE_BYTES_MAX];
    if (context != NULL) {
        context->is_logged = true;
    }
    if (!is_on(shard) || !begin_line(shard, &line, "request")) {
        return;
    }
    put_client(shard, conn, &line, request_id(shard, context, made));
    logger_line_u64(&line, "status", (uint64_t)status);
    logger_line_u64(&line, "bytes_out", bytes);
    if (context != NULL) {
        put_request(&line, context);
        put_texts(&line, context);
    }
    end_line(shard, &line);
}

void access_log_unanswered(struct shard *shard, struct conn *conn, struct context *context)
{
    struct logger_line line;
    char made[REQUEST_ID_MADE_BYTES_MAX];
    if (!is_on(shard) || context->is_logged || !http_request_has_started(&context->request) ||
        !begin_line(shard, &line, "unanswered")) {
        return;
    }
    put_client(shard, conn, &line, request_id(shard, context, made));
    logger_line_text(&line, "reason", slice_of(close_reason_name(conn->close_reason)), SIZE_MAX);
    put_request(&line, context);
    put_texts(&line, context);
    end_line(shard, &line);
}

// --- streams ---

static struct access_stream *keep(struct shard *shard, const struct context *context)
{
    char made[REQUEST_ID_MADE_BYTES_MAX];
    struct slice id = request_id(shard, context, made);
    struct slice path = path_of(context);
    path = slice_first(path, path.length < PATH_BYTES_MAX ? path.length : PATH_BYTES_MAX);
    struct access_stream *stream = malloc(sizeof(*stream) + id.length + path.length);
    if (stream != NULL) {
        stream->began_ns = context->began_ns;
        stream->id_length = (uint16_t)id.length;
        stream->path_length = (uint16_t)path.length;
        struct buffer texts;
        buffer_wrap(&texts, stream->texts, id.length + path.length);
        buffer_append_slice(&texts, id);
        buffer_append_slice(&texts, path);
    }
    return stream;
}

void access_log_stream_begins(struct shard *shard, struct conn *conn, struct context *context)
{
    struct logger_line line;
    char made[REQUEST_ID_MADE_BYTES_MAX];
    context->is_logged = true;
    if (!shard->has_tallies) {
        return;
    }
    struct conn_tally *tally = conn_tally_of(shard, conn);
    *tally = (struct conn_tally){0};
    if (!is_on(shard)) {
        return;
    }
    tally->stream = keep(shard, context);
    shard->access_log.appender.lines_dropped += tally->stream == NULL; // that of its end
    if (begin_line(shard, &line, "stream_start")) {
        put_client(shard, conn, &line, request_id(shard, context, made));
        logger_line_u64(&line, "status", 200);
        logger_line_u64(&line, "streams", context->stream_count);
        put_request(&line, context);
        put_texts(&line, context);
        end_line(shard, &line);
    }
}

static void write_end(struct shard *shard, const struct conn *conn, const struct conn_tally *tally)
{
    const struct access_stream *stream = tally->stream;
    const struct conn_cold *cold = conn_cold_of(shard, conn);
    struct logger_line line;
    if (!begin_line(shard, &line, "stream_end")) {
        return;
    }
    put_client(shard, conn, &line, slice_from(stream->texts, stream->id_length));
    logger_line_text(&line, "reason", slice_of(close_reason_name(conn->close_reason)), SIZE_MAX);
    logger_line_u64(&line, "events", tally->events);
    logger_line_u64(&line, "bytes_out", tally->bytes);
    put_duration(&line, stream->began_ns);
    put_text(&line, "path", slice_from(stream->texts + stream->id_length, stream->path_length),
             PATH_BYTES_MAX);
    put_text(&line, "subject", grant_subject(conn_grant_of(shard, conn)), SUBJECT_BYTES_MAX);
    put_text(&line, "agent", agents_text(&shard->agents, cold->user_agent),
             AGENT_BYTES_IN_LINE_MAX);
    end_line(shard, &line);
}

void access_log_stream_ends(struct shard *shard, struct conn *conn)
{
    if (!shard->has_tallies) {
        return;
    }
    struct conn_tally *tally = conn_tally_of(shard, conn);
    if (tally->stream == NULL) {
        return;
    }
    if (is_on(shard)) {
        write_end(shard, conn, tally);
    }
    free(tally->stream);
    tally->stream = NULL;
}

// --- the file, rounds ---

static bool make_tallies(struct shard *shard)
{
    if (!shard->has_tallies) {
        shard_flush(shard); // what is queued was not added, and must not be settled
    }
    for (uint32_t i = 0; i < shard->ring_count; i++) {
        struct conn_ring *ring = &shard->rings[i];
        if (ring->tallies != NULL) {
            continue;
        }
        void *memory = mmap(NULL, ring->capacity * sizeof(*ring->tallies), PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED) {
            return false;
        }
        ring->tallies = memory;
    }
    shard->has_tallies = true;
    return true;
}

void access_log_take_file(struct shard *shard, struct access_file *file)
{
    struct access_log *log = &shard->access_log;
    if (file == log->file) {
        return;
    }
    bool is_taken;
    if (file == NULL) {
        is_taken = appender_set(&log->appender, -1);
    } else {
        int fd = make_tallies(shard) ? fcntl(file->fd, F_DUPFD_CLOEXEC, 0) : -1;
        is_taken = fd >= 0 && appender_set(&log->appender, fd);
    }
    if (!is_taken) {
        LOG_ERROR("worker", "no memory or no descriptor for the access log, which stays as it was");
        return;
    }
    access_file_release(log->file);
    log->file = access_file_hold(file);
}

void access_log_init(struct shard *shard)
{
    appender_init(&shard->access_log.appender, shard->loop, SHARD_OP_ACCESS_LOG);
}

void access_log_free(struct shard *shard)
{
    for (uint32_t i = 0; i < shard->ring_count && shard->has_tallies; i++) {
        struct conn_ring *ring = &shard->rings[i];
        for (uint32_t slot = 0; slot < ring->capacity && ring->used > 0; slot++) {
            free(ring->tallies[slot].stream);
        }
    }
    for (uint32_t i = 0; i < shard->ring_count; i++) {
        if (shard->rings[i].tallies != NULL) {
            munmap(shard->rings[i].tallies,
                   shard->rings[i].capacity * sizeof(*shard->rings[i].tallies));
        }
    }
    access_file_release(shard->access_log.file);
    appender_free(&shard->access_log.appender);
}

void access_log_round(struct shard *shard)
{
    appender_flush(&shard->access_log.appender);
}

bool access_log_is_idle(const struct shard *shard)
{
    return appender_is_idle(&shard->access_log.appender);
}
