#include "flow/link.h"

#include "base/assert.h"

enum {
    ROUND_TRIP_HALF_US = 400 * 1000,
    JITTER_HALF_US = 200 * 1000,
    LOSS_HALF = LINK_ONE / 20,
    SPEED_HALF = 64 * 1000 / 8, // bytes a second
    BOUNDS_MAX = 3,
    SEGMENTS_HALF = 64, // so many count as much as all that was known before
};

STATIC_ASSERT(sizeof(struct link) == 24, "there is one for each connection");

static uint64_t fall(uint64_t value, uint64_t half)
{
    return LINK_ONE * half / (half + value);
}

static uint32_t score_of(const struct link *link)
{
    uint64_t score = fall(link->round_trip_us, ROUND_TRIP_HALF_US);
    score = score * fall(link->jitter_us, JITTER_HALF_US) / LINK_ONE;
    score = score * fall(link->loss, LOSS_HALF) / LINK_ONE;
    if (link->bytes_per_second > 0 && !link->is_least_speed) {
        score = score * (LINK_ONE - fall(link->bytes_per_second, SPEED_HALF)) / LINK_ONE;
    }
    return (uint32_t)score;
}

static void take_loss(struct link *link, const struct tcp_reading *reading)
{
    uint64_t sent = reading->segments_sent - link->segments_sent;
    uint64_t repeated = reading->segments_repeated - link->segments_repeated;
    link->segments_sent = reading->segments_sent;
    link->segments_repeated = reading->segments_repeated;
    if (sent == 0) {
        return;
    }
    // The kernel counts the handshake's repetitions among them, but no segments of it.
    repeated = repeated < sent ? repeated : sent;
    uint64_t weighed = (uint64_t)link->loss * SEGMENTS_HALF + repeated * LINK_ONE;
    link->loss = (uint32_t)(weighed / (SEGMENTS_HALF + sent)) & 0x3fff;
}

static void take_speed(struct link *link, const struct tcp_reading *reading)
{
    uint64_t speed = reading->delivery_bytes_per_second;
    speed = speed < UINT32_MAX ? speed : UINT32_MAX;
    bool is_measured = link->bytes_per_second > 0 && !link->is_least_speed;
    if (reading->is_delivery_least) {
        link->bounds = (link->bounds < BOUNDS_MAX ? link->bounds + 1U : BOUNDS_MAX) & 3;
        if (is_measured && link->bounds < BOUNDS_MAX) {
            return;
        }
    } else {
        link->bounds = 0;
        speed = is_measured ? (speed + link->bytes_per_second) / 2 : speed;
    }
    link->bytes_per_second = (uint32_t)speed;
    link->is_least_speed = reading->is_delivery_least;
}

void link_take(struct link *link, const struct tcp_reading *reading)
{
    ASSERT(reading->round_trip_us > 0);
    bool is_first = !link_is_known(link);
    link->round_trip_us = reading->round_trip_us;
    link->jitter_us = reading->round_trip_variation_us;
    take_loss(link, reading);
    take_speed(link, reading);
    uint32_t score = score_of(link);
    link->score = (is_first ? score : (score + link->score + 1) / 2) & 0x3fff;
}
