#include "http/subscribe_setting.h"

#include <criterion/criterion.h>

Test(subscribe_setting, names_are_found_again)
{
    for (unsigned i = 0; i < SUBSCRIBE_SETTINGS; i++) {
        enum subscribe_setting found = SUBSCRIBE_SETTINGS;
        cr_assert(subscribe_setting_find(
            slice_of(subscribe_setting_name((enum subscribe_setting)i)), &found));
        cr_assert_eq(found, i);
    }
    for (unsigned i = SUBSCRIBE_CLIENT_DEFAULT; i <= SUBSCRIBE_CLIENT_API; i++) {
        enum subscribe_client found = SUBSCRIBE_CLIENT_NONE;
        cr_assert(subscribe_client_parse(slice_of(subscribe_client_name((enum subscribe_client)i)),
                                         &found));
        cr_assert_eq(found, i);
    }
    enum subscribe_setting setting;
    enum subscribe_client client;
    cr_assert_not(subscribe_setting_find(slice_of("batch"), &setting));
    cr_assert_not(subscribe_client_parse(slice_of("none"), &client));
    cr_assert_not(subscribe_client_parse(slice_empty(), &client));
}

Test(subscribe_setting, values_within_their_bounds)
{
    uint32_t value = 7;
    cr_assert(subscribe_setting_parse(SUBSCRIBE_MAX_EVENT_SIZE, slice_of("8KiB"), &value));
    cr_assert_eq(value, 8192);
    cr_assert(subscribe_setting_parse(SUBSCRIBE_BATCH_TIMEOUT, slice_of("2s"), &value));
    cr_assert_eq(value, 2000);
    cr_assert(subscribe_setting_parse(SUBSCRIBE_COMPRESSION, slice_of("off"), &value));
    cr_assert_eq(value, 0);
    static const char *const faulty[] = {"", "0", "1000001", "-1", "10ms", "4294967297", "on"};
    for (size_t i = 0; i < sizeof(faulty) / sizeof(faulty[0]); i++) {
        cr_assert_not(
            subscribe_setting_parse(SUBSCRIBE_EVENTS_PER_SECOND, slice_of(faulty[i]), &value));
    }
    cr_assert_eq(value, 0, "left alone");
    cr_assert_str_eq(subscribe_setting_allowed(SUBSCRIBE_BATCH_SIZE), "1 to 1000");
}
