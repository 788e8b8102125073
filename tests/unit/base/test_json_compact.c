#include "base/json_compact.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static void check(const char *json, const char *expected)
{
    struct slice text = slice_of(json);
    size_t length = json_compact_length(text);
    cr_assert_eq(length, strlen(expected), "%s", json);
    uint8_t *into = malloc(length + 1);
    into[length] = 0;
    json_compact(into, text);
    cr_assert_str_eq((char *)into, expected);
    free(into);
}

Test(json_compact, drops_white_space_between_tokens_alone)
{
    check("", "");
    check("1", "1");
    check(" [ 1 ,\t2 ] \r\n", "[1,2]");
    check("{ \"a b\" : \" c \" }", "{\"a b\":\" c \"}");
    check("[\"\\\" x\" , \"\\\\\" , 3]", "[\"\\\" x\",\"\\\\\",3]");
    check("{\"a\":[true , null]}", "{\"a\":[true,null]}");
}
