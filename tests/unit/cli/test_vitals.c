#include "cli/vitals.h"

#include <criterion/criterion.h>

Test(vitals, wrong_usage)
{
    char *operand[] = {(char *)"vitals", (char *)"x", NULL};
    cr_assert_eq(cli_vitals(2, operand), 2);
    char *interval[] = {(char *)"vitals", (char *)"--interval", (char *)"1ms", NULL};
    cr_assert_eq(cli_vitals(3, interval), 2);
}

Test(vitals, prints_without_a_broker, .timeout = 30)
{
    char *arguments[] = {(char *)"vitals",
                         (char *)"--print",
                         (char *)"--count",
                         (char *)"2",
                         (char *)"--interval",
                         (char *)"100ms",
                         NULL};
    cr_assert_eq(cli_vitals(6, arguments), 0);
}
