#include "base/distribution.h"

#include "base/prng.h"

#include <criterion/criterion.h>

Test(distribution, bounds_ascend_by_1_2_5)
{
    uint64_t power = 1;
    for (uint32_t i = 0; i < DISTRIBUTION_BOUNDS; i += 3, power *= 10) {
        cr_assert_eq(distribution_bounds[i], power);
        cr_assert_eq(distribution_bounds[i + 1], 2 * power);
        cr_assert_eq(distribution_bounds[i + 2], 5 * power);
    }
}

static uint32_t cell_of(uint64_t value)
{
    struct distribution distribution = {0};
    distribution_add(&distribution, value, 1);
    for (uint32_t cell = 0; cell < DISTRIBUTION_CELLS; cell++) {
        if (distribution.cells[cell] == 1) {
            cr_assert_eq(distribution.sum, value);
            return cell;
        }
    }
    cr_assert_fail("%llu is in no cell", (unsigned long long)value);
    return 0;
}

static uint32_t cell_by_search(uint64_t value)
{
    uint32_t cell = 0;
    while (cell < DISTRIBUTION_BOUNDS && value > distribution_bounds[cell]) {
        cell++;
    }
    return cell;
}

Test(distribution, a_bound_belongs_to_its_cell)
{
    for (uint32_t i = 0; i < DISTRIBUTION_BOUNDS; i++) {
        cr_assert_eq(cell_of(distribution_bounds[i]), i);
        cr_assert_eq(cell_of(distribution_bounds[i] + 1), i + 1);
    }
    cr_assert_eq(cell_of(0), 0);
    cr_assert_eq(cell_of(UINT64_MAX), DISTRIBUTION_BOUNDS);
}

Test(distribution, any_value_finds_the_cell_that_a_search_finds)
{
    struct prng prng;
    prng_seed(&prng, 7);
    for (int bits = 0; bits < 64; bits++) {
        uint64_t power = UINT64_C(1) << bits;
        cr_assert_eq(cell_of(power), cell_by_search(power));
        cr_assert_eq(cell_of(power - 1), cell_by_search(power - 1));
        for (int i = 0; i < 100; i++) {
            uint64_t value = power + prng_below(&prng, power);
            cr_assert_eq(cell_of(value), cell_by_search(value));
        }
    }
}

Test(distribution, a_weight_counts_as_so_many)
{
    struct distribution distribution = {0};
    distribution_add(&distribution, 3, 1000);
    distribution_add(&distribution, 7, 0);
    distribution_add(&distribution, 40, 2);
    cr_assert_eq(distribution_count(&distribution), 1002);
    cr_assert_eq(distribution.sum, 3080);
    cr_assert_eq(distribution.cells[2], 1000);
}
