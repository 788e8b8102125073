#include "app/options.h"

#include "base/assert.h"
#include "base/limits.h"
#include "base/logger.h"
#include "io/loop.h"
#include "log/block.h"
#include "log/segment.h"
#include "log/streams.h"
#include "worker/worker.h"

#include <errno.h>
#include <string.h>

#define AT(member) offsetof(struct options, member)
#define KIB        (UINT64_C(1) << 10)
#define MIB        (UINT64_C(1) << 20)
#define GIB        (UINT64_C(1) << 30)
#define TIB        (UINT64_C(1) << 40)
#define SECOND     UINT64_C(1000)
#define HOUR       (3600 * SECOND)
#define YEAR       (366 * 24 * HOUR)

enum {
    // The part of a segment that one event may fill: its frame may be twice its data, and goes with
    // a header and indexes.
    SEGMENT_SHARE_OF_EVENT = 4,
    INBOX_MAX = 1 << 20,
};

// In the order of enum overflow_policy, from OVERFLOW_DROP_OLDEST on.
static const char *const lag_policies[] = {"drop_oldest", "drop_newest", "drop_lowest",
                                           "disconnect",  "block",       NULL};
static const char *const backpressure_strategies[] = {"buffer", "pause", "drop", NULL};
static const char *const unknown_streams[] = {"wait", "404", NULL};
static const char *const rules_for[] = {"chosen", "all", NULL};
static const char *const memory_watches[] = {"on", "off", NULL};
static const char *const log_levels[] = {"debug", "info", "warn", "error", "off", NULL};
// In the order of the bits of LOOP_FEATURE_*, and one for several.
static const char *const kernel_features[] = {
    "single-issuer",  "defer-taskrun",    "taskrun-flag",   "msg-ring", "send-fd",
    "socket-command", "fixed-fd-install", "newer-than-6.1", NULL,
};
enum { FEATURES = 7 };
STATIC_ASSERT(LOOP_FEATURES_ALL == (1 << FEATURES) - 1, "each feature of the loop has its name");
STATIC_ASSERT(LOOP_FEATURE_SINGLE_ISSUER == 1 << 0 && LOOP_FEATURE_DEFER_TASKRUN == 1 << 1 &&
                  LOOP_FEATURE_TASKRUN_FLAG == 1 << 2 && LOOP_FEATURE_MSG_RING == 1 << 3 &&
                  LOOP_FEATURE_SEND_FD == 1 << 4 && LOOP_FEATURE_SOCKET_COMMAND == 1 << 5 &&
                  LOOP_FEATURE_FIXED_FD_INSTALL == 1 << 6,
              "the names stand in the order of the bits");

