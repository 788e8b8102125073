#include "unit/ingest/holding.h"

#include "base/clock.h"

#include <ringcast/protocol.h>

#include <criterion/criterion.h>

struct buffer holding_out;
uint64_t holding_now_ms = 1000;

uint64_t clock_monotonic_ns(void)
{
    return holding_now_ms * 1000 * 1000;
}

uint64_t clock_realtime_ms(void)
{
    return holding_now_ms;
}

void holding_begin(void)
{
    buffer_init(&holding_out, 64 << 20);
    rig_begin((struct ingest_options){0});
    fake_log.wait_ms = HOLDING_WAIT_MS;
}

void holding_end(void)
{
    buffer_free(&holding_out);
    rig_end();
}

void holding_pass(uint64_t for_ms)
{
    for (uint64_t until_ms = holding_now_ms + for_ms; holding_now_ms < until_ms;
         holding_now_ms += 20) {
        rig_round();
    }
    rig_settle();
}

void holding_press(const char *stream, enum log_pressure_stage stage)
{
    fake_log_press(stream, stage);
    rig_settle();
}

struct rig_client *holding_connect(uint16_t version)
{
    struct rig_client *client = rig_connect();
    frames_hello(&holding_out, version, 1, 1);
    cr_assert(rig_write(client, buffer_slice(&holding_out)));
    buffer_clear(&holding_out);
    cr_assert_eq(rig_answer(client).kind, RC_FRAME_WELCOME);
    return client;
}

void holding_send(struct rig_client *client)
{
    cr_assert(rig_write(client, buffer_slice(&holding_out)));
    buffer_clear(&holding_out);
    rig_settle();
}

struct ingest_status holding_status(void)
{
    struct ingest_status now;
    ingest_get_status(rig.ingest, &now);
    return now;
}

void holding_expect_credit(struct rig_client *client, const char *stream, uint64_t credit)
{
    struct frames_answer answer = rig_answer(client);
    cr_assert_eq(answer.kind, RC_FRAME_STREAM_CREDIT);
    cr_expect_eq(answer.credit, credit, "%llu", (unsigned long long)answer.credit);
    cr_expect(slice_equal_text(slice_after(answer.payload, RC_STREAM_CREDIT_BYTES), stream));
}

void holding_expect_ack(struct rig_client *client, uint64_t request)
{
    struct frames_answer answer = rig_answer(client);
    cr_assert_eq(answer.kind, RC_FRAME_ACK);
    cr_expect_eq(answer.request, request);
}
