// The answers to operators' questions, as the members of one JSON object.
#include "base/allocated.h"
#include "base/json.h"
#include "base/json_writer.h"
#include "ingest/question.h"
#include "ingest/streams_json.h"
#include "wire/settings_json.h"
#include "worker/figures.h"

#include <ringcast/version.h>

static void write_switch(struct json_writer *writer, const char *key, bool value)
{
    json_write_key(writer, key);
    json_write_boolean(writer, value);
}

static void write_log(struct json_writer *writer, const struct log_status *log)
{
    json_write_key(writer, "log");
    json_write_object_open(writer);
    write_switch(writer, "writable", log->writable);
    json_write_key(writer, "fault");
    if (log->fault[0] == 0) {
        json_write_null(writer);
    } else {
        json_write_text(writer, log->fault);
    }
    json_write_member_u64(writer, "streams", log->streams);
    json_write_member_u64(writer, "idempotent_producers", log->producers);
    json_write_member_u64(writer, "segments", log->segments);
    json_write_member_u64(writer, "first_id", log->first_id);
    json_write_member_u64(writer, "last_id", log->last_id);
    json_write_member_u64(writer, "bytes_kept", log->bytes_kept);
    json_write_member_u64(writer, "events_appended", log->events_appended);
    json_write_member_u64(writer, "bytes_appended", log->bytes_appended);
    json_write_member_u64(writer, "blocks_written", log->blocks_written);
    json_write_member_u64(writer, "syncs", log->syncs);
    json_write_member_u64(writer, "sync_failures", log->sync_failures);
    json_write_member_u64(writer, "write_failures", log->write_failures);
    json_write_member_u64(writer, "unwritten_bytes", log->unwritten_bytes);
    json_write_member_u64(writer, "unsynced_bytes", log->unsynced_bytes);
    json_write_member_u64(writer, "laps", log->laps);
    json_write_member_u64(writer, "lookups", log->lookups);
    json_write_member_u64(writer, "duplicates", log->duplicates);
    json_write_member_u64(writer, "allocated_bytes", allocated_bytes_of_thread());
    json_write_object_close(writer);
}

static void write_ingest(struct json_writer *writer, const struct ingest *ingest)
{
    struct ingest_status status;
    ingest_get_status(ingest, &status);
    json_write_key(writer, "ingest");
    json_write_object_open(writer);
    json_write_member_u64(writer, "producers", status.producers);
    json_write_member_u64(writer, "connections", status.connections);
    json_write_member_u64(writer, "refused", status.refused);
    json_write_member_u64(writer, "requests", status.requests);
    json_write_member_u64(writer, "events", status.events);
    json_write_member_u64(writer, "errors", status.errors);
    json_write_member_u64(writer, "bytes", status.bytes);
    json_write_member_u64(writer, "waits", status.waits);
    json_write_member_u64(writer, "rate_waits", status.rate_waits);
    json_write_member_u64(writer, "pressed_streams", status.pressed_streams);
    json_write_member_u64(writer, "held_events", status.held_events);
    json_write_member_u64(writer, "holds", status.holds);
    json_write_member_u64(writer, "hold_refusals", status.hold_refusals);
    json_write_member_u64(writer, "receive_bytes", status.receive_bytes);
    json_write_member_u64(writer, "full_permille", status.full_permille);
    json_write_object_close(writer);
}

static void write_gateway(struct json_writer *writer, const struct ingest *ingest)
{
    struct ingest_status status;
    ingest_get_status(ingest, &status);
    json_write_key(writer, "gateway");
    json_write_object_open(writer);
    json_write_member_u64(writer, "tasks", status.gateway.tasks);
    json_write_member_u64(writer, "waiting", status.gateway.waiting);
    json_write_member_u64(writer, "requests", status.gateway.requests);
    json_write_member_u64(writer, "events", status.gateway.events);
    json_write_member_u64(writer, "errors", status.gateway.errors);
    json_write_member_u64(writer, "refused", status.gateway.refused);
    json_write_member_u64(writer, "waits", status.gateway.waits);
    json_write_member_u64(writer, "timeouts", status.gateway.timeouts);
    json_write_object_close(writer);
}

