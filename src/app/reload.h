// The settings in force, with the keys of tokens and the certificates, and how others come into
// force while the broker runs: by SIGHUP all of them, by a look at their files keys and
// certificates alone. The main thread alone.
//
// What is faulty is told, and then nothing changes. Each setting that changed is told: it counts
// from now on, or needs a restart, and until then stays what it was.
#ifndef RINGCAST_APP_RELOAD_H
#define RINGCAST_APP_RELOAD_H

#include "app/key_watch.h"
#include "app/log_thread.h"
#include "app/memory_watch.h"
#include "app/options_load.h"
#include "app/terms.h"
#include "app/tls_watch.h"
#include "app/worker_set.h"
#include "ingest/reload_board.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Who goes by the settings. Borrowed.
struct reload_users {
    struct worker_set *worker_set;
    struct log_thread *log_thread;
    struct memory_watch *memory;
};

struct reload {
    const struct options_source *source; // borrowed
    struct options *options;             // in force; borrowed, changed by reload_again
    struct options first;                // those of the start, whose text others borrow
    bool is_renewed;                     // others than those are in force
    struct key_watch keys;
    struct tls_watch certificates;
    struct terms_parts parts; // in force
    struct terms *terms;      // of the workers, in force
    struct reload_board board;
};

// Reads keys and certificates, opens the access log, and makes the terms that the workers begin
// with. The options are those of the start. False with one line in message; reload_close is due
// then, too.
bool reload_open(struct reload *reload, const struct options_source *source,
                 struct options *options, char *message, size_t message_size);
void reload_close(struct reload *reload);

// Whether there is something that SIGHUP reads again: else it ends the broker, as it does others.
bool reload_has_files(const struct reload *reload);
// SIGHUP.
void reload_again(struct reload *reload, const struct reload_users *users);
// Looks at the files of keys and certificates where it is time to: at reload_next_ms (monotonic).
void reload_look(struct reload *reload, const struct reload_users *users);
uint64_t reload_next_ms(const struct reload *reload);

#endif
