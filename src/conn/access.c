#include "conn/access.h"

#include "base/logger.h"
#include "conn/shard.h"

enum { WARNING_INTERVAL_MS = 60 * 1000, MS_PER_SECOND = 1000 };

static void refuse(struct shard *shard, struct conn *conn, enum rc_error error, const char *detail,
                   uint32_t retry_after_s)
{
    struct http_fault fault;
    http_fault_set(&fault, error, "%s", detail);
    request_fail(shard, conn, &fault, NULL, retry_after_s);
}

// --- how often ---

static bool is_within_rate(struct shard *shard, struct conn *conn)
{
    struct client_limits *limits = shard->options.limits;
    if (limits->address_requests == NULL) {
        return true;
    }
    const struct conn_cold *cold = conn_cold_of(shard, conn);
    uint64_t key = client_limits_address(limits, cold->family, cold->address);
    uint64_t wait_ms = client_limits_take(limits->address_requests, key, 1, shard->now_ms);
    if (wait_ms > 0) {
        refuse(shard, conn, ERR_RATE_LIMITED, "your address asks more often than it may",
               (uint32_t)((wait_ms + MS_PER_SECOND - 1) / MS_PER_SECOND));
    }
    return wait_ms == 0;
}

// --- which page ---

static bool is_open_to_all(enum http_route_kind kind)
{
    return kind == HTTP_ROUTE_HEALTH || kind == HTTP_ROUTE_ASSET || kind == HTTP_ROUTE_NONE;
}

static bool is_origin_allowed(struct shard *shard, struct conn *conn, struct context *context)
{
    const struct access_policy *policy = shard->options.access;
    struct slice origin = http_request_field(&context->request, HTTP_FIELD_ORIGIN);
    bool is_required = policy->requires_origin && !is_open_to_all(context->route.kind);
    switch (cors_judge(policy->origins, is_required,
                       http_request_has(&context->request, HTTP_FIELD_ORIGIN), origin)) {
    case CORS_NO_ORIGIN:
    case CORS_ALLOWED: return true;
    case CORS_MISSING:
        refuse(shard, conn, ERR_FORBIDDEN, "a request must say by Origin which page it is from", 0);
        return false;
    case CORS_FOREIGN: break;
    }
    if (policy->origins->count == 0) {
        LOGGER_EVERY(WARNING_INTERVAL_MS, LOGGER_WARN, "http",
                     "a page of '" SLICE_FORMAT "' was refused; no origin is allowed (see "
                     "--allow-origins)",
                     SLICE_ARGUMENTS(origin));
    }
    refuse(shard, conn, ERR_FORBIDDEN, "pages of this origin may not ask", 0);
    return false;
}

bool access_check(struct shard *shard, struct conn *conn, struct context *context)
{
    return is_within_rate(shard, conn) && is_origin_allowed(shard, conn, context);
}
