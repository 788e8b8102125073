#include "client/internal.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

uint64_t rc_connection_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / (1000 * 1000);
}

// ---- beginning and end -------------------------------------------------------------------------

void rc_connection_close(struct rc_client *client)
{
    if (client->fd >= 0) {
        close(client->fd);
        client->fd = -1;
    }
}

// Waits longer from attempt to attempt, and never as long as everybody else (xorshift).
static void plan_retry(struct rc_client *client)
{
    client->random ^= client->random << 13;
    client->random ^= client->random >> 7;
    client->random ^= client->random << 17;
    uint64_t spread = (uint64_t)client->retry_ms / 2;
    client->retry_at_ms =
        rc_connection_now_ms() + (uint64_t)client->retry_ms - client->random % (spread + 1);
    client->retry_ms = 2 * client->retry_ms < client->options.retry_ms_max
                           ? 2 * client->retry_ms
                           : client->options.retry_ms_max;
}

static void go_down(struct rc_client *client, int error_number)
{
    rc_connection_close(client);
    client->connect_errno = error_number;
    client->state = RC_STATE_DOWN;
    plan_retry(client);
}

static void fail(struct rc_client *client, int code)
{
    rc_connection_close(client);
    client->failure = code;
    client->state = RC_STATE_FAILED;
}

static void connect_now(struct rc_client *client)
{
    client->refusal = RC_OK;
    client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (client->fd < 0 || connect(client->fd, (const struct sockaddr *)&client->address,
                                  sizeof client->address) < 0) {
        int error_number = errno;
        rc_client_say(client, "cannot connect to %s: %s", client->address.sun_path,
                      strerror(error_number));
        go_down(client, error_number);
        return;
    }
    uint8_t hello[RC_HELLO_BYTES];
    rc_encode_hello(hello, client);
    // A new socket has room for so little.
    if (send(client->fd, hello, sizeof hello, MSG_NOSIGNAL) != (ssize_t)sizeof hello) {
        go_down(client, errno == 0 ? ECONNRESET : errno);
        return;
    }
    client->state = RC_STATE_HELLO;
    client->welcome_by_ms = rc_connection_now_ms() + RC_WELCOME_MS_MAX;
    client->received_length = 0;
    client->is_leaving = false;
    client->is_blocked = false;
}

static bool handle_welcome(struct rc_client *client, const uint8_t *payload, size_t length)
{
    uint64_t version = length < RC_WELCOME_BYTES ? 0 : get_le(payload, 2);
    if (client->state != RC_STATE_HELLO || version < 1 || version > RC_PROTOCOL_VERSION) {
        return false;
    }
    client->frame_bytes_max = (uint32_t)get_le(payload + 4, 4);
    client->credit_bytes = get_le(payload + 8, 8);
    client->event_bytes_max = (uint32_t)get_le(payload + 16, 4);
    client->state = RC_STATE_READY;
    client->retry_ms = RC_RETRY_MS_MIN;
    client->reconnects += client->was_ready;
    client->was_ready = true;
    rc_limits_forget(client);
    rc_window_rewind(&client->window);
    client->sent = client->window.start_position;
    client->allowed = client->sent;
    client->next = client->window.head;
    client->resend = 0;
    client->resent = 0;
    client->in_flight_bytes = 0;
    return true;
}

// ---- answers -----------------------------------------------------------------------------------

// The request is as if never sent: the broker goes, and the next one gets it again. Only where that
// cannot repeat anything.
static bool is_kept_for_later(const struct rc_client *client, const struct rc_result *result)
{
    return result->code == RC_SHUTTING_DOWN &&
           (result->accepted == 0 || client->options.producer_id != 0);
}

static void finish(struct rc_client *client, struct rc_request *request,
                   const struct rc_result *result)
{
    rc_limits_finish(client, request);
    if (is_kept_for_later(client, result)) {
        client->is_leaving = true;
        return;
    }
    rc_client_finish(client, request, result);
}

