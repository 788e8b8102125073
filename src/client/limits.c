// Streams whose credit the broker has limited (STREAM_CREDIT): which of the requests are theirs,
// and how much of them is unanswered.
#include "client/internal.h"

#include <string.h>

// The stream of a request to publish, of a batch that of its first event, as it stands in the
// frame. Length 0: it is another request.
static const uint8_t *stream_of(const struct rc_client *client, const struct rc_request *request,
                                size_t *length)
{
    const uint8_t *frame = rc_window_frame(&client->window, request);
    *length = 0;
    if (frame[4] != RC_FRAME_PUBLISH && frame[4] != RC_FRAME_BATCH) {
        return NULL;
    }
    const uint8_t *event = frame + RC_HEADER_BYTES + (frame[4] == RC_FRAME_BATCH ? 4 : 0);
    *length = event[26];
    return event + RC_EVENT_BYTES;
}

static bool is_named(const struct rc_limit *limit, const void *name, size_t length)
{
    return limit->name_length > 0 && limit->name_length == length &&
           memcmp(limit->name, name, length) == 0;
}

static struct rc_limit *find(struct rc_client *client, const void *name, size_t length)
{
    for (size_t i = 0; i < RC_STREAM_CREDITS_MAX && client->limit_count > 0; i++) {
        if (is_named(&client->limits[i], name, length)) {
            return &client->limits[i];
        }
    }
    return NULL;
}

static uint8_t mark_of(const struct rc_client *client, const struct rc_limit *limit)
{
    return (uint8_t)(limit - client->limits + 1);
}

// From now on it counts for the limit and not for the connection's credit, or the other way round.
static void move(struct rc_client *client, struct rc_request *request, struct rc_limit *limit,
                 bool to_limit)
{
    request->limit = to_limit ? mark_of(client, limit) : 0;
    if (to_limit) {
        limit->unanswered_bytes += request->length;
    } else {
        limit->unanswered_bytes -= request->length;
    }
    if (request->is_sent && to_limit) {
        client->in_flight_bytes -= request->length;
    } else if (request->is_sent) {
        client->in_flight_bytes += request->length;
    }
}

static void begin(struct rc_client *client, struct rc_limit *limit)
{
    struct rc_request *request;
    for (uint64_t number = 0; (request = rc_window_next(&client->window, &number)) != NULL;
         number++) {
        size_t length;
        if (request->limit != 0) {
            continue;
        }
        const uint8_t *name = stream_of(client, request, &length);
        if (is_named(limit, name, length)) {
            move(client, request, limit, true);
        }
    }
}

static void end(struct rc_client *client, struct rc_limit *limit)
{
    struct rc_request *request;
    for (uint64_t number = 0; limit->unanswered_bytes > 0 &&
                              (request = rc_window_next(&client->window, &number)) != NULL;
         number++) {
        if (request->limit == mark_of(client, limit)) {
            move(client, request, limit, false);
        }
    }
    limit->name_length = 0;
    client->limit_count--;
}

static struct rc_limit *make(struct rc_client *client, const uint8_t *name, size_t length)
{
    for (size_t i = 0; i < RC_STREAM_CREDITS_MAX; i++) {
        struct rc_limit *limit = &client->limits[i];
        if (limit->name_length == 0) {
            *limit = (struct rc_limit){.name_length = (uint8_t)length};
            memcpy(limit->name, name, length);
            client->limit_count++;
            return limit;
        }
    }
    return NULL; // the broker tells of no more than these
}

void rc_limits_set(struct rc_client *client, const uint8_t *name, size_t length, uint64_t credit)
{
    struct rc_limit *limit = find(client, name, length);
    if (credit == RC_CREDIT_UNLIMITED) {
        if (limit != NULL) {
            end(client, limit);
        }
        return;
    }
    if (limit == NULL && (limit = make(client, name, length)) != NULL) {
        begin(client, limit);
    }
    if (limit != NULL) {
        limit->credit_bytes = credit;
    }
}

bool rc_limits_admit(struct rc_client *client, const char *stream, size_t length)
{
    if (client->limit_count == 0 || stream == NULL) {
        return true;
    }
    const struct rc_limit *limit = find(client, stream, strlen(stream));
    return limit == NULL || limit->unanswered_bytes == 0 ||
           limit->unanswered_bytes + length <= limit->credit_bytes;
}

void rc_limits_add(struct rc_client *client, struct rc_request *request)
{
    size_t length;
    if (client->limit_count > 0) {
        const uint8_t *name = stream_of(client, request, &length);
        struct rc_limit *limit = find(client, name, length);
        if (limit != NULL) {
            move(client, request, limit, true);
        }
    }
}

void rc_limits_finish(struct rc_client *client, struct rc_request *request)
{
    if (request->limit != 0) {
        client->limits[request->limit - 1].unanswered_bytes -= request->length;
        request->limit = 0;
    } else if (request->is_sent) {
        client->in_flight_bytes -= request->length;
    }
    request->is_sent = false;
}

void rc_limits_forget(struct rc_client *client)
{
    for (size_t i = 0; i < RC_STREAM_CREDITS_MAX; i++) {
        client->limits[i].name_length = 0;
    }
    client->limit_count = 0;
}
