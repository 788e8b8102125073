#include "app/options_sections.h"

const char *const options_on_off[] = {"on", "off", NULL};

// In the order in which they are told.
static const struct setting_section *const sections[] = {
    &section_config,
    &section_server,
    &section_producers,
    &section_limits,
    &section_auth,
    &section_cors,
    &section_tls,
    &section_streaming,
    &section_streaming_sse,
    &section_streaming_websocket,
    &section_streaming_backpressure,
    &section_quality,
    &section_log,
    &section_memory,
    &section_logging,
    &section_tests,
    NULL,
};

const struct setting_table options_table = {
    .sections = sections,
    .usage = "ringcast serve [options]",
    .description = "Runs the broker in the foreground, until Ctrl-C or SIGTERM.",
    .epilogue =
        "Prints one line on standard output when it is ready. Exit status: 0 ended as told; "
        "1 it could not start or go on; 2 wrong usage.",
};
