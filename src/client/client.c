#include "client/internal.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>

enum { BACKLOG_MS = 1000 };

const char *rc_code_text(int code)
{
    switch (code) {
#define RC_CODE_TEXT(number, name, text) \
    case number: return text;
        RC_ERRORS(RC_CODE_TEXT)
#undef RC_CODE_TEXT
    case RC_AGAIN: return "again";
    case RC_TIMED_OUT: return "timed_out";
    case RC_NO_CONNECTION: return "no_connection";
    case RC_NO_MEMORY: return "no_memory";
    case RC_BAD_ARGUMENT: return "bad_argument";
    case RC_BAD_ANSWER: return "bad_answer";
    case RC_NOT_SENT: return "not_sent";
    default: return "unknown";
    }
}

const char *rc_version(void)
{
    return RC_VERSION_STRING;
}

void rc_client_say(struct rc_client *client, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(client->message, sizeof client->message, format, arguments);
    va_end(arguments);
}

void rc_client_finish(struct rc_client *client, struct rc_request *request,
                      const struct rc_result *result)
{
    rc_done done = request->done;
    void *context = request->context;
    client->answered++;
    rc_window_finish(&client->window, request);
    if (done != NULL) {
        bool was_in_callback = client->is_in_callback;
        client->is_in_callback = true;
        done(context, result);
        client->is_in_callback = was_in_callback;
    }
}

// ---- opening and closing -----------------------------------------------------------------------

static void random_bytes(void *into, size_t length)
{
    // Up to 256 bytes are never cut short once the kernel has started up.
    if (getrandom(into, length, 0) != (ssize_t)length) {
        memset(into, 0x5a, length);
    }
}

static void take_options(struct rc_client *client, const struct rc_options *options)
{
    struct rc_options *own = &client->options;
    if (options != NULL) {
        *own = *options;
    }
    if (own->no_idempotency) {
        own->producer_id = 0;
    }
    while (own->producer_id == 0 && !own->no_idempotency) {
        random_bytes(&own->producer_id, sizeof own->producer_id);
    }
    own->epoch = own->epoch != 0 ? own->epoch : (uint32_t)time(NULL);
    own->window_bytes = own->window_bytes != 0 ? own->window_bytes : RC_WINDOW_BYTES_DEFAULT;
    own->retry_ms_max = own->retry_ms_max > 0 ? own->retry_ms_max : RC_RETRY_MS_MAX_DEFAULT;
    client->sequence = own->first_sequence != 0 ? own->first_sequence : 1;
    client->retry_ms = RC_RETRY_MS_MIN < own->retry_ms_max ? RC_RETRY_MS_MIN : own->retry_ms_max;
    random_bytes(&client->random, sizeof client->random);
    client->random |= 1;
}

static void client_free(struct rc_client *client)
{
    rc_connection_close(client);
    rc_window_free(&client->window);
    free(client->received);
    free(client);
}

// Until there is a connection, or no hope of one within the time.
static int connect_first(struct rc_client *client)
{
    uint64_t start_ms = rc_connection_now_ms();
    uint64_t deadline_ms = start_ms + (uint64_t)client->options.connect_wait_ms;
    do {
        // An attempt that has begun may take its time.
        uint64_t wait_ms = client->state == RC_STATE_HELLO ? UINT64_MAX : deadline_ms;
        int result = rc_connection_step(client, wait_ms);
        if (result != RC_OK) {
            return result;
        }
        // A full backlog is no absent broker.
        if (client->connect_errno == EAGAIN && deadline_ms < start_ms + BACKLOG_MS) {
            deadline_ms = start_ms + BACKLOG_MS;
        }
    } while (client->state == RC_STATE_HELLO ||
             (client->state == RC_STATE_DOWN && rc_connection_now_ms() < deadline_ms));
    if (client->state == RC_STATE_READY) {
        return RC_OK;
    }
    return client->refusal != RC_OK ? client->refusal : RC_NO_CONNECTION;
}

