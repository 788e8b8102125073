#include "cli/table.h"

#include "base/assert.h"
#include "cli/terminal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CELLS_BYTES_MAX = 16 << 20, GAP = 2 };

void table_init(struct table *table, const char *const *headings, unsigned columns)
{
    ASSERT(columns >= 1 && columns <= TABLE_COLUMNS_MAX);
    *table = (struct table){.columns = columns};
    buffer_init(&table->text, TABLE_BYTES_MAX);
    buffer_init(&table->ends, CELLS_BYTES_MAX);
    for (unsigned i = 0; i < columns; i++) {
        bool is_right = headings[i][0] == '>';
        table->right |= is_right ? UINT32_C(1) << i : 0;
        table_add_text(table, headings[i] + (is_right ? 1 : 0));
    }
}

void table_free(struct table *table)
{
    buffer_free(&table->text);
    buffer_free(&table->ends);
}

void table_add(struct table *table, struct slice text)
{
    (void)buffer_append_slice(&table->text, text);
    uint32_t end = (uint32_t)buffer_length(&table->text);
    (void)buffer_append(&table->ends, &end, sizeof(end));
}

void table_add_text(struct table *table, const char *text)
{
    table_add(table, slice_of(text));
}

void table_add_number(struct table *table, uint64_t number)
{
    char text[TERMINAL_NUMBER_SIZE];
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
    table_add_text(table, text);
}

static size_t cell_count(const struct table *table)
{
    return buffer_length(&table->ends) / sizeof(uint32_t);
}

static struct slice cell_at(const struct table *table, size_t index)
{
    const uint8_t *ends = buffer_slice(&table->ends).at;
    ASSERT(ends != NULL);
    uint32_t start = 0;
    uint32_t end = 0;
    memcpy(&end, ends + index * sizeof(end), sizeof(end));
    if (index > 0) {
        memcpy(&start, ends + (index - 1) * sizeof(start), sizeof(start));
    }
    return slice_first(slice_after(buffer_slice(&table->text), start), end - start);
}

// The cell as it will be shown: cut to the width of its column, harmless.
static void write_cell(const struct table *table, size_t index, FILE *out)
{
    struct slice cell = cell_at(table, index);
    ASSERT(cell.length == 0 || cell.at != NULL);
    bool is_last = index % table->columns == table->columns - 1;
    size_t length = 0;
    size_t characters = 0;
    while (length < cell.length && (is_last || characters < TABLE_CELL_WIDTH_MAX)) {
        length++;
        // Bytes 10xxxxxx go on with a character.
        while (length < cell.length && (cell.at[length] & 0xc0) == 0x80) {
            length++;
        }
        characters++;
    }
    terminal_write_text(out, slice_first(cell, length));
}

static size_t width_of(struct slice text)
{
    size_t width = 0;
    for (const uint8_t *at = text.at; at != NULL && at < text.at + text.length; at++) {
        width += (*at & 0xc0) != 0x80;
    }
    return width;
}

// Every cell as it is shown, end to end with a NUL behind each.
static int render(const struct table *table, struct buffer *shown)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < cell_count(table); i++) {
        write_cell(table, i, out);
        (void)fputc(0, out);
    }
    if (fclose(out) == 0) {
        (void)buffer_append(shown, text, length);
    }
    free(text);
    return buffer_failure(shown);
}

static void print_rows(const struct table *table, struct slice shown, FILE *out, bool colour)
{
    size_t widths[TABLE_COLUMNS_MAX] = {0};
    struct slice rest = shown;
    for (size_t i = 0; i < cell_count(table); i++) {
        size_t width = width_of(slice_split(&rest, 0));
        size_t *widest = &widths[i % table->columns];
        *widest = width > *widest ? width : *widest;
    }
    rest = shown;
    for (size_t i = 0; i < cell_count(table); i++) {
        unsigned column = (unsigned)(i % table->columns);
        struct slice cell = slice_split(&rest, 0);
        bool is_right = (table->right >> column & 1) != 0;
        bool is_last = column == table->columns - 1;
        int padding = (int)(widths[column] - width_of(cell));
        (void)fprintf(out, "%*s", is_right ? padding : 0, "");
        terminal_write_styled(out, colour, i < table->columns ? STYLE_DIM : STYLE_NONE, cell);
        (void)fprintf(out, "%*s", is_last ? 0 : GAP + (is_right ? 0 : padding), "");
        (void)fputs(is_last ? "\n" : "", out);
    }
}

int table_print(const struct table *table, FILE *out, bool colour)
{
    struct buffer shown;
    buffer_init(&shown, 4 * (size_t)TABLE_BYTES_MAX);
    int error = buffer_failure(&table->text);
    error = error != 0 ? error : buffer_failure(&table->ends);
    error = error != 0 ? error : render(table, &shown);
    if (error == 0) {
        print_rows(table, buffer_slice(&shown), out, colour);
    }
    buffer_free(&shown);
    return error;
}
