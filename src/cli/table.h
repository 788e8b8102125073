// Rows of cells, printed in columns as wide as their widest cell. Text from outside is made
// harmless. One thread.
#ifndef RINGCAST_CLI_TABLE_H
#define RINGCAST_CLI_TABLE_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {
    TABLE_COLUMNS_MAX = 12,
    TABLE_BYTES_MAX = 64 << 20,
    TABLE_CELL_WIDTH_MAX = 60, // characters; longer cells are cut, except in the last column
};

struct table {
    unsigned columns;
    uint32_t right; // bit n: column n is set flush right
    struct buffer text;
    struct buffer ends; // uint32_t: where each cell ends in text
};

// `headings`: one a column, with > in front where the column is set flush right.
void table_init(struct table *table, const char *const *headings, unsigned columns);
void table_free(struct table *table);

// The next cell, row by row.
void table_add(struct table *table, struct slice text);
void table_add_text(struct table *table, const char *text);
void table_add_number(struct table *table, uint64_t number);

// 0 or what stuck to the buffers.
int table_print(const struct table *table, FILE *out, bool colour);

#endif
