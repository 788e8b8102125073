// Keys, tables and headers, and how faults are told.
#include "base/toml_reader.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const kind_names[] = {
    [TOML_TABLE] = "a table",
    [TOML_ARRAY] = "an array",
    [TOML_TEXT] = "a text",
    [TOML_INTEGER] = "a whole number",
    [TOML_FLOAT] = "a number with a fraction",
    [TOML_BOOLEAN] = "true or false",
    [TOML_OFFSET_DATE_TIME] = "a date",
    [TOML_LOCAL_DATE_TIME] = "a date",
    [TOML_LOCAL_DATE] = "a date",
    [TOML_LOCAL_TIME] = "a time of day",
};

const char *toml_kind_name(enum toml_kind kind)
{
    return kind_names[kind];
}

// --- places and faults ---

struct toml_position toml_here(struct toml_reader *reader)
{
    ASSERT(reader->counted <= reader->at);
    for (; reader->counted < reader->at; reader->counted++) {
        reader->column += (*reader->counted & 0xc0) != 0x80;
    }
    return (struct toml_position){.line = reader->line, .column = reader->column};
}

bool toml_fault(struct toml_reader *reader, struct toml_position at, const char *format, ...)
{
    char message[TOML_MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    utf8_make_printable((uint8_t *)message, strlen(message));
    reader->on_fault(reader->context, at, message);
    return false;
}

bool toml_expected(struct toml_reader *reader, const char *what)
{
    struct toml_position at = toml_here(reader);
    uint8_t byte = toml_peek(reader, 0);
    if (toml_is_over(reader)) {
        return toml_fault(reader, at, "expected %s, found the end of the file", what);
    }
    if (byte == '\n' || (byte == '\r' && toml_peek(reader, 1) == '\n')) {
        return toml_fault(reader, at, "expected %s, found the end of the line", what);
    }
    if (toml_is_control(byte)) {
        return toml_fault(reader, at, "expected %s, found the control character U+%04X", what,
                          (unsigned)byte);
    }
    size_t length =
        utf8_character_length(slice_from(reader->at, (size_t)(reader->end - reader->at)));
    return toml_fault(reader, at, "expected %s, found '%.*s'", what, (int)length,
                      (const char *)reader->at);
}

// --- blanks ---

bool toml_is_control(uint8_t byte)
{
    return (byte < ' ' && byte != '\t') || byte == 0x7f;
}

bool toml_take_newline(struct toml_reader *reader)
{
    size_t length = toml_peek(reader, 0) == '\n'                                   ? 1
                    : toml_peek(reader, 0) == '\r' && toml_peek(reader, 1) == '\n' ? 2
                                                                                   : 0;
    if (length == 0) {
        return false;
    }
    reader->at += length;
    reader->counted = reader->at;
    reader->column = 1;
    reader->line++;
    return true;
}

void toml_skip_blanks(struct toml_reader *reader)
{
    while (toml_peek(reader, 0) == ' ' || toml_peek(reader, 0) == '\t') {
        reader->at++;
    }
}

bool toml_skip_comment(struct toml_reader *reader)
{
    toml_skip_blanks(reader);
    if (toml_peek(reader, 0) != '#') {
        return true;
    }
    while (!toml_is_over(reader) && !toml_is_control(*reader->at)) {
        reader->at++;
    }
    uint8_t byte = toml_peek(reader, 0);
    bool is_line_over =
        toml_is_over(reader) || byte == '\n' || (byte == '\r' && toml_peek(reader, 1) == '\n');
    return is_line_over ||
           toml_fault(reader, toml_here(reader),
                      "the control character U+%04X may not stand in a comment", (unsigned)byte);
}

// What may follow a header or a pair.
static bool end_line(struct toml_reader *reader)
{
    if (!toml_skip_comment(reader)) {
        return false;
    }
    return toml_is_over(reader) || toml_take_newline(reader) ||
           toml_expected(reader, "the end of the line");
}

// --- the tree ---

// A key in a message: the beginning of a long one.
#define KEY_FORMAT         "%.*s"
#define KEY_ARGUMENTS(key) (key).length < 64 ? (int)(key).length : 64, (const char *)(key).at

struct toml_value *toml_new(struct toml_reader *reader, enum toml_kind kind,
                            struct toml_position at)
{
    enum { ALIGNMENT = _Alignof(struct toml_value) };
    if (reader->values >= TOML_VALUES_MAX) {
        if (reader->values == TOML_VALUES_MAX) { // told once
            reader->values++;
            (void)toml_fault(reader, at, "more than %d values", TOML_VALUES_MAX);
        }
        reader->at = reader->end;
        return NULL;
    }
    uint8_t *bytes = arena_take(reader->arena, sizeof(struct toml_value) + ALIGNMENT - 1);
    if (bytes == NULL) {
        (void)toml_fault(reader, at, "out of memory");
        reader->at = reader->end;
        return NULL;
    }
    reader->values++;
    struct toml_value *value = (void *)(uintptr_t)align_up((uintptr_t)bytes, ALIGNMENT);
    *value = (struct toml_value){.kind = kind, .at = at, .key_at = at};
    return value;
}

void toml_append(struct toml_value *parent, struct toml_value *child)
{
    if (parent->last == NULL) {
        parent->first = child;
    } else {
        parent->last->next = child;
    }
    parent->last = child;
    parent->count++;
}

struct toml_value *toml_find(const struct toml_value *table, struct slice key)
{
    ASSERT(table->kind == TOML_TABLE);
    struct toml_value *value = table->first;
    while (value != NULL && !slice_equal(value->key, key)) {
        value = value->next;
    }
    return value;
}

static struct toml_value *add(struct toml_reader *reader, struct toml_value *table,
                              const struct toml_key_part *part, enum toml_kind kind,
                              enum toml_made made)
{
    struct toml_value *value = toml_new(reader, kind, part->at);
    if (value != NULL) {
        value->key = part->name;
        value->made = made;
        value->section = reader->section;
        toml_append(table, value);
    }
    return value;
}

static struct toml_value *refuse_twice(struct toml_reader *reader, const struct toml_key_part *part,
                                       const struct toml_value *first)
{
    (void)toml_fault(reader, part->at, "'" KEY_FORMAT "' is there already, in line %u",
                     KEY_ARGUMENTS(part->name), first->key_at.line);
    return NULL;
}

// The table of a part that is not the last one of its key; made where there is none. NULL: told.
static struct toml_value *descend(struct toml_reader *reader, struct toml_value *table,
                                  const struct toml_key_part *part, enum toml_made made)
{
    struct toml_value *child = toml_find(table, part->name);
    if (child == NULL) {
        return add(reader, table, part, TOML_TABLE, made);
    }
    bool by_key = made == TOML_MADE_BY_KEY;
    if (child->kind == TOML_ARRAY && child->made == TOML_MADE_BY_HEADER && !by_key) {
        return child->last;
    }
    if (child->kind != TOML_TABLE || child->made == TOML_MADE_INLINE) {
        (void)toml_fault(
            reader, part->at, "'" KEY_FORMAT "' is %s, in line %u: nothing can be added to it",
            KEY_ARGUMENTS(part->name), toml_kind_name(child->kind), child->key_at.line);
        return NULL;
    }
    bool is_others = child->made == TOML_MADE_BY_HEADER ||
                     (child->made == TOML_MADE_BY_KEY && child->section != reader->section);
    if (by_key && is_others) {
        (void)toml_fault(reader, part->at,
                         "'" KEY_FORMAT "' is a table already, in line %u: a dotted key cannot "
                         "add to it",
                         KEY_ARGUMENTS(part->name), child->key_at.line);
        return NULL;
    }
    if (by_key) {
        child->made = TOML_MADE_BY_KEY;
        child->section = reader->section;
    }
    return child;
}

static struct toml_value *descend_to_last(struct toml_reader *reader, struct toml_value *table,
                                          const struct toml_key *key, enum toml_made made)
{
    for (uint32_t i = 0; table != NULL && i + 1 < key->count; i++) {
        table = descend(reader, table, &key->parts[i], made);
    }
    return table;
}

// --- keys ---

static bool is_bare(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '_' || byte == '-';
}

static bool read_key_part(struct toml_reader *reader, struct toml_key_part *part)
{
    part->at = toml_here(reader);
    if (toml_peek(reader, 0) == '"' || toml_peek(reader, 0) == '\'') {
        return toml_read_text(reader, true, &part->name);
    }
    const uint8_t *start = reader->at;
    while (is_bare(toml_peek(reader, 0))) {
        reader->at++;
    }
    part->name = slice_from(start, (size_t)(reader->at - start));
    return part->name.length > 0 || toml_expected(reader, "a key");
}

bool toml_read_key(struct toml_reader *reader, struct toml_key *key)
{
    key->count = 0;
    for (;;) {
        toml_skip_blanks(reader);
        if (key->count == TOML_DEPTH_MAX) {
            return toml_fault(reader, toml_here(reader), "a key of more than %d parts",
                              TOML_DEPTH_MAX);
        }
        if (!read_key_part(reader, &key->parts[key->count++])) {
            return false;
        }
        toml_skip_blanks(reader);
        if (toml_peek(reader, 0) != '.') {
            return true;
        }
        reader->at++;
    }
}

bool toml_read_pair(struct toml_reader *reader, struct toml_value *table)
{
    struct toml_key key;
    if (!toml_read_key(reader, &key)) {
        return false;
    }
    if (toml_peek(reader, 0) != '=') {
        return toml_expected(reader, "'=' behind the key");
    }
    reader->at++;
    toml_skip_blanks(reader);
    struct toml_value *value = toml_read_value(reader);
    if (value == NULL) {
        return false;
    }
    const struct toml_key_part *last = &key.parts[key.count - 1];
    table = descend_to_last(reader, table, &key, TOML_MADE_BY_KEY);
    if (table == NULL) {
        return true; // told; what follows is not concerned
    }
    const struct toml_value *first = toml_find(table, last->name);
    if (first != NULL) {
        (void)refuse_twice(reader, last, first);
        return true;
    }
    value->key = last->name;
    value->key_at = last->at;
    toml_append(table, value);
    return true;
}

// --- headers ---

// The table that [key] or [[key]] opens. NULL: told.
static struct toml_value *open_table(struct toml_reader *reader, struct toml_value *root,
                                     const struct toml_key *key, bool is_array)
{
    struct toml_value *parent = descend_to_last(reader, root, key, TOML_MADE_BY_PATH);
    if (parent == NULL) {
        return NULL;
    }
    const struct toml_key_part *last = &key->parts[key->count - 1];
    struct toml_value *there = toml_find(parent, last->name);
    if (!is_array) {
        if (there == NULL) {
            return add(reader, parent, last, TOML_TABLE, TOML_MADE_BY_HEADER);
        }
        if (there->kind != TOML_TABLE || there->made != TOML_MADE_BY_PATH) {
            return refuse_twice(reader, last, there);
        }
        there->made = TOML_MADE_BY_HEADER;
        there->at = last->at;
        there->key_at = last->at;
        return there;
    }
    if (there == NULL) {
        there = add(reader, parent, last, TOML_ARRAY, TOML_MADE_BY_HEADER);
    } else if (there->kind != TOML_ARRAY || there->made != TOML_MADE_BY_HEADER) {
        return refuse_twice(reader, last, there);
    }
    struct toml_value *table = there == NULL ? NULL : toml_new(reader, TOML_TABLE, last->at);
    if (table != NULL) {
        table->made = TOML_MADE_BY_HEADER;
        toml_append(there, table);
    }
    return table;
}

static bool read_header(struct toml_reader *reader, struct toml_key *key, bool *is_array)
{
    reader->at++;
    *is_array = toml_peek(reader, 0) == '[';
    reader->at += *is_array ? 1 : 0;
    if (!toml_read_key(reader, key)) {
        return false;
    }
    size_t brackets = *is_array ? 2 : 1;
    for (size_t i = 0; i < brackets; i++) {
        if (toml_peek(reader, 0) != ']') {
            return toml_expected(reader, *is_array ? "']]' behind the name of the tables"
                                                   : "']' behind the name of the table");
        }
        reader->at++;
    }
    return end_line(reader);
}

// --- the file ---

// Whether the line looks like a header or a pair: after a fault, reading goes on there.
static bool begins_something(const struct toml_reader *reader)
{
    struct toml_reader ahead = *reader;
    toml_skip_blanks(&ahead);
    bool is_header = toml_peek(&ahead, 0) == '[';
    while (toml_peek(&ahead, 0) == '[') {
        ahead.at++;
    }
    const uint8_t *start = ahead.at;
    while (is_bare(toml_peek(&ahead, 0)) || toml_peek(&ahead, 0) == '.') {
        ahead.at++;
    }
    bool is_named = ahead.at > start && !(*start >= '0' && *start <= '9');
    toml_skip_blanks(&ahead);
    return is_named && toml_peek(&ahead, 0) == (is_header ? ']' : '=');
}

static void recover(struct toml_reader *reader)
{
    do {
        while (!toml_is_over(reader) && *reader->at != '\n') {
            reader->at++;
        }
        (void)toml_take_newline(reader);
    } while (!toml_is_over(reader) && !begins_something(reader));
}

// What a faulty header's keys go to, so that they are read as all others.
static struct toml_value *nowhere(struct toml_reader *reader)
{
    return toml_new(reader, TOML_TABLE, toml_here(reader));
}

static bool read_line(struct toml_reader *reader, struct toml_value *root,
                      struct toml_value **table)
{
    toml_skip_blanks(reader);
    uint8_t byte = toml_peek(reader, 0);
    if (byte == '[') {
        struct toml_key key;
        bool is_array = false;
        reader->section++;
        bool is_read = read_header(reader, &key, &is_array);
        struct toml_value *opened = is_read ? open_table(reader, root, &key, is_array) : NULL;
        *table = opened != NULL ? opened : nowhere(reader);
        return is_read;
    }
    if (toml_is_over(reader) || byte == '#' || byte == '\n' || byte == '\r') {
        return end_line(reader);
    }
    return toml_read_pair(reader, *table) && end_line(reader);
}

static bool check_text(struct toml_reader *reader, struct slice text)
{
    if (text.length > TOML_BYTES_MAX) {
        return toml_fault(reader, toml_here(reader), "larger than %d KiB", TOML_BYTES_MAX / 1024);
    }
    size_t valid = utf8_valid_length(text);
    if (valid == text.length) {
        return true;
    }
    while (reader->at < text.at + valid) {
        if (!toml_take_newline(reader)) {
            reader->at++;
        }
    }
    return toml_fault(reader, toml_here(reader), "not UTF-8: the byte 0x%02x",
                      (unsigned)text.at[valid]);
}

struct toml_value *toml_read(struct slice text, struct arena *arena, toml_on_fault *on_fault,
                             void *context)
{
    static const uint8_t nothing[1];
    text = text.length == 0 ? slice_from(nothing, 0) : text;
    struct toml_reader reader = {.at = text.at,
                                 .end = text.at + text.length,
                                 .counted = text.at,
                                 .line = 1,
                                 .column = 1,
                                 .arena = arena,
                                 .on_fault = on_fault,
                                 .context = context};
    if (!check_text(&reader, text)) {
        return NULL;
    }
    struct toml_value *root = toml_new(&reader, TOML_TABLE, toml_here(&reader));
    struct toml_value *table = root;
    while (table != NULL && !toml_is_over(&reader)) {
        if (!read_line(&reader, root, &table)) {
            recover(&reader);
        }
    }
    return root;
}
