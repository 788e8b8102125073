#include "wire/notice.h"

#include "base/json_writer.h"

const char *notice_reason_name(enum notice_reason reason)
{
    static const char *const names[] = {
        [NOTICE_EXPIRED] = "expired", [NOTICE_LAGGED] = "lagged",
        [NOTICE_UNKNOWN] = "unknown", [NOTICE_AHEAD] = "ahead",
        [NOTICE_CORRUPT] = "corrupt", [NOTICE_LAPPED] = "lapped",
        [NOTICE_SHED] = "shed",       [NOTICE_TOKEN_EXPIRED] = "token_expired",
    };
    ASSERT((size_t)reason < sizeof(names) / sizeof(names[0]));
    return names[reason];
}

int notice_gap_write(struct buffer *out, const struct notice_gap *gap)
{
    if (gap->resume > 0) {
        buffer_append_text(out, "id: ");
        buffer_append_u64(out, gap->resume);
        buffer_append_byte(out, '\n');
    }
    buffer_append_text(out, "event: gap\ndata: ");
    struct json_writer writer = json_writer_on(out);
    json_write_object_open(&writer);
    json_write_key(&writer, "from");
    json_write_u64(&writer, gap->from);
    json_write_key(&writer, "to");
    json_write_u64(&writer, gap->to);
    if (gap->count > 0) {
        json_write_member_u64(&writer, "count", gap->count);
    }
    json_write_key(&writer, "reason");
    json_write_text(&writer, notice_reason_name(gap->reason));
    if (gap->stream_count > 0) {
        json_write_key(&writer, "streams");
        json_write_array_open(&writer);
        for (size_t i = 0; i < gap->stream_count; i++) {
            json_write_string(&writer, gap->streams[i]);
        }
        json_write_array_close(&writer);
    }
    if (gap->resume > 0) {
        json_write_key(&writer, "resume");
        json_write_u64(&writer, gap->resume);
    }
    json_write_object_close(&writer);
    return buffer_append_text(out, "\n\n");
}

int notice_oversize_write(struct buffer *out, const struct notice_oversize *oversize)
{
    buffer_append_text(out, "id: ");
    buffer_append_u64(out, oversize->id);
    buffer_append_text(out, "\nevent: oversize\ndata: ");
    struct json_writer writer = json_writer_on(out);
    json_write_object_open(&writer);
    json_write_key(&writer, "stream");
    json_write_string(&writer, oversize->stream);
    json_write_member_u64(&writer, "id", oversize->id);
    if (oversize->type.length > 0) {
        json_write_key(&writer, "type");
        json_write_string(&writer, oversize->type);
    }
    json_write_member_u64(&writer, "size", oversize->size);
    json_write_member_u64(&writer, "limit", oversize->limit);
    json_write_object_close(&writer);
    return buffer_append_text(out, "\n\n");
}

int notice_heartbeat_write(struct buffer *out, uint64_t now_ms, struct slice connection_id)
{
    buffer_append_text(out, "event: heartbeat\ndata: ");
    struct json_writer writer = json_writer_on(out);
    json_write_object_open(&writer);
    json_write_key(&writer, "timestamp");
    json_write_u64(&writer, now_ms);
    json_write_key(&writer, "connection_id");
    json_write_string(&writer, connection_id);
    json_write_object_close(&writer);
    return buffer_append_text(out, "\n\n");
}

int notice_comment_write(struct buffer *out)
{
    return buffer_append_text(out, NOTICE_COMMENT);
}

int notice_start_write(struct buffer *out, uint64_t resume_id, uint32_t retry_ms)
{
    buffer_append_text(out, "id: ");
    buffer_append_u64(out, resume_id);
    if (retry_ms > 0) {
        buffer_append_text(out, "\nretry: ");
        buffer_append_u64(out, retry_ms);
    }
    return buffer_append_text(out, "\n\n");
}

int notice_disconnect_write(struct buffer *out, enum notice_reason reason, uint32_t retry_ms)
{
    buffer_append_text(out, "retry: ");
    buffer_append_u64(out, retry_ms);
    buffer_append_text(out, "\nevent: disconnect\ndata: ");
    struct json_writer writer = json_writer_on(out);
    json_write_object_open(&writer);
    json_write_key(&writer, "reason");
    json_write_text(&writer, notice_reason_name(reason));
    json_write_object_close(&writer);
    return buffer_append_text(out, "\n\n");
}

int notice_end_write(struct buffer *out, uint64_t resume, struct slice stream,
                     enum stream_life life)
{
    buffer_append_text(out, "id: ");
    buffer_append_u64(out, resume);
    buffer_append_text(out, "\nevent: end\ndata: ");
    struct json_writer writer = json_writer_on(out);
    json_write_object_open(&writer);
    json_write_key(&writer, "stream");
    json_write_string(&writer, stream);
    json_write_key(&writer, "reason");
    json_write_text(&writer, stream_life_name(life));
    json_write_object_close(&writer);
    return buffer_append_text(out, "\n\n");
}

int notice_goodbye_write(struct buffer *out, uint32_t retry_ms)
{
    buffer_append_text(out, "retry: ");
    buffer_append_u64(out, retry_ms);
    return buffer_append_text(out, "\n: going away\n\n");
}
