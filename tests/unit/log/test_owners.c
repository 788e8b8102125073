#include "log/owners.h"

#include <criterion/criterion.h>

Test(owners, have_a_bounded_number)
{
    struct owners owners;
    owners_init(&owners, 2);
    for (int i = 0; i < 2; i++) {
        cr_expect(owners_may_make(&owners, 7));
        owners_add(&owners, 7);
    }
    cr_expect_not(owners_may_make(&owners, 7));
    cr_expect(owners_may_make(&owners, 8));
    for (int i = 0; i < 10; i++) {
        owners_add(&owners, 0);
    }
    cr_expect(owners_may_make(&owners, 0), "nobody in particular");
    owners_remove(&owners, 7);
    cr_expect(owners_may_make(&owners, 7));
    for (int i = 0; i < 3; i++) { // more than there were
        owners_remove(&owners, 7);
    }
    owners_remove(&owners, 0);
    cr_expect_eq(owners.counts.count, 0);
    owners_free(&owners);
}

Test(owners, a_bound_that_comes_later_finds_them_counted)
{
    struct owners owners;
    owners_init(&owners, 0);
    owners_add(&owners, 7);
    cr_expect(owners_may_make(&owners, 7));
    owners.most = 1;
    cr_expect_not(owners_may_make(&owners, 7));
    cr_expect(owners_may_make(&owners, 8));
    owners_free(&owners);
}
