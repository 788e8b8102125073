// What the tests of src/io share: a loop on the calling thread that fails the test with its error
// line, and rounds that are bounded in number, so that nothing waits for ever.
#ifndef RINGCAST_TESTS_UNIT_IO_FIXTURE_H
#define RINGCAST_TESTS_UNIT_IO_FIXTURE_H

#include "io/loop.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum {
    FIXTURE_ROUNDS_MAX = 2000,
    FIXTURE_ROUND_NS = 10 * 1000 * 1000,
};

static inline struct loop *fixture_loop_init(const struct loop_config *config)
{
    char error[LOOP_ERROR_SIZE] = "";
    // Aligned: the loop has members that want a cache line of their own.
    struct loop *loop = aligned_alloc(64, (sizeof *loop + 63) / 64 * 64);
    cr_assert_not_null(loop);
    cr_assert_eq(loop_init(loop, config, error, sizeof error), 0, "%s", error);
    return loop;
}

static inline void fixture_loop_start(struct loop *loop)
{
    char error[LOOP_ERROR_SIZE] = "";
    cr_assert_eq(loop_start(loop, error, sizeof error), 0, "%s", error);
}

static inline struct loop *fixture_loop_open(const struct loop_config *config)
{
    struct loop *loop = fixture_loop_init(config);
    fixture_loop_start(loop);
    return loop;
}

static inline void fixture_loop_close(struct loop *loop)
{
    loop_stop(loop);
    loop_free(loop);
    free(loop);
}

// Rounds until the condition holds; the test fails when it does not in about 20 s.
#define FIXTURE_ROUNDS_UNTIL(loop, condition)       \
    do {                                            \
        int rounds_left = FIXTURE_ROUNDS_MAX;       \
        while (!(condition) && rounds_left-- > 0) { \
            loop_round(loop, FIXTURE_ROUND_NS);     \
        }                                           \
        cr_assert(condition);                       \
    } while (0)

#endif