int rc_client_open(const char *path, const struct rc_options *options, struct rc_client **client)
{
    *client = NULL;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (path == NULL || strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return RC_BAD_ARGUMENT;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    struct rc_client *new = calloc(1, sizeof *new);
    uint8_t *received = malloc(RC_RECEIVE_BYTES);
    if (new == NULL || received == NULL) {
        free(new);
        free(received);
        return RC_NO_MEMORY;
    }
    new->address = address;
    new->fd = -1;
    new->received = received;
    take_options(new, options);
    rc_window_init(&new->window, new->options.window_bytes);
    int result = connect_first(new);
    if (result != RC_OK) {
        int error_number = new->connect_errno;
        client_free(new);
        errno = error_number;
        return result;
    }
    *client = new;
    return RC_OK;
}

void rc_close(struct rc_client *client)
{
    if (client == NULL) {
        return;
    }
    rc_connection_send(client);
    rc_connection_receive(client);
    struct rc_window *window = &client->window;
    client->is_in_callback = true; // nothing may be published any more
    client->state = RC_STATE_FAILED;
    client->failure = RC_NOT_SENT;
    struct rc_request *request;
    for (uint64_t number = 0; (request = rc_window_next(window, &number)) != NULL; number++) {
        rc_client_finish(
            client, request,
            &(struct rc_result){.code = RC_NOT_SENT,
                                .message = "the client was closed before this was acknowledged"});
    }
    client_free(client);
}

// ---- publishing --------------------------------------------------------------------------------

static int room_for(struct rc_client *client, const char *stream, size_t length)
{
    if (!rc_limits_admit(client, stream, length)) {
        return RC_AGAIN;
    }
    int result = rc_window_reserve(&client->window, length);
    while (result == RC_AGAIN && rc_window_set_aside(&client->window, client->sent)) {
        result = rc_window_reserve(&client->window, length);
    }
    return result;
}

// Room in the window for a frame, and in the stream's credit (NULL: of none), waiting for answers
// where that is wanted.
static int reserve(struct rc_client *client, const char *stream, size_t length)
{
    if (client->state == RC_STATE_FAILED) {
        return client->failure;
    }
    int result = room_for(client, stream, length);
    while (result == RC_AGAIN) {
        bool may_wait = !client->options.nonblocking && !client->is_in_callback;
        if (client->is_in_callback) {
            return RC_AGAIN;
        }
        int failure = rc_connection_step(client, may_wait ? UINT64_MAX : 0);
        if (failure != RC_OK) {
            return failure;
        }
        result = room_for(client, stream, length);
        if (!may_wait) {
            break;
        }
    }
    if (result == RC_AGAIN && !rc_limits_admit(client, stream, length)) {
        rc_client_say(client, "the subscribers of \"%s\" are too far behind to take more", stream);
    } else if (result == RC_AGAIN) {
        rc_client_say(client, "%zu bytes are waiting for acknowledgements, the limit is %zu",
                      client->window.end - client->window.start, client->options.window_bytes);
    } else if (result == RC_NO_MEMORY) {
        rc_client_say(client, "there is no memory left");
    }
    return result;
}

static uint64_t take_sequence(struct rc_client *client)
{
    return client->options.producer_id == 0 ? 0 : client->sequence++;
}

static void add(struct rc_client *client, size_t length, rc_done done, void *context)
{
    uint64_t number = client->window.tail;
    rc_window_add(&client->window, length, done, context);
    rc_limits_add(client, rc_window_find(&client->window, number));
    if (client->is_in_callback) {
        return; // it goes out when the callback has returned
    }
    if (client->state != RC_STATE_READY) {
        rc_connection_step(client, 0);
        return;
    }
    client->is_blocked = false;
    rc_connection_send(client);
    if (++client->unlooked >= RC_LOOK_EVERY) {
        rc_connection_receive(client);
    }
}

int rc_publish(struct rc_client *client, const struct rc_event *event, rc_done done, void *context)
{
    int result = rc_encode_check(client, event);
    if (result != RC_OK) {
        return result;
    }
    size_t length = rc_encode_event_bytes(event);
    if (length > client->frame_bytes_max) {
        rc_client_say(client, "the event's attributes are too long");
        return RC_TOO_LARGE;
    }
    result = reserve(client, event->stream, RC_HEADER_BYTES + length);
    if (result != RC_OK) {
        return result;
    }
    uint8_t *frame = rc_window_room(&client->window);
    rc_encode_header(frame, length, RC_FRAME_PUBLISH, rc_encode_level(event->ack),
                     client->window.tail);
    rc_encode_event(frame + RC_HEADER_BYTES, event, take_sequence(client));
    add(client, RC_HEADER_BYTES + length, done, context);
    return RC_OK;
}

int rc_batch(struct rc_client *client, const struct rc_event *events, size_t count, rc_done done,
             void *context)
{
    size_t length = 4;
    for (size_t i = 0; i < count; i++) {
        int result = rc_encode_check(client, &events[i]);
        if (result != RC_OK) {
            return result;
        }
        length += rc_encode_event_bytes(&events[i]);
        if (length > client->frame_bytes_max) {
            rc_client_say(client, "the batch is longer than %u bytes", client->frame_bytes_max);
            return RC_TOO_LARGE;
        }
    }
    if (count == 0) {
        rc_client_say(client, "a batch has at least one event");
        return RC_BAD_ARGUMENT;
    }
    int result = reserve(client, events[0].stream, RC_HEADER_BYTES + length);
    if (result != RC_OK) {
        return result;
    }
    uint8_t *at = rc_window_room(&client->window);
    rc_encode_header(at, length, RC_FRAME_BATCH, rc_encode_level(events[0].ack),
                     client->window.tail);
    put_le(at + RC_HEADER_BYTES, count, 4);
    at += RC_HEADER_BYTES + 4;
    for (size_t i = 0; i < count; i++) {
        at = rc_encode_event(at, &events[i], take_sequence(client));
    }
    add(client, RC_HEADER_BYTES + length, done, context);
    return RC_OK;
}

size_t rc_batch_bytes_max(const struct rc_client *client)
{
    return client->frame_bytes_max - 4;
}

size_t rc_event_bytes(const struct rc_event *event)
{
    return rc_encode_event_bytes(event);
}

size_t rc_data_bytes_max(const struct rc_client *client)
{
    return client->event_bytes_max;
}

// ---- waiting -----------------------------------------------------------------------------------

static uint64_t deadline_in(int timeout_ms)
{
    return timeout_ms < 0 ? UINT64_MAX : rc_connection_now_ms() + (uint64_t)timeout_ms;
}

// Where a call that waits for its own answer finds it.
struct waiter {
    struct rc_client *client;
    struct rc_result result;
    bool is_done;
};

static void waiter_done(void *context, const struct rc_result *result)
{
    struct waiter *waiter = context;
    struct rc_client *client = waiter->client;
    waiter->result = *result;
    if (result->message != client->result_message) {
        snprintf(client->result_message, sizeof client->result_message, "%s", result->message);
    }
    waiter->result.message = client->result_message;
    waiter->is_done = true;
}

// Waits for the request published last. RC_TIMED_OUT: it goes on without anybody waiting.
static int wait_for(struct rc_client *client, struct waiter *waiter, uint64_t number,
                    int timeout_ms)
{
    uint64_t deadline_ms = deadline_in(timeout_ms);
    int result = RC_OK;
    bool is_over = false;
    while (!waiter->is_done && result == RC_OK && !is_over) {
        is_over = deadline_ms != UINT64_MAX && rc_connection_now_ms() >= deadline_ms;
        result = rc_connection_step(client, deadline_ms);
    }
    if (waiter->is_done) {
        return waiter->result.code;
    }
    struct rc_request *request = rc_window_find(&client->window, number);
    request->done = NULL;
    if (result == RC_OK) {
        rc_client_say(client, "no answer within %d ms", timeout_ms);
        result = RC_TIMED_OUT;
    }
    waiter->result = (struct rc_result){.code = result, .message = client->message};
    return result;
}

int rc_publish_wait(struct rc_client *client, const struct rc_event *event,
                    struct rc_result *result, int timeout_ms)
{
    struct waiter waiter = {.client = client};
    uint64_t number = client->window.tail;
    int code =
        client->is_in_callback ? RC_BAD_ARGUMENT : rc_publish(client, event, waiter_done, &waiter);
    if (code != RC_OK) {
        waiter.result = (struct rc_result){.code = code, .message = client->message};
    } else {
        code = wait_for(client, &waiter, number, timeout_ms);
    }
    if (code != RC_OK && waiter.result.message != client->message) {
        rc_client_say(client, "%s", waiter.result.message);
    }
    if (result != NULL) {
        *result = waiter.result;
    }
    return code;
}

int rc_flush(struct rc_client *client, int timeout_ms)
{
    uint64_t deadline_ms = deadline_in(timeout_ms);
    bool is_over = false;
    while (client->window.unanswered > 0) {
        if (is_over) {
            rc_client_say(client, "%llu requests are not answered after %d ms",
                          (unsigned long long)client->window.unanswered, timeout_ms);
            return RC_TIMED_OUT;
        }
        is_over = deadline_ms != UINT64_MAX && rc_connection_now_ms() >= deadline_ms;
        int result = rc_connection_step(client, deadline_ms);
        if (result != RC_OK) {
            return result;
        }
    }
    return RC_OK;
}

int rc_poll(struct rc_client *client, int timeout_ms)
{
    uint64_t before = client->answered;
    uint64_t deadline_ms = deadline_in(client->window.unanswered == 0 ? 0 : timeout_ms);
    bool is_over = false;
    while (client->answered == before && !is_over) {
        is_over = deadline_ms != UINT64_MAX && rc_connection_now_ms() >= deadline_ms;
        int result = rc_connection_step(client, deadline_ms);
        if (result != RC_OK) {
            return result < 0 ? result : RC_NO_CONNECTION;
        }
    }
    uint64_t answered = client->answered - before;
    return answered > INT32_MAX ? INT32_MAX : (int)answered;
}

// A request about one stream, answered before this returns: `fixed` bytes, then the stream's name.
struct question {
    uint8_t kind;
    uint8_t level;
    const uint8_t *fixed;
    size_t fixed_length;
    const char *stream;
    size_t stream_length; // at most RC_NAME_BYTES_MAX
};

static int ask(struct rc_client *client, const struct question *question, int timeout_ms)
{
    struct waiter waiter = {.client = client};
    size_t length = question->fixed_length + question->stream_length;
    int code = reserve(client, NULL, RC_HEADER_BYTES + length);
    if (code != RC_OK) {
        return code;
    }
    uint64_t number = client->window.tail;
    uint8_t *frame = rc_window_room(&client->window);
    rc_encode_header(frame, length, question->kind, question->level, number);
    if (question->fixed_length > 0) {
        memcpy(frame + RC_HEADER_BYTES, question->fixed, question->fixed_length);
    }
    if (question->stream_length > 0) {
        memcpy(frame + RC_HEADER_BYTES + question->fixed_length, question->stream,
               question->stream_length);
    }
    add(client, RC_HEADER_BYTES + length, waiter_done, &waiter);
    code = wait_for(client, &waiter, number, timeout_ms);
    if (code > 0) {
        rc_client_say(client, "%s", waiter.result.message);
    }
    return code;
}

int rc_pressure(struct rc_client *client, const char *stream, struct rc_pressure *pressure,
                int timeout_ms)
{
    const struct question question = {.kind = RC_FRAME_PRESSURE,
                                      .stream = stream,
                                      .stream_length = stream == NULL ? 0 : strlen(stream)};
    if (question.stream_length > RC_NAME_BYTES_MAX || client->is_in_callback) {
        rc_client_say(client, "a stream's name is at most %d bytes long", RC_NAME_BYTES_MAX);
        return RC_BAD_ARGUMENT;
    }
    int code = ask(client, &question, timeout_ms);
    if (code == RC_OK) {
        *pressure = client->pressure;
    }
    return code;
}

int rc_stream_pressure(struct rc_client *client, const char *stream,
                       struct rc_stream_pressure *pressure, int timeout_ms)
{
    struct rc_pressure of_broker;
    if (stream == NULL) {
        rc_client_say(client, "no stream is given");
        return RC_BAD_ARGUMENT;
    }
    int code = rc_pressure(client, stream, &of_broker, timeout_ms);
    if (code == RC_OK) {
        *pressure = client->stream_pressure;
    }
    return code;
}

int rc_set_flow(struct rc_client *client, const char *stream, const struct rc_flow *flow,
                int timeout_ms)
{
    uint8_t fixed[RC_SET_FLOW_BYTES];
    const struct question question = {.kind = RC_FRAME_SET_FLOW,
                                      .fixed = fixed,
                                      .fixed_length = sizeof fixed,
                                      .stream = stream,
                                      .stream_length = stream == NULL ? 0 : strlen(stream)};
    bool is_valid = question.stream_length >= 1 && question.stream_length <= RC_NAME_BYTES_MAX &&
                    flow->overflow >= RC_OVERFLOW_DEFAULT && flow->overflow <= RC_OVERFLOW_BLOCK &&
                    flow->threshold >= 0 && flow->threshold <= UINT32_MAX;
    if (!is_valid || client->is_in_callback) {
        rc_client_say(client, "the stream's name, the policy or the threshold is out of bounds");
        return RC_BAD_ARGUMENT;
    }
    rc_encode_flow(fixed, flow);
    return ask(client, &question, timeout_ms);
}

int rc_end_stream(struct rc_client *client, const char *stream, int how, int level, int timeout_ms)
{
    const uint8_t fixed[RC_END_BYTES] = {(uint8_t)how};
    const struct question question = {.kind = RC_FRAME_END,
                                      .level = (uint8_t)level,
                                      .fixed = fixed,
                                      .fixed_length = sizeof fixed,
                                      .stream = stream,
                                      .stream_length = stream == NULL ? 0 : strlen(stream)};
    bool is_valid = question.stream_length >= 1 && question.stream_length <= RC_NAME_BYTES_MAX &&
                    how >= RC_END_CLOSED && how <= RC_END_DELETED &&
                    (level == RC_LEVEL_WRITTEN || level == RC_LEVEL_SYNCED);
    if (!is_valid || client->is_in_callback) {
        rc_client_say(client, "the stream's name, its end or the level is out of bounds");
        return RC_BAD_ARGUMENT;
    }
    return ask(client, &question, timeout_ms);
}

// ---- questions ---------------------------------------------------------------------------------

int rc_descriptor(const struct rc_client *client, short *events)
{
    *events = (short)(POLLIN | (rc_connection_has_more(client) ? POLLOUT : 0));
    return client->fd;
}

size_t rc_unanswered(const struct rc_client *client)
{
    return client->window.unanswered;
}

uint64_t rc_reconnects(const struct rc_client *client)
{
    return client->reconnects;
}

uint64_t rc_producer_id(const struct rc_client *client)
{
    return client->options.producer_id;
}

const char *rc_message(const struct rc_client *client)
{
    return client->message;
}
