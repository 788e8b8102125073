// link: tests/unit/ingest/rig.c
// link: tests/unit/ingest/fake_log.c
// link: tests/unit/ingest/frames.c
// timeout: 120

// libringcast against the broker's own side of the protocol, which runs on a thread of its own.
#include "unit/ingest/rig.h"

#include <ringcast/client.h>

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static struct broker {
    pthread_t thread;
    atomic_bool is_ready;
    atomic_bool should_stop;
    atomic_uint room_rounds; // every so many rounds there is room for some appends; 0: always
    atomic_uint stage;       // enum log_pressure_stage of the stream "held"
    struct ingest_options options;
} broker;

static void *run(void *context)
{
    (void)context;
    rig_begin(broker.options);
    unsigned rounds = 0;
    unsigned stage = LOG_PRESSURE_NONE;
    if (atomic_load(&broker.room_rounds) > 0) {
        fake_log.room = 0;
    }
    atomic_store(&broker.is_ready, true);
    while (!atomic_load(&broker.should_stop)) {
        rig_round();
        if (atomic_load(&broker.stage) != stage) {
            stage = atomic_load(&broker.stage);
            fake_log_press("held", (enum log_pressure_stage)stage);
        }
        unsigned every = atomic_load(&broker.room_rounds);
        if (every > 0 && ++rounds % every == 0) {
            fake_log_make_room(7);
        }
    }
    rig_close();
    return NULL;
}

static void start(void)
{
    cr_assert_eq(pthread_create(&broker.thread, NULL, run, NULL), 0);
    while (!atomic_load(&broker.is_ready)) {
        sched_yield();
    }
}

// What the broker took may be looked at afterwards.
static void stop(void)
{
    atomic_store(&broker.should_stop, true);
    pthread_join(broker.thread, NULL);
}

TestSuite(with_ingest, .fini = fake_log_end, .timeout = 60);

static struct rc_client *open_client(void)
{
    struct rc_client *client;
    const struct rc_options options = {.producer_id = 42, .epoch = 7};
    cr_assert_eq(rc_client_open(rig.path, &options, &client), RC_OK);
    return client;
}

Test(with_ingest, every_field_arrives)
{
    start();
    struct rc_client *client = open_client();
    const struct rc_attribute attributes[] = {
        {.kind = RC_ATTRIBUTE_TAG, .value = "x"},
        {.kind = RC_ATTRIBUTE_CUSTOM, .name = "k", .value = "v"},
    };
    const struct rc_event event = {
        .stream = "chat/42",
        .type = "text",
        .data = "\xff\0x",
        .data_length = 3,
        .ack = RC_ACK_SYNCED,
        .priority = RC_PRIORITY_LOW,
        .ttl_ms = 5,
        .retry_ms = 6,
        .binary = true,
        .attributes = attributes,
        .attribute_count = 2,
    };
    struct rc_result result;
    cr_assert_eq(rc_publish_wait(client, &event, &result, 10000), RC_OK, "%s", rc_message(client));
    cr_expect_eq(result.id, 1000);
    struct rc_event wrong = event;
    wrong.binary = false;
    cr_expect_eq(rc_publish_wait(client, &wrong, &result, 10000), RC_SERIALIZATION_ERROR);
    cr_expect_not_null(strstr(result.message, "UTF-8"), "%s", result.message);
    struct rc_pressure pressure;
    cr_assert_eq(rc_pressure(client, "chat/42", &pressure, 10000), RC_OK);
    cr_expect_eq(pressure.listeners, 0);
    cr_expect_eq(pressure.credit_bytes, 4 << 20);
    rc_close(client);
    stop();
    cr_assert_eq(fake_log.count, 1);
    const struct fake_log_record *record = &fake_log.records[0];
    cr_expect_str_eq(record->stream, "chat/42");
    cr_expect_str_eq(record->type, "text");
    cr_expect_eq(record->data_length, 3);
    cr_expect_eq(record->level, ACK_SYNCED);
    cr_expect_eq(record->priority, PRIORITY_LOW);
    cr_expect_eq(record->ttl_ms, 5);
    cr_expect_eq(record->retry_ms, 6);
    cr_expect(record->binary);
    cr_expect_eq(record->producer_id, 42);
    cr_expect_eq(record->epoch, 7);
    cr_expect_eq(record->producer_sequence, 1);
    cr_expect_eq(record->attributes_length, 4 + 1 + 4 + 3);
}

