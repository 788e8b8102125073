// What the settings of options.c mean together: whether they agree, and what others are to be told.
#include "app/options.h"

#include "app/listeners.h"
#include "base/assert.h"

#include <errno.h>
#include <string.h>

enum {
    // The part of a segment that one event may fill: its frame may be twice its data, and goes with
    // a header and indexes.
    SEGMENT_SHARE_OF_EVENT = 4,
    COOKIE_NAME_BYTES_MAX = 64,
};

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

int options_read_origins(const struct options *options, struct cors_origins *origins, char *message,
                         size_t message_size)
{
    char fault[CORS_FAULT_BYTES];
    const char *text = options->allow_origins == NULL ? "" : options->allow_origins;
    if (cors_origins_parse(origins, slice_of(text), fault)) {
        return 0;
    }
    (void)snprintf(message, message_size, "--allow-origins: %s", fault);
    return -EINVAL;
}

int options_read_proxies(const struct options *options, struct ip_ranges *proxies, char *message,
                         size_t message_size)
{
    proxies->count = 0;
    struct slice rest =
        options->trusted_proxies == NULL ? slice_empty() : slice_of(options->trusted_proxies);
    while (rest.length > 0) {
        struct slice text = slice_trim(slice_split(&rest, ','));
        const char *fault = ip_ranges_add(proxies, text);
        if (fault != NULL) {
            (void)snprintf(message, message_size, "--trusted-proxies: '" SLICE_FORMAT "': %s",
                           SLICE_ARGUMENTS(text), fault);
            return -EINVAL;
        }
    }
    return 0;
}

struct client_limits_options options_limits(const struct options *options)
{
    return (struct client_limits_options){
        .connections_max = (uint32_t)options->connections_max,
        .connections_per_address = (uint32_t)options->connections_per_address,
        .connections_per_subject = (uint32_t)options->connections_per_subject,
        .requests_per_address = (uint32_t)options->requests_per_address,
        .requests_per_subject = (uint32_t)options->requests_per_subject,
        .events_per_subject = (uint32_t)options->publish_events_per_subject,
    };
}

static struct slice text_or_empty(const char *text)
{
    return text == NULL ? slice_empty() : slice_of(text);
}

static enum access_anonymous who_has_no_token_may(const struct options *options)
{
    switch ((enum options_anonymous)options->anonymous) {
    case OPTIONS_ANONYMOUS_NONE: return ACCESS_ANONYMOUS_NONE;
    case OPTIONS_ANONYMOUS_READ: return ACCESS_ANONYMOUS_READ;
    case OPTIONS_ANONYMOUS_ALL: return ACCESS_ANONYMOUS_ALL;
    case OPTIONS_ANONYMOUS_AUTO: break;
    }
    return options->auth_keys.count > 0 ? ACCESS_ANONYMOUS_NONE : ACCESS_ANONYMOUS_READ;
}

struct access_policy options_access(const struct options *options)
{
    return (struct access_policy){
        .requires_origin = options->require_origin,
        .anonymous = who_has_no_token_may(options),
        .cookie = text_or_empty(options->auth_cookie),
    };
}

struct token_rules options_token_rules(const struct options *options)
{
    return (struct token_rules){
        .algorithms = (unsigned)options->auth_algorithms,
        .audience = text_or_empty(options->auth_audience),
        .issuer = text_or_empty(options->auth_issuer),
        .leeway_ms = options->auth_leeway_ms,
        .needs_expiry = options->auth_require_exp == OPTIONS_REQUIRE_EXP_ON,
    };
}

const char *options_idle_access(const struct options *options)
{
    if (options->auth_keys.count > 0) {
        return NULL;
    }
    if (options->anonymous == OPTIONS_ANONYMOUS_NONE) {
        return "--anonymous none without --auth-keys: nobody may read or publish over HTTP";
    }
    if (options->auth_audience != NULL || options->auth_issuer != NULL) {
        return "--auth-audience and --auth-issuer do nothing without --auth-keys: no token is "
               "asked "
               "for";
    }
    if (options->connections_per_subject > 0 || options->requests_per_subject > 0 ||
        options->streams_per_subject > 0) {
        return "--connections-per-subject, --requests-per-subject and --streams-per-subject do "
               "nothing without --auth-keys; those with per-address do";
    }
    return NULL;
}

// RFC 9110 section 5.6.2, which a cookie's name is (RFC 6265 section 4.1.1).
static const char cookie_letters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    "!#$%&'*+-.^_`|~";

