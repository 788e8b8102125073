#include "flow/link.h"

#include <criterion/criterion.h>

#include "base/prng.h"

static struct tcp_reading reading(uint32_t round_trip_ms, uint32_t jitter_ms, uint32_t sent,
                                  uint32_t repeated)
{
    return (struct tcp_reading){.round_trip_us = round_trip_ms * 1000,
                                .round_trip_variation_us = jitter_ms * 1000,
                                .segments_sent = sent,
                                .segments_repeated = repeated};
}

static uint32_t score(struct tcp_reading reading)
{
    struct link link = {0};
    link_take(&link, &reading);
    return link.score;
}

Test(link, nothing_is_known_at_first)
{
    struct link link = {0};
    cr_assert_not(link_is_known(&link));
    struct tcp_reading first = {.round_trip_us = 1};
    link_take(&link, &first);
    cr_assert(link_is_known(&link));
    cr_assert_eq(link.round_trip_us, 1);
    cr_assert_eq(link.score, LINK_ONE - 1, "as good as can be: %u", link.score);
}

Test(link, the_score_is_half_where_the_header_says_so)
{
    cr_assert_eq(score(reading(400, 0, 0, 0)), LINK_ONE / 2);
    cr_assert_eq(score(reading(400, 200, 0, 0)), LINK_ONE / 4);
    struct tcp_reading slow = {.round_trip_us = 400 * 1000,
                               .delivery_bytes_per_second = 64 * 1000 / 8};
    cr_assert_eq(score(slow), LINK_ONE / 4);
    slow.is_delivery_least = true; // it may be as fast as any
    cr_assert_eq(score(slow), LINK_ONE / 2);
    // Of very many segments five in a hundred.
    double lossy = score(reading(400, 0, 1000 * 1000, 50 * 1000));
    cr_assert_float_eq(lossy, 0.25 * LINK_ONE, 2);
}

Test(link, worse_values_never_score_better)
{
    struct prng prng;
    prng_seed(&prng, 4);
    for (int i = 0; i < 20000; i++) {
        struct tcp_reading good = {
            .round_trip_us = 1 + (uint32_t)(prng_u64(&prng) >> prng_between(&prng, 33, 63)),
            .round_trip_variation_us = (uint32_t)(prng_u64(&prng) >> prng_between(&prng, 33, 63)),
            .segments_sent = 1000,
            .segments_repeated = (uint32_t)prng_below(&prng, 1001),
            .delivery_bytes_per_second = 1 + (prng_u64(&prng) >> prng_between(&prng, 24, 63)),
            .is_delivery_least = prng_chance(&prng, 1, 3)};
        struct tcp_reading bad = good;
        switch (prng_below(&prng, 4)) {
        case 0: bad.round_trip_us += (uint32_t)prng_below(&prng, 1 << 30); break;
        case 1: bad.round_trip_variation_us += (uint32_t)prng_below(&prng, 1 << 30); break;
        case 2:
            bad.segments_repeated += (uint32_t)prng_below(&prng, 1001 - good.segments_repeated);
            break;
        default:
            bad.delivery_bytes_per_second /= 1 + prng_below(&prng, 100);
            bad.delivery_bytes_per_second += bad.delivery_bytes_per_second == 0;
            break;
        }
        cr_assert_leq(score(bad), score(good));
        cr_assert_leq(score(good), LINK_ONE);
    }
}

Test(link, few_segments_say_little_of_loss)
{
    struct link link = {0};
    struct tcp_reading one = reading(10, 0, 1, 1);
    link_take(&link, &one);
    cr_assert_lt(link.loss, LINK_ONE / 10, "%u", link.loss);
    struct tcp_reading many = reading(10, 0, 10001, 1);
    link_take(&link, &many);
    cr_assert_lt(link.loss, 5);
    struct tcp_reading quiet = many;
    uint32_t before = link.loss;
    link_take(&link, &quiet);
    cr_assert_eq(link.loss, before, "nothing was sent, nothing was learnt");
}

Test(link, loss_comes_to_what_is_lost_whatever_the_portions)
{
    struct prng prng;
    prng_seed(&prng, 5);
    for (int run = 0; run < 50; run++) {
        // The counters are about to wrap around, as they do after 2^32 segments.
        struct tcp_reading now = reading(10, 1, UINT32_MAX - 2000, UINT32_MAX - 100);
        struct link link = {0};
        link_take(&link, &now);
        uint64_t permille = prng_between(&prng, 0, 300);
        uint64_t loss_sum = 0;
        for (int i = 0; i < 400; i++) {
            uint32_t sent = (uint32_t)prng_between(&prng, 0, 200);
            uint32_t repeated = 0;
            for (uint32_t s = 0; s < sent; s++) {
                repeated += prng_chance(&prng, permille, 1000);
            }
            now.segments_sent += sent;
            now.segments_repeated += repeated;
            link_take(&link, &now);
            loss_sum += i >= 200 ? link.loss : 0;
        }
        cr_assert_float_eq((double)loss_sum / 200, (double)permille * LINK_ONE / 1000,
                           0.01 * LINK_ONE);
    }
}

Test(link, repeats_of_the_handshake_are_no_loss_above_all)
{
    struct link link = {0};
    struct tcp_reading odd = reading(10, 1, 2, 7);
    link_take(&link, &odd);
    cr_assert_leq(link.loss, LINK_ONE);
}

Test(link, score_and_speed_come_to_new_values_by_halves)
{
    struct link link = {0};
    struct tcp_reading fast = {.round_trip_us = 1, .delivery_bytes_per_second = 1000 * 1000};
    struct tcp_reading slow = {.round_trip_us = 400 * 1000, .delivery_bytes_per_second = 10 * 1000};
    link_take(&link, &fast);
    uint32_t first = link.score;
    link_take(&link, &slow);
    cr_assert_eq(link.bytes_per_second, 505 * 1000);
    cr_assert_lt(link.score, first);
    cr_assert_gt(link.score, LINK_ONE / 2, "half way: %u", link.score);
    for (int i = 0; i < 40; i++) {
        link_take(&link, &slow);
    }
    cr_assert_float_eq((double)link.bytes_per_second, 10 * 1000, 10);
    cr_assert_float_eq((double)link.score, (double)score(slow), 20);
}

Test(link, a_bound_of_the_speed_is_no_measurement)
{
    struct link link = {0};
    struct tcp_reading least = {
        .round_trip_us = 1, .delivery_bytes_per_second = 1000, .is_delivery_least = true};
    link_take(&link, &least);
    cr_assert(link.is_least_speed);
    struct tcp_reading measured = {.round_trip_us = 1, .delivery_bytes_per_second = 5000};
    link_take(&link, &measured);
    cr_assert_not(link.is_least_speed);
    cr_assert_eq(link.bytes_per_second, 5000, "no mean with the bound");
    least.delivery_bytes_per_second = 1000 * 1000;
    link_take(&link, &least);
    link_take(&link, &least);
    cr_assert_eq(link.bytes_per_second, 5000, "a short burst may be a lucky one");
    cr_assert_not(link.is_least_speed);
    link_take(&link, &measured);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(link.bytes_per_second, 5000);
        link_take(&link, &least);
    }
    cr_assert_eq(link.bytes_per_second, 1000 * 1000);
    cr_assert(link.is_least_speed);
    struct tcp_reading huge = {.round_trip_us = 1, .delivery_bytes_per_second = UINT64_MAX};
    struct link fresh = {0};
    link_take(&fresh, &huge);
    cr_assert_eq(fresh.bytes_per_second, UINT32_MAX);
}
