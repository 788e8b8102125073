// A producer in the binary protocol, which knows what was acknowledged:
//     publisher SOCKET STREAM [--streams N] [--first N] [--window N] [--bytes N] [--level N]
//               [--resend PRODUCER_ID] [--acks FILE]
//
// Event number n has the data "n", filled up with dots to --bytes, and goes to STREAM, or with
// --streams to STREAM0 to STREAM(N-1) in turn. Numbers begin at --first. At most --window of them
// are unanswered. Each acknowledgement is a line `number id sequence` in the file.
//
// On standard input: `publish N` publishes N more and answers `published LAST_ID`; `run` publishes
// until `stop`, which answers `stopped LAST_NUMBER` once everything is answered.
//
// A lost connection is made again, for ever. What was not acknowledged then is forgotten (it may or
// may not be in the log), or with --resend sent again, under a producer id.
//
// layer: base
#include "base/bytes.h"

#include <errno.h>
#include <poll.h>
#include <ringcast/client.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
    INPUT_BYTES = 256 << 10,
    OUTPUT_BYTES = 1 << 20,
    DATA_BYTES_MAX = 64 << 10,
    CONNECT_PAUSE_MS = 2,
};

struct publisher {
    const char *path;
    const char *stream;
    uint64_t streams; // 0: one, called `stream`
    uint64_t window;
    size_t data_bytes;
    uint8_t level;
    uint64_t producer_id; // 0: forgets
    FILE *acks;

    int fd; // -1: not connected
    bool is_welcome;
    uint64_t credit_bytes;
    uint64_t next;     // number to publish next
    uint64_t answered; // all numbers up to this are answered or forgotten
    uint64_t goal;     // publish up to this number
    bool is_running;   // without a goal
    bool is_asked;     // who gave the order waits for its end
    uint64_t last_id;

    size_t input_length;
    size_t output_length;
    uint8_t input[INPUT_BYTES];
    uint8_t output[OUTPUT_BYTES];
};

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)fprintf(stderr, "publisher: ");
    (void)vfprintf(stderr, format, arguments);
    (void)fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

static void pause_ms(long milliseconds)
{
    const struct timespec pause = {.tv_nsec = milliseconds * 1000 * 1000};
    (void)nanosleep(&pause, NULL);
}

// --- frames ---

static uint8_t *put_header(struct publisher *publisher, uint8_t kind, size_t payload,
                           uint64_t request)
{
    uint8_t *at = publisher->output + publisher->output_length;
    memset(at, 0, RC_HEADER_BYTES);
    store_le32(at, (uint32_t)payload);
    at[4] = kind;
    at[5] = publisher->level;
    store_le64(at + 8, request);
    publisher->output_length += RC_HEADER_BYTES + payload;
    return at + RC_HEADER_BYTES;
}

static void put_event(struct publisher *publisher, uint64_t number)
{
    char name[RC_NAME_BYTES_MAX + 1];
    char digits[32];
    int name_length = publisher->streams == 0
                          ? snprintf(name, sizeof(name), "%s", publisher->stream)
                          : snprintf(name, sizeof(name), "%s%llu", publisher->stream,
                                     (unsigned long long)(number % publisher->streams));
    int digit_count = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)number);
    size_t length =
        (size_t)digit_count > publisher->data_bytes ? (size_t)digit_count : publisher->data_bytes;
    uint8_t *at = put_header(publisher, RC_FRAME_PUBLISH,
                             RC_EVENT_BYTES + (size_t)name_length + length, number);
    memset(at, 0, RC_EVENT_BYTES);
    store_le32(at, (uint32_t)length);
    store_le64(at + 8, publisher->producer_id == 0 ? 0 : number);
    at[24] = 2;
    at[26] = (uint8_t)name_length;
    memcpy(at + RC_EVENT_BYTES, name, (size_t)name_length);
    uint8_t *data = at + RC_EVENT_BYTES + name_length;
    memset(data, '.', length);
    memcpy(data, digits, (size_t)digit_count);
}

static size_t event_bytes(const struct publisher *publisher)
{
    return RC_HEADER_BYTES + RC_EVENT_BYTES + RC_NAME_BYTES_MAX + publisher->data_bytes + 32;
}

// --- the connection ---

