#include "ingest/input.h"

#include <criterion/criterion.h>

static void receive(struct input *input, const void *bytes, size_t length)
{
    size_t room;
    uint8_t *at = input_room(input, &room);
    cr_assert_geq(room, length);
    memcpy(at, bytes, length);
    input_commit(input, length);
}

static void fill(struct input *input)
{
    size_t room;
    uint8_t *at = input_room(input, &room);
    memset(at, 'x', room);
    input_commit(input, room);
}

Test(input, holds_what_came_in_order)
{
    struct input_budget budget = {.limit_bytes = 1 << 20};
    struct input input;
    input_init(&input, &budget);
    cr_assert_eq(input_length(&input), 0);
    cr_assert(input_reserve(&input, 1));
    cr_assert_eq(budget.used_bytes, INPUT_SMALL_BYTES);
    receive(&input, "hello ", 6);
    receive(&input, "world", 5);
    input_consume(&input, 6);
    cr_assert(slice_equal_text(input_slice(&input), "world"));
    input_consume(&input, 5);
    cr_assert_eq(input_length(&input), 0);
    input_free(&input);
    cr_assert_eq(budget.used_bytes, 0);
}

Test(input, grows_when_it_was_filled_and_shrinks_when_idle)
{
    struct input_budget budget = {.limit_bytes = 1 << 20};
    struct input input;
    input_init(&input, &budget);
    cr_assert(input_reserve(&input, 1));
    fill(&input);
    cr_assert(input_reserve(&input, 1));
    cr_assert_eq(input.capacity_bytes, INPUT_LARGE_BYTES);
    cr_assert_eq(input_length(&input), INPUT_SMALL_BYTES);
    cr_assert(input_is_large(&input));
    input_consume(&input, INPUT_SMALL_BYTES);
    input_shrink(&input);
    cr_assert_eq(budget.used_bytes, 0);
    cr_assert(input_reserve(&input, 1));
    input_shrink(&input);
    cr_assert_eq(budget.used_bytes, INPUT_SMALL_BYTES);
    input_free(&input);
}

Test(input, grows_for_a_large_request_and_keeps_its_bytes)
{
    struct input_budget budget = {.limit_bytes = 4 << 20};
    struct input input;
    input_init(&input, &budget);
    cr_assert(input_reserve(&input, 1));
    receive(&input, "abcdef", 6);
    input_consume(&input, 2);
    cr_assert(input_reserve(&input, 1 << 20));
    cr_assert_geq(input.capacity_bytes, 1 << 20);
    cr_assert(slice_equal_text(input_slice(&input), "cdef"));
    input_free(&input);
}

Test(input, budget_bounds_it)
{
    struct input_budget budget = {.limit_bytes = 8 << 10};
    struct input input;
    input_init(&input, &budget);
    cr_assert(input_reserve(&input, 1));
    cr_assert_not(input_reserve(&input, 16 << 10));
    cr_assert_eq(budget.used_bytes, INPUT_SMALL_BYTES);
    // Growing for speed is not needed: without budget it stays as it is.
    fill(&input);
    cr_assert_not(input_reserve(&input, INPUT_SMALL_BYTES + 1 + (8 << 10)));
    input_consume(&input, INPUT_SMALL_BYTES);
    cr_assert(input_reserve(&input, 1));
    cr_assert_eq(input.capacity_bytes, INPUT_SMALL_BYTES);
    struct input other;
    input_init(&other, &budget);
    cr_assert(input_reserve(&other, 1));
    struct input third;
    input_init(&third, &budget);
    cr_assert_not(input_reserve(&third, 1));
    input_free(&other);
    input_free(&input);
    input_free(&third);
}

Test(input, makes_room_by_moving_to_the_front)
{
    struct input_budget budget = {.limit_bytes = 8 << 10};
    struct input input;
    input_init(&input, &budget);
    cr_assert(input_reserve(&input, 1));
    uint8_t block[1000];
    for (int i = 0; i < 100; i++) {
        memset(block, 'a' + i % 26, sizeof block);
        cr_assert(input_reserve(&input, 1500));
        receive(&input, block, sizeof block);
        cr_assert_eq(input_slice(&input).at[input_length(&input) - 1], 'a' + i % 26);
        if (i > 0) {
            cr_assert_eq(input_slice(&input).at[0], 'a' + (i - 1) % 26);
            input_consume(&input, sizeof block);
        }
    }
    input_free(&input);
}
