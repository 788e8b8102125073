#include "stream/window.h"

#include "base/prng.h"

#include <criterion/criterion.h>

enum { WINDOW_MAX = 64 };

static struct log_run run_of(uint64_t first_id, uint64_t last_id)
{
    return (struct log_run){
        .first_id = first_id, .last_id = last_id, .count = 1, .frame_bytes = 10};
}

Test(window, starts_empty_and_covers_what_comes_after)
{
    struct window window;
    window_init(&window, 7);
    cr_assert_null(window_find(&window, 7));
    cr_assert_null(window_find(&window, 100));
    window_free(&window);
}

Test(window, finds_the_run_that_holds_the_next_id)
{
    struct window window;
    window_init(&window, 0);
    for (uint64_t i = 0; i < 5; i++) {
        struct log_run run = run_of(10 * i + 10, 10 * i + 14);
        window_push(&window, &run, WINDOW_MAX);
    }
    cr_assert_eq(window_find(&window, 0)->first_id, 10);
    cr_assert_eq(window_find(&window, 12)->first_id, 10);
    cr_assert_eq(window_find(&window, 14)->first_id, 20);
    cr_assert_eq(window_find(&window, 53)->first_id, 50);
    cr_assert_null(window_find(&window, 54));
    window_free(&window);
}

Test(window, drops_the_oldest_when_full_and_says_from_where_it_covers)
{
    struct window window;
    window_init(&window, 0);
    for (uint64_t id = 1; id <= 3 * WINDOW_MAX; id++) {
        struct log_run run = run_of(id, id);
        window_push(&window, &run, WINDOW_MAX);
    }
    cr_assert_eq(window.count, WINDOW_MAX);
    cr_assert_eq(window.covers_from, 2 * WINDOW_MAX);
    cr_assert_eq(window_find(&window, window.covers_from)->first_id, 2 * WINDOW_MAX + 1);
    window_free(&window);
}

Test(window, restart_and_discard)
{
    struct window window;
    window_init(&window, 0);
    for (uint64_t id = 1; id <= 10; id++) {
        struct log_run run = run_of(2 * id, 2 * id + 1);
        window_push(&window, &run, WINDOW_MAX);
    }
    window_discard(&window, 8); // 8 is in the middle of a run, which stays
    cr_assert_eq(window.covers_from, 7);
    cr_assert_eq(window.count, 7);
    window_restart(&window, 50);
    cr_assert_eq(window.count, 0);
    cr_assert_null(window_find(&window, 50));
    struct log_run run = run_of(51, 60);
    window_push(&window, &run, WINDOW_MAX);
    cr_assert_eq(window_find(&window, 55)->last_id, 60);
    window_free(&window);
}

// Against the plain list of all runs ever pushed.
Test(window, agrees_with_a_list_under_random_use)
{
    struct prng prng;
    prng_seed(&prng, 4711);
    struct window window;
    window_init(&window, 0);
    static struct log_run all[5000];
    size_t count = 0;
    uint64_t id = 0;
    for (int step = 0; step < 5000; step++) {
        uint64_t first = id + 1 + prng_below(&prng, 5);
        id = first + prng_below(&prng, 4);
        all[count] = run_of(first, id);
        window_push(&window, &all[count++], WINDOW_MAX);
        uint64_t cursor = prng_between(&prng, window.covers_from, id + 2);
        const struct log_run *expected = NULL;
        for (size_t i = count; i > 0 && all[i - 1].last_id > cursor; i--) {
            expected = &all[i - 1];
        }
        const struct log_run *found = window_find(&window, cursor);
        cr_assert_eq(found == NULL, expected == NULL);
        cr_assert(found == NULL || found->first_id == expected->first_id);
    }
    window_free(&window);
}
