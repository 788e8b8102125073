// link: tests/unit/base/scratch.c
// link: tests/unit/tls/peers.c
// Reloads with stand-ins for workers and log thread: each setting that a reload changes arrives
// where it is gone by, and each other one stays.
#include "app/reload.h"

#include "app/setting_value.h"
#include "base/logger.h"
#include "tls/server_internal.h"
#include "unit/base/scratch.h"
#include "unit/tls/peers.h"

#include <criterion/criterion.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_SIZE = SCRATCH_PATH_SIZE + 16 };

// What was given to them last.
static struct terms *workers;
static struct log_thread_terms *log_thread;

void worker_set_terms(struct worker_set *set, struct terms *terms)
{
    (void)set;
    terms_release(workers);
    workers = terms_hold(terms);
}

void log_thread_set_terms(struct log_thread *thread, struct log_thread_terms *terms)
{
    (void)thread;
    free(log_thread);
    log_thread = terms;
}

static struct options_source source = {.argc = 1, .argv = (char *[]){(char *)"serve", NULL}};
static struct options options;
static struct memory_watch memory;
static struct reload reload;
static const struct reload_users users = {.memory = &memory};
static char directory[SCRATCH_PATH_SIZE];
static char certificate[2][PATH_SIZE];
static char key[2][PATH_SIZE];
static char secret[PATH_SIZE];
static char access_log[PATH_SIZE];

static void write_pair(unsigned index, const char *name)
{
    char host[64];
    (void)snprintf(host, sizeof(host), "%s.test", name);
    pair_write(directory, name, &(struct pair_options){.host = host});
    (void)snprintf(certificate[index], sizeof(certificate[index]), "%s/%s.crt", directory, name);
    (void)snprintf(key[index], sizeof(key[index]), "%s/%s.key", directory, name);
}

static void begin(void)
{
    char message[512];
    struct options_origins origins;
    struct setting_faults faults;
    scratch_make(directory);
    write_pair(0, "one");
    write_pair(1, "two");
    (void)snprintf(access_log, sizeof(access_log), "%s/access.log", directory);
    (void)snprintf(secret, sizeof(secret), "%s/secret.key", directory);
    scratch_write(directory, "secret.key", "0123456789abcdef0123456789abcdef");
    (void)setenv("RINGCAST_TLS_CERTIFICATE", certificate[0], 1);
    (void)setenv("RINGCAST_TLS_KEY", key[0], 1);
    logger_set_level(LOGGER_WARN);
    cr_assert_eq(options_load(&source, &options, &origins, &faults), 0);
    memory_watch_open(&memory, "", options.memory_limit_bytes, true);
    cr_assert(reload_open(&reload, &source, &options, message, sizeof(message)), "%s", message);
}

static void end(void)
{
    terms_release(workers);
    free(log_thread);
    reload_close(&reload);
    options_free(&options);
    scratch_remove(directory);
}

TestSuite(reload, .init = begin, .fini = end, .timeout = 60);

static uint64_t taken(void)
{
    return atomic_load(&reload.board.taken);
}

static uint64_t refused(void)
{
    return atomic_load(&reload.board.refused);
}

static void reload_well(const char *why)
{
    uint64_t before = taken();
    reload_again(&reload, &users);
    cr_assert_eq(taken(), before + 1, "%s", why);
}

// --- where each arrives ---

static SSL_CTX *tls_context(void)
{
    return workers->tls->contexts[0];
}

static unsigned has_host(const char *host)
{
    return X509_check_host(SSL_CTX_get0_certificate(tls_context()), host, 0, 0, NULL) == 1;
}

static unsigned is_named(struct slice text, const char *name)
{
    return slice_equal_text(text, name);
}

