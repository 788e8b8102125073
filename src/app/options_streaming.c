// The settings of [streaming] and what is below it, and of [quality].
#include "app/options_sections.h"

// In the order of enum overflow_policy, from OVERFLOW_DROP_OLDEST on.
static const char *const lag_policies[] = {"drop_oldest", "drop_newest", "drop_lowest",
                                           "disconnect",  "block",       NULL};
static const char *const backpressure_strategies[] = {"buffer", "pause", "drop", NULL};
static const char *const unknown_streams[] = {"wait", "404", NULL};
static const char *const rules_for[] = {"chosen", "all", NULL};

STATIC_ASSERT(OVERFLOW_DROP_OLDEST == 1 && OVERFLOW_DROP_NEWEST == 2 && OVERFLOW_DROP_LOWEST == 3 &&
                  OVERFLOW_DISCONNECT == 4 && OVERFLOW_BLOCK == 5 && OVERFLOW_POLICIES == 6,
              "the choices of lag-policy stand in the order of the policies");

// clang-format off: tables, one setting a block
static const struct setting streaming_settings[] = {
    {.key = "lag-events",
     .name = "buffer_size",
     .kind = SETTING_COUNT,
     .traits = SETTING_ZERO_IS_NONE | SETTING_RELOADS,
     .offset = AT(lag_events),
     .default_text = "1000",
     .minimum = 1,
     .maximum = UINT32_MAX,
     .help = "events that a subscriber may be behind"},
    {.key = "lag-bytes",
     .name = "buffer_bytes",
     .kind = SETTING_SIZE,
     .traits = SETTING_ZERO_IS_NONE | SETTING_RELOADS,
     .offset = AT(lag_bytes),
     .default_text = "16MiB",
     .minimum = 4 * KIB,
     .maximum = TIB,
     .help = "bytes that a subscriber may be behind"},
    {.key = "lag-policy",
     .name = "overflow_strategy",
     .kind = SETTING_CHOICE,
     .traits = SETTING_RELOADS,
     .offset = AT(lag_policy),
     .default_text = "drop_oldest",
     .choices = lag_policies,
     .help = "what happens to one that is further behind"},
    {.key = "unknown-stream",
     .kind = SETTING_CHOICE,
     .traits = SETTING_RELOADS,
     .offset = AT(unknown_stream),
     .default_text = "wait",
     .choices = unknown_streams,
     .help = "who asks for a stream that nobody has published to"},
};

const struct setting_section section_streaming = {
    .name = "streaming",
    .title = "how events reach subscribers",
    .settings = streaming_settings,
    .count = OPTIONS_COUNT(streaming_settings),
};

static const struct setting streaming_sse_settings[] = {
    {.key = "retry",
     .name = "retry_interval",
     .kind = SETTING_DURATION,
     .traits = SETTING_RELOADS,
     .offset = AT(retry_ms),
     .default_text = "5s",
     .minimum = 1,
     .maximum = HOUR,
     .help = "when a client that lost its connection should return"},
    {.key = "connections-max",
     .name = "max_connections",
     .kind = SETTING_COUNT,
     .traits = SETTING_RELOADS,
     .offset = AT(connections_max),
     .default_text = "100000",
     .minimum = 1,
     .maximum = 10 * 1000 * 1000,
     .help = "subscribers at once; one more is answered 503"},
    {.key = "heartbeat-interval",
     .kind = SETTING_DURATION,
     .traits = SETTING_ZERO_IS_NONE | SETTING_RELOADS,
     .offset = AT(heartbeat_interval_ms),
     .default_text = "30s",
     .minimum = 100,
     .maximum = HOUR,
     .help = "a connection quiet for so long gets a heartbeat"},
};

const struct setting_section section_streaming_sse = {
    .name = "streaming.sse",
    .title = "connections of Server-Sent Events",
    .settings = streaming_sse_settings,
    .count = OPTIONS_COUNT(streaming_sse_settings),
};

