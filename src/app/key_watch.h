// Watches the files that keys of tokens come from: reads them again when they changed, or when it
// is told to. Files that cannot be used are told of in the log, and the keys stay what they were.
// The main thread alone.
#ifndef RINGCAST_APP_KEY_WATCH_H
#define RINGCAST_APP_KEY_WATCH_H

#include "app/setting.h"
#include "auth/key_files.h"

#include <stdbool.h>
#include <stdint.h>

struct key_watch {
    struct key_files files;
    uint64_t fingerprint;
    uint64_t next_ms; // monotonic; UINT64_MAX: there is nothing to watch
};

// Reads the keys. `paths` is borrowed for as long as the watch is used. True, with a reference in
// *keyring (NULL: no paths); false with one line in message.
bool key_watch_open(struct key_watch *watch, const struct setting_texts *paths,
                    struct keyring **keyring, char *message, size_t message_size);

// Looks where it is time to. The new keys, with a reference, or NULL.
struct keyring *key_watch_look(struct key_watch *watch, uint64_t now_ms);

#endif
