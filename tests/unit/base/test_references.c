#include "base/references.h"

#include <criterion/criterion.h>
#include <signal.h>

Test(references, the_last_release_is_told)
{
    struct references references;
    references_begin(&references);
    references_hold(&references);
    references_hold(&references);
    cr_expect_not(references_release(&references));
    cr_expect_not(references_release(&references));
    cr_expect(references_release(&references));
}

Test(references, of_nobody_cannot_be_held, .signal = SIGABRT)
{
    struct references references;
    references_begin(&references);
    cr_assert(references_release(&references));
    references_hold(&references);
}

Test(references, of_nobody_cannot_be_released, .signal = SIGABRT)
{
    struct references references;
    references_begin(&references);
    cr_assert(references_release(&references));
    (void)references_release(&references);
}
