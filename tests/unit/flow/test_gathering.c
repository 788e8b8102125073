#include "flow/gathering.h"

#include <criterion/criterion.h>

#include "base/prng.h"

enum { START_MS = 1000, URGENT = UINT32_MAX };

static enum gathering_verdict look(struct gathering *gathering, uint32_t count, uint32_t size,
                                   uint32_t timeout_ms, uint64_t now_ms)
{
    return gathering_look(gathering, count > 0, count >= size, timeout_ms, now_ms);
}

Test(gathering, waits_for_enough)
{
    struct gathering gathering = {0};
    cr_assert_eq(look(&gathering, 0, 3, 100, START_MS), GATHERING_SEND);
    cr_assert_eq(look(&gathering, 1, 3, 100, START_MS), GATHERING_BEGUN);
    cr_assert_eq(gathering.due_ms, START_MS + 100);
    cr_assert_eq(look(&gathering, 2, 3, 100, START_MS + 50), GATHERING_GOES_ON);
    cr_assert_eq(gathering.due_ms, START_MS + 100, "counted from the first");
    cr_assert_eq(look(&gathering, 3, 3, 100, START_MS + 60), GATHERING_SEND);
    gathering_end(&gathering);
    cr_assert_eq(look(&gathering, 1, 3, 100, START_MS + 70), GATHERING_BEGUN);
    cr_assert_eq(gathering.due_ms, START_MS + 170);
}

Test(gathering, waits_no_longer_than_its_time)
{
    struct gathering gathering = {0};
    (void)look(&gathering, 1, 3, 100, START_MS);
    cr_assert_eq(look(&gathering, 1, 3, 100, START_MS + 99), GATHERING_GOES_ON);
    cr_assert_eq(look(&gathering, 1, 3, 100, START_MS + 100), GATHERING_SEND);
    cr_assert(gathering_is_due(&gathering, START_MS + 100));
    cr_assert_eq(look(&gathering, 1, 3, 100, START_MS + 500), GATHERING_SEND, "until all is sent");
}

Test(gathering, a_full_batch_goes_on_until_all_is_sent)
{
    struct gathering gathering = {0};
    cr_assert_eq(look(&gathering, URGENT, 3, 100, START_MS), GATHERING_SEND);
    cr_assert_eq(look(&gathering, 1, 3, 100, START_MS + 10), GATHERING_SEND);
    cr_assert_eq(look(&gathering, 0, 3, 100, START_MS + 20), GATHERING_SEND);
    cr_assert_eq(look(&gathering, 1, 3, 100, START_MS + 30), GATHERING_BEGUN);
    gathering_resume(&gathering, START_MS + 40);
    cr_assert_eq(look(&gathering, 1, 3, 100, START_MS + 40), GATHERING_SEND);
}

// An hour of arrivals: no event waits longer than the time-out, none goes out alone before it
// unless the batch is full or urgent, and a full one never waits.
Test(gathering, over_an_hour_of_arrivals)
{
    enum { HOUR_MS = 3600 * 1000 };
    struct prng prng;
    prng_seed(&prng, 45);
    for (int round = 0; round < 5; round++) {
        uint32_t size = (uint32_t)prng_between(&prng, 1, 40);
        uint32_t timeout_ms = (uint32_t)prng_between(&prng, 1, 1000);
        uint64_t pause_max_ms = prng_between(&prng, 1, 300);
        struct gathering gathering = {0};
        uint32_t waiting = 0;
        uint64_t first_ms = 0;
        uint64_t next_ms = START_MS;
        uint64_t came = 0, sent = 0;
        for (uint64_t now_ms = START_MS; now_ms < HOUR_MS;) {
            bool is_urgent = false;
            if (now_ms == next_ms) {
                first_ms = waiting == 0 ? now_ms : first_ms;
                uint32_t count = (uint32_t)prng_between(&prng, 1, 3);
                waiting += count;
                came += count;
                is_urgent = prng_chance(&prng, 1, 50);
                next_ms = now_ms + prng_between(&prng, 1, pause_max_ms);
            }
            uint32_t told = is_urgent ? URGENT : waiting;
            if (look(&gathering, told, size, timeout_ms, now_ms) == GATHERING_SEND) {
                cr_assert(waiting == 0 || told >= size || now_ms - first_ms == timeout_ms,
                          "%u of %u after %llu ms", waiting, size,
                          (unsigned long long)(now_ms - first_ms));
                sent += waiting;
                waiting = 0;
                gathering_end(&gathering);
            } else {
                cr_assert_lt(waiting, size);
                cr_assert_lt(now_ms - first_ms, timeout_ms);
                cr_assert_eq(gathering.due_ms, first_ms + timeout_ms);
            }
            bool is_timer_first = gathering.due_ms > 0 && gathering.due_ms < next_ms;
            now_ms = is_timer_first ? gathering.due_ms : next_ms;
        }
        cr_assert_eq(sent + waiting, came);
    }
}