// clang-format off: a table, one setting a block
static const struct setting settings[] = {
    {.key = "listen",
     .kind = SETTING_TEXT,
     .offset = AT(listen),
     .value_name = "HOST:PORT",
     .default_text = "127.0.0.1:8080",
     .help = "where subscribers connect; *:PORT is every address, port 0 takes a free one"},
    {.key = "socket",
     .kind = SETTING_TEXT,
     .offset = AT(socket),
     .value_name = "PATH",
     .default_note = "/run/ringcast/ringcast.sock for root, else in $XDG_RUNTIME_DIR or /tmp",
     .help = "the producers' Unix socket"},
    {.key = "socket-mode",
     .kind = SETTING_MODE,
     .offset = AT(socket_mode),
     .default_text = "0660",
     .help = "its permission bits"},
    {.key = "socket-allow-uid",
     .kind = SETTING_IDS,
     .offset = AT(socket_allow_uid),
     .default_note = "root and ringcast's own",
     .help = "users that may publish, beside root"},
    {.key = "socket-allow-gid",
     .kind = SETTING_IDS,
     .offset = AT(socket_allow_gid),
     .default_note = "none",
     .help = "groups whose members may publish"},
    {.key = "data-dir",
     .kind = SETTING_TEXT,
     .offset = AT(data_dir),
     .value_name = "DIR",
     .default_note = "/var/lib/ringcast for root, else ~/.local/state/ringcast",
     .help = "where the log is kept; made if it is not there"},
    {.key = "workers",
     .kind = SETTING_COUNT,
     .offset = AT(workers),
     .minimum = 1,
     .maximum = WORKERS_MAX,
     .default_note = "one a core",
     .help = "threads that serve subscribers"},

    {.key = "connections-max",
     .kind = SETTING_COUNT,
     .offset = AT(connections_max),
     .default_text = "100000",
     .minimum = 1,
     .maximum = 10 * 1000 * 1000,
     .help = "subscribers at once; one more is answered 503"},
    {.key = "connections-per-address",
     .kind = SETTING_COUNT,
     .checks = SETTING_ZERO_IS_NONE,
     .offset = AT(connections_per_address),
     .default_text = "0",
     .minimum = 1,
     .maximum = ADDRESSES_EACH_MAX,
     .help = "connections of one client address (IPv6: of one /64); one more is answered 429"},
    {.key = "connection-streams-max",
     .kind = SETTING_COUNT,
     .offset = AT(connection_streams_max),
     .default_text = "64",
     .minimum = 1,
     .maximum = CONNECTION_STREAMS_MAX,
     .help = "streams on one connection; more are answered 400"},
    {.key = "producers-max",
     .kind = SETTING_COUNT,
     .offset = AT(producers_max),
     .default_text = "1024",
     .minimum = 1,
     .maximum = 65536,
     .help = "connections to the producers' socket at once"},
    {.key = "producer-events-per-second",
     .kind = SETTING_COUNT,
     .checks = SETTING_ZERO_IS_NONE,
     .offset = AT(producer_events_per_second),
     .default_text = "0",
     .minimum = 1,
     .maximum = 100 * 1000 * 1000,
     .help = "events of one producer; one that is faster is slowed by its socket"},
    {.key = "producer-bytes-per-second",
     .kind = SETTING_SIZE,
     .checks = SETTING_ZERO_IS_NONE,
     .offset = AT(producer_bytes_per_second),
     .default_text = "0",
     .minimum = KIB,
     .maximum = 2 * GIB,
     .help = "data of one producer's events; one that is faster is slowed by its socket"},
    {.key = "request-timeout",
     .kind = SETTING_DURATION,
     .offset = AT(request_timeout_ms),
     .default_text = "10s",
     .minimum = 100,
     .maximum = HOUR,
     .help = "a request that has not arrived by then is answered 408"},
    {.key = "header-bytes-max",
     .kind = SETTING_SIZE,
     .offset = AT(header_bytes_max),
     .default_text = "16KiB",
     .minimum = KIB,
     .maximum = 64 * KIB,
     .help = "request line and header fields; more is answered 431"},
    {.key = "heartbeat-interval",
     .kind = SETTING_DURATION,
     .checks = SETTING_ZERO_IS_NONE,
     .offset = AT(heartbeat_interval_ms),
     .default_text = "30s",
     .minimum = 100,
     .maximum = HOUR,
     .help = "a connection quiet for so long gets a heartbeat"},
    {.key = "retry",
     .kind = SETTING_DURATION,
     .offset = AT(retry_ms),
     .default_text = "5s",
     .minimum = 1,
     .maximum = HOUR,
     .help = "when a client that lost its connection should return"},
    {.key = "stall-timeout",
     .kind = SETTING_DURATION,
     .checks = SETTING_ZERO_IS_NONE,
     .offset = AT(stall_timeout_ms),
     .default_text = "2m",
     .minimum = SECOND,
     .maximum = 24 * HOUR,
     .help = "a connection that takes nothing for so long is closed"},
    {.key = "lag-events",
     .kind = SETTING_COUNT,
     .checks = SETTING_ZERO_IS_NONE,
     .offset = AT(lag_events),
     .default_text = "1000",
     .minimum = 1,
     .maximum = UINT32_MAX,
     .help = "events that a subscriber may be behind"},
    {.key = "lag-bytes",
     .kind = SETTING_SIZE,
     .checks = SETTING_ZERO_IS_NONE,
     .offset = AT(lag_bytes),
     .default_text = "16MiB",
     .minimum = 4 * KIB,
     .maximum = TIB,
     .help = "bytes that a subscriber may be behind"},
    {.key = "lag-policy",
     .kind = SETTING_CHOICE,
     .offset = AT(lag_policy),
     .default_text = "drop_oldest",
     .choices = lag_policies,
     .help = "what happens to one that is further behind"},
    {.key = "backpressure-strategy",
     .kind = SETTING_CHOICE,
     .offset = AT(backpressure_strategy),
     .default_text = "buffer",
     .choices = backpressure_strategies,
     .help = "the same in other words: block, drop_newest, or as --lag-policy says"},
    {.key = "backpressure-threshold",
     .kind = SETTING_DECIMAL,
     .offset = AT(backpressure_threshold),
     .default_text = "0.8",
     .minimum = 1,
     .maximum = UINT32_MAX * UINT64_C(1000),
     .help = "where producers of a stream that blocks are slowed: up to 1 a share of the lag "
             "allowed, above it events"},
    {.key = "backpressure-wait",
     .kind = SETTING_DURATION,
     .offset = AT(backpressure_wait_ms),
     .default_text = "10s",
     .minimum = 10,
     .maximum = HOUR,
     .help = "how long an event waits for room before its producer gets backpressure_exceeded"},
    {.key = "unknown-stream",
     .kind = SETTING_CHOICE,
     .offset = AT(unknown_stream),
     .default_text = "wait",
     .choices = unknown_streams,
     .help = "who asks for a stream that nobody has published to"},
    {.key = "user-agent-profiles",
     .kind = SETTING_SWITCH,
     .offset = AT(user_agent_profiles),
     .help = "who names no client= gets the profile of its user agent"},
    {.key = "events-per-second-max",
     .kind = SETTING_COUNT,
     .checks = SETTING_ZERO_IS_NONE,
     .offset = AT(events_per_second_max),
     .default_text = "0",
     .minimum = 1,
     .maximum = 1000 * 1000,
     .help = "events a second that one subscriber gets at the most"},
    {.key = "bytes-per-second-max",
     .kind = SETTING_SIZE,
     .checks = SETTING_ZERO_IS_NONE,
     .offset = AT(bytes_per_second_max),
     .default_text = "0",
     .minimum = 64,
     .maximum = GIB,
     .help = "bytes a second that one subscriber gets at the most"},
    {.key = "link-interval",
     .kind = SETTING_DURATION,
     .checks = SETTING_ZERO_IS_NONE,
     .offset = AT(link_interval_ms),
     .default_text = "30s",
     .minimum = 100,
     .maximum = HOUR,
     .help = "how often each subscriber's path is looked at: delay, loss, throughput"},
    {.key = "rule",
     .kind = SETTING_TEXTS,
     .offset = AT(rules),
     .value_name = "RULE",
     .default_note = "three, for bad paths",
     .help = "what a path's state changes, as in 'latency > 200ms: compression on'; again for "
             "more, none for none"},
    {.key = "rules-for",
     .kind = SETTING_CHOICE,
     .offset = AT(rules_for),
     .default_text = "chosen",
     .choices = rules_for,
     .help = "whose events rules may hold back: those with a profile (client=), or everybody's"},

    {.key = "event-bytes-max",
     .kind = SETTING_SIZE,
     .offset = AT(event_bytes_max),
     .default_text = "1MiB",
     .minimum = 1,
     .maximum = EVENT_BYTES_MAX,
     .help = "data of one event"},
    {.key = "streams-max",
     .kind = SETTING_COUNT,
     .offset = AT(streams_max),
     .default_text = "1000000",
     .minimum = 1,
     .maximum = STREAMS_MAX,
     .help = "streams known at once"},
    {.key = "stream-idle",
     .kind = SETTING_DURATION,
     .offset = AT(stream_idle_ms),
     .default_text = "24h",
     .minimum = SECOND,
     .maximum = YEAR,
     .help = "a stream without kept events is forgotten when idle for so long"},
    {.key = "retention-age",
     .kind = SETTING_DURATION,
     .offset = AT(retention_age_ms),
     .default_text = "24h",
     .minimum = SECOND,
     .maximum = 100 * YEAR,
     .help = "how long events are kept"},
    {.key = "retention-bytes",
     .kind = SETTING_SIZE,
     .offset = AT(retention_bytes),
     .default_text = "1GiB",
     .minimum = 64 * KIB,
     .maximum = 1024 * TIB,
     .help = "how much of the log is kept, in whole segments"},
    {.key = "segment-bytes",
     .kind = SETTING_SIZE,
     .checks = SETTING_POWER_OF_TWO,
     .offset = AT(segment_bytes),
     .default_text = "64MiB",
     .minimum = SEGMENT_BYTES_MIN,
     .maximum = SEGMENT_BYTES_MAX,
     .help = "size of the log's files; what an existing log has counts"},
    {.key = "tail-bytes",
     .kind = SETTING_SIZE,
     .checks = SETTING_POWER_OF_TWO,
     .offset = AT(tail_bytes),
     .default_text = "64MiB",
     .minimum = 4 * (uint64_t)BLOCK_BYTES_MAX,
     .maximum = 64 * GIB,
     .help = "the newest part of the log, kept in memory"},
    {.key = "replay-bytes",
     .kind = SETTING_SIZE,
     .offset = AT(replay_bytes),
     .default_text = "64MiB",
     .minimum = 4 * (uint64_t)BLOCK_BYTES_MAX,
     .maximum = 64 * GIB,
     .help = "memory of each worker for what is read back from disk"},
    {.key = "idempotency-max",
     .kind = SETTING_COUNT,
     .offset = AT(idempotency_max),
     .default_text = "100000",
     .minimum = 16,
     .maximum = 16 * 1000 * 1000,
     .help = "pairs of stream and producer whose repeats are recognised"},
    {.key = "memory-watch",
     .kind = SETTING_CHOICE,
     .offset = AT(memory_watch),
     .default_text = "on",
     .choices = memory_watches,
     .help = "whether less is served where memory is short"},
    {.key = "memory-limit",
     .kind = SETTING_SIZE,
     .offset = AT(memory_limit_bytes),
     .minimum = 64 * MIB,
     .maximum = 1024 * TIB,
     .default_note = "the control group's, else three quarters of the machine's",
     .help = "memory of the broker; the nearer to it, the more is left out"},

    {.key = "log-level",
     .kind = SETTING_CHOICE,
     .offset = AT(log_level),
     .default_text = "info",
     .choices = log_levels,
     .help = "the least that is told on standard error"},
    {.key = "worker-inbox",
     .kind = SETTING_COUNT,
     .checks = SETTING_POWER_OF_TWO,
     .offset = AT(worker_inbox),
     .default_text = "4096",
     .minimum = 2 * SHARD_REQUESTS_MAX,
     .maximum = INBOX_MAX,
     .help = "messages that wait for a worker (for tests)"},
    {.key = "log-inbox",
     .kind = SETTING_COUNT,
     .checks = SETTING_POWER_OF_TWO,
     .offset = AT(log_inbox),
     .default_text = "16384",
     .minimum = 16,
     .maximum = INBOX_MAX,
     .help = "messages that wait for the log (for tests)"},
    {.key = "ring-descriptors",
     .kind = SETTING_COUNT,
     .offset = AT(ring_descriptors),
     .minimum = 64,
     .maximum = 1 << 20,
     .default_note = "the limit of open files",
     .help = "connections of one io_uring (for tests)"},
    {.key = "kernel-without",
     .kind = SETTING_SET,
     .offset = AT(kernel_without),
     .choices = kernel_features,
     .default_note = "none",
     .help = "features that the kernel is taken not to have (for tests)"},
};
// clang-format on