Test(with_ingest, flow_settings_arrive)
{
    start();
    struct rc_client *client = open_client();
    struct rc_flow flow = {.overflow = RC_OVERFLOW_BLOCK,
                           .lag_events = 50,
                           .lag_bytes = 1 << 20,
                           .threshold = 0.8,
                           .producer_wait_ms = 2000};
    cr_assert_eq(rc_set_flow(client, "chat/42", &flow, 10000), RC_OK, "%s", rc_message(client));
    cr_expect_eq(rc_set_flow(client, "\n", &flow, 10000), RC_INVALID_NAME);
    cr_expect_eq(rc_set_flow(client, "", &flow, 10000), RC_BAD_ARGUMENT);
    cr_expect_eq(rc_set_flow(client, NULL, &flow, 10000), RC_BAD_ARGUMENT);
    flow.overflow = RC_OVERFLOW_BLOCK + 1;
    cr_expect_eq(rc_set_flow(client, "chat/42", &flow, 10000), RC_BAD_ARGUMENT);
    flow = (struct rc_flow){.threshold = -1};
    cr_expect_eq(rc_set_flow(client, "chat/42", &flow, 10000), RC_BAD_ARGUMENT);
    rc_close(client);
    stop();
    cr_assert_eq(fake_log.count, 1);
    const struct stream_settings *settings = &fake_log.records[0].settings;
    cr_expect_str_eq(fake_log.records[0].stream, "chat/42");
    cr_expect_eq(settings->parts, SETTINGS_FLOW);
    cr_expect_eq(settings->flow.overflow, OVERFLOW_BLOCK);
    cr_expect_eq(settings->flow.lag_events, 50);
    cr_expect_eq(settings->flow.lag_bytes, 1 << 20);
    cr_expect_eq(settings->flow.threshold, 800);
    cr_expect_eq(settings->flow.producer_wait_ms, 2000);
}

Test(with_ingest, ends_arrive)
{
    start();
    struct rc_client *client = open_client();
    cr_assert_eq(rc_end_stream(client, "chat/42", RC_END_CLOSED, RC_LEVEL_WRITTEN, 10000), RC_OK,
                 "%s", rc_message(client));
    cr_assert_eq(rc_end_stream(client, "chat/42", RC_END_DELETED, RC_LEVEL_SYNCED, 10000), RC_OK);
    cr_expect_eq(rc_end_stream(client, "\n", RC_END_CLOSED, RC_LEVEL_WRITTEN, 10000),
                 RC_INVALID_NAME);
    cr_expect_eq(rc_end_stream(client, "", RC_END_CLOSED, RC_LEVEL_WRITTEN, 10000),
                 RC_BAD_ARGUMENT);
    cr_expect_eq(rc_end_stream(client, NULL, RC_END_CLOSED, RC_LEVEL_WRITTEN, 10000),
                 RC_BAD_ARGUMENT);
    cr_expect_eq(rc_end_stream(client, "s", 0, RC_LEVEL_WRITTEN, 10000), RC_BAD_ARGUMENT);
    cr_expect_eq(rc_end_stream(client, "s", 4, RC_LEVEL_WRITTEN, 10000), RC_BAD_ARGUMENT);
    cr_expect_eq(rc_end_stream(client, "s", RC_END_CLOSED, RC_LEVEL_RECEIVED, 10000),
                 RC_BAD_ARGUMENT);
    rc_close(client);
    stop();
    cr_assert_eq(fake_log.count, 2);
    cr_expect_str_eq(fake_log.records[0].stream, "chat/42");
    cr_expect_eq(fake_log.records[0].kind, FAKE_END);
    cr_expect_eq(fake_log.records[0].life, STREAM_CLOSED);
    cr_expect_eq(fake_log.records[1].life, STREAM_DELETED);
    cr_expect_eq(fake_log.records[1].level, ACK_SYNCED);
}

struct tally {
    uint32_t answered;
    uint32_t accepted;
    uint32_t failed;
};

static void count_answer(void *context, const struct rc_result *result)
{
    struct tally *tally = context;
    tally->answered++;
    tally->accepted += result->accepted;
    tally->failed += result->code != RC_OK;
}

// Singles and batches of all sizes through a log that is full most of the time.
static void publish_much(uint32_t total)
{
    struct rc_client *client = open_client();
    struct tally tally = {0};
    struct rc_event events[40];
    char data[40][16];
    uint32_t requests = 0;
    for (uint32_t next = 0; next < total; requests++) {
        uint32_t count = 1 + requests % 40;
        count = count < total - next ? count : total - next;
        for (uint32_t i = 0; i < count; i++) {
            snprintf(data[i], sizeof data[i], "%u", next + i);
            events[i] =
                (struct rc_event){.stream = "s", .data = data[i], .data_length = strlen(data[i])};
        }
        next += count;
        cr_assert_eq(count == 1 ? rc_publish(client, events, count_answer, &tally)
                                : rc_batch(client, events, count, count_answer, &tally),
                     RC_OK);
    }
    cr_assert_eq(rc_flush(client, 50000), RC_OK, "%s", rc_message(client));
    cr_expect_eq(tally.answered, requests);
    cr_expect_eq(tally.accepted, total);
    cr_expect_eq(tally.failed, 0);
    rc_close(client);
    stop();
    cr_assert_eq(fake_log.count, total);
    for (uint32_t i = 0; i < total; i++) {
        char expected[16];
        snprintf(expected, sizeof expected, "%u", i);
        cr_assert_str_eq(fake_log.records[i].data, expected);
        cr_assert_eq(fake_log.records[i].producer_sequence, i + 1);
    }
}

