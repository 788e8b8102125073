#include "conn/delivery.h"

#include "base/clock.h"
#include "conn/shard.h"

void deliveries_begin(struct shard *shard, uint64_t taken_ns)
{
    shard->deliveries.taken_ns = taken_ns;
    shard->deliveries.sends_before = shard->stats.sends;
}

void deliveries_left(struct shard *shard, uint64_t taken_ns, uint64_t sends)
{
    struct deliveries *deliveries = &shard->deliveries;
    if (taken_ns == 0 || sends == 0) {
        return;
    }
    struct delivery *last = &deliveries->over[deliveries->count == 0 ? 0 : deliveries->count - 1];
    bool is_new = deliveries->count == 0 || last->taken_ns != taken_ns;
    if (is_new && deliveries->count < DELIVERIES_MAX) {
        last = &deliveries->over[deliveries->count++];
        *last = (struct delivery){.taken_ns = taken_ns};
    }
    last->sends += sends;
}

void deliveries_end(struct shard *shard)
{
    struct deliveries *deliveries = &shard->deliveries;
    deliveries_left(shard, deliveries->taken_ns, shard->stats.sends - deliveries->sends_before);
    deliveries->taken_ns = 0;
}

void deliveries_flushed(struct shard *shard)
{
    struct deliveries *deliveries = &shard->deliveries;
    if (deliveries->count == 0 && deliveries->taken_ns == 0) {
        return;
    }
    uint64_t now_ns = clock_monotonic_ns();
    for (uint32_t i = 0; i < deliveries->count; i++) {
        const struct delivery *delivery = &deliveries->over[i];
        distribution_add(&shard->stats.delivery_ns, now_ns - delivery->taken_ns, delivery->sends);
    }
    deliveries->count = 0;
    if (deliveries->taken_ns != 0) { // the pass goes on in the next batch
        distribution_add(&shard->stats.delivery_ns, now_ns - deliveries->taken_ns,
                         shard->stats.sends - deliveries->sends_before);
        deliveries->sends_before = shard->stats.sends;
    }
}
