// Where the values of a table come from: the defaults, the environment and the flags, what was
// wrong with them, and which one counts. A configuration file is read by app/setting_file.h. One
// thread.
#ifndef RINGCAST_APP_SETTING_SOURCE_H
#define RINGCAST_APP_SETTING_SOURCE_H

#include "app/setting.h"
#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { SETTING_FAULTS_MAX = 20 };

// One thing that is wrong.
struct setting_fault {
    uint32_t line; // in the file, from 1 on; 0: not of a file
    uint32_t column;
    char text[SETTING_MESSAGE_SIZE]; // the whole line, with the file's path where it is of one
};

struct setting_faults {
    uint32_t count; // of all, also of those for which the list has no room
    struct setting_fault list[SETTING_FAULTS_MAX];
};

// Adds one. Its text is cut where it is too long, and made printable: values stand in it.
void setting_faults_add(struct setting_faults *faults, uint32_t line, uint32_t column,
                        const char *format, ...) __attribute__((format(printf, 4, 5)));

// One line each: those of a file as they are, others behind "ringcast: ".
void setting_faults_write(const struct setting_faults *faults, FILE *out);

// What one setting's value came from.
struct setting_origin {
    enum setting_source source;
    uint32_t line; // in the file
    uint32_t column;
    const char *other_variable; // in the environment; NULL: RINGCAST_KEY
};

// As a person would look for it: "PATH:LINE", "RINGCAST_RETRY", "--retry" or "default".
void setting_origin_name(const struct setting_origin *origin, const struct setting *setting,
                         const char *path, char *name, size_t name_size);

// A table's values on their way into the command's struct.
struct settings {
    const struct setting_table *table;
    void *target;
    struct setting_origin *origins; // in the order of settings_at; NULL: not kept
    struct setting_faults *faults;
    struct arena *texts; // of values that are several: lives as long as the target
};

// Takes RINGCAST_<KEY> of every setting (upper case, - as _), else the first of its other
// variables, that is set and not empty; several texts have a semicolon between. All that are faulty
// are told.
void settings_take_environment(const struct settings *settings);

// Takes the flags of argv[1] to argv[argc - 1]: --key value, --key=value, -k value; -- ends them.
// What is no flag is an operand: operands are moved to argv[1] and on. Returns their number;
// -EINVAL where some are faulty: told up to one that is not known; or SETTINGS_HELP where --help or
// -h was among them.
enum { SETTINGS_HELP = -1000 };
int settings_take_arguments(const struct settings *settings, int argc, char **argv);

// What a command without file and environment begins with: defaults and arguments. Prints help to
// stdout or the error to stderr. Returns the number of operands (now at argv[1] and on), or -1 with
// *exit_status set: 0 after help, 2 after an error.
int settings_read(const struct setting_table *table, void *target, int argc, char **argv,
                  int *exit_status);

#endif
