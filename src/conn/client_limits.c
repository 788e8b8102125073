#include "conn/client_limits.h"

#include "base/random.h"
#include "conn/client_key.h"

#include <stddef.h>

static bool make_counts(struct client_counts **counts, uint32_t connections_max, uint32_t each_max)
{
    if (each_max > 0) {
        *counts = client_counts_create(connections_max, each_max);
    }
    return each_max == 0 || *counts != NULL;
}

static bool make_rates(struct rate_table **table, uint32_t per_second)
{
    if (per_second > 0) {
        *table = rate_table_create(per_second);
    }
    return per_second == 0 || *table != NULL;
}

bool client_limits_init(struct client_limits *limits, const struct client_limits_options *options)
{
    *limits = (struct client_limits){.seed = random_u64()};
    return make_counts(&limits->address_connections, options->connections_max,
                       options->connections_per_address) &&
           make_counts(&limits->subject_connections, options->connections_max,
                       options->connections_per_subject) &&
           make_rates(&limits->address_requests, options->requests_per_address) &&
           make_rates(&limits->subject_requests, options->requests_per_subject) &&
           make_rates(&limits->events, options->events_per_subject);
}

void client_limits_free(struct client_limits *limits)
{
    client_counts_destroy(limits->address_connections);
    client_counts_destroy(limits->subject_connections);
    rate_table_destroy(limits->address_requests);
    rate_table_destroy(limits->subject_requests);
    rate_table_destroy(limits->events);
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

bool client_limits_enter(struct client_counts *counts, uint64_t key)
{
    return counts == NULL || key == 0 || client_counts_enter(counts, key);
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
