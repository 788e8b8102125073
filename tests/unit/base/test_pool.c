#include "base/pool.h"

#include "base/prng.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>

Test(pool, hands_out_each_object_once)
{
    struct pool pool;
    uint8_t *objects[5];
    cr_assert_eq(pool_init(&pool, 20, 16, 5), 0);
    for (uint32_t i = 0; i < 5; i++) {
        cr_assert_not(pool_is_full(&pool));
        objects[i] = pool_alloc(&pool);
        cr_assert_not_null(objects[i]);
        cr_assert_eq((uintptr_t)objects[i] % 16, 0);
        cr_assert_eq(pool_index(&pool, objects[i]), i);
        cr_assert_eq(pool_at(&pool, i), objects[i]);
        for (size_t byte = 0; byte < 20; byte++) {
            cr_assert_eq(objects[i][byte], 0);
        }
        memset(objects[i], 0xaa, 20);
    }
    cr_assert(pool_is_full(&pool));
    cr_assert_null(pool_alloc(&pool));
    pool_free(&pool, objects[1]);
    pool_free(&pool, objects[3]);
    cr_assert_eq(pool_used(&pool), 3);
    cr_assert_not(pool_is_live(&pool, 3));
    cr_assert(pool_is_live(&pool, 4));
    cr_assert_eq(objects[3][7], 0xaa, "freed objects keep their bytes");
    cr_assert_eq(pool_alloc(&pool), objects[3]);
    cr_assert_eq(pool_alloc(&pool), objects[1]);
    cr_assert_null(pool_alloc(&pool));
    pool_destroy(&pool);
}

Test(pool, costs_address_space_only)
{
    struct pool pool;
    // 64 GiB, of which two pages are touched.
    cr_assert_eq(pool_init(&pool, 65536, 4096, 1 << 20), 0);
    uint8_t *object = pool_alloc(&pool);
    object[65535] = 1;
    pool_destroy(&pool);
    cr_assert_eq(pool_init(&pool, SIZE_MAX / 4, 1, 1000), -ENOMEM);
    cr_assert_eq(pool_init(&pool, SIZE_MAX / 4, 1, 1), -ENOMEM);
}

Test(pool, walks_over_live_objects)
{
    struct pool pool;
    cr_assert_eq(pool_init(&pool, 8, 8, 100), 0);
    cr_assert_eq(pool_next_live(&pool, 0), POOL_INDEX_NONE);
    for (int i = 0; i < 50; i++) {
        pool_alloc(&pool);
    }
    for (uint32_t i = 0; i < 50; i += 2) {
        pool_free(&pool, pool_at(&pool, i));
    }
    uint32_t expected = 1;
    for (uint32_t i = pool_next_live(&pool, 0); i != POOL_INDEX_NONE;
         i = pool_next_live(&pool, i + 1)) {
        cr_assert_eq(i, expected);
        expected += 2;
        pool_free(&pool, pool_at(&pool, i));
    }
    cr_assert_eq(expected, 51);
    cr_assert_eq(pool_used(&pool), 0);
    pool_destroy(&pool);
}

Test(pool, keeps_count_under_random_use)
{
    enum { CAPACITY = 200 };
    struct pool pool;
    struct prng prng;
    uint32_t *live[CAPACITY];
    uint32_t count = 0;
    prng_seed(&prng, 3);
    cr_assert_eq(pool_init(&pool, sizeof(uint32_t), 4, CAPACITY), 0);
    for (uint32_t step = 0; step < 20000; step++) {
        if (prng_chance(&prng, 1, 2)) {
            uint32_t *object = pool_alloc(&pool);
            cr_assert_eq(object == NULL, count == CAPACITY);
            if (object != NULL) {
                *object = pool_index(&pool, object);
                live[count++] = object;
            }
        } else if (count > 0) {
            uint64_t chosen = prng_below(&prng, count);
            cr_assert_eq(*live[chosen], pool_index(&pool, live[chosen]));
            pool_free(&pool, live[chosen]);
            live[chosen] = live[--count];
        }
        cr_assert_eq(pool_used(&pool), count);
    }
    pool_destroy(&pool);
}

Test(pool, freeing_twice_aborts, .signal = SIGABRT)
{
    struct pool pool;
    cr_assert_eq(pool_init(&pool, 8, 8, 4), 0);
    void *object = pool_alloc(&pool);
    pool_free(&pool, object);
    pool_free(&pool, object);
}

Test(pool, freeing_what_it_never_gave_aborts, .signal = SIGABRT)
{
    struct pool pool;
    cr_assert_eq(pool_init(&pool, 8, 8, 4), 0);
    pool_free(&pool, (uint8_t *)pool_at(&pool, 3) + 8);
}

Test(pool, freeing_the_middle_of_an_object_aborts, .signal = SIGABRT)
{
    struct pool pool;
    cr_assert_eq(pool_init(&pool, 8, 8, 4), 0);
    pool_free(&pool, (uint8_t *)pool_alloc(&pool) + 4);
}
