#include "reader_dial.h"

#include "base/assert.h"
#include "base/clock.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

enum {
    // Sockets that are made, put into the ring's table and closed again as ordinary descriptors at
    // one go.
    READER_BATCH = 64,
    READER_CUTS = 512, // begun in a round
};

// --- opening ---

// An ordinary socket, bound where it must be; -errno.
static int socket_make(const struct reader *reader, uint32_t index)
{
    const struct target *target = reader->config.target;
    int fd = socket(target->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    int on = 1;
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    if (dealing_group(&reader->config.dealing, reader->config.first + index) == GROUP_STALLED) {
        int bytes = STALLED_RECEIVE_BUFFER_BYTES;
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    }
    if (reader->config.address_ports > 0) {
        uint32_t host = 1 + (reader->config.first + index) / reader->config.address_ports;
        struct sockaddr_in source = {.sin_family = AF_INET,
                                     .sin_addr.s_addr = htonl(UINT32_C(0x7f010000) + host)};
        // The port is then chosen by connect, by the whole four of addresses and ports.
        (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        if (bind(fd, (const struct sockaddr *)&source, sizeof source) < 0) {
            int error = errno;
            close(fd);
            return -error;
        }
    }
    return fd;
}

static void connect_submit(struct reader *reader, uint32_t index)
{
    const struct target *target = reader->config.target;
    struct subscriber *subscriber = &reader->subscribers[index];
    if (reader->reopened == 0) {
        subscriber_reset(subscriber, (reader->config.first + index) % reader->config.streams);
        subscriber->response.keeps_ids = reader->config.resumes;
    }
    subscriber->state = SUBSCRIBER_CONNECTING;
    subscriber->group =
        (uint8_t)dealing_group(&reader->config.dealing, reader->config.first + index);
    subscriber->attempt = reader->attempts_free[--reader->attempts_free_count];
    struct reader_attempt *attempt = &reader->attempts[subscriber->attempt];
    struct buffer request;
    buffer_wrap(&request, attempt->request, sizeof attempt->request);
    struct slice last_id =
        slice_from(subscriber->response.last_id.text, subscriber->response.last_id.length);
    const char *query =
        subscriber->group == GROUP_THROTTLED ? target->options->throttled_query : NULL;
    int result = target_request(&request, target, subscriber->stream, last_id, query);
    ASSERT(result == 0); // rig_run has seen that it fits
    attempt->request_length = buffer_length(&request);
    buffer_wrap(&attempt->output, attempt->output_bytes, sizeof attempt->output_bytes);
    subscriber->opened_ns = clock_monotonic_ns();
    attempt->is_sending = false;
    struct io_uring_sqe *sqe = loop_sqe(&reader->loop, reader_ring_of(reader, index));
    io_uring_prep_connect(sqe, reader_descriptor_of(reader, index),
                          (const struct sockaddr *)&target->address, target->address_length);
    sqe->flags |= IOSQE_FIXED_FILE;
    sqe->user_data = loop_tag(OP_CONNECT, index, 0);
}

// Opens the next `count` subscribers, all of one ring. Returns 0 or -errno.
static int open_batch(struct reader *reader, uint32_t count)
{
    int fds[READER_BATCH];
    uint32_t made = 0;
    int result = 0;
    for (; made < count && result >= 0; made += result >= 0) {
        result = socket_make(reader, reader->opened + made);
        fds[made] = result;
    }
    if (result >= 0) {
        struct io_uring *uring = loop_ring(&reader->loop, reader_ring_of(reader, reader->opened));
        result = io_uring_register_files_update(
            uring, (unsigned)reader_descriptor_of(reader, reader->opened), fds, count);
    }
    // The first ones of each batch are kept as samples until there are enough.
    uint32_t kept = 0;
    for (uint32_t i = 0; i < made; i++) {
        uint32_t number = reader->config.first + reader->opened + i;
        if (result >= 0 && kept < 2 && reader->sample_count < READER_SAMPLES_MAX &&
            dealing_group(&reader->config.dealing, number) == GROUP_HEALTHY) {
            reader->samples[reader->sample_count++] = fds[i];
            kept++;
        } else {
            close(fds[i]);
        }
    }
    if (result < 0) {
        return result;
    }
    for (uint32_t i = 0; i < count; i++) {
        connect_submit(reader, reader->opened++);
    }
    return 0;
}

void reader_dial_more(struct reader *reader)
{
    while (reader->opened < reader->config.count && reader->attempts_free_count > 0 &&
           !reader->is_stuck) {
        uint32_t left = reader->config.count - reader->opened;
        uint32_t ring_left = reader->ring_slots - reader->opened % reader->ring_slots;
        uint32_t count = left < ring_left ? left : ring_left;
        count = count < reader->attempts_free_count ? count : reader->attempts_free_count;
        count = count < READER_BATCH ? count : READER_BATCH;
        int result = open_batch(reader, count);
        if (result < 0) {
            findings_note(&reader->ledgers[GROUP_HEALTHY].findings, "opening subscriber %u: %s",
                          reader->config.first + reader->opened, strerror(-result));
            reader->is_stuck = true;
            reader_fail(reader);
            meter_fail(reader->config.meter);
        }
    }
}

// --- cutting off ---

bool reader_cut_more(struct reader *reader)
{
    // The ordinary descriptors would keep the connections open.
    while (reader->sample_count > 0) {
        close(reader->samples[--reader->sample_count]);
    }
    uint32_t left = reader->opened - reader->cut;
    uint32_t count = left < READER_CUTS ? left : READER_CUTS;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t index = reader->cut++;
        struct subscriber *subscriber = &reader->subscribers[index];
        subscriber->state = SUBSCRIBER_CUTTING;
        if (!subscriber->is_reading) {
            reader_cut_end(reader, index);
            continue;
        }
        // The receive holds the socket.
        struct io_uring_sqe *sqe = loop_sqe(&reader->loop, reader_ring_of(reader, index));
        io_uring_prep_cancel64(sqe, loop_tag(OP_RECEIVE, index, 0), 0);
        loop_ignore(sqe);
    }
    return reader->cut < reader->opened;
}

void reader_cut_end(struct reader *reader, uint32_t index)
{
    struct io_uring_sqe *sqe = loop_sqe(&reader->loop, reader_ring_of(reader, index));
    io_uring_prep_close_direct(sqe, (unsigned)reader_descriptor_of(reader, index));
    sqe->user_data = loop_tag(OP_CLOSE, index, 0);
}

void reader_on_close(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                     int32_t result, uint32_t cqe_flags)
{
    (void)loop;
    (void)ring;
    (void)result;
    (void)cqe_flags;
    struct reader *reader = context;
    uint32_t index = loop_tag_slot(user_data);
    if (reader->secure != NULL) {
        secure_end(reader->sessions[index]);
        reader->sessions[index] = NULL;
    }
    subscriber_resume(&reader->subscribers[index]);
    atomic_fetch_sub(&reader->uncut, 1);
}
