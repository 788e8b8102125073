#include "conn/connection_id.h"

#include <criterion/criterion.h>

Test(connection_id, goes_both_ways)
{
    const uint64_t ids[] = {0, 1, 0xabcdef, UINT64_C(0x0123456789abcdef), UINT64_MAX};
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        char text[CONNECTION_ID_TEXT_BYTES];
        connection_id_write(text, ids[i]);
        uint64_t id;
        cr_assert(connection_id_parse(slice_from(text, sizeof(text)), &id));
        cr_assert_eq(id, ids[i]);
    }
}

Test(connection_id, is_lower_case_hexadecimal)
{
    char text[CONNECTION_ID_TEXT_BYTES];
    connection_id_write(text, UINT64_C(0xABCDEF0123456789));
    cr_assert(slice_equal_text(slice_from(text, sizeof(text)), "abcdef0123456789"));
}

Test(connection_id, refuses_what_is_none)
{
    const char *texts[] = {"", "g", "0x1", "12 ", "00000000000000001", "-1"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        uint64_t id;
        cr_assert_not(connection_id_parse(slice_of(texts[i]), &id), "%s", texts[i]);
    }
}
