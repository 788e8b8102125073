#include "flow/bucket.h"

#include <criterion/criterion.h>

#include "base/prng.h"

enum { HOUR_MS = 3600 * 1000 };

Test(bucket, gives_its_burst_and_then_its_rate)
{
    struct bucket bucket;
    bucket_begin(&bucket, 5, 3, 1000);
    cr_assert_eq(bucket_available(&bucket, 1000), 3);
    bucket_take(&bucket, 3);
    cr_assert_eq(bucket_available(&bucket, 1000), 0);
    cr_assert_eq(bucket_wait_ms(&bucket, 1, 1000), 200);
    cr_assert_eq(bucket_wait_ms(&bucket, 2, 1050), 350);
    cr_assert_not(bucket_admits(&bucket, 1, 1199));
    cr_assert(bucket_admits(&bucket, 1, 1200));
    cr_assert_eq(bucket_available(&bucket, 1399), 1);
    cr_assert_eq(bucket_available(&bucket, 100000), 3, "no more than the burst gathers");
}

Test(bucket, burst_is_a_second_where_none_is_said)
{
    struct bucket bucket;
    bucket_begin(&bucket, 20, 0, 0);
    cr_assert_eq(bucket_available(&bucket, 0), 20);
}

Test(bucket, without_a_rate_there_is_no_limit)
{
    struct bucket bucket;
    bucket_begin(&bucket, 0, 0, 0);
    bucket_take(&bucket, UINT32_MAX);
    cr_assert_eq(bucket_available(&bucket, 0), BUCKET_UNLIMITED);
    cr_assert_eq(bucket_wait_ms(&bucket, UINT32_MAX, 0), 0);
    bucket_give_back(&bucket, 1);
    cr_assert(bucket_admits(&bucket, UINT32_MAX, 5));
}

Test(bucket, what_is_larger_than_the_burst_waits_for_a_full_bucket_and_leaves_a_debt)
{
    struct bucket bucket;
    bucket_begin(&bucket, 1000, 500, 0);
    bucket_take(&bucket, 1);
    cr_assert_not(bucket_admits(&bucket, 2500, 0));
    cr_assert_eq(bucket_wait_ms(&bucket, 2500, 0), 1);
    cr_assert(bucket_admits(&bucket, 2500, 1));
    bucket_take(&bucket, 2500);
    cr_assert_eq(bucket_available(&bucket, 1), 0);
    cr_assert_eq(bucket_wait_ms(&bucket, 1, 1), 2001, "2000 of debt, and one");
    cr_assert_eq(bucket_available(&bucket, 2002), 1);
}

Test(bucket, gives_back_what_was_not_used)
{
    struct bucket bucket;
    bucket_begin(&bucket, 10, 10, 0);
    bucket_take(&bucket, 7);
    bucket_give_back(&bucket, 4);
    cr_assert_eq(bucket_available(&bucket, 0), 7);
    bucket_change(&bucket, 10, 8, 0);
    bucket_give_back(&bucket, 3);
    cr_assert_eq(bucket_available(&bucket, 0), 8, "no more than it holds by now");
}

Test(bucket, keeps_for_one_who_waits_what_comes_while_he_is_late)
{
    struct bucket bucket;
    bucket_begin(&bucket, 100, 1, 0);
    bucket_take(&bucket, 1);
    cr_assert_eq(bucket_await(&bucket, 1, 48, 0), 10);
    cr_assert_eq(bucket_available(&bucket, 10 + 20), 3);
    cr_assert_eq(bucket_available(&bucket, 10 + 5000), 5, "but not more than that");
    bucket_take(&bucket, 1);
    cr_assert_eq(bucket_available(&bucket, 10 + 9000), 4, "he came: no more is kept");
    bucket_take(&bucket, 4);
    cr_assert_eq(bucket_available(&bucket, 10 + 20000), 1);
    bucket_begin(&bucket, 100, 1, 0);
    cr_assert_eq(bucket_await(&bucket, 1, 48, 5000), 0);
    cr_assert_eq(bucket_available(&bucket, 5000), 1, "not what came before he waited");
    bucket_begin(&bucket, 0, 0, 0);
    cr_assert_eq(bucket_await(&bucket, 1, 48, 0), 0);
}

Test(bucket, changes_its_rate)
{
    struct bucket bucket;
    bucket_begin(&bucket, 10, 10, 0);
    bucket_take(&bucket, 10);
    bucket_change(&bucket, 1, 2, 500); // 5 came at the old rate, of which the new burst holds 2
    cr_assert_eq(bucket_available(&bucket, 500), 2);
    bucket_take(&bucket, 2);
    cr_assert_eq(bucket_available(&bucket, 1500), 1);
    bucket_change(&bucket, 0, 0, 1500);
    cr_assert_eq(bucket_available(&bucket, 1500), BUCKET_UNLIMITED);
    bucket_change(&bucket, 3, 0, 2000);
    cr_assert_eq(bucket_available(&bucket, 2000), 3, "a new limit begins full");
}

