#include "conn/access.h"

#include "auth/token_cache.h"
#include "base/logger.h"
#include "conn/client_address.h"
#include "conn/shard.h"
#include "http/cookie.h"
#include "http/response.h"

#include <stdio.h>

enum {
    WARNING_INTERVAL_MS = 60 * 1000,
    MS_PER_SECOND = 1000,
    RETRY_AFTER_MEMORY_S = 1,
    WHY_BYTES_MAX = 192,
    CHALLENGE_BYTES = 96 + WHY_BYTES_MAX,
};

#define CHALLENGE "Bearer realm=\"ringcast\""
#define X(enumerator, name, text) \
    STATIC_ASSERT(sizeof(text) <= WHY_BYTES_MAX, "a challenge has room for it");
TOKEN_FAULTS(X)
#undef X

// What a route needs, beside an origin that may ask.
enum need {
    NEED_NOTHING,
    NEED_READ,
    NEED_WRITE,
    NEED_BROADCAST,
    NEED_TOKEN, // of anybody
};

static enum need need_of(enum http_route_kind kind)
{
    switch (kind) {
    case HTTP_ROUTE_NONE: // it is answered what is wrong with it
    case HTTP_ROUTE_OPTIONS:
    case HTTP_ROUTE_HEALTH:
    case HTTP_ROUTE_READY:
    case HTTP_ROUTE_METRICS: // who reaches an admin listener may
    case HTTP_ROUTE_STATS:
    case HTTP_ROUTE_ASSET: return NEED_NOTHING;
    case HTTP_ROUTE_STREAM:
    case HTTP_ROUTE_EVENTS:
    case HTTP_ROUTE_STREAM_ALIAS:
    case HTTP_ROUTE_SESSION_ALIAS:
    case HTTP_ROUTE_INFO:
    case HTTP_ROUTE_HEAD:
    case HTTP_ROUTE_LIST: return NEED_READ;
    case HTTP_ROUTE_PUBLISH:
    case HTTP_ROUTE_CREATE:
    case HTTP_ROUTE_CREATE_UUID:
    case HTTP_ROUTE_DELETE: return NEED_WRITE;
    case HTTP_ROUTE_SEND:
    case HTTP_ROUTE_BROADCAST: return NEED_BROADCAST;
    case HTTP_ROUTE_RENEW: return NEED_TOKEN;
    }
    UNREACHABLE();
}

static bool refuse(struct shard *shard, struct conn *conn, enum rc_error error, const char *detail)
{
    struct http_fault fault;
    http_fault_set(&fault, error, "%s", detail);
    request_fail(shard, conn, &fault, NULL, 0);
    return false;
}

// --- how often ---

// Takes `count` of what this client may do a second, which is bounded.
static bool take(struct shard *shard, struct conn *conn, struct rate_table *rates, uint64_t key,
                 uint64_t count, const char *detail)
{
    uint64_t wait_ms = client_limits_take(rates, key, count, shard->now_ms);
    if (wait_ms == 0) {
        return true;
    }
    struct http_fault fault;
    http_fault_set(&fault, ERR_RATE_LIMITED, "%s", detail);
    request_fail(shard, conn, &fault, NULL,
                 (uint32_t)((wait_ms + MS_PER_SECOND - 1) / MS_PER_SECOND));
    return false;
}

static uint64_t address_key(const struct shard *shard, const struct conn *conn)
{
    const struct conn_cold *cold = conn_cold_of(shard, conn);
    return client_limits_address(&shard->terms->limits, cold->family, cold->address);
}

static uint64_t subject_key(const struct shard *shard, const struct context *context)
{
    return client_limits_subject(&shard->terms->limits, context->grant == NULL
                                                            ? slice_empty()
                                                            : grant_subject(context->grant));
}

static bool take_of_address(struct shard *shard, struct conn *conn)
{
    struct rate_table *rates = shard->terms->limits.address_requests;
    return rates == NULL || take(shard, conn, rates, address_key(shard, conn), 1,
                                 "your address asks more often than it may");
}

static bool take_of_subject(struct shard *shard, struct conn *conn, const struct context *context)
{
    struct rate_table *rates = shard->terms->limits.subject_requests;
    return rates == NULL || take(shard, conn, rates, subject_key(shard, context), 1,
                                 "the token's subject asks more often than it may");
}

// --- which page ---

struct slice access_origin(const struct shard *shard, const struct context *context)
{
    struct slice origin = http_request_field(&context->request, HTTP_FIELD_ORIGIN);
    return cors_origins_have(&shard->terms->origins, origin) ? origin : slice_empty();
}

// Browsers send the Origin of the built-in page with the scripts that it loads.
static bool is_own_page(const struct context *context, struct slice origin)
{
    static const struct slice separator = SLICE_LITERAL("://");
    struct slice rest = slice_after(origin, slice_find(origin, ':'));
    return context->route.kind == HTTP_ROUTE_ASSET && slice_starts_with(rest, separator) &&
           slice_equal(slice_after(rest, separator.length),
                       http_request_field(&context->request, HTTP_FIELD_HOST));
}

