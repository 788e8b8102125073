// What the settings mean for the workers, as the snapshot that they go by (conn/terms.h), and for
// the log thread.
#ifndef RINGCAST_APP_TERMS_H
#define RINGCAST_APP_TERMS_H

#include "app/options.h"
#include "conn/terms.h"
#include "ingest/ingest.h"
#include "log/log.h"

#include <stddef.h>

// What files gave, in references. NULL: there is none.
struct terms_parts {
    struct keyring *keyring; // of tokens
    struct tls_server *tls;  // certificates
    struct access_file *access_file;
};

void terms_parts_release(struct terms_parts *parts);

// With one reference, the caller's. Nothing in it points into the options, which must be good
// (options_check). The parts are held. `before`: the terms that these take the place of, with which
// counts and rates of clients go on; NULL: there are none. NULL with one line in message.
struct terms *terms_of_options(const struct options *options, const struct terms_parts *parts,
                               const struct terms *before, char *message, size_t message_size);

// What of the settings the log thread goes by and a reload may change.
struct log_thread_terms {
    struct log_terms log;
    struct ingest_terms ingest;
};

struct log_thread_terms log_thread_terms_of(const struct options *options);

#endif
