// Values of a table's settings out of a configuration file in TOML (base/toml.h). One thread.
#ifndef RINGCAST_APP_SETTING_FILE_H
#define RINGCAST_APP_SETTING_FILE_H

#include "app/setting_source.h"
#include "base/arena.h"
#include "base/bytes.h"

// Reads the file. All of its faults are told, in the order of their lines, each as
// "PATH:LINE:COLUMN: section.key: what is wrong, what is allowed". Text that settings get is taken
// from the arena, which must outlive the target; its limit bounds them.
void settings_take_file(const struct settings *settings, const char *path, struct arena *texts);

// The same with what stands in the file.
void settings_take_toml(const struct settings *settings, const char *path, struct slice toml,
                        struct arena *texts);

#endif