static bool handle_ack(struct rc_client *client, uint64_t number, const uint8_t *payload,
                       size_t length)
{
    struct rc_request *request = rc_window_find(&client->window, number);
    if (length < RC_ACK_BYTES || request == NULL) {
        return false;
    }
    struct rc_result result = {
        .code = request->code,
        .id = get_le(payload, 8),
        .sequence = get_le(payload + 8, 8),
        .accepted = (uint32_t)get_le(payload + 16, 4),
        .duplicates = (uint32_t)get_le(payload + 20, 4),
        .refused = (uint32_t)get_le(payload + 24, 4),
        .index = request->index,
        .message = rc_code_text(request->code),
    };
    if (request->code != RC_OK && client->refusal_request == number) {
        result.message = client->refusal_message;
    }
    finish(client, request, &result);
    return true;
}

static void keep_text(char *into, const uint8_t *text, size_t length)
{
    length = length < RC_MESSAGE_BYTES ? length : RC_MESSAGE_BYTES - 1;
    memcpy(into, text, length);
    into[length] = 0;
}

// About the whole connection. Some of it may be better with the next one.
static void handle_closing(struct rc_client *client, int code, const uint8_t *text, size_t length)
{
    keep_text(client->message, text, length);
    client->refusal = code;
    if (code == RC_TOO_MANY_CONNECTIONS || code == RC_SHUTTING_DOWN || code == RC_INTERNAL) {
        go_down(client, ECONNREFUSED);
    } else {
        fail(client, code);
    }
}

static bool handle_error(struct rc_client *client, uint64_t number, const uint8_t *payload,
                         size_t length)
{
    if (length < RC_ERROR_BYTES || get_le(payload + 12, 2) > length - RC_ERROR_BYTES) {
        return false;
    }
    int code = (int)get_le(payload, 2);
    uint64_t flags = get_le(payload + 2, 2);
    uint32_t index = (uint32_t)get_le(payload + 4, 4);
    const uint8_t *text = payload + RC_ERROR_BYTES;
    size_t text_length = get_le(payload + 12, 2);
    if ((flags & RC_ERROR_CLOSING) != 0) {
        handle_closing(client, code, text, text_length);
        return true;
    }
    struct rc_request *request = rc_window_find(&client->window, number);
    if (request == NULL || code == RC_OK) {
        return false;
    }
    if ((flags & RC_ERROR_MORE) == 0) {
        keep_text(client->result_message, text, text_length);
        finish(client, request,
               &(struct rc_result){
                   .code = code, .refused = 1, .index = index, .message = client->result_message});
    } else if (request->code == RC_OK) {
        request->code = code;
        request->index = index;
        client->refusal_request = number;
        keep_text(client->refusal_message, text, text_length);
    }
    return true;
}

static bool handle_pressure(struct rc_client *client, uint64_t number, const uint8_t *payload,
                            size_t length)
{
    struct rc_request *request = rc_window_find(&client->window, number);
    if (length < RC_PRESSURE_BYTES || request == NULL) {
        return false;
    }
    client->pressure = (struct rc_pressure){
        .full = (double)get_le(payload, 4) / 1000,
        .credit_bytes = get_le(payload + 8, 8),
        .unanswered_bytes = get_le(payload + 16, 8),
        .listeners = get_le(payload + 24, 8),
    };
    client->stream_pressure = (struct rc_stream_pressure){
        .credit_bytes = RC_CREDIT_UNLIMITED,
        .listeners = client->pressure.listeners,
    };
    if (length >= RC_PRESSURE_STREAM_BYTES) {
        client->stream_pressure.credit_bytes = get_le(payload + 32, 8);
        client->stream_pressure.full = (double)get_le(payload + 40, 4) / 1000;
    }
    finish(client, request, &(struct rc_result){.code = RC_OK, .message = ""});
    return true;
}

static bool handle_stream_credit(struct rc_client *client, const uint8_t *payload, size_t length)
{
    size_t name_length = length - RC_STREAM_CREDIT_BYTES;
    if (length <= RC_STREAM_CREDIT_BYTES || name_length > RC_NAME_BYTES_MAX) {
        return false;
    }
    rc_limits_set(client, payload + RC_STREAM_CREDIT_BYTES, name_length, get_le(payload, 8));
    return true;
}

