#include "app/terms.h"

#include "base/assert.h"

#include <stdio.h>
#include <string.h>

STATIC_ASSERT((int)SETTING_IDS_MAX <= (int)INGEST_LISTS_MAX, "ingest has room for all");
STATIC_ASSERT(sizeof(uid_t) == sizeof(uint32_t) && sizeof(gid_t) == sizeof(uint32_t),
              "settings have them as they are");

void terms_parts_release(struct terms_parts *parts)
{
    keyring_release(parts->keyring);
    tls_server_release(parts->tls);
    access_file_release(parts->access_file);
    *parts = (struct terms_parts){0};
}

// The options with copies of all texts that others borrow from them.
static bool keep_texts(struct terms *terms, struct options *options)
{
    bool are_kept =
        terms_keep(terms, &options->allow_origins) && terms_keep(terms, &options->auth_audience) &&
        terms_keep(terms, &options->auth_issuer) && terms_keep(terms, &options->auth_cookie);
    for (uint32_t i = 0; are_kept && i < options->rules.count; i++) {
        are_kept = terms_keep(terms, &options->rules.texts[i]);
    }
    return are_kept;
}

static void set_numbers(struct terms *terms, const struct options *options)
{
    terms->connections_max = (uint32_t)options->connections_max;
    terms->connection_streams_max = (uint32_t)options->connection_streams_max;
    terms->header_bytes_max = (uint32_t)options->header_bytes_max;
    terms->request_bytes_max = (uint32_t)options->request_bytes_max;
    terms->event_bytes_max = (uint32_t)options->event_bytes_max;
    terms->request_timeout_ms = (uint32_t)options->request_timeout_ms;
    terms->body_timeout_ms = (uint32_t)options->body_timeout_ms;
    terms->heartbeat_ms = (uint32_t)options->heartbeat_interval_ms;
    terms->retry_ms = (uint32_t)options->retry_ms;
    terms->stall_ms_max = (uint32_t)options->stall_timeout_ms;
    terms->link_interval_ms = (uint32_t)options->link_interval_ms;
    terms->cold_bytes_max = options->replay_bytes;
    terms->unknown_stream_is_404 = options->unknown_stream == OPTIONS_UNKNOWN_404;
    terms->tls_kernel = options->tls_kernel == OPTIONS_TLS_KERNEL_AUTO;
    terms->forwarded = (enum http_forwarded)options->forwarded;
    terms->rules_hold_all = options->rules_for == OPTIONS_RULES_FOR_ALL;
    terms->quality = (struct quality_policy){
        .uses_agents = options->user_agent_profiles,
        .events_per_second_max = (uint32_t)options->events_per_second_max,
        .bytes_per_second_max = (uint32_t)options->bytes_per_second_max,
    };
}

static void hold_parts(struct terms *terms, const struct terms_parts *parts)
{
    terms->keyring = parts->keyring == NULL ? NULL : keyring_hold(parts->keyring);
    terms->tls = parts->tls == NULL ? NULL : tls_server_hold(parts->tls);
    terms->access_file = parts->access_file == NULL ? NULL : access_file_hold(parts->access_file);
}

struct terms *terms_of_options(const struct options *options, const struct terms_parts *parts,
                               const struct terms *before, char *message, size_t message_size)
{
    struct terms *terms = terms_create();
    struct options kept = *options;
    const struct client_limits_options limits = options_limits(options);
    if (terms == NULL || !keep_texts(terms, &kept) ||
        !client_limits_init(&terms->limits, &limits, before == NULL ? NULL : &before->limits)) {
        (void)snprintf(message, message_size, "out of memory");
        terms_release(terms);
        return NULL;
    }
    set_numbers(terms, &kept);
    terms->overflow = options_overflow(&kept);
    terms->access = options_access(&kept);
    terms->token_rules = options_token_rules(&kept);
    hold_parts(terms, parts);
    if (options_read_rules(&kept, &terms->rules, message, message_size) != 0 ||
        options_read_origins(&kept, &terms->origins, message, message_size) != 0 ||
        options_read_proxies(&kept, &terms->trusted_proxies, message, message_size) != 0) {
        terms_release(terms);
        return NULL;
    }
    return terms;
}

static void copy_ids(const struct setting_ids *from, uint32_t ids[INGEST_LISTS_MAX], size_t *count)
{
    memcpy(ids, from->ids, from->count * sizeof(*ids));
    *count = from->count;
}

struct log_thread_terms log_thread_terms_of(const struct options *options)
{
    struct log_thread_terms terms = {
        .log = {.retention_bytes = options->retention_bytes,
                .retention_age_ms = options->retention_age_ms,
                .stream_idle_ms = options->stream_idle_ms,
                .streams_per_owner = (uint32_t)options->streams_per_subject,
                .flow = options_flow(options)},
        .ingest = {.events_per_second = (uint32_t)options->producer_events_per_second,
                   .bytes_per_second = (uint32_t)options->producer_bytes_per_second,
                   .wait_ms_max = (uint32_t)options->backpressure_wait_ms},
    };
    copy_ids(&options->socket_allow_uid, terms.ingest.allowed_uids,
             &terms.ingest.allowed_uid_count);
    copy_ids(&options->socket_allow_gid, terms.ingest.allowed_gids,
             &terms.ingest.allowed_gid_count);
    return terms;
}