static void write_memory(struct json_writer *writer, const struct pressure_board *board)
{
    if (board == NULL) {
        return;
    }
    enum pressure_stage stage = pressure_board_stage(board);
    json_write_key(writer, "memory");
    json_write_object_open(writer);
    json_write_member_u64(writer, "stage", stage);
    json_write_key(writer, "pressure");
    json_write_text(writer, pressure_stage_name(stage));
    const struct {
        const char *key;
        const _Atomic uint64_t *value;
    } members[] = {
        {"since_ms", &board->since_ms},
        {"changes", &board->changes},
        {"used_bytes", &board->memory_used_bytes},
        {"limit_bytes", &board->memory_limit_bytes},
        {"tcp_used_bytes", &board->tcp_used_bytes},
        {"tcp_limit_bytes", &board->tcp_limit_bytes},
    };
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        json_write_member_u64(writer, members[i].key,
                              atomic_load_explicit(members[i].value, memory_order_relaxed));
    }
    json_write_object_close(writer);
}

// One by one, and their sum.
static void write_workers(struct json_writer *writer, const struct operation *operation)
{
    const struct worker_figures *figures = operation->admin.figures;
    struct worker_figures sum = {0};
    json_write_key(writer, "workers");
    json_write_array_open(writer);
    for (unsigned worker = 0; worker < operation->ingest->options.workers; worker++) {
        json_write_object_open(writer);
        json_write_member_u64(writer, "worker", worker);
        worker_figures_write(writer, &figures[worker]);
        json_write_object_close(writer);
        worker_figures_add(&sum, &figures[worker]);
    }
    json_write_array_close(writer);
    json_write_key(writer, "total");
    json_write_object_open(writer);
    worker_figures_write(writer, &sum);
    json_write_object_close(writer);
}

// Workers' parts that are lists without brackets: one list, cut at the limit.
static void write_connections(struct json_writer *writer, const struct operation *operation)
{
    uint32_t left = operation->limit;
    json_write_key(writer, "connections");
    json_write_array_open(writer);
    for (unsigned worker = 0; worker < operation->ingest->options.workers; worker++) {
        struct slice part = buffer_slice(&operation->admin.parts[worker].json);
        struct buffer list;
        buffer_init(&list, part.length + 2);
        buffer_append_byte(&list, '[');
        buffer_append_slice(&list, part);
        buffer_append_byte(&list, ']');
        struct json_scanner scanner;
        struct slice one;
        json_begin(&scanner, buffer_slice(&list));
        json_enter_array(&scanner);
        while (left > 0 && json_next_element(&scanner) && json_read_raw(&scanner, &one)) {
            json_write_raw(writer, one);
            left--;
        }
        buffer_free(&list);
    }
    json_write_array_close(writer);
}

// The part of the one worker that has it.
static void write_connection(struct json_writer *writer, const struct operation *operation)
{
    for (unsigned worker = 0; worker < operation->ingest->options.workers; worker++) {
        struct slice part = buffer_slice(&operation->admin.parts[worker].json);
        if (part.length > 0) {
            json_write_key(writer, "connection");
            json_write_raw(writer, part);
        }
    }
}

struct stream_list {
    struct json_writer *writer;
    uint32_t left; // that may still be written
};

static void write_stream(void *context, const struct log_stream_info *info)
{
    struct stream_list *list = context;
    struct json_writer *writer = list->writer;
    list->left--;
    json_write_object_open(writer);
    json_write_key(writer, "name");
    json_write_string(writer, info->name);
    json_write_member_u64(writer, "last_id", info->state.last_id);
    json_write_member_u64(writer, "last_sequence", info->state.last_sequence);
    json_write_member_u64(writer, "discarded_id", info->state.discarded_id);
    json_write_member_u64(writer, "discarded_sequence", info->state.discarded_sequence);
    json_write_member_u64(writer, "last_time_ms", info->last_time_ms);
    if (info->state.life != STREAM_OPEN) {
        json_write_key(writer, "state");
        json_write_text(writer, stream_life_name(info->state.life));
    }
    if (info->content_type.length > 0) {
        json_write_key(writer, "content_type");
        json_write_string(writer, info->content_type);
    }
    settings_json_write(writer, &info->settings);
    // Workers that have subscribers of it.
    json_write_member_u64(writer, "workers", (uint64_t)__builtin_popcountll(info->interest));
    json_write_object_close(writer);
}

