// What `ringcast serve` can be told: the struct and its table (see app/setting.h).
#ifndef RINGCAST_APP_OPTIONS_H
#define RINGCAST_APP_OPTIONS_H

#include "app/setting_source.h"
#include "auth/cors.h"
#include "auth/token.h"
#include "base/arena.h"
#include "base/ip.h"
#include "conn/access.h"
#include "conn/client_limits.h"
#include "flow/overflow.h"
#include "flow/rules.h"
#include "log/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum options_unknown_stream {
    OPTIONS_UNKNOWN_WAIT,
    OPTIONS_UNKNOWN_404,
};

enum options_rules_for {
    OPTIONS_RULES_FOR_CHOSEN,
    OPTIONS_RULES_FOR_ALL,
};

enum options_require_exp {
    OPTIONS_REQUIRE_EXP_ON,
    OPTIONS_REQUIRE_EXP_OFF,
};

enum options_anonymous {
    OPTIONS_ANONYMOUS_AUTO, // read without keys, none with them
    OPTIONS_ANONYMOUS_NONE,
    OPTIONS_ANONYMOUS_READ,
    OPTIONS_ANONYMOUS_ALL,
};

enum options_tls_version {
    OPTIONS_TLS_1_2,
    OPTIONS_TLS_1_3,
};

enum options_tls_tickets {
    OPTIONS_TLS_TICKETS_ON,
    OPTIONS_TLS_TICKETS_OFF,
};

enum options_tls_kernel {
    OPTIONS_TLS_KERNEL_AUTO,
    OPTIONS_TLS_KERNEL_OFF,
};

enum options_memory_watch {
    OPTIONS_MEMORY_ON,
    OPTIONS_MEMORY_OFF,
};

struct options {
    struct arena texts; // those that stood in a file; see options_load
    const char *config; // the file; NULL: none
    bool check_config;
    bool print_config;
    struct setting_texts listen;       // io/listen_spec.h; see listeners_read
    struct setting_texts admin_listen; // the same
    const char *trusted_proxies;       // NULL: none; see options_read_proxies
    unsigned forwarded;                // enum http_forwarded
    const char *socket;                // NULL: paths_default_socket
    uint64_t socket_mode;
    struct setting_ids socket_allow_uid;
    struct setting_ids socket_allow_gid;
    const char *data_dir; // NULL: paths_default_data
    const char *user;     // NULL: who starts it
    uint64_t workers;     // 0: one a core
    uint64_t connections_max;
    uint64_t websocket_frame_bytes_max; // these three: see options_idle_websocket
    bool websocket_compression;
    uint64_t websocket_ping_interval_ms;
    uint64_t connections_per_address;    // 0: no bound
    uint64_t connections_per_subject;    // 0: no bound
    uint64_t requests_per_subject;       // a second; 0: no bound
    uint64_t publish_events_per_subject; // a second; 0: no bound
    uint64_t requests_per_address;       // a second; 0: no bound
    const char *allow_origins;           // NULL: none; see options_read_origins
    bool require_origin;
    struct setting_texts auth_keys; // paths, see auth/key_files.h; none: tokens are refused
    uint64_t auth_algorithms;       // bit n: enum algorithm n
    const char *auth_audience;      // NULL: not looked at
    const char *auth_issuer;        // NULL: not looked at
    uint64_t auth_leeway_ms;
    unsigned auth_require_exp; // enum options_require_exp
    const char *auth_cookie;
    unsigned anonymous;                    // enum options_anonymous; see options_access
    struct setting_texts tls_certificates; // paths, see tls/server.h
    struct setting_texts tls_keys;         // one for each
    unsigned tls_min_version;              // enum options_tls_version
    unsigned tls_tickets;                  // enum options_tls_tickets
    unsigned tls_kernel;                   // enum options_tls_kernel
    uint64_t connection_streams_max;
    uint64_t producers_max;
    uint64_t producer_events_per_second; // 0: no bound
    uint64_t producer_bytes_per_second;  // 0: no bound
    uint64_t request_timeout_ms;
    uint64_t header_bytes_max;
    uint64_t request_bytes_max;
    uint64_t body_timeout_ms;
    uint64_t heartbeat_interval_ms; // 0: none
    uint64_t retry_ms;
    uint64_t stall_timeout_ms;       // 0: never
    uint64_t lag_events;             // 0: no bound
    uint64_t lag_bytes;              // 0: no bound
    unsigned lag_policy;             // see options_overflow
    unsigned backpressure_strategy;  // the same
    uint64_t backpressure_threshold; // in thousandths: up to 1000 a share, above it events
    uint64_t backpressure_wait_ms;
    unsigned unknown_stream; // enum options_unknown_stream
    bool user_agent_profiles;
    uint64_t events_per_second_max; // 0: no bound
    uint64_t bytes_per_second_max;  // 0: no bound
    uint64_t link_interval_ms;      // 0: never
    struct setting_texts rules;     // flow/rules.h; see options_read_rules
    unsigned rules_for;             // enum options_rules_for
    uint64_t event_bytes_max;
    uint64_t streams_max;
    uint64_t streams_per_subject; // 0: no bound
    uint64_t stream_idle_ms;
    uint64_t retention_age_ms;
    uint64_t retention_bytes;
    uint64_t segment_bytes;
    uint64_t tail_bytes;
    uint64_t replay_bytes;
    uint64_t idempotency_max;
    unsigned memory_watch;       // enum options_memory_watch
    uint64_t memory_limit_bytes; // 0: a share of the machine's, where no control group has one
    unsigned log_level;          // enum logger_level
    unsigned log_format;         // enum logger_format
    const char *access_log;      // a path, "stderr" or "off" (conn/access_file.h)
    uint64_t worker_inbox;
    uint64_t log_inbox;
    uint64_t ring_descriptors; // 0: as many as the limit of open files allows
    uint64_t kernel_without;   // as given; see options_features_masked
};

extern const struct setting_table options_table;

// Adds what does not agree with each other, each line beginning with the flag that is at fault:
// "--rule: ...".
void options_check(const struct options *options, struct setting_faults *faults);

// The rules that the settings say, or the usual ones where they say none. 0, or -EINVAL with one
// line in message.
int options_read_rules(const struct options *options, struct rules *rules, char *message,
                       size_t message_size);

// Who may ask for what, without origins, keys and rules of tokens. Both borrow from the options.
struct access_policy options_access(const struct options *options);
struct token_rules options_token_rules(const struct options *options);

// What of the settings about tokens does nothing, since there are no keys. Static; NULL: nothing.
const char *options_idle_access(const struct options *options);

// The origins whose pages may ask. 0, or -EINVAL with one line in message.
int options_read_origins(const struct options *options, struct cors_origins *origins, char *message,
                         size_t message_size);

// Whom connections may be told of by. 0, or -EINVAL with one line in message.
int options_read_proxies(const struct options *options, struct ip_ranges *proxies, char *message,
                         size_t message_size);

// What one client may have and do at once.
struct client_limits_options options_limits(const struct options *options);

// What happens to a subscriber that lags, where neither it nor its streams say something else.
struct overflow_terms options_overflow(const struct options *options);
// The same for the log, with what producers of streams that block go by.
struct stream_flow options_flow(const struct options *options);

// LOOP_FEATURE_* that the kernel shall be taken not to have.
uint32_t options_features_masked(const struct options *options);

#endif