// One frame of the broker. False: it makes no sense.
static bool handle_frame(struct rc_client *client, const uint8_t *frame, size_t length)
{
    uint64_t number = get_le(frame + 8, 8);
    const uint8_t *payload = frame + RC_HEADER_BYTES;
    if (client->state == RC_STATE_HELLO && frame[4] != RC_FRAME_WELCOME &&
        frame[4] != RC_FRAME_ERROR) {
        return false;
    }
    switch (frame[4]) {
    case RC_FRAME_WELCOME: return handle_welcome(client, payload, length);
    case RC_FRAME_ACK: return handle_ack(client, number, payload, length);
    case RC_FRAME_ERROR: return handle_error(client, number, payload, length);
    case RC_FRAME_PRESSURE_NOW: return handle_pressure(client, number, payload, length);
    case RC_FRAME_CREDIT:
        client->credit_bytes = length < RC_CREDIT_BYTES ? 0 : get_le(payload, 8);
        return length >= RC_CREDIT_BYTES;
    case RC_FRAME_STREAM_CREDIT: return handle_stream_credit(client, payload, length);
    default: return false;
    }
}

static void handle_received(struct rc_client *client)
{
    size_t taken = 0;
    while (client->fd >= 0 && client->received_length - taken >= RC_HEADER_BYTES) {
        const uint8_t *frame = client->received + taken;
        size_t length = get_le(frame, 4);
        if (length > RC_RECEIVE_BYTES - RC_HEADER_BYTES) {
            rc_client_say(client, "the other side sent what is no frame of this protocol");
            fail(client, RC_BAD_ANSWER);
            return;
        }
        if (client->received_length - taken < RC_HEADER_BYTES + length) {
            break;
        }
        if (!handle_frame(client, frame, length)) {
            rc_client_say(client, "the other side sent an unexpected frame of kind %u", frame[4]);
            fail(client, RC_BAD_ANSWER);
            return;
        }
        taken += RC_HEADER_BYTES + length;
    }
    if (taken > 0 && client->fd >= 0) {
        client->received_length -= taken;
        memmove(client->received, client->received + taken, client->received_length);
    }
}

void rc_connection_receive(struct rc_client *client)
{
    client->unlooked = 0;
    while (client->fd >= 0) {
        size_t room = RC_RECEIVE_BYTES - client->received_length;
        ssize_t count =
            recv(client->fd, client->received + client->received_length, room, MSG_DONTWAIT);
        if (count > 0) {
            client->received_length += (size_t)count;
            handle_received(client);
            if ((size_t)count < room) {
                return;
            }
        } else if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        } else {
            int error_number = count == 0 ? ECONNRESET : errno;
            rc_client_say(client, "the broker closed the connection");
            go_down(client, error_number);
        }
    }
}

// ---- sending -----------------------------------------------------------------------------------

// Whether the credit has room for the request; then it counts.
static bool allow(struct rc_client *client, struct rc_request *request)
{
    bool is_limited = request->limit != 0;
    if (!is_limited && client->in_flight_bytes > 0 &&
        client->in_flight_bytes + request->length > client->credit_bytes) {
        return false;
    }
    request->is_sent = true;
    client->in_flight_bytes += is_limited ? 0 : request->length;
    return true;
}

// Moves `allowed` on over as many requests as the credit has room for.
static void allow_more(struct rc_client *client)
{
    while (client->next < client->window.tail && !client->is_leaving) {
        struct rc_request *request = rc_window_find(&client->window, client->next);
        if (request != NULL) {
            if (!allow(client, request)) {
                return;
            }
            client->allowed = request->position + request->length;
        }
        client->next++;
    }
}

