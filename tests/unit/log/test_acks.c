#include "log/acks.h"

#include <criterion/criterion.h>

static struct acks acks;
static uint64_t seen[16];
static unsigned seen_count;
static bool pushes; // the callback adds one more

static void set_up(void)
{
    cr_assert_eq(acks_init(&acks), 0);
    seen_count = 0;
    pushes = false;
}

static void tear_down(void)
{
    acks_free(&acks);
}

TestSuite(acks, .init = set_up, .fini = tear_down, .timeout = 20);

static void acknowledge(void *context, const struct log_acknowledgement *acknowledgement)
{
    (void)context;
    seen[seen_count++ % 16] = acknowledgement->reference;
    if (pushes) {
        pushes = false;
        acks_push(&acks, &(struct ack){.reference = 99, .wait_id = 1});
    }
}

static const struct log_callbacks callbacks = {.acknowledge = acknowledge};

static void push(uint64_t reference, uint64_t wait_id)
{
    acks_push(&acks, &(struct ack){.reference = reference, .wait_id = wait_id});
}

Test(acks, released_in_order_as_far_as_reached)
{
    push(1, 10);
    push(2, 0); // due at once, and yet in its turn
    push(3, 12);
    cr_assert_eq(acks_wait_id(&acks), 12);
    cr_assert_not(acks_release(&acks, 9, 100, &callbacks));
    cr_assert_eq(seen_count, 0);
    cr_assert_not(acks_release(&acks, 11, 100, &callbacks));
    cr_assert_eq(seen_count, 2);
    cr_assert_not(acks_release(&acks, 12, 100, &callbacks));
    cr_assert_eq(seen_count, 3);
    cr_assert_eq(seen[2], 3);
    cr_assert_eq(acks_wait_id(&acks), 0);
}

Test(acks, a_bounded_number_at_a_time)
{
    for (uint64_t i = 0; i < 10; i++) {
        push(i, 1);
    }
    cr_assert(acks_release(&acks, 1, 4, &callbacks));
    cr_assert_eq(seen_count, 4);
    cr_assert_not(acks_release(&acks, 1, 100, &callbacks));
    cr_assert_eq(seen_count, 10);
}

Test(acks, full_and_around)
{
    for (int turn = 0; turn < 3; turn++) {
        for (uint64_t i = 0; i < ACKS_MAX; i++) {
            cr_assert_not(acks_are_full(&acks));
            push(i, 1);
        }
        cr_assert(acks_are_full(&acks));
        cr_assert_not(acks_release(&acks, 1, UINT32_MAX, &callbacks));
        cr_assert(acks_are_empty(&acks));
    }
}

Test(acks, the_callback_may_push)
{
    pushes = true;
    push(1, 1);
    cr_assert_not(acks_release(&acks, 1, 100, &callbacks));
    cr_assert_eq(seen_count, 2);
    cr_assert_eq(seen[1], 99);
}