// Each with a value that is not its default, and what then stands where it is gone by.
#define ARRIVALS(X)                                                                           \
    X("auth-keys", secret, workers->keyring == NULL ? 0 : keyring_count(workers->keyring), 1) \
    X("auth-algorithms", "EdDSA", workers->token_rules.algorithms, 1U << ALGORITHM_EDDSA)     \
    X("auth-audience", "them", is_named(workers->token_rules.audience, "them"), 1)            \
    X("auth-issuer", "us", is_named(workers->token_rules.issuer, "us"), 1)                    \
    X("auth-leeway", "7s", workers->token_rules.leeway_ms, 7000)                              \
    X("auth-require-exp", "off", workers->token_rules.needs_expiry, 0)                        \
    X("auth-cookie", "sweet", is_named(workers->access.cookie, "sweet"), 1)                   \
    X("anonymous", "all", workers->access.anonymous, ACCESS_ANONYMOUS_ALL)                    \
    X("allow-origins", "https://a.example", workers->origins.count, 1)                        \
    X("require-origin", "true", workers->access.requires_origin, 1)                           \
    X("retention-age", "2h", log_thread->log.retention_age_ms, 7200000)                       \
    X("retention-bytes", "2GiB", log_thread->log.retention_bytes, UINT64_C(2) << 30)          \
    X("replay-bytes", "32MiB", workers->cold_bytes_max, 32 << 20)                             \
    X("stream-idle", "3h", log_thread->log.stream_idle_ms, 10800000)                          \
    X("memory-watch", "off", memory.next_ms == UINT64_MAX, 1)                                 \
    X("memory-limit", "512MiB", memory.source.limit_bytes == 512U << 20, 1)                   \
    X("log-level", "error", !logger_is_enabled(LOGGER_WARN), 1)                               \
    X("log-format", "json", logger_format(), LOGGER_JSON)                                     \
    X("access-log", access_log, workers->access_file != NULL, 1)                              \
    X("trusted-proxies", "192.0.2.0/24,::1", workers->trusted_proxies.count, 2)               \
    X("forwarded", "forwarded", workers->forwarded, HTTP_FORWARDED_RFC)                       \
    X("socket-allow-uid", "7,8", log_thread->ingest.allowed_uid_count, 2)                     \
    X("socket-allow-gid", "9", log_thread->ingest.allowed_gids[0], 9)                         \
    X("producer-events-per-second", "11", log_thread->ingest.events_per_second, 11)           \
    X("producer-bytes-per-second", "12KiB", log_thread->ingest.bytes_per_second, 12 << 10)    \
    X("connections-per-address", "13", workers->limits.connections_per_address, 13)           \
    X("connections-per-subject", "14", workers->limits.connections_per_subject, 14)           \
    X("requests-per-address", "15", rate_of(workers->limits.address_requests), 15)            \
    X("requests-per-subject", "16", rate_of(workers->limits.subject_requests), 16)            \
    X("publish-events-per-subject", "17", rate_of(workers->limits.events), 17)                \
    X("streams-per-subject", "18", log_thread->log.streams_per_owner, 18)                     \
    X("connection-streams-max", "19", workers->connection_streams_max, 19)                    \
    X("header-bytes-max", "8KiB", workers->header_bytes_max, 8 << 10)                         \
    X("request-bytes-max", "20MiB", workers->request_bytes_max, 20 << 20)                     \
    X("request-timeout", "21s", workers->request_timeout_ms, 21000)                           \
    X("body-timeout", "22s", workers->body_timeout_ms, 22000)                                 \
    X("stall-timeout", "23s", workers->stall_ms_max, 23000)                                   \
    X("lag-events", "24", workers->overflow.limits.events, 24)                                \
    X("lag-bytes", "25MiB", log_thread->log.flow.lag_bytes, 25 << 20)                         \
    X("lag-policy", "disconnect", workers->overflow.policy, OVERFLOW_DISCONNECT)              \
    X("unknown-stream", "404", workers->unknown_stream_is_404, 1)                             \
    X("retry", "26s", workers->retry_ms, 26000)                                               \
    X("connections-max", "27", workers->connections_max, 27)                                  \
    X("heartbeat-interval", "28s", workers->heartbeat_ms, 28000)                              \
    X("backpressure-threshold", "0.5", log_thread->log.flow.threshold, 500)                   \
    X("backpressure-strategy", "pause", log_thread->log.flow.overflow, OVERFLOW_BLOCK)        \
    X("backpressure-wait", "29s", log_thread->ingest.wait_ms_max, 29000)                      \
    X("user-agent-profiles", "true", workers->quality.uses_agents, 1)                         \
    X("events-per-second-max", "30", workers->quality.events_per_second_max, 30)              \
    X("bytes-per-second-max", "31KiB", workers->quality.bytes_per_second_max, 31 << 10)       \
    X("link-interval", "32s", workers->link_interval_ms, 32000)                               \
    X("rule", "latency > 5s: compression on",                                                 \
      is_named(workers->rules.list[0].text, "latency > 5s: compression on"), 1)               \
    X("rules-for", "all", workers->rules_hold_all, 1)                                         \
    X("tls-min-version", "1.3", (uint64_t)SSL_CTX_get_min_proto_version(tls_context()),       \
      TLS1_3_VERSION)                                                                         \
    X("tls-kernel", "off", workers->tls_kernel, 0)                                            \
    X("tls-tickets", "off", workers->tls->tickets.count, 0)