// A page, and where the next one begins.
static void write_streams(struct json_writer *writer, const struct operation *operation)
{
    struct stream_list list = {.writer = writer, .left = operation->limit};
    uint64_t place = operation->after;
    json_write_key(writer, "streams");
    json_write_array_open(writer);
    for (int i = 0; i < STREAMS_JSON_LOOKS_MAX / LOG_VISIT_LOOKS && list.left > 0; i++) {
        place = log_visit_streams(operation->ingest->log, buffer_slice(&operation->bytes), place,
                                  list.left, write_stream, &list);
        if (place == 0) {
            break;
        }
    }
    json_write_array_close(writer);
    if (place != 0) {
        json_write_member_u64(writer, "next", place);
    }
}

// Of a stream that blocks and has subscribers.
static void write_stream_pressure(struct json_writer *writer, const struct ingest *ingest,
                                  struct slice stream)
{
    struct log_pressure pressure;
    if (!log_stream_pressure(ingest->log, stream, &pressure)) {
        return;
    }
    json_write_key(writer, "stream");
    json_write_object_open(writer);
    json_write_key(writer, "full");
    json_write_decimal(writer, pressure.full_permille / 1000.0, 3);
    json_write_member_u64(writer, "lag_events", pressure.lag_events);
    json_write_member_u64(writer, "lag_bytes", pressure.lag_bytes);
    json_write_key(writer, "holds");
    json_write_boolean(writer, hold_credit(ingest, stream) == 0);
    json_write_object_close(writer);
}

static void write_pressure(struct json_writer *writer, const struct operation *operation)
{
    const struct ingest *ingest = operation->ingest;
    const struct producer *producer =
        producer_find(operation->ingest, operation->producer_slot, operation->producer_generation);
    json_write_key(writer, "full");
    json_write_decimal(writer, (double)ingest->status.full_permille / 1000.0, 3);
    json_write_member_u64(writer, "credit_bytes", ingest->credit_bytes);
    json_write_member_u64(writer, "unanswered_bytes",
                          producer == NULL ? 0
                                           : producer->unanswered_bytes + producer->holding_bytes);
    if (operation->asks_workers) {
        json_write_member_u64(writer, "listeners", operation->reached);
        write_stream_pressure(writer, ingest, operation->admin.stream);
    }
}

void report_status(struct json_writer *writer, const struct operation *operation)
{
    const struct ingest *ingest = operation->ingest;
    struct log_status log;
    log_get_status(ingest->log, &log);
    json_write_key(writer, "version");
    json_write_text(writer, RC_VERSION_STRING);
    write_log(writer, &log);
    write_ingest(writer, ingest);
    write_gateway(writer, ingest);
    write_memory(writer, ingest->options.pressure);
    write_workers(writer, operation);
}

void question_write_answer(struct operation *operation)
{
    struct json_writer writer = json_writer_on(&operation->answer);
    switch (operation->asked) {
    case LINE_STATUS: report_status(&writer, operation); break;
    case LINE_CONNECTIONS: write_connections(&writer, operation); break;
    case LINE_CONNECTION: write_connection(&writer, operation); break;
    case LINE_STREAMS: write_streams(&writer, operation); break;
    case LINE_PRESSURE: write_pressure(&writer, operation); break;
    case LINE_BROADCAST: json_write_member_u64(&writer, "reached", operation->reached); break;
    default: write_switch(&writer, "done", true); break;
    }
}
