#include "subscriber.h"

#include "base/assert.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void findings_note(struct findings *findings, const char *format, ...)
{
    if (findings->first[0] != 0) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(findings->first, sizeof findings->first, format, arguments);
    va_end(arguments);
}

void findings_merge(struct findings *into, const struct findings *from)
{
    into->events += from->events;
    into->lost += from->lost;
    into->lost_told += from->lost_told;
    into->told += from->told;
    into->repeated += from->repeated;
    into->gaps += from->gaps;
    into->foreign += from->foreign;
    into->failed += from->failed;
    into->bytes += from->bytes;
    if (from->first[0] != 0) {
        findings_note(into, "%s", from->first);
    }
}

void subscriber_reset(struct subscriber *subscriber, uint32_t stream)
{
    memset(subscriber, 0, sizeof *subscriber);
    subscriber->stream = stream;
    subscriber->number_next = 1;
}

void subscriber_resume(struct subscriber *subscriber)
{
    struct response_id seen = subscriber->response.last_id;
    bool keeps_ids = subscriber->response.keeps_ids;
    memset(&subscriber->response, 0, sizeof subscriber->response);
    subscriber->response.keeps_ids = keeps_ids;
    subscriber->response.id = seen;
    subscriber->response.last_id = seen;
    subscriber->state = SUBSCRIBER_IDLE;
}

struct taking {
    struct subscriber *subscriber;
    struct subscriber_ledger *ledger;
};

// Events were passed over. What gaps have told of is missing anywhere behind them: a server that
// drops by priority tells the sum where the range begins.
static void take_missing(const struct taking *taking, uint64_t missing)
{
    struct subscriber *subscriber = taking->subscriber;
    struct findings *findings = &taking->ledger->findings;
    uint64_t told = missing < subscriber->may_miss ? missing : subscriber->may_miss;
    subscriber->may_miss -= told;
    told = subscriber->may_miss_any ? missing : told;
    subscriber->has_lost = true;
    findings->lost += missing;
    findings->lost_told += told;
    if (told < missing || !taking->ledger->allows_gaps) {
        uint64_t due = subscriber->number_next;
        findings_note(findings,
                      "a subscriber of stream %u got event %" PRIu64 " when %" PRIu64 " was due",
                      subscriber->stream, due + missing, due);
    }
}

static void take_gap(const struct taking *taking, const struct response *response)
{
    struct subscriber *subscriber = taking->subscriber;
    struct findings *findings = &taking->ledger->findings;
    findings->gaps++;
    subscriber->was_told_gap = true;
    if (response->has_gap_count) {
        findings->told += response->gap_count;
        subscriber->may_miss += response->gap_count;
    } else {
        subscriber->may_miss_any = true;
    }
    if (!taking->ledger->allows_gaps) {
        findings_note(findings, "a subscriber of stream %u was told of a gap before event %" PRIu64,
                      subscriber->stream, subscriber->number_next);
    }
}

static void take_event(const struct taking *taking, const struct payload *payload)
{
    struct subscriber *subscriber = taking->subscriber;
    struct subscriber_ledger *ledger = taking->ledger;
    struct findings *findings = &ledger->findings;
    if (payload->run != ledger->run || payload->stream != subscriber->stream) {
        findings->foreign++;
        return;
    }
    uint64_t due = subscriber->number_next;
    if (payload->number < due) {
        findings->repeated++;
        findings_note(findings,
                      "a subscriber of stream %u got event %" PRIu64 " after event %" PRIu64,
                      subscriber->stream, payload->number, due - 1);
        return;
    }
    if (payload->number > due) {
        take_missing(taking, payload->number - due);
    }
    findings->events++;
    subscriber->may_miss_any = false;
    ledger->deliveries += payload->number - due + 1;
    subscriber->number_next = payload->number + 1;
    if (payload->intended_ns >= ledger->record_from_ns) {
        bool is_past = ledger->now_ns > payload->intended_ns;
        histogram_record(&ledger->latency, is_past ? ledger->now_ns - payload->intended_ns : 0);
    }
}

