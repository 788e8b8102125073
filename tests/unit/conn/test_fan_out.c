#include "conn/shard.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { SUBSCRIBERS = 1000, VISITS = 300 };

static struct shard shard;
static struct stream stream;

static void setup(void)
{
    struct conn *conns = aligned_alloc(_Alignof(struct conn), SUBSCRIBERS * sizeof(*conns));
    uint32_t *subscribers = calloc(SUBSCRIBERS, sizeof(*subscribers));
    cr_assert(conns != NULL && subscribers != NULL);
    memset(conns, 0, SUBSCRIBERS * sizeof(*conns));
    for (uint32_t i = 0; i < SUBSCRIBERS; i++) {
        conns[i].state = CONN_ACTIVE;
        conns[i].stream_count = 1;
        conns[i].flags = CONN_FLOW | CONN_PARKED;
        subscribers[i] = i;
    }
    shard.rings[0].conns = conns;
    stream.subscribers = subscribers;
    stream.subscriber_count = SUBSCRIBERS;
    stream.last_id = 10;
    stream.window.covers_from = 10; // no news in memory
}

static void teardown(void)
{
    free(shard.rings[0].conns);
    free(stream.subscribers);
}

TestSuite(fan_out, .init = setup, .fini = teardown);

// Nobody is sent anything, yet going over them all takes its time.
Test(fan_out, visits_only_so_many_who_are_held_back)
{
    for (uint32_t next = VISITS; next < SUBSCRIBERS; next += VISITS) {
        int32_t left = VISITS;
        cr_assert_not(shard_fan_out(&shard, &stream, &left));
        cr_assert_eq(stream.pass_next, next, "goes on where it was left");
        cr_assert_eq(left, 0);
    }
    int32_t left = VISITS;
    cr_assert(shard_fan_out(&shard, &stream, &left));
    cr_assert_eq(left, VISITS - SUBSCRIBERS % VISITS);
    cr_assert_eq(stream.pass_from, stream.last_id);
    cr_assert_eq(shard.ready.count, 0, "they are left alone");
}

Test(fan_out, places_of_those_who_went_are_visits)
{
    for (uint32_t i = 0; i < SUBSCRIBERS; i++) {
        stream.subscribers[i] = STREAM_SUBSCRIBER_NONE;
    }
    int32_t left = VISITS;
    cr_assert_not(shard_fan_out(&shard, &stream, &left));
    cr_assert_eq(stream.pass_next, VISITS);
}