Test(with_ingest, much_at_once_stays_in_order)
{
    start();
    publish_much(20000);
}

Test(with_ingest, a_log_that_is_mostly_full)
{
    atomic_store(&broker.room_rounds, 1);
    start();
    publish_much(3000);
}

Test(with_ingest, a_small_credit)
{
    broker.options.credit_bytes = 200;
    start();
    publish_much(2000);
}

// Publishes without waiting; false: RC_AGAIN.
static bool try_publish(struct rc_client *client, const char *stream, struct tally *tally)
{
    const struct rc_event event = {.stream = stream, .data = "x", .data_length = 1};
    int code = rc_publish(client, &event, count_answer, tally);
    cr_assert(code == RC_OK || code == RC_AGAIN, "%d", code);
    return code == RC_OK;
}

Test(with_ingest, a_stream_that_is_held_holds_no_other)
{
    enum { OTHERS = 2 * 65536 + 1000 }; // far more than fit into the window
    start();
    struct rc_client *client;
    // Without producer id: else the log's stand-in looks for repeats in all of them.
    const struct rc_options options = {.no_idempotency = true, .nonblocking = true};
    cr_assert_eq(rc_client_open(rig.path, &options, &client), RC_OK);
    atomic_store(&broker.stage, LOG_PRESSURE_FULL);
    struct tally held = {0};
    struct tally others = {0};
    uint32_t taken = 0;
    while (try_publish(client, "held", &held)) {
        taken++;
        cr_assert_lt(taken, 1000 * 1000, "it is never told of the limit");
        rc_poll(client, 1);
    }
    cr_expect_not_null(strstr(rc_message(client), "held"), "%s", rc_message(client));
    for (uint32_t i = 0; i < OTHERS; i++) {
        while (!try_publish(client, "other", &others)) {
            rc_poll(client, 10);
        }
    }
    while (others.answered < OTHERS) {
        cr_assert_geq(rc_poll(client, 10000), 0);
    }
    cr_expect_lt(held.answered, taken);
    cr_expect_not(try_publish(client, "held", &held));
    struct rc_stream_pressure pressure;
    cr_assert_eq(rc_stream_pressure(client, "held", &pressure, 10000), RC_OK);
    cr_expect_eq(pressure.credit_bytes, 0);
    cr_expect_float_eq(pressure.full, 1, 0.001);
    atomic_store(&broker.stage, LOG_PRESSURE_NONE);
    cr_assert_eq(rc_flush(client, 10000), RC_OK);
    cr_expect_eq(held.accepted, taken);
    while (!try_publish(client, "held", &held)) { // the news may come behind the answer
        rc_poll(client, 1);
    }
    cr_assert_eq(rc_flush(client, 10000), RC_OK);
    cr_assert_eq(rc_stream_pressure(client, "other", &pressure, 10000), RC_OK);
    cr_expect_eq(pressure.credit_bytes, RC_CREDIT_UNLIMITED);
    rc_close(client);
    stop();
}

Test(with_ingest, who_may_wait_waits_for_a_stream_that_is_held)
{
    start();
    struct rc_client *client = open_client();
    atomic_store(&broker.stage, LOG_PRESSURE_FULL);
    const struct rc_event event = {.stream = "held", .data = "x", .data_length = 1};
    struct rc_result result;
    while (rc_publish_wait(client, &event, &result, 50) == RC_OK) {
    }
    cr_expect_eq(result.code, RC_TIMED_OUT);
    const struct rc_event other = {.stream = "other", .data = "x", .data_length = 1};
    cr_expect_eq(rc_publish_wait(client, &other, &result, 10000), RC_OK);
    atomic_store(&broker.stage, LOG_PRESSURE_SLOW);
    cr_expect_eq(rc_publish_wait(client, &event, &result, 10000), RC_OK);
    rc_close(client);
    stop();
}

Test(with_ingest, refused_where_only_others_may)
{
    const uid_t nobody = 65534;
    broker.options.allowed_uids = &nobody;
    broker.options.allowed_uid_count = 1;
    start();
    struct rc_client *client;
    int code = rc_client_open(rig.path, NULL, &client);
    cr_expect_eq(code, geteuid() == 0 ? RC_OK : RC_FORBIDDEN);
    rc_close(client);
    stop();
}