static bool take_head(const struct taking *taking, const struct response *response)
{
    struct subscriber *subscriber = taking->subscriber;
    if (response->status == 200 && response->is_event_stream) {
        subscriber->state = SUBSCRIBER_RECEIVING;
        return true;
    }
    subscriber->state = SUBSCRIBER_FAILED;
    findings_note(&taking->ledger->findings, "stream %u: the server answered %u%s",
                  subscriber->stream, response->status,
                  response->status == 200 ? ", but not with text/event-stream" : "");
    return false;
}

static bool take_news(void *context, struct response *response, enum response_news news)
{
    const struct taking *taking = context;
    struct findings *findings = &taking->ledger->findings;
    switch (news) {
    case RESPONSE_HEAD: return take_head(taking, response);
    case RESPONSE_EVENT: take_event(taking, &response->payload); return true;
    case RESPONSE_GAP: take_gap(taking, response); return true;
    case RESPONSE_LEAVE: taking->subscriber->was_told_to_leave = true; return true;
    case RESPONSE_END:
        taking->subscriber->state = SUBSCRIBER_FAILED;
        findings_note(findings, "stream %u: the server ended the response",
                      taking->subscriber->stream);
        return false;
    }
    return false;
}

static bool take_message(void *context, const struct messages *messages, enum messages_news news,
                         struct slice text)
{
    const struct taking *taking = context;
    struct subscriber *subscriber = taking->subscriber;
    switch (news) {
    case MESSAGES_READY: subscriber->state = SUBSCRIBER_RECEIVING; return true;
    case MESSAGES_EVENT: take_event(taking, &messages->payload); return true;
    case MESSAGES_PING: subscriber->owes_pong = true; return true;
    case MESSAGES_ERROR:
        subscriber->state = SUBSCRIBER_FAILED;
        findings_note(&taking->ledger->findings, "stream %u: the server said: " SLICE_FORMAT,
                      subscriber->stream, SLICE_ARGUMENTS(text));
        return false;
    }
    return false;
}

void subscriber_take(struct subscriber *subscriber, struct subscriber_ledger *ledger,
                     const uint8_t *at, size_t length)
{
    ASSERT(subscriber->state == SUBSCRIBER_WAITING || subscriber->state == SUBSCRIBER_RECEIVING);
    struct taking taking = {subscriber, ledger};
    ledger->findings.bytes += length;
    const struct messages_protocol *protocol = ledger->protocol;
    int result =
        protocol == NULL
            ? response_feed(&subscriber->response, at, length, take_news, &taking)
            : messages_feed(&subscriber->messages, protocol, at, length, take_message, &taking);
    if (result != 0) {
        subscriber->state = SUBSCRIBER_FAILED;
        findings_note(&ledger->findings, "stream %u: the server's answer is none of %s",
                      subscriber->stream, protocol == NULL ? "HTTP/1.1" : protocol->scheme);
    }
}

void subscriber_mark_merge(struct subscriber_mark *into, const struct subscriber_mark *from)
{
    if (from->subscribers == 0) {
        return;
    }
    into->least = into->subscribers == 0 || from->least < into->least ? from->least : into->least;
    into->most = from->most > into->most ? from->most : into->most;
    into->subscribers += from->subscribers;
    into->events += from->events;
}

void subscriber_mark_add(struct subscriber_mark *mark, const struct subscriber *subscriber)
{
    uint64_t events = subscriber->number_next - 1;
    struct subscriber_mark one = {1, events, events, events};
    subscriber_mark_merge(mark, &one);
}

void subscriber_check_end(const struct subscriber *subscriber, struct findings *findings,
                          uint64_t published)
{
    uint64_t received = subscriber->number_next - 1;
    if (received < published) {
        findings->lost += published - received;
        findings_note(findings,
                      "a subscriber of stream %u had %" PRIu64 " of %" PRIu64 " events at the end",
                      subscriber->stream, received, published);
    }
}