// Returns how many of the bytes the socket took. Fewer: is_blocked, or the connection is gone.
static size_t send_bytes(struct rc_client *client, const uint8_t *bytes, size_t length)
{
    size_t sent = 0;
    while (sent < length && client->state == RC_STATE_READY && !client->is_blocked) {
        ssize_t count = send(client->fd, bytes + sent, length - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count >= 0) {
            sent += (size_t)count;
        } else if (errno == EAGAIN || errno == EINTR || errno == ENOBUFS) {
            client->is_blocked = errno != EINTR;
        } else {
            // It may have said why; what it acknowledged counts.
            int error_number = errno;
            rc_connection_receive(client);
            if (client->state == RC_STATE_READY) {
                rc_client_say(client, "the connection to the broker is lost: %s",
                              strerror(error_number));
                go_down(client, error_number);
            }
            return sent;
        }
    }
    return sent;
}

// What is aside is older than the window, and is sent before it on a new connection. False: not all
// of it is.
static bool send_aside(struct rc_client *client)
{
    while (client->resend != UINT64_MAX) {
        uint64_t number = client->resend;
        struct rc_request *request = rc_window_next(&client->window, &client->resend);
        client->resent = client->resend == number ? client->resent : 0;
        if (request == NULL || !request->is_aside) {
            client->resend = UINT64_MAX;
            break;
        }
        if (!request->is_sent && (client->is_leaving || !allow(client, request))) {
            return false;
        }
        client->resent += (uint32_t)send_bytes(client, request->frame + client->resent,
                                               request->length - client->resent);
        if (client->state != RC_STATE_READY || client->is_blocked) {
            return false;
        }
        client->resend++;
        client->resent = 0;
    }
    return true;
}

void rc_connection_send(struct rc_client *client)
{
    if (client->state != RC_STATE_READY || !send_aside(client)) {
        return;
    }
    allow_more(client);
    if (client->sent < client->allowed) {
        client->sent += send_bytes(client, rc_window_bytes(&client->window, client->sent),
                                   client->allowed - client->sent);
    }
}

bool rc_connection_has_more(const struct rc_client *client)
{
    return client->state == RC_STATE_READY && client->is_blocked;
}

// ---- one step ----------------------------------------------------------------------------------

static int timeout_until(uint64_t deadline_ms)
{
    if (deadline_ms == UINT64_MAX) {
        return -1;
    }
    uint64_t now_ms = rc_connection_now_ms();
    uint64_t left_ms = deadline_ms > now_ms ? deadline_ms - now_ms : 0;
    return left_ms > 60 * 1000 ? 60 * 1000 : (int)left_ms;
}

static void wait_while_down(struct rc_client *client, uint64_t deadline_ms)
{
    uint64_t until_ms = client->retry_at_ms < deadline_ms ? client->retry_at_ms : deadline_ms;
    if (rc_connection_now_ms() < client->retry_at_ms) {
        poll(NULL, 0, timeout_until(until_ms));
    }
    if (rc_connection_now_ms() >= client->retry_at_ms) {
        connect_now(client);
    }
}

int rc_connection_step(struct rc_client *client, uint64_t deadline_ms)
{
    if (client->state == RC_STATE_DOWN) {
        wait_while_down(client, deadline_ms);
        return client->state == RC_STATE_FAILED ? client->failure : RC_OK;
    }
    if (client->state == RC_STATE_FAILED) {
        return client->failure;
    }
    rc_connection_send(client);
    if (client->fd >= 0) {
        if (client->state == RC_STATE_HELLO && client->welcome_by_ms < deadline_ms) {
            deadline_ms = client->welcome_by_ms;
        }
        bool has_more = rc_connection_has_more(client);
        struct pollfd descriptor = {.fd = client->fd,
                                    .events = (short)(POLLIN | (has_more ? POLLOUT : 0))};
        poll(&descriptor, 1, timeout_until(deadline_ms));
        client->is_blocked = client->is_blocked && (descriptor.revents & POLLOUT) == 0;
        if ((descriptor.revents & ~POLLOUT) != 0) {
            rc_connection_receive(client);
        }
        if (client->state == RC_STATE_HELLO && rc_connection_now_ms() >= client->welcome_by_ms) {
            rc_client_say(client, "the broker did not answer within %d s",
                          RC_WELCOME_MS_MAX / 1000);
            go_down(client, ETIMEDOUT);
        }
        rc_connection_send(client);
    }
    return client->state == RC_STATE_FAILED ? client->failure : RC_OK;
}
