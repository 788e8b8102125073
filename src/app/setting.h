// A table of settings: from it come the flags, the environment variables, the keys of the
// configuration file, the defaults, the checks and the --help of a command. Every command of
// ringcast has one; that of `ringcast serve` is in app/options.c.
//
// A setting lives in a struct of the command's own, at `offset`, as the C type that its kind names.
// Text is borrowed: from argv, the environment or the table, which live as long as the process, or
// from who takes it out of a file. One thread.
#ifndef RINGCAST_APP_SETTING_H
#define RINGCAST_APP_SETTING_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum setting_kind {
    SETTING_SWITCH,   // bool. As a flag it takes no value; elsewhere true, false, yes, no, 1, 0
    SETTING_TEXT,     // const char *, NULL without a default
    SETTING_TEXTS,    // struct setting_texts; a flag may come again and adds one; a variable has
                      // semicolons between
    SETTING_COUNT,    // uint64_t
    SETTING_SIZE,     // uint64_t, bytes: 64KiB, 1GiB
    SETTING_DURATION, // uint64_t, milliseconds: 100ms, 30s, 24h
    SETTING_DECIMAL,  // uint64_t, thousandths: 0.8 is 800
    SETTING_CHOICE,   // unsigned, an index into choices
    SETTING_SET,      // uint64_t, bit n for choices[n]; comma separated
    SETTING_MODE,     // uint64_t, permission bits in octal
    SETTING_USERS,    // struct setting_ids: ids or names, comma separated
    SETTING_GROUPS,   // the same of groups
};

enum {
    SETTING_IDS_MAX = 32,
    SETTING_TEXTS_MAX = 32,
    SETTING_MESSAGE_SIZE = 768, // enough for every error line
};

struct setting_ids {
    uint32_t count;
    uint32_t ids[SETTING_IDS_MAX];
};

// Where a value came from. Each goes before those above it.
enum setting_source {
    SETTING_FROM_DEFAULT,
    SETTING_FROM_FILE,
    SETTING_FROM_ENVIRONMENT,
    SETTING_FROM_FLAG,
};

struct setting_texts {
    uint32_t count;
    enum setting_source source; // of all of them
    const char *texts[SETTING_TEXTS_MAX];
};

// What else is true of a setting.
enum {
    SETTING_ZERO_IS_NONE = 1 << 0, // 0 is allowed too and means no bound (the help says so)
    SETTING_POWER_OF_TWO = 1 << 1, // other numbers are refused
    SETTING_RELOADS = 1 << 2,      // a reload changes it; without: only a restart does
    SETTING_LIST = 1 << 3,      // of SETTING_TEXT: several with commas between, in a file an array
    SETTING_FLAG_ONLY = 1 << 4, // what to do this once: not taken from the environment
};

struct setting {
    const char *key;  // as in --key; RINGCAST_KEY in the environment
    const char *name; // in its section of the file; NULL: the key with _ for -
    char letter;      // as in -k; 0: none
    enum setting_kind kind;
    unsigned traits; // SETTING_ZERO_IS_NONE and so on
    size_t offset;   // in the command's struct
    // Names of variables in the environment that count where RINGCAST_KEY is not set, the first one
    // first; ends with NULL. NULL: none.
    const char *const *other_variables;
    const char *value_name;   // HOST:PORT, for the help; NULL for switches and choices
    const char *default_text; // parsed as any value; NULL: zero, NULL or none
    const char *default_note; // told in the help instead of default_text, where the machine decides
    uint64_t minimum;         // of COUNT, SIZE, DURATION and DECIMAL, in the unit of the kind
    uint64_t maximum;
    const char *const *choices; // ends with NULL
    const char *help;           // half a sentence without a full stop
};

// Settings that belong together.
struct setting_section {
    const char *name;  // [name] in the file, as "streaming.sse"; NULL: not in a file
    const char *title; // half a sentence; NULL: none
    const struct setting *settings;
    size_t count;
};

struct setting_table {
    const struct setting_section *const *sections; // ends with NULL
    const char *usage;                             // "ringcast serve [options]"
    const char *description;                       // a sentence or a few, without line ends
    const char *epilogue;                          // the same; NULL: none
};

// The sections of a table whose settings are in one array and in no file.
#define SETTING_SECTION_ALONE(array)                                                  \
    ((const struct setting_section *const[]){                                         \
        &(const struct setting_section){.settings = (array),                          \
                                        .count = sizeof(array) / sizeof((array)[0])}, \
        NULL})

// All settings of a table, one section after the other: for (i = 0; i < settings_count(table);
// i++).
size_t settings_count(const struct setting_table *table);
const struct setting *settings_at(const struct setting_table *table, size_t index);

// The index of the setting of --key; SETTINGS_MAX: there is none.
enum { SETTINGS_MAX = 256 };
size_t settings_find(const struct setting_table *table, struct slice key);

// Where a setting stands in the file: "streaming.sse.retry_interval".
enum { SETTING_PLACE_SIZE = 96 };
void setting_place_name(const struct setting_section *section, const struct setting *setting,
                        char name[SETTING_PLACE_SIZE]);

// Fills in all defaults. The table's own defaults are good (asserted).
void settings_set_defaults(const struct setting_table *table, void *target);

// Takes one value; of SETTING_TEXTS one more. `origin` names it in the error ("--listen",
// "RINGCAST_LISTEN"). Returns 0, or -EINVAL with one line in message, which names the allowed
// range; the setting is then unchanged.
int setting_take(const struct setting *setting, void *target, const char *value, const char *origin,
                 char *message, size_t message_size);

// Before the values of a source are taken: texts of another one are dropped.
void setting_begin(const struct setting *setting, void *target, enum setting_source source);

void settings_write_help(const struct setting_table *table, bool with_environment, FILE *out);

// Whether it is a list of ids.
bool setting_has_ids(const struct setting *setting);

// What a flag's value is called in the help: HOST:PORT, SIZE; empty for switches.
const char *setting_value_name(const struct setting *setting);

// What the help says of it: what it is, its choices, its default.
enum { SETTING_HELP_SIZE = 1024 };
void setting_describe(const struct setting *setting, char text[SETTING_HELP_SIZE]);

// A value as a person would write it: 64KiB, 30s, 1000. `text` has SETTING_VALUE_SIZE bytes.
enum { SETTING_VALUE_SIZE = 32 };
void setting_format_number(enum setting_kind kind, uint64_t value, char text[SETTING_VALUE_SIZE]);

// The name of the environment variable: RINGCAST_DATA_DIR of data-dir.
enum { SETTING_VARIABLE_SIZE = 64 };
void setting_variable_name(const struct setting *setting, char name[SETTING_VARIABLE_SIZE]);

#endif
