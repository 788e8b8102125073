#include "cli/event_source.h"

#include <criterion/criterion.h>

Test(event_source, the_delay_is_spread_around_what_the_server_asked)
{
    cr_assert_eq(event_source_delay_ms(1000, 1, 0), 500);
    cr_assert_eq(event_source_delay_ms(1000, 1, 999), 1499);
    cr_assert_eq(event_source_delay_ms(1000, 1, 1000), 500);
}

Test(event_source, the_delay_doubles_up_to_a_bound)
{
    cr_assert_eq(event_source_delay_ms(1000, 2, 0), 1000);
    cr_assert_eq(event_source_delay_ms(1000, 4, 0), 4000);
    cr_assert_eq(event_source_delay_ms(1000, 1000000, 0), EVENT_SOURCE_RETRY_MS_MAX / 2);
    cr_assert_eq(event_source_delay_ms(120000, 9, 0), 60000, "never less than the server asked");
    cr_assert_eq(event_source_delay_ms(0, 3, 5), 0);
}
