// What an operator is told of a connection's path, and of what the rules make of it.
#include <inttypes.h>

#include "base/json_writer.h"
#include "conn/link.h"
#include "worker/worker_internal.h"

// A share of LINK_ONE as a decimal fraction.
static void write_share(struct json_writer *writer, const char *key, uint32_t value)
{
    json_write_key(writer, key);
    buffer_printf(writer->buffer, "%" PRIu32 ".%04" PRIu32, value / LINK_ONE, value % LINK_ONE);
    writer->needs_comma = true;
}

static void write_rules(struct json_writer *writer, const struct rules *rules, uint32_t matched)
{
    json_write_key(writer, "rules");
    json_write_array_open(writer);
    for (uint32_t i = 0; i < rules->count; i++) {
        if ((matched >> i & 1) != 0) {
            json_write_string(writer, rules->list[i].text);
        }
    }
    json_write_array_close(writer);
    enum rule_caching caching = rules_caching(rules, matched);
    if (caching != RULE_CACHING_UNSAID) {
        json_write_key(writer, "caching");
        json_write_boolean(writer, caching == RULE_CACHING_ON);
    }
}

void worker_write_link(struct json_writer *writer, const struct shard *shard,
                       const struct conn *conn)
{
    const struct conn_link *seen = conn_link_of(shard, conn);
    json_write_key(writer, "link");
    if (seen == NULL) {
        json_write_null(writer);
        return;
    }
    const struct link *link = &seen->link;
    json_write_object_open(writer);
    json_write_member_u64(writer, "looked_ms_ago", (uint32_t)shard->now_ms - seen->looked_ms);
    if (link_is_known(link)) {
        json_write_member_u64(writer, "round_trip_us", link->round_trip_us);
        json_write_member_u64(writer, "jitter_us", link->jitter_us);
        write_share(writer, "loss", link->loss);
        write_share(writer, "score", link->score);
        json_write_member_u64(writer, "segments_sent", link->segments_sent);
        json_write_member_u64(writer, "segments_repeated", link->segments_repeated);
    }
    if (link->bytes_per_second > 0) {
        json_write_member_u64(writer, "bytes_per_second", link->bytes_per_second);
        json_write_key(writer, "is_least_speed");
        json_write_boolean(writer, link->is_least_speed);
    }
    if (seen->event_rate != RULE_RATE_UNKNOWN) {
        json_write_key(writer, "event_rate");
        buffer_printf(writer->buffer, "%" PRIu32 ".%03" PRIu32, seen->event_rate / 1000,
                      seen->event_rate % 1000);
        writer->needs_comma = true;
    }
    write_rules(writer, shard->options.rules, seen->matched);
    json_write_object_close(writer);
}
