// `ringcast subscribe`: prints the events of streams as they come, and resumes by itself.
#ifndef RINGCAST_CLI_SUBSCRIBE_H
#define RINGCAST_CLI_SUBSCRIBE_H

#include "app/setting.h"

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>

// argv[0] is the command's name. Returns the exit status: 0, 1 (the broker refused or could not be
// reached) or 2 (usage).
int cli_subscribe(int argc, char **argv);

// Appends the URL to ask for: /streams/NAME for one stream in native frames, /events?stream=...
// otherwise. `from` may be NULL. Returns what stuck to the buffer.
int subscribe_url(struct buffer *url, const char *base, char *const *streams, size_t count,
                  const char *from, bool with_envelope);

extern const struct setting_table cli_subscribe_table;

#endif
