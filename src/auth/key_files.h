// Keys from files, which are, by what is in them:
//
//   JSON   one JSON Web Key, or a set of them (auth/key_jwk.h)
//   PEM    a public key, a certificate or a private key (auth/key.h)
//   *.key  otherwise: a raw secret of HS256. One line end behind printable text is not part of it
//
// A directory stands for the *.json, *.jwk, *.pem and *.key files in it. Keys that name no id of
// their own have their file's name without its ending, or `id`; in a set they have none.
#ifndef RINGCAST_AUTH_KEY_FILES_H
#define RINGCAST_AUTH_KEY_FILES_H

#include "auth/keyring.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    KEY_FILE_BYTES_MAX = 1 << 20,
    KEY_FILES_MAX = 1024, // of one directory
    KEY_FILES_MESSAGE_SIZE = 512,
};

struct key_files {
    const char *const *paths; // of files and directories
    size_t count;
    bool wants_private; // keys are to sign with
    const char *id;     // of keys without one of their own; NULL: the file's name; "": none
    // Told in one line of what is not right but does not stop it: keys that are passed over,
    // secrets that others can read. May be NULL.
    void (*note)(void *context, const char *line);
    void *context;
};

// All keys of all files, with one reference, the caller's. NULL, and one line in message
// (KEY_FILES_MESSAGE_SIZE bytes) that names the file, where one cannot be read or has no key that
// can be used.
struct keyring *key_files_load(const struct key_files *files, char *message);

// A number that changes when any of the files does: by name, time, size and place on disk.
uint64_t key_files_fingerprint(const struct key_files *files);

#endif