static uint32_t rate_of(const struct rate_table *table)
{
    return table == NULL ? 0 : rate_table_per_second(table);
}

#define COUNT_ONE(...) +1
enum { ARRIVALS_COUNT = 0 ARRIVALS(COUNT_ONE) };

static struct arrival {
    const char *key;
    const char *value;
    uint64_t expected;
} arrivals[ARRIVALS_COUNT];

static uint64_t look(unsigned index)
{
    unsigned at = 0;
#define X(name, text, place, expected) \
    if (at++ == index) {               \
        return (uint64_t)(place);      \
    }
    ARRIVALS(X)
#undef X
    cr_assert_fail("%u", index);
    return 0;
}

static void list_arrivals(void)
{
    unsigned at = 0;
#define X(name, text, place, wanted) arrivals[at++] = (struct arrival){name, text, wanted};
    ARRIVALS(X)
#undef X
}

static void set(const char *setting_key, const char *value)
{
    size_t index = settings_find(&options_table, slice_of(setting_key));
    cr_assert_neq(index, SETTINGS_MAX, "%s", setting_key);
    char variable[SETTING_VARIABLE_SIZE];
    setting_variable_name(settings_at(&options_table, index), variable);
    (void)(value == NULL ? unsetenv(variable) : setenv(variable, value, 1));
}

Test(reload, each_setting_that_reloads_arrives_where_it_counts)
{
    list_arrivals();
    reload_well("nothing new");
    for (unsigned i = 0; i < ARRIVALS_COUNT; i++) {
        const struct arrival *arrival = &arrivals[i];
        uint64_t before = look(i);
        cr_expect_neq(before, arrival->expected, "%s", arrival->key);
        set(arrival->key, arrival->value);
        reload_well(arrival->key);
        cr_expect_eq(look(i), arrival->expected, "%s is %llu", arrival->key,
                     (unsigned long long)look(i));
        set(arrival->key, NULL);
        reload_well(arrival->key);
        cr_expect_eq(look(i), before, "%s goes back", arrival->key);
    }
}

Test(reload, certificates_change_with_their_keys)
{
    reload_well("nothing new");
    cr_expect(has_host("one.test") && !has_host("two.test"));
    set("tls-certificate", certificate[1]);
    reload_again(&reload, &users);
    cr_expect_eq(refused(), 1, "the key is another's");
    cr_expect(has_host("one.test"));
    set("tls-key", key[1]);
    reload_well("both");
    cr_expect(has_host("two.test"));
}

// The table above has them all.
Test(reload, no_setting_that_reloads_was_forgotten)
{
    list_arrivals();
    for (size_t i = 0; i < settings_count(&options_table); i++) {
        const struct setting *setting = settings_at(&options_table, i);
        bool is_listed = strcmp(setting->key, "tls-certificate") == 0 ||
                         strcmp(setting->key, "tls-key") == 0; // the test before this one
        for (unsigned row = 0; row < ARRIVALS_COUNT; row++) {
            is_listed |= strcmp(setting->key, arrivals[row].key) == 0;
        }
        cr_expect_eq(is_listed, (setting->traits & SETTING_RELOADS) != 0, "%s", setting->key);
    }
}

