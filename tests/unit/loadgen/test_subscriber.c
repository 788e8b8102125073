// layer: base
// link: perf/loadgen/subscriber.c
// link: perf/loadgen/response.c
// link: perf/loadgen/messages.c
// link: perf/loadgen/messages_redis.c
// link: perf/loadgen/messages_nats.c
// link: perf/loadgen/lines.c
// link: perf/loadgen/payload.c
// link: perf/loadgen/histogram.c
#include "../perf/loadgen/subscriber.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct subscriber subscriber;
static struct subscriber_ledger ledger;

static void take(const char *text)
{
    subscriber_take(&subscriber, &ledger, (const uint8_t *)text, strlen(text));
}

static void begin(void)
{
    memset(&ledger, 0, sizeof ledger);
    ledger.run = 77;
    ledger.now_ns = 5000;
    subscriber_reset(&subscriber, 3);
    subscriber.state = SUBSCRIBER_WAITING;
}

static void begin_receiving(void)
{
    begin();
    take("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
}

static void event(uint32_t run, uint32_t stream, uint64_t number, uint64_t intended_ns)
{
    char text[128] = "data: ";
    struct payload payload = {run, stream, number, intended_ns};
    payload_write((uint8_t *)text + 6, 64, &payload);
    strcat(text, "\n\n");
    take(text);
}

TestSuite(subscriber, .init = begin_receiving);

Test(subscriber, header_makes_it_receive, .init = begin)
{
    take("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n");
    cr_assert_eq(subscriber.state, SUBSCRIBER_WAITING);
    take("\r\n");
    cr_assert_eq(subscriber.state, SUBSCRIBER_RECEIVING);
    cr_assert(findings_are_good(&ledger.findings));
}

Test(subscriber, a_refusal_fails_it, .init = begin)
{
    take("HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\n\r\n{}");
    cr_assert_eq(subscriber.state, SUBSCRIBER_FAILED);
    cr_assert_str_eq(ledger.findings.first, "stream 3: the server answered 503");
}

Test(subscriber, another_content_type_fails_it, .init = begin)
{
    take("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n");
    cr_assert_eq(subscriber.state, SUBSCRIBER_FAILED);
}

Test(subscriber, no_http_fails_it, .init = begin)
{
    take("+OK\r\n");
    cr_assert_eq(subscriber.state, SUBSCRIBER_FAILED);
}

Test(subscriber, events_in_order_are_good)
{
    ledger.record_from_ns = 1000;
    event(77, 3, 1, 999);
    event(77, 3, 2, 1000);
    event(77, 3, 3, 4000);
    subscriber_check_end(&subscriber, &ledger.findings, 3);
    cr_assert(findings_are_good(&ledger.findings));
    cr_assert_eq(ledger.findings.events, 3);
    cr_assert_eq(ledger.deliveries, 3);
    cr_assert_eq(ledger.latency.count, 2);
    cr_assert_eq(ledger.latency.maximum, 4000);
}

Test(subscriber, a_hole_is_a_loss)
{
    event(77, 3, 1, 0);
    event(77, 3, 4, 0);
    cr_assert_eq(ledger.findings.lost, 2);
    cr_assert_eq(ledger.deliveries, 4);
    cr_assert_str_eq(ledger.findings.first, "a subscriber of stream 3 got event 4 when 2 was due");
}

Test(subscriber, a_repeat_is_found)
{
    event(77, 3, 1, 0);
    event(77, 3, 2, 0);
    event(77, 3, 2, 0);
    event(77, 3, 1, 0);
    cr_assert_eq(ledger.findings.repeated, 2);
    cr_assert_eq(ledger.deliveries, 2);
    cr_assert_not(findings_are_good(&ledger.findings));
}

Test(subscriber, what_is_missing_at_the_end_is_lost)
{
    event(77, 3, 1, 0);
    subscriber_check_end(&subscriber, &ledger.findings, 5);
    cr_assert_eq(ledger.findings.lost, 4);
    cr_assert_str_eq(ledger.findings.first,
                     "a subscriber of stream 3 had 1 of 5 events at the end");
}

Test(subscriber, events_of_others_do_not_count)
{
    event(78, 3, 1, 0);
    event(77, 4, 1, 0);
    cr_assert_eq(ledger.findings.foreign, 2);
    cr_assert_eq(ledger.deliveries, 0);
    cr_assert(findings_are_good(&ledger.findings));
}

Test(subscriber, a_gap_is_bad)
{
    take("event: gap\ndata: {}\n\n");
    cr_assert_eq(ledger.findings.gaps, 1);
    cr_assert_not(findings_are_good(&ledger.findings));
}

Test(subscriber, findings_are_summed_and_the_first_note_stays)
{
    struct findings sum = {.lost = 1};
    findings_note(&sum, "one");
    event(77, 3, 2, 0);
    findings_merge(&sum, &ledger.findings);
    cr_assert_eq(sum.lost, 2);
    cr_assert_eq(sum.events, 1);
    cr_assert_str_eq(sum.first, "one");
}

Test(subscriber, messages_of_other_protocols_are_checked_the_same, .init = begin)
{
    ledger.protocol = &messages_nats;
    take("INFO {}\r\nPONG\r\n");
    cr_assert_eq(subscriber.state, SUBSCRIBER_RECEIVING);
    char text[128];
    struct payload payload = {77, 3, 3, 1000};
    payload_write((uint8_t *)text + sprintf(text, "MSG bench/3 1 64\r\n"), 64, &payload);
    strcpy(strchr(text, '\n') + 65, "\r\n");
    take(text);
    cr_assert_eq(ledger.findings.lost, 2);
    cr_assert_eq(ledger.findings.events, 1);
    cr_assert_not(subscriber.owes_pong);
    take("PING\r\n");
    cr_assert(subscriber.owes_pong);
    take("-ERR 'Slow Consumer'\r\n");
    cr_assert_eq(subscriber.state, SUBSCRIBER_FAILED);
}

Test(subscriber, a_gap_covers_what_it_says)
{
    ledger.allows_gaps = true;
    event(77, 3, 1, 0);
    take("event: gap\ndata: {\"from\":2,\"to\":4,\"reason\":\"lagged\",\"count\":3}\n\n");
    event(77, 3, 5, 0);
    cr_assert_eq(ledger.findings.lost, 3);
    cr_assert_eq(ledger.findings.lost_told, 3);
    cr_assert_eq(ledger.findings.told, 3);
    cr_assert_str_eq(ledger.findings.first, "");
    event(77, 3, 7, 0);
    cr_assert_eq(ledger.findings.lost, 4);
    cr_assert_eq(ledger.findings.lost_told, 3);
    cr_assert_str_eq(ledger.findings.first, "a subscriber of stream 3 got event 7 when 6 was due");
}

// Told where the range begins, of events anywhere in it.
Test(subscriber, what_gaps_told_of_may_be_missing_anywhere_behind)
{
    ledger.allows_gaps = true;
    take("event: gap\ndata: {\"from\":1,\"to\":6,\"reason\":\"lagged\",\"count\":2}\n\n");
    event(77, 3, 2, 0);
    event(77, 3, 3, 0);
    cr_assert_eq(subscriber.may_miss, 1);
    event(77, 3, 5, 0);
    event(77, 3, 6, 0);
    cr_assert_eq(ledger.findings.lost, 2);
    cr_assert_eq(ledger.findings.lost_told, 2);
    cr_assert_eq(subscriber.may_miss, 0);
    take("event: gap\ndata: {\"from\":7,\"to\":9,\"reason\":\"lagged\",\"count\":3}\n\n");
    event(77, 3, 8, 0);
    cr_assert_eq(subscriber.may_miss, 2, "told of too many");
}

Test(subscriber, a_notice_before_the_end_is_kept)
{
    take("event: disconnect\ndata: {\"reason\":\"lagged\"}\n\n");
    cr_assert(subscriber.was_told_to_leave);
    cr_assert_eq(subscriber.state, SUBSCRIBER_RECEIVING);
}

Test(subscriber, marks)
{
    struct subscriber_mark mark = {0};
    struct subscriber_mark sum = {0};
    subscriber_mark_merge(&sum, &mark);
    event(77, 3, 1, 0);
    event(77, 3, 2, 0);
    subscriber_mark_add(&mark, &subscriber);
    event(77, 3, 3, 0);
    subscriber_mark_add(&mark, &subscriber);
    subscriber_mark_merge(&sum, &mark);
    cr_assert_eq(sum.subscribers, 2);
    cr_assert_eq(sum.events, 5);
    cr_assert_eq(sum.least, 2);
    cr_assert_eq(sum.most, 3);
}

Test(subscriber, what_a_gap_told_of_is_lost_but_told)
{
    event(77, 3, 1, 0);
    take("event: gap\ndata: {}\n\n");
    cr_assert(subscriber.was_told_gap);
    cr_assert_not(subscriber.has_lost);
    event(77, 3, 5, 0);
    event(77, 3, 8, 0);
    cr_assert_eq(ledger.findings.lost, 5);
    cr_assert_eq(ledger.findings.lost_told, 3);
    cr_assert(subscriber.has_lost);
}

Test(subscriber, what_it_saw_outlives_its_connection)
{
    subscriber.response.keeps_ids = true;
    event(77, 3, 1, 0);
    take("id: 5\n\nid: 6\ndata: cut off here");
    subscriber_resume(&subscriber);
    cr_assert_eq(subscriber.state, SUBSCRIBER_IDLE);
    cr_assert_eq(subscriber.response.last_id.length, 1);
    cr_assert_eq(subscriber.response.last_id.text[0], '5');

    subscriber.state = SUBSCRIBER_WAITING;
    take("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n\n");
    cr_assert_eq(subscriber.response.last_id.text[0], '5');
    event(77, 3, 2, 0);
    event(77, 3, 2, 0);
    cr_assert_eq(ledger.findings.events, 2);
    cr_assert_eq(ledger.findings.repeated, 1);
    cr_assert_eq(ledger.findings.lost, 0);
}
