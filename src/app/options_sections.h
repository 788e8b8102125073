// The sections of options_table, each in the file of its kind, and what their tables are written
// with. Only for options.c and options_*.c.
#ifndef RINGCAST_APP_OPTIONS_SECTIONS_H
#define RINGCAST_APP_OPTIONS_SECTIONS_H

#include "app/options.h"
#include "base/assert.h"
#include "base/limits.h"

#define AT(member)              offsetof(struct options, member)
#define KIB                     (UINT64_C(1) << 10)
#define MIB                     (UINT64_C(1) << 20)
#define GIB                     (UINT64_C(1) << 30)
#define TIB                     (UINT64_C(1) << 40)
#define SECOND                  UINT64_C(1000)
#define HOUR                    (3600 * SECOND)
#define YEAR                    (366 * 24 * HOUR)

#define OPTIONS_COUNT(settings) (sizeof(settings) / sizeof((settings)[0]))

// For settings that are on or off.
extern const char *const options_on_off[];

extern const struct setting_section section_config;
extern const struct setting_section section_server;
extern const struct setting_section section_producers;
extern const struct setting_section section_limits;
extern const struct setting_section section_auth;
extern const struct setting_section section_cors;
extern const struct setting_section section_tls;
extern const struct setting_section section_streaming;
extern const struct setting_section section_streaming_sse;
extern const struct setting_section section_streaming_websocket;
extern const struct setting_section section_streaming_backpressure;
extern const struct setting_section section_quality;
extern const struct setting_section section_log;
extern const struct setting_section section_memory;
extern const struct setting_section section_logging;
extern const struct setting_section section_tests;

#endif