const struct setting_table options_table = {
    .settings = settings,
    .count = sizeof(settings) / sizeof(settings[0]),
    .usage = "ringcast serve [options]",
    .description = "Runs the broker in the foreground, until Ctrl-C or SIGTERM.",
    .epilogue =
        "Prints one line on standard output when it is ready. Exit status: 0 ended as told; "
        "1 it could\nnot start or go on; 2 wrong usage.",
};

STATIC_ASSERT(WORKER_INBOX_RESERVE < 2 * SHARD_REQUESTS_MAX, "the least inbox has room for blocks");
STATIC_ASSERT(OVERFLOW_DROP_OLDEST == 1 && OVERFLOW_DROP_NEWEST == 2 && OVERFLOW_DROP_LOWEST == 3 &&
                  OVERFLOW_DISCONNECT == 4 && OVERFLOW_BLOCK == 5 && OVERFLOW_POLICIES == 6,
              "the choices of lag-policy stand in the order of the policies");
STATIC_ASSERT(LOGGER_DEBUG == 0 && LOGGER_OFF == 4, "the choices of log-level are the levels");

static int read_rule(const char *text, struct rules *rules, char *message, size_t message_size)
{
    struct rules_fault fault;
    if (strcmp(text, "none") == 0 || rules_add(rules, slice_of(text), &fault)) {
        return 0;
    }
    (void)snprintf(message, message_size, "--rule: at character %zu of '%.200s': %s",
                   fault.position + 1, text, fault.message);
    return -EINVAL;
}

