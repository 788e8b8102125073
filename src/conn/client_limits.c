#include "conn/client_limits.h"

#include "base/random.h"
#include "conn/client_key.h"

#include <stddef.h>

static bool take_counts(struct client_counts **counts, uint32_t connections_max,
                        struct client_counts *before)
{
    *counts = before != NULL ? client_counts_hold(before) : client_counts_create(connections_max);
    return *counts != NULL;
}

static bool take_rates(struct rate_table **table, uint32_t per_second, struct rate_table *before)
{
    if (per_second == 0) {
        return true;
    }
    bool is_same = before != NULL && rate_table_per_second(before) == per_second;
    *table = is_same ? rate_table_hold(before) : rate_table_create(per_second);
    return *table != NULL;
}

bool client_limits_init(struct client_limits *limits, const struct client_limits_options *options,
                        const struct client_limits *before)
{
    static const struct client_limits none;
    before = before != NULL ? before : &none;
    *limits = (struct client_limits){
        .seed = before != &none ? before->seed : random_u64(),
        .connections_per_address = options->connections_per_address,
        .connections_per_subject = options->connections_per_subject,
    };
    uint32_t connections_max = options->connections_max;
    return take_counts(&limits->address_connections, connections_max,
                       before->address_connections) &&
           take_counts(&limits->subject_connections, connections_max,
                       before->subject_connections) &&
           take_rates(&limits->address_requests, options->requests_per_address,
                      before->address_requests) &&
           take_rates(&limits->subject_requests, options->requests_per_subject,
                      before->subject_requests) &&
           take_rates(&limits->events, options->events_per_subject, before->events);
}

void client_limits_free(struct client_limits *limits)
{
    client_counts_release(limits->address_connections);
    client_counts_release(limits->subject_connections);
    rate_table_release(limits->address_requests);
    rate_table_release(limits->subject_requests);
    rate_table_release(limits->events);
    *limits = (struct client_limits){0};
}

uint64_t client_limits_address(const struct client_limits *limits, int family,
                               const uint8_t address[16])
{
    return client_key_of_address(limits->seed, family, address);
}

uint64_t client_limits_subject(const struct client_limits *limits, struct slice subject)
{
    return client_key_of_subject(limits->seed, subject);
}

bool client_limits_enter(struct client_counts *counts, uint64_t key, uint32_t each_max)
{
    each_max = each_max == 0 ? CLIENT_COUNTS_EACH_MAX : each_max;
    return counts == NULL || key == 0 || client_counts_enter(counts, key, each_max);
}

void client_limits_leave(struct client_counts *counts, uint64_t key)
{
    if (counts != NULL && key != 0) {
        client_counts_leave(counts, key);
    }
}

uint64_t client_limits_take(struct rate_table *table, uint64_t key, uint64_t count, uint64_t now_ms)
{
    if (table == NULL || key == 0) {
        return 0;
    }
    count = count < RATE_TABLE_COUNT_MAX ? count : RATE_TABLE_COUNT_MAX;
    return rate_table_take(table, key, (uint32_t)count, now_ms);
}
