// The options of `ringcast serve` out of flags, environment and defaults: at start, and whenever
// they are read again. One thread.
#ifndef RINGCAST_APP_OPTIONS_LOAD_H
#define RINGCAST_APP_OPTIONS_LOAD_H

#include "app/options.h"

// Where to look, at start and later. Borrowed. (The file is what --config or RINGCAST_CONFIG say.)
struct options_source {
    int argc; // as cli_serve got them; left as they are, as long as there are no operands
    char **argv;
};

// Where each setting came from, in the order of settings_at(&options_table, index).
struct options_origins {
    struct setting_origin of[SETTINGS_MAX];
};

// Reads all, checks what there is and whether it agrees. May be called again at any time: each
// options value owns the text that it got out of a file, until options_free; text of flags and
// environment lives as long as the process. Returns 0; -EINVAL with what is wrong added to faults;
// -ENOMEM; or SETTINGS_HELP where --help was among the flags. Unless 0, options hold nothing.
int options_load(const struct options_source *source, struct options *options,
                 struct options_origins *origins, struct setting_faults *faults);

// Faults from number `first` on that begin with a flag ("--rule: ...") are told by where that
// setting came from.
void options_name_faults(const struct options *options, const struct options_origins *origins,
                         struct setting_faults *faults, uint32_t first);

// The same of one line, where it is such a fault.
void options_name_message(const struct options *options, const struct options_origins *origins,
                          char *message, size_t message_size);

// What was set in vain, as long as there is no WebSocket. Static; NULL: nothing.
const char *options_idle_websocket(const struct options_origins *origins);

void options_free(struct options *options);

#endif
