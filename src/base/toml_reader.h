// What the files of the TOML reader share: the place in the text, and how faults are told. Only for
// toml*.c. A function that returns bool has told what is wrong where it returns false; the reader
// then stands anywhere in the faulty line.
#ifndef RINGCAST_BASE_TOML_READER_H
#define RINGCAST_BASE_TOML_READER_H

#include "base/toml.h"

struct toml_reader {
    const uint8_t *at;
    const uint8_t *end;
    const uint8_t *counted; // in this line, up to here...
    uint32_t column;        // ...which is this column
    uint32_t line;
    uint32_t values;  // taken so far
    uint32_t depth;   // of the value that is being read
    uint32_t section; // how many headers came so far
    struct arena *arena;
    toml_on_fault *on_fault;
    void *context;
};

struct toml_key_part {
    struct slice name;
    struct toml_position at;
};

// A dotted key.
struct toml_key {
    uint32_t count; // at least 1
    struct toml_key_part parts[TOML_DEPTH_MAX];
};

// The byte at the reader's place or `ahead` of it; 0 where the text is over (no text has a 0 that
// is good).
static inline uint8_t toml_peek(const struct toml_reader *reader, size_t ahead)
{
    return ahead < (size_t)(reader->end - reader->at) ? reader->at[ahead] : 0;
}

static inline bool toml_is_over(const struct toml_reader *reader)
{
    return reader->at == reader->end;
}

// The reader's place.
struct toml_position toml_here(struct toml_reader *reader);

// Tell a fault; false. `toml_expected` is at the reader's place: "expected WHAT, found 'x'".
bool toml_fault(struct toml_reader *reader, struct toml_position at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool toml_expected(struct toml_reader *reader, const char *what);

// Passes over LF or CRLF. False, without a word, where neither is there.
bool toml_take_newline(struct toml_reader *reader);
void toml_skip_blanks(struct toml_reader *reader);
// Blanks, and a comment if there is one.
bool toml_skip_comment(struct toml_reader *reader);

// A character that may not stand in the text: a control character but for tab.
bool toml_is_control(uint8_t byte);

// A new value, zero but for kind and position; NULL: it was told why.
struct toml_value *toml_new(struct toml_reader *reader, enum toml_kind kind,
                            struct toml_position at);
void toml_append(struct toml_value *parent, struct toml_value *child);

bool toml_read_key(struct toml_reader *reader, struct toml_key *key);

// KEY = VALUE into the table, which a dotted key goes down from.
bool toml_read_pair(struct toml_reader *reader, struct toml_value *table);

// NULL: a fault, told.
struct toml_value *toml_read_value(struct toml_reader *reader);

// The reader stands at a quote. `is_key`: of one line only.
bool toml_read_text(struct toml_reader *reader, bool is_key, struct slice *text);

// A number, boolean, date or time.
struct toml_value *toml_read_scalar(struct toml_reader *reader);

#endif