static bool check_origin(struct shard *shard, struct conn *conn, const struct context *context)
{
    const struct access_policy *policy = &shard->terms->access;
    struct slice origin = http_request_field(&context->request, HTTP_FIELD_ORIGIN);
    bool has_origin = http_request_has(&context->request, HTTP_FIELD_ORIGIN);
    bool is_required = policy->requires_origin && need_of(context->route.kind) != NEED_NOTHING;
    switch (cors_judge(&shard->terms->origins, is_required, has_origin, origin)) {
    case CORS_NO_ORIGIN:
    case CORS_ALLOWED: return true;
    case CORS_MISSING:
        return refuse(shard, conn, ERR_FORBIDDEN,
                      "a request must say by Origin which page it is from");
    case CORS_FOREIGN: break;
    }
    if (is_own_page(context, origin)) {
        return true;
    }
    if (shard->terms->origins.count == 0) {
        char address[CLIENT_ADDRESS_TEXT_BYTES];
        char made[REQUEST_ID_MADE_BYTES_MAX];
        LOGGER_EVERY_WITH(
            WARNING_INTERVAL_MS, LOGGER_WARN, "http",
            LOGGER_FIELDS(
                logger_text("origin", origin),
                logger_text("address", client_address_text(conn_cold_of(shard, conn), address)),
                logger_text("request", request_id(shard, context, made))),
            "a page was refused; no origin is allowed (see --allow-origins)");
    }
    return refuse(shard, conn, ERR_FORBIDDEN,
                  "pages of this origin may not ask: it is none of --allow-origins");
}

// --- who ---

static bool challenge_with(struct shard *shard, struct conn *conn, const char *challenge,
                           const char *detail)
{
    struct http_fault fault;
    http_fault_set(&fault, ERR_UNAUTHORIZED, "%s", detail);
    const struct http_problem problem = {.fault = &fault, .challenge = challenge};
    request_problem(shard, conn, &problem);
    return false;
}

static bool refuse_token(struct shard *shard, struct conn *conn, const char *why)
{
    char challenge[CHALLENGE_BYTES];
    int length = snprintf(challenge, sizeof(challenge),
                          CHALLENGE ", error=\"invalid_token\", error_description=\"%s\"", why);
    ASSERT(length > 0 && (size_t)length < sizeof(challenge));
    return challenge_with(shard, conn, challenge, why);
}

static bool verify(struct shard *shard, struct conn *conn, struct context *context,
                   struct slice token)
{
    if (shard->terms->keyring == NULL) {
        return refuse_token(shard, conn, "no keys are configured here, so no token is valid");
    }
    uint64_t verified = token_cache_verified(shard->tokens);
    enum token_fault fault =
        token_cache_verify(shard->tokens, token, shard->unix_ms, &context->grant);
    verified = token_cache_verified(shard->tokens) - verified;
    shard->request_share_left -= (int32_t)verified * SHARE_OF_TOKEN;
    shard->stats.tokens[fault]++;
    if (fault == TOKEN_MEMORY) {
        struct http_fault busy;
        http_fault_set(&busy, ERR_OVERLOADED, "%s", token_fault_text(fault));
        request_fail(shard, conn, &busy, NULL, RETRY_AFTER_MEMORY_S);
        return false;
    }
    return fault == TOKEN_OK || refuse_token(shard, conn, token_fault_text(fault));
}

static bool take_bearer(struct shard *shard, struct conn *conn, struct context *context)
{
    static const struct slice bearer = SLICE_LITERAL("Bearer");
    struct slice token =
        slice_trim(http_request_field(&context->request, HTTP_FIELD_AUTHORIZATION));
    struct slice scheme = slice_split(&token, ' ');
    if (!slice_equal_ignoring_case(scheme, bearer)) {
        return refuse_token(shard, conn, "Authorization is not Bearer, a space and the token");
    }
    token = slice_trim(token);
    if (token.length == 0) {
        return refuse_token(shard, conn, "there is no token behind Bearer");
    }
    return verify(shard, conn, context, token);
}

static bool is_safe(enum http_method method)
{
    return method == HTTP_METHOD_GET || method == HTTP_METHOD_HEAD;
}

// A browser sends the cookie with whatever any page asks for, so that a page has to say who it is
// before anything is changed in the person's name.
static bool take_cookie(struct shard *shard, struct conn *conn, struct context *context)
{
    struct slice name = shard->terms->access.cookie;
    struct slice token = slice_empty();
    // Cookies are the whole host's: without keys this one is another server's.
    if (name.length == 0 || shard->terms->keyring == NULL) {
        return true;
    }
    switch (cookie_find(http_request_field(&context->request, HTTP_FIELD_COOKIE), name, &token)) {
    case COOKIE_NONE: return true;
    case COOKIE_SEVERAL:
        return refuse_token(shard, conn, "the cookie came with several different values");
    case COOKIE_ONE: break;
    }
    return verify(shard, conn, context, token) &&
           (is_safe(context->request.method) ||
            http_request_has(&context->request, HTTP_FIELD_ORIGIN) ||
            refuse(shard, conn, ERR_FORBIDDEN,
                   "with a cookie, a request that changes something must say by Origin which page "
                   "it is from"));
}

