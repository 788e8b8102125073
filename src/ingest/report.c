// The answers to operators' questions, as the members of one JSON object.
#include "base/allocated.h"
#include "base/json.h"
#include "base/json_writer.h"
#include "ingest/operation.h"

#include <ringcast/version.h>

static void write_number(struct json_writer *writer, const char *key, uint64_t value)
{
    json_write_key(writer, key);
    json_write_u64(writer, value);
}

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
    write_number(writer, "streams", log->streams);
    write_number(writer, "idempotent_producers", log->producers);
    write_number(writer, "segments", log->segments);
    write_number(writer, "first_id", log->first_id);
    write_number(writer, "last_id", log->last_id);
    write_number(writer, "bytes_kept", log->bytes_kept);
    write_number(writer, "events_appended", log->events_appended);
    write_number(writer, "bytes_appended", log->bytes_appended);
    write_number(writer, "blocks_written", log->blocks_written);
    write_number(writer, "syncs", log->syncs);
    write_number(writer, "sync_failures", log->sync_failures);
    write_number(writer, "write_failures", log->write_failures);
    write_number(writer, "unwritten_bytes", log->unwritten_bytes);
    write_number(writer, "unsynced_bytes", log->unsynced_bytes);
    write_number(writer, "laps", log->laps);
    write_number(writer, "lookups", log->lookups);
    write_number(writer, "duplicates", log->duplicates);
    write_number(writer, "allocated_bytes", allocated_bytes_of_thread());
    json_write_object_close(writer);
}

static void write_ingest(struct json_writer *writer, const struct ingest *ingest)
{
    struct ingest_status status;
    ingest_get_status(ingest, &status);
    json_write_key(writer, "ingest");
    json_write_object_open(writer);
    write_number(writer, "producers", status.producers);
    write_number(writer, "connections", status.connections);
    write_number(writer, "refused", status.refused);
    write_number(writer, "requests", status.requests);
    write_number(writer, "events", status.events);
    write_number(writer, "errors", status.errors);
    write_number(writer, "bytes", status.bytes);
    write_number(writer, "waits", status.waits);
    write_number(writer, "receive_bytes", status.receive_bytes);
    write_number(writer, "full_permille", status.full_permille);
    json_write_object_close(writer);
}

// Workers' parts that are whole values, one each.
static void write_workers(struct json_writer *writer, const struct operation *operation)
{
    json_write_key(writer, "workers");
    json_write_array_open(writer);
    for (unsigned worker = 0; worker < operation->ingest->options.workers; worker++) {
        struct slice part = buffer_slice(&operation->admin.parts[worker].json);
        if (part.length > 0) {
            json_write_raw(writer, part);
        } else {
            json_write_null(writer);
        }
    }
    json_write_array_close(writer);
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

static void write_stream(void *context, const struct log_stream_info *info)
{
    struct json_writer *writer = context;
    json_write_object_open(writer);
    json_write_key(writer, "name");
    json_write_string(writer, info->name);
    write_number(writer, "last_id", info->state.last_id);
    write_number(writer, "last_sequence", info->state.last_sequence);
    write_number(writer, "discarded_id", info->state.discarded_id);
    write_number(writer, "discarded_sequence", info->state.discarded_sequence);
    write_number(writer, "last_time_ms", info->last_time_ms);
    // Workers that have subscribers of it.
    write_number(writer, "workers", (uint64_t)__builtin_popcountll(info->interest));
    json_write_object_close(writer);
}

static void write_pressure(struct json_writer *writer, const struct operation *operation)
{
    const struct ingest *ingest = operation->ingest;
    const struct producer *producer =
        producer_find(operation->ingest, operation->producer_slot, operation->producer_generation);
    json_write_key(writer, "full");
    buffer_printf(writer->buffer, "%u.%03u", ingest->status.full_permille / 1000,
                  ingest->status.full_permille % 1000);
    writer->needs_comma = true;
    write_number(writer, "credit_bytes", ingest->credit_bytes);
    write_number(writer, "unanswered_bytes", producer == NULL ? 0 : producer->unanswered_bytes);
    if (operation->asks_workers) {
        write_number(writer, "listeners", operation->reached);
    }
}

void operation_write_answer(struct operation *operation)
{
    struct ingest *ingest = operation->ingest;
    struct json_writer writer = json_writer_on(&operation->answer);
    struct log_status log;
    switch (operation->asked) {
    case LINE_STATUS:
        log_get_status(ingest->log, &log);
        json_write_key(&writer, "version");
        json_write_text(&writer, RC_VERSION_STRING);
        write_log(&writer, &log);
        write_ingest(&writer, ingest);
        write_workers(&writer, operation);
        break;
    case LINE_CONNECTIONS: write_connections(&writer, operation); break;
    case LINE_STREAMS:
        json_write_key(&writer, "streams");
        json_write_array_open(&writer);
        log_visit_streams(ingest->log, buffer_slice(&operation->bytes), operation->limit,
                          write_stream, &writer);
        json_write_array_close(&writer);
        break;
    case LINE_PRESSURE: write_pressure(&writer, operation); break;
    case LINE_BROADCAST: write_number(&writer, "reached", operation->reached); break;
    default: write_switch(&writer, "done", true); break;
    }
}
