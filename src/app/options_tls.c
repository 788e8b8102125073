// The settings of [tls].
#include "app/options_sections.h"

static const char *const versions[] = {"1.2", "1.3", NULL};
static const char *const kernel_choices[] = {"auto", "off", NULL};

// clang-format off: tables, one setting a block
static const struct setting tls_settings[] = {
    {.key = "tls-certificate",
     .name = "certificate",
     .kind = SETTING_TEXTS,
     .traits = SETTING_RELOADS,
     .offset = AT(tls_certificates),
     .value_name = "PATH",
     .default_note = "none",
     .help = "of listeners with `tls`, read again when it changes and on SIGHUP: PEM, the server's "
             "own certificate first, then those of its issuers; several for several names, the "
             "first one for clients that ask for none"},
    {.key = "tls-key",
     .name = "key",
     .kind = SETTING_TEXTS,
     .traits = SETTING_RELOADS,
     .offset = AT(tls_keys),
     .value_name = "PATH",
     .default_note = "none",
     .help = "the private key of each certificate, in the same order: PEM without a pass phrase"},
    {.key = "tls-min-version",
     .name = "min_version",
     .kind = SETTING_CHOICE,
     .traits = SETTING_RELOADS,
     .offset = AT(tls_min_version),
     .choices = versions,
     .default_text = "1.2",
     .help = "the oldest version of TLS that is spoken"},
    {.key = "tls-tickets",
     .name = "tickets",
     .kind = SETTING_CHOICE,
     .traits = SETTING_RELOADS,
     .offset = AT(tls_tickets),
     .choices = options_on_off,
     .default_text = "on",
     .help = "whether clients that come back may use a ticket for a shorter handshake; its keys "
             "are made anew every 12 hours"},
    {.key = "tls-kernel",
     .name = "kernel",
     .kind = SETTING_CHOICE,
     .traits = SETTING_RELOADS,
     .offset = AT(tls_kernel),
     .choices = kernel_choices,
     .default_text = "auto",
     .help = "whether the kernel encrypts event streams by TLS 1.3, where it can (Linux 6.7, with "
             "its module tls); counts for streams that begin"},
};
// clang-format on

const struct setting_section section_tls = {
    .name = "tls",
    .title = "encrypted listeners",
    .settings = tls_settings,
    .count = OPTIONS_COUNT(tls_settings),
};
