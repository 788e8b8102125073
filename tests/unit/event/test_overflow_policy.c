#include "event/overflow_policy.h"

#include <criterion/criterion.h>

TestSuite(overflow_policy, .timeout = 30);

Test(overflow_policy, every_name_is_read_back)
{
    for (unsigned i = OVERFLOW_UNSET + 1; i < OVERFLOW_POLICIES; i++) {
        enum overflow_policy policy = OVERFLOW_UNSET;
        const char *name = overflow_policy_name((enum overflow_policy)i);
        cr_assert(overflow_policy_parse(slice_of(name), &policy), "%s", name);
        cr_assert_eq(policy, i);
    }
}

Test(overflow_policy, other_words_are_refused)
{
    const char *const words[] = {"", "unset", "drop", "DROP_OLDEST", "drop_oldest ", "pause"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        enum overflow_policy policy = OVERFLOW_BLOCK;
        cr_assert_not(overflow_policy_parse(slice_of(words[i]), &policy), "%s", words[i]);
        cr_assert_eq(policy, OVERFLOW_BLOCK);
    }
}