static int check_tokens(const struct options *options, char *message, size_t message_size)
{
    if (options->auth_algorithms == 0) {
        (void)snprintf(message, message_size, "--auth-algorithms: at least one is needed");
        return -EINVAL;
    }
    for (uint32_t i = 0; i < options->auth_keys.count; i++) {
        if (options->auth_keys.texts[i][0] == 0) {
            (void)snprintf(message, message_size, "--auth-keys: a path may not be empty");
            return -EINVAL;
        }
    }
    size_t length = strlen(options->auth_cookie);
    if (length == 0 || length > COOKIE_NAME_BYTES_MAX ||
        strspn(options->auth_cookie, cookie_letters) != length) {
        (void)snprintf(message, message_size,
                       "--auth-cookie: a name of 1 to %d letters, digits and !#$%%&'*+-.^_`|~",
                       COOKIE_NAME_BYTES_MAX);
        return -EINVAL;
    }
    return 0;
}

static int check_event_bytes(const struct options *options, char *message, size_t message_size)
{
    uint64_t most = options->segment_bytes / SEGMENT_SHARE_OF_EVENT;
    if (options->event_bytes_max <= most) {
        return 0;
    }
    char text[SETTING_VALUE_SIZE];
    setting_format_number(SETTING_SIZE, most, text);
    (void)snprintf(message, message_size,
                   "--event-bytes-max: with these --segment-bytes it may be at most %s", text);
    return -EINVAL;
}

static int check_retention(const struct options *options, char *message, size_t message_size)
{
    if (options->retention_bytes >= 2 * options->segment_bytes) {
        return 0;
    }
    char text[SETTING_VALUE_SIZE];
    setting_format_number(SETTING_SIZE, 2 * options->segment_bytes, text);
    (void)snprintf(message, message_size,
                   "--retention-bytes: it must be at least two segments, %s (see --segment-bytes)",
                   text);
    return -EINVAL;
}

static int check_paths(const struct options *options, char *message, size_t message_size)
{
    const char *const paths[] = {options->socket, options->data_dir};
    static const char *const keys[] = {"socket", "data-dir"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        if (paths[i] != NULL && paths[i][0] == 0) {
            (void)snprintf(message, message_size, "--%s: it may not be empty", keys[i]);
            return -EINVAL;
        }
    }
    return 0;
}

static int check_listeners(const struct options *options, char *message, size_t message_size)
{
    struct listeners listeners;
    int result = listeners_read(&listeners, options, message, message_size);
    return result != 0 ? result : listeners_check(&listeners, options, message, message_size);
}

static int check_tls(const struct options *options, char *message, size_t message_size)
{
    const struct setting_texts *certificates = &options->tls_certificates;
    const struct setting_texts *keys = &options->tls_keys;
    if (certificates->count != keys->count) {
        (void)snprintf(message, message_size,
                       "--tls-key: each certificate needs its key, in the same order: there are %u "
                       "certificates and %u keys",
                       certificates->count, keys->count);
        return -EINVAL;
    }
    for (uint32_t i = 0; i < certificates->count; i++) {
        if (certificates->texts[i][0] == 0 || keys->texts[i][0] == 0) {
            (void)snprintf(message, message_size, "--tls-%s: a path may not be empty",
                           certificates->texts[i][0] == 0 ? "certificate" : "key");
            return -EINVAL;
        }
    }
    return 0;
}

static int check_proxies(const struct options *options, char *message, size_t message_size)
{
    struct ip_ranges proxies;
    return options_read_proxies(options, &proxies, message, message_size);
}

static int check_rules(const struct options *options, char *message, size_t message_size)
{
    struct rules rules;
    return options_read_rules(options, &rules, message, message_size);
}

static int check_origins(const struct options *options, char *message, size_t message_size)
{
    struct cors_origins origins;
    return options_read_origins(options, &origins, message, message_size);
}

// Each returns 0, or -EINVAL with one line in message that begins with a flag.
static int (*const checks[])(const struct options *options, char *message, size_t message_size) = {
    check_event_bytes, check_retention, check_paths,  check_listeners, check_tls,
    check_proxies,     check_rules,     check_tokens, check_origins,
};

void options_check(const struct options *options, struct setting_faults *faults)
{
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        char message[SETTING_MESSAGE_SIZE];
        if (checks[i](options, message, sizeof(message)) != 0) {
            setting_faults_add(faults, 0, 0, "%s", message);
        }
    }
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
