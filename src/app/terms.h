// What the settings mean for the workers, as the snapshot that they go by (conn/terms.h).
#ifndef RINGCAST_APP_TERMS_H
#define RINGCAST_APP_TERMS_H

#include "app/options.h"
#include "conn/terms.h"

#include <stddef.h>

// With one reference, the caller's. Nothing in it points into the options, which must be good
// (options_check). `keyring`, `tls` and `access_file` (NULL: none) are held. NULL with one line in
// message.
struct terms *terms_of_options(const struct options *options, struct keyring *keyring,
                               struct tls_server *tls, struct access_file *access_file,
                               char *message, size_t message_size);

#endif
