// What an operator is told of a connection's path, and of what the rules make of it.
#include <inttypes.h>

#include "base/json_writer.h"
#include "conn/link.h"
#include "worker/worker_internal.h"

// What is not known is null.
static void write_number(struct json_writer *writer, const char *key, bool is_known, uint64_t value)
{
    json_write_key(writer, key);
    if (is_known) {
        json_write_u64(writer, value);
    } else {
        json_write_null(writer);
    }
}

// So many of one-ths, with as many decimal places.
static void write_fraction(struct json_writer *writer, const char *key, bool is_known,
                           uint32_t value, uint32_t one, int places)
{
    json_write_key(writer, key);
    if (!is_known) {
        json_write_null(writer);
        return;
    }
    buffer_printf(writer->buffer, "%" PRIu32 ".%0*" PRIu32, value / one, places, value % one);
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
    bool is_known = link_is_known(link);
    write_number(writer, "round_trip_us", is_known, link->round_trip_us);
    write_number(writer, "jitter_us", is_known, link->jitter_us);
    write_fraction(writer, "loss", is_known, link->loss, LINK_ONE, 4);
    write_fraction(writer, "score", is_known, link->score, LINK_ONE, 4);
    write_number(writer, "segments_sent", is_known, link->segments_sent);
    write_number(writer, "segments_repeated", is_known, link->segments_repeated);
    write_number(writer, "bytes_per_second", link->bytes_per_second > 0, link->bytes_per_second);
    json_write_key(writer, "is_least_speed");
    json_write_boolean(writer, link->is_least_speed);
    write_fraction(writer, "event_rate", seen->event_rate != RULE_RATE_UNKNOWN, seen->event_rate,
                   1000, 3);
    write_rules(writer, &shard->terms->rules, seen->matched);
    json_write_object_close(writer);
}
