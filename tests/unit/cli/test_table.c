#include "cli/table.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void expect(const struct table *table, const char *expected)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    cr_assert_eq(table_print(table, out, false), 0);
    (void)fclose(out);
    cr_assert_str_eq(text, expected);
    free(text);
}

Test(table, columns_are_as_wide_as_their_widest_cell)
{
    static const char *const headings[] = {"NAME", ">COUNT", "LAST"};
    struct table table;
    table_init(&table, headings, 3);
    table_add_text(&table, "caf\xc3\xa9");
    table_add_number(&table, 7);
    table_add_text(&table, "x");
    table_add_text(&table, "longer");
    table_add_number(&table, 1234567);
    table_add_text(&table, "");
    expect(&table, "NAME      COUNT  LAST\n"
                   "caf\xc3\xa9          7  x\n"
                   "longer  1234567  \n");
    table_free(&table);
}

Test(table, headings_alone)
{
    static const char *const headings[] = {"A", "B"};
    struct table table;
    table_init(&table, headings, 2);
    expect(&table, "A  B\n");
    table_free(&table);
}

Test(table, cells_are_cut_and_harmless)
{
    static const char *const headings[] = {"A", "B"};
    char text[TABLE_CELL_WIDTH_MAX + 10];
    struct table table;
    memset(text, 'a', sizeof(text));
    table_init(&table, headings, 2);
    table_add(&table, slice_from(text, sizeof(text)));
    table_add_text(&table, "\x1b[m");
    char expected[512];
    (void)snprintf(expected, sizeof(expected), "A%*s  B\n%.*s  \\x1b[m\n", TABLE_CELL_WIDTH_MAX - 1,
                   "", TABLE_CELL_WIDTH_MAX, text);
    expect(&table, expected);
    table_free(&table);
}