static void disconnect(struct publisher *publisher)
{
    (void)close(publisher->fd);
    publisher->fd = -1;
    publisher->is_welcome = false;
    publisher->input_length = 0;
    publisher->output_length = 0;
    if (publisher->producer_id != 0) {
        publisher->next = publisher->answered + 1;
        return;
    }
    // Forgotten, and made up for where a number of events was asked for.
    uint64_t lost = publisher->next - 1 - publisher->answered;
    publisher->answered = publisher->next - 1;
    if (!publisher->is_running) {
        publisher->goal += lost;
    }
}

static void connect_once(struct publisher *publisher)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", publisher->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        fail("no socket: %s", strerror(errno));
    }
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        (void)close(fd);
        pause_ms(CONNECT_PAUSE_MS);
        return;
    }
    publisher->fd = fd;
    uint8_t *hello = publisher->output;
    memset(hello, 0, RC_HELLO_BYTES);
    memcpy(hello, RC_PROTOCOL_MAGIC, 4);
    store_le16(hello + 4, 1); // it heeds no credits by stream
    store_le64(hello + 8, publisher->producer_id);
    store_le32(hello + 16, publisher->producer_id == 0 ? 0 : 1);
    publisher->output_length = RC_HELLO_BYTES;
}

static void take_ack(struct publisher *publisher, uint64_t number, const uint8_t *payload)
{
    bool is_due = publisher->producer_id != 0 ? number == publisher->answered + 1
                                              : number > publisher->answered;
    if (!is_due || number >= publisher->next) {
        fail("an answer to %llu, while %llu is due", (unsigned long long)number,
             (unsigned long long)publisher->answered + 1);
    }
    publisher->answered = number;
    publisher->last_id = load_le64(payload);
    if (publisher->acks != NULL) {
        (void)fprintf(publisher->acks, "%llu %llu %llu\n", (unsigned long long)number,
                      (unsigned long long)load_le64(payload),
                      (unsigned long long)load_le64(payload + 8));
    }
}

// False when the connection is of no more use.
static bool take_frame(struct publisher *publisher, uint8_t kind, uint64_t request,
                       const uint8_t *payload, size_t length)
{
    switch (kind) {
    case RC_FRAME_WELCOME:
        publisher->is_welcome = true;
        publisher->credit_bytes = load_le64(payload + 8);
        return true;
    case RC_FRAME_CREDIT: publisher->credit_bytes = load_le64(payload); return true;
    case RC_FRAME_ACK: take_ack(publisher, request, payload); return true;
    case RC_FRAME_ERROR:
        if (load_le16(payload) == RC_SHUTTING_DOWN) {
            return false;
        }
        fail("error %u: %.*s", load_le16(payload), (int)(length - RC_ERROR_BYTES),
             (const char *)payload + RC_ERROR_BYTES);
    default: fail("a frame of kind %u", kind);
    }
}

static void receive(struct publisher *publisher)
{
    ssize_t got = recv(publisher->fd, publisher->input + publisher->input_length,
                       sizeof(publisher->input) - publisher->input_length, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) {
        return;
    }
    if (got <= 0) {
        disconnect(publisher);
        return;
    }
    publisher->input_length += (size_t)got;
    size_t at = 0;
    while (publisher->input_length - at >= RC_HEADER_BYTES) {
        const uint8_t *frame = publisher->input + at;
        size_t length = load_le32(frame);
        if (publisher->input_length - at < RC_HEADER_BYTES + length) {
            break;
        }
        if (!take_frame(publisher, frame[4], load_le64(frame + 8), frame + RC_HEADER_BYTES,
                        length)) {
            disconnect(publisher);
            return;
        }
        at += RC_HEADER_BYTES + length;
    }
    publisher->input_length -= at;
    memmove(publisher->input, publisher->input + at, publisher->input_length);
}

static void fill(struct publisher *publisher)
{
    uint64_t window = publisher->credit_bytes / event_bytes(publisher);
    window = window < 1 ? 1 : window < publisher->window ? window : publisher->window;
    while (publisher->is_welcome && (publisher->is_running || publisher->next <= publisher->goal) &&
           publisher->next - 1 - publisher->answered < window &&
           OUTPUT_BYTES - publisher->output_length >= event_bytes(publisher)) {
        put_event(publisher, publisher->next++);
    }
}

