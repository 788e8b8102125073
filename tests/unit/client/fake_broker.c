#include "unit/client/fake_broker.h"

#include <ringcast/protocol.h>

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct fake_broker fake_broker;

struct peer {
    int fd;
    uint8_t *in;
    size_t length;
    bool is_welcome;
    uint64_t producer_id;
    uint32_t epoch;
    int requests;
    uint32_t unanswered;
};

static uint64_t get(const uint8_t *at, int bytes)
{
    uint64_t value = 0;
    for (int i = bytes - 1; i >= 0; i--) {
        value = value << 8 | at[i];
    }
    return value;
}

static uint8_t *put(uint8_t *at, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        *at++ = (uint8_t)(value >> 8 * i);
    }
    return at;
}

static void send_all(struct peer *peer, const uint8_t *bytes, size_t length)
{
    while (length > 0 && !atomic_load(&fake_broker.stop)) {
        size_t part = atomic_load(&fake_broker.plan.byte_by_byte) ? 1 : length;
        ssize_t count = send(peer->fd, bytes, part, MSG_NOSIGNAL);
        if (count < 0) {
            return;
        }
        bytes += count;
        length -= (size_t)count;
    }
}

static void send_frame(struct peer *peer, uint8_t kind, uint64_t request, const uint8_t *payload,
                       size_t length)
{
    uint8_t frame[2048] = {0};
    put(frame, length, 4);
    frame[4] = kind;
    put(frame + 8, request, 8);
    memcpy(frame + 16, payload, length);
    send_all(peer, frame, 16 + length);
}

static void send_error(struct peer *peer, uint64_t request, int code, int flags, uint32_t index)
{
    static const char message[] = "a message";
    uint8_t payload[64] = {0};
    put(payload, (uint64_t)code, 2);
    put(payload + 2, (uint64_t)flags, 2);
    put(payload + 4, index, 4);
    put(payload + 8, UINT32_MAX, 4);
    put(payload + 12, sizeof message - 1, 2);
    memcpy(payload + 16, message, sizeof message - 1);
    send_frame(peer, RC_FRAME_ERROR, request, payload, 16 + sizeof message - 1);
}

// True: it was new.
static bool keep_event(const struct peer *peer, const uint8_t *at, uint8_t level)
{
    uint64_t sequence = get(at + 8, 8);
    uint32_t count = atomic_load(&fake_broker.count);
    for (uint32_t i = 0; i < count && peer->producer_id != 0 && sequence != 0; i++) {
        const struct fake_event *other = &fake_broker.events[count - 1 - i];
        if (other->producer_id == peer->producer_id && other->epoch == peer->epoch &&
            other->sequence == sequence) {
            atomic_fetch_add(&fake_broker.repeats, 1);
            return false;
        }
        // Sequences rise: what is older need not be looked at.
        if (other->producer_id == peer->producer_id && other->sequence < sequence) {
            break;
        }
    }
    struct fake_event *event = &fake_broker.events[count % FAKE_BROKER_EVENTS_MAX];
    const uint8_t *text = at + 28;
    event->producer_id = peer->producer_id;
    event->epoch = peer->epoch;
    event->sequence = sequence;
    event->level = level;
    event->data_length = (uint32_t)get(at, 4);
    event->attributes_length = (uint32_t)get(at + 4, 4);
    event->ttl_ms = (uint32_t)get(at + 16, 4);
    event->retry_ms = (uint32_t)get(at + 20, 4);
    event->priority = at[24];
    event->flags = at[25];
    snprintf(event->stream, sizeof event->stream, "%.*s", at[26], text);
    snprintf(event->type, sizeof event->type, "%.*s", at[27], text + at[26]);
    text += at[26] + at[27];
    memcpy(event->attributes, text,
           event->attributes_length < 256 ? event->attributes_length : 256);
    snprintf(event->data, sizeof event->data, "%.*s", (int)event->data_length,
             text + event->attributes_length);
    atomic_store(&fake_broker.count, count + 1);
    return true;
}

