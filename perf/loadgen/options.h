// The command line of ringcast-bench.
#ifndef RINGCAST_LOADGEN_OPTIONS_H
#define RINGCAST_LOADGEN_OPTIONS_H

#include "usage.h"

#include <ringcast/client.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {
    OPTIONS_HEADERS_MAX = 8,
    OPTIONS_PUBLISH_CONNECTIONS_MAX = 256,
    OPTIONS_PIPELINE_MAX = 1024,
    OPTIONS_CONNECTIONS_MAX = 1000 * 1000,
    OPTIONS_THREADS_MAX = 64,
    OPTIONS_BATCH_MAX = 1024,
    OPTIONS_ERROR_SIZE = 100,
    OPTIONS_MISSED_MAX = 1000 * 1000,
    OPTIONS_SIZE_MAX = 1 << 20,
};

// Header fields in the order given, "Name: value".
struct options_headers {
    const char *lines[OPTIONS_HEADERS_MAX];
    uint32_t count;
};

struct options {
    const char *url;         // NULL: our own bare server
    const char *publish;     // "unix:PATH", "http://..." and so on: outlet.c
    const char *body;        // the template of what is published; NULL: the data
    const char *output;      // the file for the JSON; NULL: none
    const char *html;        // the file for the report; NULL: none
    const char *stream;      // the name's template
    const char *tls_ca;      // a file; NULL: the server's certificate is not looked at
    const char *tls_version; // "1.2" or "1.3"; NULL: either
    struct options_headers headers;
    struct options_headers publish_headers;
    uint32_t publish_connections;
    uint32_t publish_pipeline;
    uint32_t connections;
    uint32_t streams;
    uint32_t threads;
    uint32_t workers;
    uint32_t coalesce;
    uint32_t producers;
    uint32_t window;
    uint32_t batch;
    uint32_t opening;
    uint32_t size_bytes;
    double stalled;              // share of the subscribers that stall
    uint32_t slow_rate;          // bytes a second that these read; 0: none
    double throttled;            // share of the subscribers that ask for less
    const char *throttled_query; // what these add to their URL
    uint32_t missed;             // events of each stream
    uint32_t run;                // 0: any
    uint32_t events;
    const char *file;
    bool reuse;
    double rate; // events a second, 0: as fast as it goes
    uint64_t duration_ms;
    uint64_t warmup_ms;
    uint64_t settle_ms;
    struct usage_processes server; // none: not given
    enum rc_ack ack;
    bool bare;
    bool is_slow; // subscribers may stall or be throttled; the bare server does not wait for one
    bool json;
    // Where results go, by options_open_outputs.
    FILE *text_to;
    FILE *json_to; // NULL: no JSON is wanted
    FILE *html_to; // NULL: no report is wanted
    // The whole command, for the report. Borrowed.
    char *const *arguments;
    int argument_count;
};

enum options_outcome {
    OPTIONS_RUN,
    OPTIONS_HELP,  // asked for
    OPTIONS_WRONG, // told on stderr
};

// Fills in what the arguments say over what stands in *options. Texts are borrowed from argv.
enum options_outcome options_read(struct options *options, int argc, char **argv);

// Text goes to standard output unless JSON or events go there: then to standard error. JSON goes to
// --output, else to standard output, unless events go there. False: a file cannot be written, which
// is told on stderr.
bool options_open_outputs(struct options *options);

void options_print(FILE *out);

// "received", "written" or "synced".
const char *options_ack_text(enum rc_ack ack);

#endif