int options_read_rules(const struct options *options, struct rules *rules, char *message,
                       size_t message_size)
{
    rules->count = 0;
    int result = 0;
    if (options->rules.count == 0) {
        result = read_rule(RULES_DEFAULT, rules, message, message_size);
    }
    for (uint32_t i = 0; i < options->rules.count && result == 0; i++) {
        result = read_rule(options->rules.texts[i], rules, message, message_size);
    }
    return result;
}

int options_check(const struct options *options, char *message, size_t message_size)
{
    uint64_t most = options->segment_bytes / SEGMENT_SHARE_OF_EVENT;
    char text[SETTING_VALUE_SIZE];
    if (options->event_bytes_max > most) {
        setting_format_number(SETTING_SIZE, most, text);
        (void)snprintf(message, message_size,
                       "--event-bytes-max: with these --segment-bytes it may be at most %s", text);
        return -EINVAL;
    }
    if (options->retention_bytes < 2 * options->segment_bytes) {
        setting_format_number(SETTING_SIZE, 2 * options->segment_bytes, text);
        (void)snprintf(message, message_size,
                       "--retention-bytes: it must be at least two segments, %s (see "
                       "--segment-bytes)",
                       text);
        return -EINVAL;
    }
    if (options->listen[0] == 0 || (options->socket != NULL && options->socket[0] == 0) ||
        (options->data_dir != NULL && options->data_dir[0] == 0)) {
        (void)snprintf(message, message_size, "--listen, --socket and --data-dir may not be empty");
        return -EINVAL;
    }
    struct rules rules;
    return options_read_rules(options, &rules, message, message_size);
}

