#include "ingest/rate.h"

#include "ingest/producer.h"

void rate_begin(struct producer *producer)
{
    const struct ingest *ingest = producer->ingest;
    uint64_t now_ms = loop_now_ms(ingest->loop);
    struct producer_rate *rate = &producer->rate;
    bucket_begin(&rate->events, ingest->options.events_per_second, 0, now_ms);
    bucket_begin(&rate->bytes, ingest->options.bytes_per_second, 0, now_ms);
    rate->timer.tag = loop_timer_tag(INGEST_TIMER_RATE, producer->slot);
}

void rate_change(struct producer *producer)
{
    struct ingest *ingest = producer->ingest;
    struct producer_rate *rate = &producer->rate;
    uint64_t now_ms = loop_now_ms(ingest->loop);
    bucket_change(&rate->events, ingest->options.events_per_second, 0, now_ms);
    bucket_change(&rate->bytes, ingest->options.bytes_per_second, 0, now_ms);
    if (wheel_is_armed(&rate->timer)) { // it waits for a time that the old rate named
        wheel_cancel(&ingest->loop->wheel, &rate->timer);
        producer_wake(producer);
    }
}

void rate_end(struct producer *producer)
{
    wheel_cancel(&producer->ingest->loop->wheel, &producer->rate.timer);
}

bool rate_admits(struct producer *producer, uint32_t data_bytes)
{
    struct ingest *ingest = producer->ingest;
    struct producer_rate *rate = &producer->rate;
    uint64_t now_ms = loop_now_ms(ingest->loop);
    uint64_t events_wait_ms = bucket_wait_ms(&rate->events, 1, now_ms);
    uint64_t bytes_wait_ms = bucket_wait_ms(&rate->bytes, data_bytes, now_ms);
    uint64_t wait_ms = events_wait_ms > bytes_wait_ms ? events_wait_ms : bytes_wait_ms;
    if (wait_ms == 0) {
        return true;
    }
    ingest->status.rate_waits += !wheel_is_armed(&rate->timer);
    producer->is_held = true;
    loop_arm(ingest->loop, &rate->timer, wait_ms);
    return false;
}

void rate_take(struct producer *producer, uint32_t data_bytes)
{
    bucket_take(&producer->rate.events, 1);
    bucket_take(&producer->rate.bytes, data_bytes);
}

void rate_timer_due(void *context, struct loop *loop, struct wheel_timer *timer)
{
    (void)loop;
    struct ingest *ingest = context;
    producer_wake(pool_at(&ingest->producers, loop_timer_owner(timer)));
}