static const struct setting streaming_websocket_settings[] = {
    {.key = "websocket-max-frame-size",
     .name = "max_frame_size",
     .kind = SETTING_SIZE,
     .offset = AT(websocket_frame_bytes_max),
     .default_text = "1MiB",
     .minimum = 125,
     .maximum = 64 * MIB,
     .help = "one frame of WebSocket (no effect yet)"},
    {.key = "websocket-compression",
     .name = "compression",
     .kind = SETTING_SWITCH,
     .offset = AT(websocket_compression),
     .help = "whether WebSocket compresses (no effect yet)"},
    {.key = "websocket-ping-interval",
     .name = "ping_interval",
     .kind = SETTING_DURATION,
     .traits = SETTING_ZERO_IS_NONE,
     .offset = AT(websocket_ping_interval_ms),
     .default_text = "30s",
     .minimum = 100,
     .maximum = HOUR,
     .help = "how often a WebSocket is pinged (no effect yet)"},
};

const struct setting_section section_streaming_websocket = {
    .name = "streaming.websocket",
    .title = "for WebSocket, which does not exist yet: accepted and checked",
    .settings = streaming_websocket_settings,
    .count = OPTIONS_COUNT(streaming_websocket_settings),
};

static const struct setting streaming_backpressure_settings[] = {
    {.key = "backpressure-threshold",
     .name = "threshold",
     .kind = SETTING_DECIMAL,
     .traits = SETTING_RELOADS,
     .offset = AT(backpressure_threshold),
     .default_text = "0.8",
     .minimum = 1,
     .maximum = UINT32_MAX * UINT64_C(1000),
     .help = "where producers of a stream that blocks are slowed: up to 1 a share of the lag "
             "allowed, above it events"},
    {.key = "backpressure-strategy",
     .name = "strategy",
     .kind = SETTING_CHOICE,
     .traits = SETTING_RELOADS,
     .offset = AT(backpressure_strategy),
     .default_text = "buffer",
     .choices = backpressure_strategies,
     .help = "the same in other words: block, drop_newest, or as --lag-policy says"},
    {.key = "backpressure-wait",
     .name = "wait",
     .kind = SETTING_DURATION,
     .traits = SETTING_RELOADS,
     .offset = AT(backpressure_wait_ms),
     .default_text = "10s",
     .minimum = 10,
     .maximum = HOUR,
     .help = "how long an event waits for room before its producer gets backpressure_exceeded"},
};

const struct setting_section section_streaming_backpressure = {
    .name = "streaming.backpressure",
    .title = "where subscribers that lag slow producers",
    .settings = streaming_backpressure_settings,
    .count = OPTIONS_COUNT(streaming_backpressure_settings),
};

static const struct setting quality_settings[] = {
    {.key = "user-agent-profiles",
     .kind = SETTING_SWITCH,
     .traits = SETTING_RELOADS,
     .offset = AT(user_agent_profiles),
     .help = "who names no client= gets the profile of its user agent"},
    {.key = "events-per-second-max",
     .kind = SETTING_COUNT,
     .traits = SETTING_ZERO_IS_NONE | SETTING_RELOADS,
     .offset = AT(events_per_second_max),
     .default_text = "0",
     .minimum = 1,
     .maximum = 1000 * 1000,
     .help = "events a second that one subscriber gets at the most"},
    {.key = "bytes-per-second-max",
     .kind = SETTING_SIZE,
     .traits = SETTING_ZERO_IS_NONE | SETTING_RELOADS,
     .offset = AT(bytes_per_second_max),
     .default_text = "0",
     .minimum = 64,
     .maximum = GIB,
     .help = "bytes a second that one subscriber gets at the most"},
    {.key = "link-interval",
     .kind = SETTING_DURATION,
     .traits = SETTING_ZERO_IS_NONE | SETTING_RELOADS,
     .offset = AT(link_interval_ms),
     .default_text = "30s",
     .minimum = 100,
     .maximum = HOUR,
     .help = "how often each subscriber's path is looked at: delay, loss, throughput"},
    {.key = "rule",
     .name = "rules",
     .kind = SETTING_TEXTS,
     .traits = SETTING_RELOADS,
     .offset = AT(rules),
     .value_name = "RULE",
     .default_note = "three, for bad paths",
     .help = "what a path's state changes, as in 'latency > 200ms: compression on'; `none` for no "
             "rule"},
    {.key = "rules-for",
     .kind = SETTING_CHOICE,
     .traits = SETTING_RELOADS,
     .offset = AT(rules_for),
     .default_text = "chosen",
     .choices = rules_for,
     .help = "whose events rules may hold back: those with a profile (client=), or everybody's"},
};

const struct setting_section section_quality = {
    .name = "quality",
    .title = "what each subscriber is served with",
    .settings = quality_settings,
    .count = OPTIONS_COUNT(quality_settings),
};
// clang-format on

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
