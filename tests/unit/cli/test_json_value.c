#include "cli/json_value.h"

#include <criterion/criterion.h>
#include <string.h>

static const char document[] =
    "{\"a\":1,\"b\":{\"c\":\"x\\ny\",\"d\":[1, \"two\",{}]},\"e\":-1,\"f\":1.5,\"g\":null}";

Test(json_value, members)
{
    struct slice value;
    struct slice object = slice_of(document);
    cr_assert(json_value_member(object, "b", &value));
    cr_assert(slice_equal_text(value, "{\"c\":\"x\\ny\",\"d\":[1, \"two\",{}]}"));
    cr_assert_not(json_value_member(object, "z", &value));
    cr_assert_not(json_value_member(slice_of("[1]"), "a", &value));
    cr_assert_not(json_value_member(slice_of("{\"a\":1"), "a", &value));
    cr_assert_not(json_value_member(slice_empty(), "a", &value));
}

Test(json_value, numbers)
{
    struct slice object = slice_of(document);
    cr_assert_eq(json_value_number(object, "a"), 1);
    cr_assert_eq(json_value_number(object, "e"), 0);
    cr_assert_eq(json_value_number(object, "f"), 0);
    cr_assert_eq(json_value_number(object, "g"), 0);
    cr_assert_eq(json_value_number(object, "z"), 0);
}

Test(json_value, strings)
{
    struct slice inner;
    struct buffer scratch;
    buffer_init(&scratch, 64);
    cr_assert(json_value_member(slice_of(document), "b", &inner));
    cr_assert(slice_equal_text(json_value_string(inner, "c", &scratch), "x\ny"));
    cr_assert_eq(json_value_string(inner, "d", &scratch).length, 0);
    cr_assert_eq(json_value_string(inner, "z", &scratch).length, 0);
    buffer_free(&scratch);
}

static void join(void *context, struct slice value)
{
    struct buffer *joined = context;
    cr_assert_eq(buffer_append_slice(joined, value), 0);
    cr_assert_eq(buffer_append_byte(joined, ';'), 0);
}

Test(json_value, elements)
{
    struct slice inner;
    struct slice array;
    struct buffer joined;
    buffer_init(&joined, 64);
    cr_assert(json_value_member(slice_of(document), "b", &inner));
    cr_assert(json_value_member(inner, "d", &array));
    cr_assert_eq(json_value_each(array, join, &joined), 3);
    cr_assert(slice_equal_text(buffer_slice(&joined), "1;\"two\";{};"));
    cr_assert_eq(json_value_each(slice_of("{}"), join, &joined), 0);
    cr_assert_eq(json_value_each(slice_of("[1,"), join, &joined), 1);
    buffer_free(&joined);
}