static void send_output(struct publisher *publisher)
{
    if (publisher->output_length == 0) {
        return;
    }
    ssize_t sent = send(publisher->fd, publisher->output, publisher->output_length,
                        MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) {
        return;
    }
    if (sent < 0) {
        disconnect(publisher);
        return;
    }
    publisher->output_length -= (size_t)sent;
    memmove(publisher->output, publisher->output + sent, publisher->output_length);
}

// --- orders ---

static void take_order(struct publisher *publisher, const char *order)
{
    unsigned long long count = 0;
    if (sscanf(order, "publish %llu", &count) == 1) {
        publisher->goal = publisher->next - 1 + count;
        publisher->is_asked = true;
    } else if (strcmp(order, "run") == 0) {
        publisher->is_running = true;
    } else if (strcmp(order, "stop") == 0) {
        publisher->is_running = false;
        publisher->goal = publisher->next - 1;
        publisher->is_asked = true;
    } else {
        fail("not an order: %s", order);
    }
}

static void read_orders(struct publisher *publisher)
{
    static char orders[256];
    static size_t length;
    ssize_t got = read(STDIN_FILENO, orders + length, sizeof(orders) - length);
    if (got <= 0) {
        exit(0); // who gave the orders is gone
    }
    length += (size_t)got;
    char *end;
    while ((end = memchr(orders, '\n', length)) != NULL) {
        *end = 0;
        take_order(publisher, orders);
        length -= (size_t)(end + 1 - orders);
        memmove(orders, end + 1, length);
    }
}

static void tell_done(struct publisher *publisher)
{
    if (!publisher->is_asked || publisher->is_running || publisher->answered < publisher->goal) {
        return;
    }
    publisher->is_asked = false;
    if (publisher->acks != NULL) {
        (void)fflush(publisher->acks);
    }
    (void)printf("done %llu %llu\n", (unsigned long long)publisher->answered,
                 (unsigned long long)publisher->last_id);
    (void)fflush(stdout);
}

static void run(struct publisher *publisher)
{
    for (;;) {
        if (publisher->fd < 0) {
            connect_once(publisher);
        }
        fill(publisher);
        if (publisher->fd >= 0) {
            send_output(publisher);
        }
        tell_done(publisher);
        short events = publisher->output_length > 0 ? POLLIN | POLLOUT : POLLIN;
        struct pollfd polls[] = {
            {.fd = STDIN_FILENO, .events = POLLIN},
            {.fd = publisher->fd, .events = events},
        };
        if (poll(polls, 2, publisher->fd < 0 ? 0 : -1) < 0 && errno != EINTR) {
            fail("poll: %s", strerror(errno));
        }
        if ((polls[0].revents & (POLLIN | POLLHUP)) != 0) {
            read_orders(publisher);
        }
        if (publisher->fd >= 0 && (polls[1].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
            receive(publisher);
        }
    }
}

int main(int argc, char **argv)
{
    static struct publisher publisher = {.fd = -1, .window = 256, .level = RC_LEVEL_WRITTEN};
    if (argc < 3) {
        fail("publisher SOCKET STREAM [options]");
    }
    publisher.path = argv[1];
    publisher.stream = argv[2];
    uint64_t first = 1;
    for (int i = 3; i + 1 < argc; i += 2) {
        uint64_t number = strtoull(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--streams") == 0) {
            publisher.streams = number;
        } else if (strcmp(argv[i], "--first") == 0) {
            first = number;
        } else if (strcmp(argv[i], "--window") == 0) {
            publisher.window = number;
        } else if (strcmp(argv[i], "--bytes") == 0 && number <= DATA_BYTES_MAX) {
            publisher.data_bytes = (size_t)number;
        } else if (strcmp(argv[i], "--level") == 0) {
            publisher.level = (uint8_t)number;
        } else if (strcmp(argv[i], "--resend") == 0) {
            publisher.producer_id = number;
        } else if (strcmp(argv[i], "--acks") == 0) {
            publisher.acks = fopen(argv[i + 1], "we");
            if (publisher.acks == NULL) {
                fail("%s: %s", argv[i + 1], strerror(errno));
            }
        } else {
            fail("not an option: %s %s", argv[i], argv[i + 1]);
        }
    }
    publisher.next = first;
    publisher.answered = first - 1;
    publisher.goal = first - 1;
    run(&publisher);
}
