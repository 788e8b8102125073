#include "conn/body.h"

#include <criterion/criterion.h>
#include <string.h>

enum { ALL_BYTES_MAX = 256 << 10 };

static struct bodies bodies;
static struct body body;
static uint8_t received[4096];

static void setup(void)
{
    bodies_init(&bodies, ALL_BYTES_MAX);
    body_begin(&body, &bodies);
}

static void teardown(void)
{
    body_end(&body);
    cr_assert_eq(bodies.used_bytes, 0);
    bodies_free(&bodies);
}

TestSuite(body, .init = setup, .fini = teardown);

// As if `length` bytes had been received, the first of them `seed`.
static struct slice receive(uint8_t seed, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        received[i] = (uint8_t)(seed + i);
    }
    return slice_from(received, length);
}

static void add_received(uint32_t times)
{
    for (uint32_t i = 0; i < times; i++) {
        body_add(&body, receive((uint8_t)i, sizeof(received)));
        body_keep(&body);
    }
}

Test(body, one_without_bytes)
{
    body_add(&body, slice_empty());
    body_keep(&body);
    cr_assert_eq(body_slice(&body).length, 0);
    cr_assert_not(body.has_failed);
}

Test(body, what_came_whole_stays_where_it_is)
{
    struct slice bytes = receive(1, 200);
    body_add(&body, bytes);
    cr_assert_eq(body_slice(&body).at, bytes.at);
    cr_assert_eq(body_slice(&body).length, 200);
    cr_assert_eq(bodies.used_bytes, 0);
}

Test(body, two_chunks_of_one_receive_are_put_together)
{
    struct slice bytes = receive(1, 200);
    body_add(&body, slice_first(bytes, 50));
    body_add(&body, slice_after(bytes, 70));
    cr_assert_eq(body_slice(&body).length, 180);
    cr_assert_eq(memcmp(body_slice(&body).at, received, 50), 0);
    cr_assert_eq(memcmp(body_slice(&body).at + 50, received + 70, 130), 0);
}

Test(body, what_comes_in_many_parts_is_gathered)
{
    add_received(40);
    struct slice all = body_slice(&body);
    cr_assert_eq(all.length, 40 * sizeof(received));
    for (size_t i = 0; i < all.length; i++) {
        cr_assert_eq(all.at[i], (uint8_t)(i / sizeof(received) + i % sizeof(received)));
    }
    cr_assert_eq(bodies.used_bytes, 256 << 10);
}

Test(body, memory_follows_what_came)
{
    add_received(1);
    cr_assert_eq(bodies.used_bytes, BODY_BYTES_MIN);
    add_received(4);
    cr_assert_eq(bodies.used_bytes, 2 * BODY_BYTES_MIN);
}

Test(body, all_together_have_a_bound)
{
    struct body other;
    body_begin(&other, &bodies);
    body_add(&other, receive(0, 10));
    body_keep(&other);
    add_received(64); // would need all of it
    cr_assert(body.has_failed);
    cr_assert_not(other.has_failed);
    body_end(&body);
    cr_assert_not(body.has_failed);
    body_end(&other);
    add_received(64);
    cr_assert_not(body.has_failed);
}

Test(body, what_a_request_needs_beside_it_counts)
{
    cr_assert(bodies_reserve(&bodies, ALL_BYTES_MAX - BODY_BYTES_MIN));
    cr_assert_not(bodies_reserve(&bodies, BODY_BYTES_MIN + 1));
    add_received(1);
    cr_assert_not(body.has_failed);
    cr_assert_not(bodies_reserve(&bodies, 1));
    bodies_release(&bodies, ALL_BYTES_MAX - BODY_BYTES_MIN);
}

Test(body, memory_is_used_again)
{
    add_received(1);
    const uint8_t *memory = body_slice(&body).at;
    body_end(&body);
    cr_assert_eq(bodies.spare_bytes, BODY_BYTES_MIN);
    add_received(1);
    cr_assert_eq(body_slice(&body).at, memory);
    cr_assert_eq(bodies.spare_bytes, 0);
    body_end(&body);
    bodies_shrink(&bodies);
    cr_assert_eq(bodies.spare_bytes, 0);
}

Test(body, what_is_kept_for_the_next_ones_has_a_bound)
{
    enum { COUNT = 20, EACH_BYTES = 256 << 10 };
    struct bodies large;
    struct body many[COUNT];
    bodies_init(&large, BODIES_BYTES_MAX);
    for (int i = 0; i < COUNT; i++) {
        body_begin(&many[i], &large);
        for (size_t length = 0; length < EACH_BYTES; length += sizeof(received)) {
            body_add(&many[i], slice_from(received, sizeof(received)));
            body_keep(&many[i]);
        }
    }
    for (int i = 0; i < COUNT; i++) {
        body_end(&many[i]);
    }
    cr_assert_leq(large.spare_bytes, BODY_SPARE_BYTES_MAX);
    cr_assert_gt(large.spare_bytes, BODY_SPARE_BYTES_MAX / 2);
    bodies_free(&large);
}