Test(bucket, bears_the_extremes)
{
    struct bucket bucket;
    bucket_begin(&bucket, UINT32_MAX, UINT32_MAX, 0);
    bucket_take(&bucket, UINT32_MAX);
    bucket_take(&bucket, UINT32_MAX);
    cr_assert_eq(bucket_available(&bucket, 1000), 0);
    cr_assert_eq(bucket_available(&bucket, 2000), UINT32_MAX);
    cr_assert_eq(bucket_available(&bucket, UINT64_MAX), UINT32_MAX);
    cr_assert_eq(bucket_available(&bucket, 5), UINT32_MAX, "a clock that goes back");
    bucket_begin(&bucket, 1, UINT32_MAX, 0);
    bucket_take(&bucket, UINT32_MAX);
    cr_assert_eq(bucket_wait_ms(&bucket, UINT32_MAX, 0), UINT32_MAX * UINT64_C(1000));
}

// One who takes all that there is, whenever it looks, gets exactly burst + rate * time in an hour,
// as long as it looks before the bucket is full.
Test(bucket, is_exact_over_an_hour)
{
    struct prng prng;
    prng_seed(&prng, 4);
    for (int round = 0; round < 50; round++) {
        uint32_t rate = (uint32_t)prng_between(&prng, 1, 5000);
        uint32_t burst = (uint32_t)prng_between(&prng, 1 + rate / 10, 2 * rate + 1);
        uint64_t start_ms = prng_below(&prng, 1000000);
        struct bucket bucket;
        bucket_begin(&bucket, rate, burst, start_ms);
        uint64_t taken = bucket_available(&bucket, start_ms);
        bucket_take(&bucket, (uint32_t)taken);
        uint64_t pause_max_ms = (uint64_t)(burst - 1) * 1000 / rate;
        for (uint64_t at_ms = 0; at_ms < HOUR_MS;) {
            // What is left from before, less than a token, and this pause's share must fit.
            at_ms += prng_between(&prng, 1, pause_max_ms > 1 ? pause_max_ms : 1);
            at_ms = at_ms < HOUR_MS ? at_ms : HOUR_MS;
            uint32_t here = bucket_available(&bucket, start_ms + at_ms);
            bucket_take(&bucket, here);
            taken += here;
        }
        cr_assert_eq(taken, burst + (uint64_t)rate * 3600, "%u/s, burst %u", rate, burst);
    }
}

// The same who comes when he was told, and late each time: frames of any size against a bucket of
// any size. What is larger than the burst is due in the end.
Test(bucket, is_exact_for_one_who_is_late_each_time)
{
    enum { LATE_MS_MAX = 48 };
    struct prng prng;
    prng_seed(&prng, 46);
    for (int round = 0; round < 50; round++) {
        uint32_t rate = (uint32_t)prng_between(&prng, 1, round % 2 == 0 ? 5 : 5000);
        uint32_t burst = (uint32_t)prng_between(&prng, 1, 2 * rate);
        struct bucket bucket;
        bucket_begin(&bucket, rate, burst, 0);
        uint64_t taken = 0;
        uint64_t now_ms = 0;
        uint32_t wanted = 1;
        while (now_ms < HOUR_MS) {
            uint32_t sum = 0; // taken at once, as much as there is
            while (sum + wanted <= bucket_available(&bucket, now_ms) ||
                   (sum == 0 && bucket_admits(&bucket, wanted, now_ms))) {
                sum += wanted;
                wanted = (uint32_t)prng_between(&prng, 1, prng_chance(&prng, 1, 9) ? 3 * burst : 2);
            }
            bucket_take(&bucket, sum);
            taken += sum;
            now_ms += bucket_await(&bucket, wanted, LATE_MS_MAX, now_ms);
            now_ms += prng_below(&prng, LATE_MS_MAX + 1);
        }
        (void)bucket_available(&bucket, now_ms);
        int64_t came = (int64_t)burst * 1000 + (int64_t)(now_ms * rate);
        cr_assert_eq((int64_t)taken * 1000 + bucket.level, came, "%u/s, burst %u", rate, burst);
    }
}

// Whoever waits as long as he is told gets what he wants then, not a millisecond before; and in no
// span of time more than burst + rate * time.
Test(bucket, holds_in_every_span_of_time)
{
    struct prng prng;
    prng_seed(&prng, 44);
    for (int round = 0; round < 200; round++) {
        int64_t rate = (int64_t)prng_between(&prng, 1, 3000);
        int64_t burst = (int64_t)prng_between(&prng, 1, 4000);
        struct bucket bucket;
        bucket_begin(&bucket, (uint32_t)rate, (uint32_t)burst, 0);
        int64_t taken = 0;
        int64_t lowest =
            0; // of taken - rate * time, in thousandths: the most that a span began with
        uint64_t now_ms = 0;
        for (int i = 0; i < 500; i++) {
            now_ms += prng_chance(&prng, 1, 3) ? prng_below(&prng, 5000) : 0;
            uint32_t wanted = (uint32_t)prng_between(&prng, 1, (uint64_t)burst);
            uint64_t wait_ms = bucket_wait_ms(&bucket, wanted, now_ms);
            if (wait_ms > 0) {
                cr_assert_not(bucket_admits(&bucket, wanted, now_ms + wait_ms - 1));
            }
            now_ms += wait_ms;
            cr_assert(bucket_admits(&bucket, wanted, now_ms));
            int64_t before = taken * 1000 - rate * (int64_t)now_ms;
            lowest = before < lowest ? before : lowest;
            bucket_take(&bucket, wanted);
            taken += wanted;
            cr_assert_leq(taken * 1000 - rate * (int64_t)now_ms - lowest, burst * 1000);
        }
    }
}
