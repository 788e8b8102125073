#include "base/assert.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <unistd.h>

STATIC_ASSERT(sizeof(int) >= 4, "checked while compiling");

Test(assert, lets_true_conditions_pass)
{
    int evaluated = 0;
    ASSERT(++evaluated == 1);
    cr_assert_eq(evaluated, 1);
}

Test(assert, aborts_on_a_false_condition, .signal = SIGABRT)
{
    ASSERT(getpid() == 0);
}

Test(assert, aborts_at_unreachable_code, .signal = SIGABRT)
{
    UNREACHABLE();
}
