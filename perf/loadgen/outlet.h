// Where events are published. Each kind is one file and one line of the table in outlet.c. One
// thread at a time.
#ifndef RINGCAST_LOADGEN_OUTLET_H
#define RINGCAST_LOADGEN_OUTLET_H

#include "bare.h"
#include "options.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    OUTLET_ERROR_SIZE = 320,
};

struct outlet_event {
    uint32_t stream; // its number
    const uint8_t *data;
    size_t length;
};

struct outlet;

struct outlet_kind {
    const char *prefix; // of --publish; what follows it is the kind's own
    bool takes_body;    // --body
    // Each returns 0 or a negative errno, with a line in outlet->error.
    int (*open)(struct outlet *outlet, const char *where);
    // Passes the events on, in order, as few requests; waits while the other side takes no more.
    int (*publish)(struct outlet *outlet, const struct outlet_event *events, size_t count);
    // Takes answers that are there. Called when there is time.
    int (*idle)(struct outlet *outlet);
    // Waits for the answers to everything published.
    int (*flush)(struct outlet *outlet);
    void (*close)(struct outlet *outlet);
};

extern const struct outlet_kind outlet_kind_unix;
extern const struct outlet_kind outlet_kind_redis;
extern const struct outlet_kind outlet_kind_nats;
extern const struct outlet_kind outlet_kind_bare;
extern const struct outlet_kind outlet_kind_file; // options->file, which the bare server replays
extern const struct outlet_kind outlet_kind_http;
extern const struct outlet_kind outlet_kind_output; // standard output
extern const struct outlet_kind outlet_kind_exec;   // a command

struct outlet {
    const struct outlet_kind *kind;
    const struct options *options;
    struct bare *bare; // of the bare kind
    void *state;
    char error[OUTLET_ERROR_SIZE];
};

// Finds the kind by the prefix of `where` and opens it; `bare` not NULL: the bare server's feeds
// or, if there is one, its file. Returns 0 or -errno with outlet->error. The options are borrowed.
int outlet_open(struct outlet *outlet, const struct options *options, struct bare *bare);

// Does nothing on one that is not open.
void outlet_close(struct outlet *outlet);

#endif
