// The settings of [log], [memory], [logging] and [tests].
#include "app/options_sections.h"

#include "base/logger.h"
#include "io/loop.h"
#include "log/block.h"
#include "log/segment.h"
#include "worker/worker.h"

enum { INBOX_MAX = 1 << 20 };

static const char *const log_formats[] = {"text", "logfmt", "json", NULL};
static const char *const log_levels[] = {"debug", "info", "warn", "error", "off", NULL};
// In the order of the bits of LOOP_FEATURE_*, and one for several.
static const char *const kernel_features[] = {
    "single-issuer",  "defer-taskrun",    "taskrun-flag",   "msg-ring", "send-fd",
    "socket-command", "fixed-fd-install", "newer-than-6.1", NULL,
};
enum { FEATURES = 7 };
STATIC_ASSERT(LOOP_FEATURES_ALL == (1 << FEATURES) - 1, "each feature of the loop has its name");
STATIC_ASSERT(LOOP_FEATURE_SINGLE_ISSUER == 1 << 0 && LOOP_FEATURE_DEFER_TASKRUN == 1 << 1 &&
                  LOOP_FEATURE_TASKRUN_FLAG == 1 << 2 && LOOP_FEATURE_MSG_RING == 1 << 3 &&
                  LOOP_FEATURE_SEND_FD == 1 << 4 && LOOP_FEATURE_SOCKET_COMMAND == 1 << 5 &&
                  LOOP_FEATURE_FIXED_FD_INSTALL == 1 << 6,
              "the names stand in the order of the bits");
STATIC_ASSERT(WORKER_INBOX_RESERVE < 2 * SHARD_REQUESTS_MAX, "the least inbox has room for blocks");
STATIC_ASSERT(LOGGER_DEBUG == 0 && LOGGER_OFF == 4, "the choices of log-level are the levels");
STATIC_ASSERT(LOGGER_TEXT == 0 && LOGGER_LOGFMT == 1 && LOGGER_JSON == 2,
              "the choices of log-format are the formats");

// clang-format off: tables, one setting a block
static const struct setting log_settings[] = {
    {.key = "data-dir",
     .kind = SETTING_TEXT,
     .offset = AT(data_dir),
     .value_name = "DIR",
     .default_note = "/var/lib/ringcast for root, else ~/.local/state/ringcast",
     .help = "where the log is kept; made if it is not there"},
    {.key = "retention-age",
     .kind = SETTING_DURATION,
     .traits = SETTING_RELOADS,
     .offset = AT(retention_age_ms),
     .default_text = "24h",
     .minimum = SECOND,
     .maximum = 100 * YEAR,
     .help = "how long events are kept"},
    {.key = "retention-bytes",
     .kind = SETTING_SIZE,
     .traits = SETTING_RELOADS,
     .offset = AT(retention_bytes),
     .default_text = "1GiB",
     .minimum = 64 * KIB,
     .maximum = 1024 * TIB,
     .help = "how much of the log is kept, in whole segments"},
    {.key = "segment-bytes",
     .kind = SETTING_SIZE,
     .traits = SETTING_POWER_OF_TWO,
     .offset = AT(segment_bytes),
     .default_text = "64MiB",
     .minimum = SEGMENT_BYTES_MIN,
     .maximum = SEGMENT_BYTES_MAX,
     .help = "size of the log's files; what an existing log has counts"},
    {.key = "tail-bytes",
     .kind = SETTING_SIZE,
     .traits = SETTING_POWER_OF_TWO,
     .offset = AT(tail_bytes),
     .default_text = "64MiB",
     .minimum = 4 * (uint64_t)BLOCK_BYTES_MAX,
     .maximum = 64 * GIB,
     .help = "the newest part of the log, kept in memory"},
    {.key = "replay-bytes",
     .kind = SETTING_SIZE,
     .traits = SETTING_RELOADS,
     .offset = AT(replay_bytes),
     .default_text = "64MiB",
     .minimum = 4 * (uint64_t)BLOCK_BYTES_MAX,
     .maximum = 64 * GIB,
     .help = "memory of each worker for what is read back from disk"},
    {.key = "stream-idle",
     .kind = SETTING_DURATION,
     .traits = SETTING_RELOADS,
     .offset = AT(stream_idle_ms),
     .default_text = "24h",
     .minimum = SECOND,
     .maximum = YEAR,
     .help = "a stream without kept events is forgotten when idle for so long"},
    {.key = "idempotency-max",
     .kind = SETTING_COUNT,
     .offset = AT(idempotency_max),
     .default_text = "100000",
     .minimum = 16,
     .maximum = 16 * 1000 * 1000,
     .help = "pairs of stream and producer whose repeats are recognised"},
};

