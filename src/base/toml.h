// A strict reader of TOML 1.0 (https://toml.io/en/v1.0.0): the text of a file becomes a tree.
// Bounded: TOML_BYTES_MAX, TOML_VALUES_MAX, TOML_DEPTH_MAX. One user at a time.
#ifndef RINGCAST_BASE_TOML_H
#define RINGCAST_BASE_TOML_H

#include "base/arena.h"
#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    TOML_BYTES_MAX = 1 << 20,
    TOML_VALUES_MAX = 4096, // tables and arrays among them
    TOML_DEPTH_MAX = 32,    // of arrays and inline tables in each other, and parts of one key
    TOML_MESSAGE_SIZE = 256,
    // Enough for every file within the bounds.
    TOML_ARENA_BYTES = TOML_BYTES_MAX + TOML_VALUES_MAX * 256,
};

enum toml_kind {
    TOML_TABLE,
    TOML_ARRAY,
    TOML_TEXT,
    TOML_INTEGER,
    TOML_FLOAT,
    TOML_BOOLEAN,
    TOML_OFFSET_DATE_TIME,
    TOML_LOCAL_DATE_TIME,
    TOML_LOCAL_DATE,
    TOML_LOCAL_TIME,
};

// Both from 1 on; columns count characters.
struct toml_position {
    uint32_t line;
    uint32_t column;
};

// How a table or array came to be, which decides what may be added to it.
enum toml_made {
    TOML_MADE_INLINE,   // {...} or [...]: nothing may
    TOML_MADE_BY_PATH,  // on the way to a header's table: a header of its own may still come
    TOML_MADE_BY_KEY,   // by a dotted key: others of the same header may
    TOML_MADE_BY_HEADER // [table] or [[array]]
};

struct toml_value {
    enum toml_kind kind;
    struct toml_position at;     // where it begins; of a table with a header, the header
    struct toml_position key_at; // where the key begins; in an array as `at`
    struct slice key;            // in its table, decoded; empty in an array
    struct slice source;         // of a number or date: as it is written
    struct toml_value *next;     // in its table or array
    union {
        struct { // TOML_TABLE, TOML_ARRAY
            struct toml_value *first;
            struct toml_value *last;
            uint32_t count;
            uint32_t section; // which header's keys made it (TOML_MADE_BY_KEY)
            enum toml_made made;
        };
        struct slice text; // decoded UTF-8, which may hold U+0000
        int64_t integer;
        double number;
        bool boolean;
    };
};

// Told of each fault, in the order of the text. `message` is half a sentence: what is wrong, and
// what was expected.
typedef void toml_on_fault(void *context, struct toml_position at, const char *message);

// Reads a whole file. After a fault it goes on where the next key or header begins, so that one
// reading finds them all; what is faulty is not in the tree. Returns the table of all, which
// borrows from text and lives in the arena (TOML_ARENA_BYTES); NULL where nothing could be read:
// too large, not UTF-8, out of memory. Any fault was told.
struct toml_value *toml_read(struct slice text, struct arena *arena, toml_on_fault *on_fault,
                             void *context);

// The value with that key; NULL: there is none. `table` is a TOML_TABLE.
struct toml_value *toml_find(const struct toml_value *table, struct slice key);

// "a text", "a whole number", "an array" and so on.
const char *toml_kind_name(enum toml_kind kind);

#endif