static size_t event_length(const uint8_t *at)
{
    return 28 + get(at, 4) + get(at + 4, 4) + at[26] + at[27];
}

static void answer(struct peer *peer, uint64_t request, uint32_t accepted, uint32_t repeats,
                   uint32_t refused)
{
    uint8_t payload[32] = {0};
    uint32_t count = atomic_load(&fake_broker.count);
    put(payload, 1000 + count, 8);
    put(payload + 8, count, 8);
    put(payload + 16, accepted, 4);
    put(payload + 20, repeats, 4);
    put(payload + 24, refused, 4);
    send_frame(peer, RC_FRAME_ACK, request, payload, sizeof payload);
}

static void handle_batch(struct peer *peer, const uint8_t *frame, bool is_quiet)
{
    uint32_t accepted = 0;
    uint32_t repeats = 0;
    uint32_t refused = 0;
    uint32_t count = (uint32_t)get(frame + 16, 4);
    const uint8_t *at = frame + 20;
    for (uint32_t i = 0; i < count; i++, at += event_length(at)) {
        int error = atomic_load(&fake_broker.plan.more_error);
        if (error != 0 && i == 1) {
            refused++;
            send_error(peer, get(frame + 8, 8), error, RC_ERROR_MORE, i);
        } else if (keep_event(peer, at, frame[5])) {
            accepted++;
        } else {
            repeats++;
        }
    }
    if (!is_quiet) {
        answer(peer, get(frame + 8, 8), accepted, repeats, refused);
    }
}

// False: the connection ends.
static bool handle_frame(struct peer *peer, const uint8_t *frame)
{
    struct fake_broker_plan *plan = &fake_broker.plan;
    uint64_t request = get(frame + 8, 8);
    uint32_t length = 16 + (uint32_t)get(frame, 4);
    atomic_fetch_add(&fake_broker.requests, 1);
    peer->requests++;
    int limit = atomic_load(&plan->hang_up_after);
    bool is_last = limit > 0 && peer->requests >= limit;
    bool is_quiet = atomic_load(&plan->holds) || (limit > 0 && atomic_load(&plan->hang_up_unread));
    peer->unanswered = is_quiet ? peer->unanswered + length : 0;
    if (peer->unanswered > atomic_load(&fake_broker.largest_unanswered)) {
        atomic_store(&fake_broker.largest_unanswered, peer->unanswered);
    }
    int error = atomic_load(&plan->error);
    if (atomic_load(&plan->garbage) || atomic_load(&plan->oversize)) {
        uint8_t nonsense[64];
        memset(nonsense, atomic_load(&plan->garbage) ? 0 : 0xff, sizeof nonsense);
        send_all(peer, nonsense, sizeof nonsense);
    } else if (error != 0) {
        send_error(peer, request, error, 0, 0);
    } else if (frame[4] == RC_FRAME_BATCH) {
        handle_batch(peer, frame, is_quiet);
    } else if (frame[4] == RC_FRAME_PUBLISH) {
        bool is_new = keep_event(peer, frame + 16, frame[5]);
        if (!is_quiet) {
            answer(peer, request, is_new, !is_new, 0);
        }
    } else if (frame[4] == RC_FRAME_PRESSURE && !is_quiet) {
        uint8_t payload[32] = {0};
        put(payload, 250, 4);
        put(payload + 8, 1 << 20, 8);
        put(payload + 16, 77, 8);
        put(payload + 24, get(frame, 4) > 0 ? 5 : UINT64_MAX, 8);
        send_frame(peer, RC_FRAME_PRESSURE_NOW, request, payload, sizeof payload);
    }
    return !is_last;
}

