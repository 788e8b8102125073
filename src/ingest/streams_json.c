#include "ingest/streams_json.h"

#include "wire/settings_json.h"

enum {
    VISITS_AT_ONCE = 64,
    VISITS_STEPS = 4096, // of patterns, for each byte of the names
};

bool streams_json_is_there(const struct log_stream_info *info)
{
    return !info->is_awaited && info->state.life != STREAM_DELETED;
}

void streams_json_write(struct json_writer *writer, const struct log_stream_info *info,
                        const uint64_t *subscribers)
{
    const struct log_stream_state *state = &info->state;
    json_write_object_open(writer);
    json_write_key(writer, "name");
    json_write_string(writer, info->name);
    json_write_key(writer, "state");
    json_write_text(writer, stream_life_name(state->life));
    json_write_member_u64(writer, "last_id", state->last_id);
    json_write_member_u64(writer, "last_sequence", state->last_sequence);
    json_write_member_u64(writer, "discarded_id", state->discarded_id);
    json_write_member_u64(writer, "discarded_sequence", state->discarded_sequence);
    json_write_member_u64(writer, "last_time_ms", info->last_time_ms);
    if (info->content_type.length > 0) {
        json_write_key(writer, "content_type");
        json_write_string(writer, info->content_type);
    }
    if (subscribers != NULL) {
        json_write_member_u64(writer, "subscribers", *subscribers);
    }
    json_write_key(writer, "settings");
    json_write_object_open(writer);
    settings_json_write(writer, &info->settings);
    json_write_object_close(writer);
    json_write_object_close(writer);
}

struct page {
    struct task *task;
    struct json_writer writer;
    size_t spent_bytes; // on patterns
};

static void list_stream(void *context, const struct log_stream_info *info)
{
    struct page *page = context;
    struct task *task = page->task;
    page->spent_bytes += task->grant == NULL ? 0
                                             : STREAMS_JSON_GRANT_BYTES +
                                                   grant_may_read_steps(task->grant, info->name);
    if (streams_json_is_there(info) && grant_may_read(task->grant, info->name)) {
        streams_json_write(&page->writer, info, NULL);
        task->listed++;
    }
}

// How many more streams the page surely has room for.
static uint32_t room_of(const struct task *task)
{
    size_t length = buffer_length(&task->json) + STREAMS_JSON_END_BYTES;
    size_t limit = task->json.limit_bytes;
    size_t room = length < limit ? (limit - length) / TASK_LIST_ENTRY_BYTES_MAX : 0;
    uint32_t left = task->limit - task->listed;
    return room < left ? (uint32_t)room : left;
}

// Few where there are many patterns: what they cost is known only afterwards.
static uint32_t visits_at_once(const struct task *task)
{
    size_t steps = grant_may_read_steps(task->grant, slice_empty());
    size_t visits = steps > VISITS_STEPS ? 1 : VISITS_STEPS / (steps > 0 ? steps : 1);
    return visits < VISITS_AT_ONCE ? (uint32_t)visits : VISITS_AT_ONCE;
}

bool streams_json_page(const struct log *log, struct task *task, size_t *spent_bytes,
                       size_t most_bytes)
{
    struct buffer *json = &task->json;
    struct page page = {.task = task, .writer = json_writer_on(json)};
    bool is_whole = room_of(task) == 0;
    uint32_t visits_max = visits_at_once(task);
    if (task->looked == 0) {
        buffer_append_text(json, "{\"streams\":[");
    }
    page.writer.needs_comma = task->listed > 0;
    while (!is_whole && *spent_bytes < most_bytes) {
        uint32_t left = room_of(task);
        size_t length_before = buffer_length(json);
        page.spent_bytes = 0;
        uint64_t next =
            log_visit_streams(log, task->prefix, task->place, left < visits_max ? left : visits_max,
                              list_stream, &page);
        uint32_t looks = next > task->place ? (uint32_t)(next - task->place) : LOG_VISIT_LOOKS;
        task->looked += looks;
        task->place = next;
        *spent_bytes += page.spent_bytes + looks * STREAMS_JSON_LOOK_BYTES + buffer_length(json) -
                        length_before;
        is_whole = next == 0 || room_of(task) == 0 || task->looked >= STREAMS_JSON_LOOKS_MAX ||
                   buffer_failure(json) != 0;
    }
    if (is_whole) {
        json_write_array_close(&page.writer);
        if (task->place != 0) {
            json_write_member_u64(&page.writer, "next", task->place);
        }
        json_write_object_close(&page.writer);
    }
    return is_whole;
}