const struct setting_section section_log = {
    .name = "log",
    .title = "the log of events on disk",
    .settings = log_settings,
    .count = OPTIONS_COUNT(log_settings),
};

static const struct setting memory_settings[] = {
    {.key = "memory-watch",
     .name = "watch",
     .kind = SETTING_CHOICE,
     .traits = SETTING_RELOADS,
     .offset = AT(memory_watch),
     .default_text = "on",
     .choices = options_on_off,
     .help = "whether less is served where memory is short"},
    {.key = "memory-limit",
     .name = "limit",
     .kind = SETTING_SIZE,
     .traits = SETTING_RELOADS,
     .offset = AT(memory_limit_bytes),
     .minimum = 64 * MIB,
     .maximum = 1024 * TIB,
     .default_note = "the control group's, else three quarters of the machine's",
     .help = "memory of the broker; the nearer to it, the more is left out"},
};

const struct setting_section section_memory = {
    .name = "memory",
    .title = "what happens where memory is short",
    .settings = memory_settings,
    .count = OPTIONS_COUNT(memory_settings),
};

static const struct setting logging_settings[] = {
    {.key = "log-level",
     .name = "level",
     .kind = SETTING_CHOICE,
     .traits = SETTING_RELOADS,
     .offset = AT(log_level),
     .default_text = "info",
     .choices = log_levels,
     .help = "the least that is told on standard error"},
    {.key = "log-format",
     .name = "format",
     .kind = SETTING_CHOICE,
     .traits = SETTING_RELOADS,
     .offset = AT(log_format),
     .default_text = "text",
     .choices = log_formats,
     .help = "how a line is written, on standard error and in the access log"},
    {.key = "access-log",
     .kind = SETTING_TEXT,
     .traits = SETTING_RELOADS,
     .offset = AT(access_log),
     .value_name = "PATH",
     .default_text = "off",
     .help = "a line for each request and each end of a stream: a file that SIGHUP opens anew, "
             "stderr, or off"},
};

const struct setting_section section_logging = {
    .name = "logging",
    .title = "what is told on standard error, and of requests",
    .settings = logging_settings,
    .count = OPTIONS_COUNT(logging_settings),
};

static const struct setting tests_settings[] = {
    {.key = "worker-inbox",
     .kind = SETTING_COUNT,
     .traits = SETTING_POWER_OF_TWO,
     .offset = AT(worker_inbox),
     .default_text = "4096",
     .minimum = 2 * SHARD_REQUESTS_MAX,
     .maximum = INBOX_MAX,
     .help = "messages that wait for a worker"},
    {.key = "log-inbox",
     .kind = SETTING_COUNT,
     .traits = SETTING_POWER_OF_TWO,
     .offset = AT(log_inbox),
     .default_text = "16384",
     .minimum = 16,
     .maximum = INBOX_MAX,
     .help = "messages that wait for the log"},
    {.key = "ring-descriptors",
     .kind = SETTING_COUNT,
     .offset = AT(ring_descriptors),
     .minimum = 64,
     .maximum = 1 << 20,
     .default_note = "the limit of open files",
     .help = "connections of one io_uring"},
    {.key = "kernel-without",
     .kind = SETTING_SET,
     .offset = AT(kernel_without),
     .choices = kernel_features,
     .default_note = "none",
     .help = "features that the kernel is taken not to have"},
};

const struct setting_section section_tests = {
    .name = "tests",
    .title = "for tests of ringcast itself",
    .settings = tests_settings,
    .count = OPTIONS_COUNT(tests_settings),
};
// clang-format on

uint32_t options_features_masked(const struct options *options)
{
    uint32_t mask = (uint32_t)options->kernel_without & LOOP_FEATURES_ALL;
    if ((options->kernel_without >> FEATURES & 1) != 0) {
        mask |= LOOP_FEATURES_NEWER_THAN_6_1;
    }
    return mask;
}