struct overflow_terms options_overflow(const struct options *options)
{
    enum overflow_policy policy = OVERFLOW_UNSET;
    const char *strategy = backpressure_strategies[options->backpressure_strategy];
    bool is_known = overflow_strategy_parse(slice_of(strategy), &policy);
    ASSERT(is_known);
    return (struct overflow_terms){
        .policy = policy != OVERFLOW_UNSET
                      ? policy
                      : (enum overflow_policy)(OVERFLOW_DROP_OLDEST + options->lag_policy),
        .limits = {.events = options->lag_events, .bytes = options->lag_bytes}};
}

struct stream_flow options_flow(const struct options *options)
{
    struct overflow_terms terms = options_overflow(options);
    return (struct stream_flow){.overflow = (uint8_t)terms.policy,
                                .lag_events = terms.limits.events,
                                .lag_bytes = terms.limits.bytes,
                                .threshold = options->backpressure_threshold,
                                .producer_wait_ms = (uint32_t)options->backpressure_wait_ms};
}

uint32_t options_features_masked(const struct options *options)
{
    uint32_t mask = (uint32_t)options->kernel_without & LOOP_FEATURES_ALL;
    if ((options->kernel_without >> FEATURES & 1) != 0) {
        mask |= LOOP_FEATURES_NEWER_THAN_6_1;
    }
    return mask;
}
