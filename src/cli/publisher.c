#include "cli/publisher.h"

#include "base/clock.h"

#include <stdarg.h>
#include <stdlib.h>

enum { STEP_MS = 100 };

// What an answer is about.
struct parcel {
    struct publisher *publisher;
    uint32_t count;
    uint64_t lines[]; // of its events
};

static void write_problem(struct publisher *publisher, uint64_t line, const char *message)
{
    terminal_progress_end(&publisher->progress);
    (void)fprintf(stderr, "ringcast: ");
    if (publisher->counts_lines && line != 0) {
        (void)fprintf(stderr, "line %llu: ", (unsigned long long)line);
    }
    terminal_write_text(stderr, slice_of(message));
    (void)fputc('\n', stderr);
}

void publisher_refuse(struct publisher *publisher, uint64_t line, const char *format, ...)
{
    char message[RC_ERROR_MESSAGE_BYTES_MAX + 64];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    write_problem(publisher, line, message);
    publisher->refused++;
}

static bool give_up(struct publisher *publisher, const char *message)
{
    if (!publisher->has_failed) {
        publisher->has_failed = true;
        write_problem(publisher, 0, message);
    }
    return false;
}

static void write_result(const struct rc_result *result)
{
    if (result->id != 0) {
        (void)printf("id %llu sequence %llu%s\n", (unsigned long long)result->id,
                     (unsigned long long)result->sequence,
                     result->duplicates > 0 ? " duplicate" : "");
    } else {
        (void)printf("%s\n", result->duplicates > 0 ? "duplicate" : "received");
    }
}

static void on_done(void *context, const struct rc_result *result)
{
    struct parcel *parcel = context;
    struct publisher *publisher = parcel->publisher;
    publisher->answered_at_ms = clock_monotonic_ms();
    publisher->accepted += result->accepted;
    publisher->duplicates += result->duplicates;
    if (result->id > publisher->last_id) {
        publisher->last_id = result->id;
        publisher->last_sequence = result->sequence;
    }
    if (result->code == RC_NOT_SENT) {
        publisher->refused += parcel->count; // told once, by whoever closes
    } else if (result->code != RC_OK) {
        uint32_t index = result->index < parcel->count ? result->index : 0;
        publisher_refuse(publisher, parcel->lines[index], "%s (%s)", result->message,
                         rc_code_text(result->code));
        publisher->refused += result->refused - 1;
    } else if (publisher->is_verbose) {
        terminal_progress_end(&publisher->progress);
        write_result(result);
    }
    free(parcel);
}

static bool is_told_to_stop(const struct publisher *publisher)
{
    return publisher->stop != NULL && *publisher->stop != 0;
}

static bool has_lost_patience(const struct publisher *publisher)
{
    return rc_unanswered(publisher->client) > 0 &&
           clock_monotonic_ms() - publisher->answered_at_ms > publisher->patience_ms;
}

bool publisher_poll(struct publisher *publisher, int wait_ms)
{
    int answered = rc_poll(publisher->client, wait_ms);
    if (answered < 0) {
        return give_up(publisher, rc_message(publisher->client));
    }
    if (has_lost_patience(publisher)) {
        char message[256];
        (void)snprintf(message, sizeof(message), "no acknowledgement for %llu s; %s",
                       (unsigned long long)(publisher->patience_ms / 1000),
                       rc_message(publisher->client)[0] != 0 ? rc_message(publisher->client)
                                                             : "the broker is busy");
        return give_up(publisher, message);
    }
    if (publisher->published > PUBLISHER_BATCH_EVENTS_MAX) {
        terminal_progress_show(&publisher->progress, "%llu events sent, %llu acknowledged",
                               (unsigned long long)publisher->published,
                               (unsigned long long)publisher->accepted + publisher->duplicates);
    }
    return true;
}

// Events `from` to `from + count - 1` as one request.
static bool send_some(struct publisher *publisher, uint32_t from, uint32_t count)
{
    struct parcel *parcel = malloc(sizeof(*parcel) + count * sizeof(uint64_t));
    if (parcel == NULL) {
        return give_up(publisher, "there is no memory left");
    }
    parcel->publisher = publisher;
    parcel->count = count;
    memcpy(parcel->lines, publisher->lines + from, count * sizeof(uint64_t));
    if (rc_unanswered(publisher->client) == 0) {
        publisher->answered_at_ms = clock_monotonic_ms(); // patience begins now
    }
    for (;;) {
        const struct rc_event *events = &publisher->events[from];
        int code = count == 1 ? rc_publish(publisher->client, events, on_done, parcel)
                              : rc_batch(publisher->client, events, count, on_done, parcel);
        if (code == RC_OK) {
            publisher->published += count;
            return true;
        }
        if (code == RC_TOO_LARGE || code == RC_BAD_ARGUMENT) {
            publisher_refuse(publisher, parcel->lines[0], "%s", rc_message(publisher->client));
            free(parcel);
            return true;
        }
        bool may_wait = code == RC_AGAIN && !is_told_to_stop(publisher);
        if (!may_wait || !publisher_poll(publisher, STEP_MS)) {
            free(parcel);
            return code == RC_AGAIN ? false : give_up(publisher, rc_message(publisher->client));
        }
    }
}

bool publisher_send(struct publisher *publisher)
{
    uint32_t count = publisher->count;
    publisher->count = 0;
    publisher->bytes = 0;
    if (!publisher->is_verbose) {
        return count == 0 || send_some(publisher, 0, count);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!send_some(publisher, i, 1)) {
            return false;
        }
    }
    return true;
}

bool publisher_add(struct publisher *publisher, struct slice data, uint64_t line)
{
    struct rc_event *event = &publisher->events[publisher->count];
    if (data.length > rc_data_bytes_max(publisher->client)) {
        publisher_refuse(publisher, line, "%zu bytes are more than an event may have (%zu)",
                         data.length, rc_data_bytes_max(publisher->client));
        return true;
    }
    *event = publisher->pattern;
    event->data = data.at;
    event->data_length = data.length;
    size_t bytes = rc_event_bytes(event);
    if (publisher->count > 0 && publisher->bytes + bytes > PUBLISHER_BATCH_BYTES) {
        struct rc_event last = *event;
        if (!publisher_send(publisher)) {
            return false;
        }
        event = &publisher->events[0];
        *event = last;
    }
    publisher->lines[publisher->count++] = line;
    publisher->bytes += bytes;
    return publisher->count < PUBLISHER_BATCH_EVENTS_MAX || publisher_send(publisher);
}

bool publisher_finish(struct publisher *publisher)
{
    while (rc_unanswered(publisher->client) > 0 && !is_told_to_stop(publisher)) {
        if (!publisher_poll(publisher, STEP_MS)) {
            break;
        }
    }
    terminal_progress_end(&publisher->progress);
    return rc_unanswered(publisher->client) == 0 && !publisher->has_failed;
}