static bool identify(struct shard *shard, struct conn *conn, struct context *context)
{
    return http_request_has(&context->request, HTTP_FIELD_AUTHORIZATION)
               ? take_bearer(shard, conn, context)
               : take_cookie(shard, conn, context);
}

// --- whether they may ---

static bool may_anybody(const struct shard *shard, enum need need)
{
    enum access_anonymous anonymous = shard->terms->access.anonymous;
    return need == NEED_NOTHING || (anonymous == ACCESS_ANONYMOUS_ALL && need != NEED_TOKEN) ||
           (anonymous == ACCESS_ANONYMOUS_READ && need == NEED_READ);
}

static bool refuse_anonymous(struct shard *shard, struct conn *conn, enum need need)
{
    const char *detail = "this needs a token, in Authorization: Bearer or the cookie for it; one "
                         "in the URL is not looked at";
    if (shard->terms->keyring == NULL) {
        detail = need == NEED_TOKEN ? "this needs a token, and no keys are configured here "
                                      "(--auth-keys)"
                                    : "this needs a token, and no keys are configured here "
                                      "(--auth-keys; or --anonymous all)";
    }
    return challenge_with(shard, conn, CHALLENGE, detail);
}

static bool check_read(struct shard *shard, struct conn *conn, const struct context *context,
                       struct slice stream)
{
    return context->grant == NULL || grant_may_read(context->grant, stream) ||
           refuse(shard, conn, ERR_FORBIDDEN, "the token does not allow reading this stream");
}

static bool check_write(struct shard *shard, struct conn *conn, const struct context *context,
                        struct slice stream)
{
    return context->grant == NULL || grant_may_write(context->grant, stream) ||
           refuse(shard, conn, ERR_FORBIDDEN, "the token does not allow writing this stream");
}

// Those whose name the path has; the others later.
static bool check_right(struct shard *shard, struct conn *conn, const struct context *context,
                        enum need need)
{
    if (context->grant == NULL) {
        return may_anybody(shard, need) || refuse_anonymous(shard, conn, need);
    }
    switch (context->route.kind) {
    case HTTP_ROUTE_INFO:
    case HTTP_ROUTE_HEAD: return check_read(shard, conn, context, context->route.name);
    case HTTP_ROUTE_PUBLISH:
    case HTTP_ROUTE_CREATE:
    case HTTP_ROUTE_DELETE: return check_write(shard, conn, context, context->route.name);
    default: break;
    }
    return need != NEED_BROADCAST || grant_may_broadcast(context->grant) ||
           refuse(shard, conn, ERR_FORBIDDEN, "the token does not allow sending to connections");
}

bool access_check(struct shard *shard, struct conn *conn, struct context *context)
{
    ASSERT(context->grant == NULL);
    enum need need = need_of(context->route.kind);
    // An admin listener is a door of its own: who may come to it is whom it is open to.
    if (conn_is_admin(conn)) {
        return check_origin(shard, conn, context);
    }
    return take_of_address(shard, conn) && check_origin(shard, conn, context) &&
           (need == NEED_NOTHING ||
            (identify(shard, conn, context) && take_of_subject(shard, conn, context) &&
             check_right(shard, conn, context, need)));
}

bool access_check_new_stream(struct shard *shard, struct conn *conn, struct context *context,
                             struct slice name)
{
    return check_write(shard, conn, context, name);
}

bool access_check_events(struct shard *shard, struct conn *conn, struct context *context,
                         uint64_t count)
{
    struct rate_table *rates = shard->terms->limits.events;
    if (rates == NULL || count == 0) {
        return true;
    }
    uint64_t subject = subject_key(shard, context);
    return take(shard, conn, rates, subject != 0 ? subject : address_key(shard, conn), count,
                "more events a second than you may publish");
}

// --- connections ---

static bool enter(struct shard *shard, struct conn *conn, const struct context *context)
{
    struct client_counts *counts = shard->terms->limits.subject_connections;
    struct conn_cold *cold = conn_cold_of(shard, conn);
    uint64_t key = subject_key(shard, context);
    if (key == cold->subject_key) {
        return true; // also of a request before on this connection, whose stream did not begin
    }
    access_leave(shard, conn);
    if (client_limits_enter(counts, key, shard->terms->limits.connections_per_subject)) {
        cold->subject_key = key;
        return true;
    }
    request_fail_crowded(shard, conn, "the token's subject has as many connections as it may");
    return false;
}

void access_leave(struct shard *shard, const struct conn *conn)
{
    struct conn_cold *cold = conn_cold_of(shard, conn);
    client_limits_leave(shard->terms->limits.subject_connections, cold->subject_key);
    cold->subject_key = 0;
}

bool access_check_subscription(struct shard *shard, struct conn *conn, struct context *context)
{
    const struct subscribe_request *subscribe = &context->subscribe;
    for (uint32_t i = 0; i < subscribe->stream_count; i++) {
        if (!check_read(shard, conn, context, subscribe->streams[i])) {
            return false;
        }
    }
    return enter(shard, conn, context);
}