Test(reload, what_needs_a_restart_stays)
{
    set("data-dir", "/elsewhere");
    set("listen", "127.0.0.1:1");
    set("workers", "3");
    set("retry", "9s");
    for (int i = 0; i < 3; i++) { // what stays is text of the start
        reload_well("again");
        cr_expect_null(options.data_dir);
        cr_expect_eq(options.listen.count, 0);
        cr_expect_eq(options.workers, 0);
        cr_expect_eq(workers->retry_ms, 9000);
    }
}

Test(reload, connections_max_is_raised_no_further_than_it_was)
{
    set("connections-max", "10");
    reload_well("less");
    set("connections-max", "200000");
    reload_well("more than at the start");
    cr_expect_eq(workers->connections_max, 10);
    set("connections-max", NULL);
    reload_well("as at the start");
    cr_expect_eq(workers->connections_max, 100000);
}

Test(reload, faults_change_nothing)
{
    static const struct {
        const char *key;
        const char *value;
    } faulty[] = {
        {"heartbeat-interval", "soon"},   {"retention-bytes", "1"},
        {"auth-keys", "/nowhere/a.key"},  {"tls-certificate", "/nowhere/a.crt"},
        {"access-log", "/nowhere/a.log"}, {"rule", "latency > much: priority 3"},
        {"allow-origins", "nobody"},      {"trusted-proxies", "everybody"},
    };
    reload_well("nothing new");
    const struct terms *before = workers;
    logger_set_level(LOGGER_ERROR);
    for (size_t i = 0; i < sizeof(faulty) / sizeof(faulty[0]); i++) {
        set("retry", "9s");
        set(faulty[i].key, faulty[i].value);
        reload_again(&reload, &users);
        cr_expect_eq(refused(), i + 1, "%s", faulty[i].key);
        cr_expect_eq(workers, before, "%s", faulty[i].key);
        cr_expect_eq(options.retry_ms, 5000);
        set(faulty[i].key, strcmp(faulty[i].key, "tls-certificate") == 0 ? certificate[0] : NULL);
    }
}

Test(reload, counts_and_rates_of_clients_go_on)
{
    set("requests-per-address", "5");
    reload_well("a rate");
    struct rate_table *rates = workers->limits.address_requests;
    struct client_counts *counts = workers->limits.address_connections;
    set("retry", "9s");
    reload_well("something else");
    cr_expect_eq(workers->limits.address_requests, rates);
    cr_expect_eq(workers->limits.address_connections, counts);
    set("requests-per-address", "6");
    reload_well("another rate");
    cr_expect_eq(workers->limits.address_connections, counts);
    cr_expect_eq(rate_table_per_second(workers->limits.address_requests), 6);
}

static void look_now(void)
{
    reload.keys.next_ms = 0;
    reload.certificates.next_ms = 0;
    reload_look(&reload, &users);
    cr_assert_gt(reload_next_ms(&reload), 0);
}

// What the files hold now is what the workers get, beside all else that was in force.
Test(reload, files_that_changed_are_looked_at_without_being_told)
{
    set("auth-keys", secret);
    set("retry", "9s");
    reload_well("a key");
    const struct terms *before = workers;
    look_now();
    cr_expect_eq(workers, before, "nothing changed");
    cr_assert_eq(rename(certificate[1], certificate[0]), 0);
    look_now();
    cr_expect(has_host("one.test"), "the key is another's");
    cr_assert_eq(rename(key[1], key[0]), 0);
    look_now();
    cr_expect(has_host("two.test"));
    cr_expect_eq(keyring_count(workers->keyring), 1);
    const struct keyring *keyring = workers->keyring;
    cr_assert_eq(truncate(secret, 16), 0);
    look_now();
    cr_expect_eq(workers->keyring, keyring, "too short for a key");
    cr_assert_eq(truncate(secret, 40), 0);
    look_now();
    cr_expect_neq(workers->keyring, keyring);
    cr_expect_eq(workers->retry_ms, 9000);
}