static bool handle_hello(struct peer *peer)
{
    struct fake_broker_plan *plan = &fake_broker.plan;
    peer->is_welcome = true;
    peer->producer_id = get(peer->in + 8, 8);
    peer->epoch = (uint32_t)get(peer->in + 16, 4);
    int refuse = atomic_load(&plan->refuse);
    if (refuse != 0) {
        send_error(peer, 0, refuse, RC_ERROR_CLOSING, 0);
        return false;
    }
    if (atomic_load(&plan->silent)) {
        return true;
    }
    uint8_t payload[32] = {1};
    uint32_t credit = atomic_load(&plan->credit);
    uint32_t bytes = atomic_load(&plan->event_bytes_max);
    bytes = bytes != 0 ? bytes : 1 << 20;
    put(payload + 4, bytes + 65536, 4);
    put(payload + 8, credit != 0 ? credit : 1 << 20, 8);
    put(payload + 16, bytes, 4);
    put(payload + 20, 4096, 4);
    send_frame(peer, RC_FRAME_WELCOME, 0, payload, sizeof payload);
    return true;
}

static bool take_all(struct peer *peer)
{
    size_t taken = 0;
    bool is_open = true;
    if (!peer->is_welcome && peer->length >= 24) {
        is_open = handle_hello(peer);
        taken = 24;
    }
    while (is_open && peer->is_welcome && peer->length - taken >= 16) {
        size_t length = 16 + get(peer->in + taken, 4);
        if (peer->length - taken < length) {
            break;
        }
        is_open = handle_frame(peer, peer->in + taken);
        taken += length;
    }
    memmove(peer->in, peer->in + taken, peer->length - taken);
    peer->length -= taken;
    return is_open;
}

// One connection at a time, which is all that one client makes.
static void serve(struct peer *peer)
{
    while (!atomic_load(&fake_broker.stop)) {
        struct pollfd descriptor = {.fd = peer->fd, .events = POLLIN};
        if (atomic_load(&fake_broker.plan.deaf)) {
            poll(NULL, 0, 2);
            continue;
        }
        if (poll(&descriptor, 1, 2) <= 0) {
            continue;
        }
        ssize_t count =
            recv(peer->fd, peer->in + peer->length, FAKE_BROKER_BYTES_MAX - peer->length, 0);
        if (count <= 0) {
            return;
        }
        peer->length += (size_t)count;
        if (!take_all(peer)) {
            return;
        }
    }
}

static void *run(void *context)
{
    (void)context;
    uint8_t *in = malloc(FAKE_BROKER_BYTES_MAX);
    while (!atomic_load(&fake_broker.stop)) {
        struct pollfd descriptor = {.fd = fake_broker.listener, .events = POLLIN};
        if (poll(&descriptor, 1, 2) <= 0) {
            continue;
        }
        struct peer peer = {.fd = accept(fake_broker.listener, NULL, NULL), .in = in};
        if (peer.fd >= 0) {
            atomic_fetch_add(&fake_broker.connections, 1);
            serve(&peer);
            close(peer.fd);
        }
    }
    free(in);
    return NULL;
}

void fake_broker_restart(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", fake_broker.path);
    unlink(fake_broker.path);
    fake_broker.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(fake_broker.listener, (struct sockaddr *)&address, sizeof address), 0);
    cr_assert_eq(listen(fake_broker.listener, 8), 0);
    atomic_store(&fake_broker.stop, false);
    cr_assert_eq(pthread_create(&fake_broker.thread, NULL, run, NULL), 0);
}

void fake_broker_kill(void)
{
    atomic_store(&fake_broker.stop, true);
    pthread_join(fake_broker.thread, NULL);
    close(fake_broker.listener);
    unlink(fake_broker.path);
}

void fake_broker_begin(void)
{
    memset(&fake_broker, 0, sizeof fake_broker);
    fake_broker.events = calloc(FAKE_BROKER_EVENTS_MAX, sizeof *fake_broker.events);
    const char *base = getenv("RC_TMP") != NULL ? getenv("RC_TMP") : "/tmp";
    snprintf(fake_broker.directory, sizeof fake_broker.directory, "%.40s/clientXXXXXX", base);
    cr_assert_not_null(mkdtemp(fake_broker.directory));
    snprintf(fake_broker.path, sizeof fake_broker.path, "%s/socket", fake_broker.directory);
    fake_broker_restart();
}

void fake_broker_end(void)
{
    fake_broker_kill();
    rmdir(fake_broker.directory);
    free(fake_broker.events);
}
