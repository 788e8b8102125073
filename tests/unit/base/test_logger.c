#include "base/logger.h"

#include "base/clock.h"
#include "base/limits.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

// The seam: this program's time stands still until a test moves it.
static uint64_t now_monotonic_ns = UINT64_C(5000000000);

uint64_t clock_monotonic_ns(void)
{
    return now_monotonic_ns;
}

uint64_t clock_realtime_ms(void)
{
    return UINT64_C(1709210096789);
}

#define TIME "2024-02-29T12:34:56.789Z"

static int pipe_ends[2];

static void open_pipe(void)
{
    cr_assert_eq(pipe2(pipe_ends, O_CLOEXEC), 0);
    cr_assert_eq(fcntl(pipe_ends[0], F_SETFL, O_NONBLOCK), 0);
    logger_set_descriptor(pipe_ends[1]);
}

static void close_pipe(void)
{
    logger_set_descriptor(STDERR_FILENO);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
}

TestSuite(logger, .init = open_pipe, .fini = close_pipe);

// What has been written so far, as a string.
static const char *written(void)
{
    static char text[1 << 17];
    ssize_t length = read(pipe_ends[0], text, sizeof(text) - 1);
    text[length < 0 ? 0 : length] = '\0';
    return text;
}

Test(logger, writes_time_level_module_and_message)
{
    errno = EBADF;
    LOG_INFO("log", "segment rolled, %u events", 12U);
    cr_assert_eq(errno, EBADF);
    cr_assert_str_eq(written(), TIME " INFO  log: segment rolled, 12 events\n");
    LOG_WARN("conn", "plain");
    LOG_ERROR("conn", "%s", "worse");
    cr_assert_str_eq(written(), TIME " WARN  conn: plain\n" TIME " ERROR conn: worse\n");
}

Test(logger, has_levels)
{
    LOG_DEBUG("x", "not at first");
    cr_assert_str_eq(written(), "");
    logger_set_level(LOGGER_DEBUG);
    LOG_DEBUG("x", "now");
    cr_assert_str_eq(written(), TIME " DEBUG x: now\n");
    logger_set_level(LOGGER_ERROR);
    LOG_WARN("x", "too low");
    LOG_ERROR("x", "high enough");
    cr_assert_str_eq(written(), TIME " ERROR x: high enough\n");
    logger_set_level(LOGGER_OFF);
    LOG_ERROR("x", "off is off");
    cr_assert_str_eq(written(), "");
}

Test(logger, knows_levels_by_name)
{
    static const char *const names[] = {"debug", "info", "warn", "error", "off"};
    enum logger_level level = LOGGER_OFF;
    for (int i = 0; i < 5; i++) {
        cr_assert(logger_level_from_text(slice_of(names[i]), &level));
        cr_assert_eq(level, (enum logger_level)i);
    }
    cr_assert_not(logger_level_from_text(slice_of("warning"), &level));
    cr_assert_eq(level, LOGGER_OFF);
}

Test(logger, disarms_what_comes_from_outside)
{
    LOG_INFO("x", "name '%s'",
             "a\nFAKE \x1b[31m\x7f\t\xc3\xa4 \x9b[31m \xc2\x9b"
             "b");
    cr_assert_str_eq(written(), TIME " INFO  x: name 'a?FAKE ?[31m??\xc3\xa4 ?[31m ??b'\n");
}

Test(logger, cuts_long_lines)
{
    char text[3 * LOGGER_LINE_BYTES_MAX];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    LOG_INFO("x", "%s", text);
    const char *line = written();
    cr_assert_eq(strlen(line), LOGGER_LINE_BYTES_MAX);
    cr_assert_eq(strchr(line, '\n') - line, LOGGER_LINE_BYTES_MAX - 1);
    LOG_INFO(text, "%s", text);
    cr_assert_eq(strlen(written()), LOGGER_LINE_BYTES_MAX);
}

static void close_formats(void)
{
    logger_set_format(LOGGER_TEXT);
    logger_find_journal(NULL);
    close_pipe();
}

TestSuite(logger_formats, .init = open_pipe, .fini = close_formats);

Test(logger_formats, has_fields)
{
    struct slice name = slice_of("chat/42");
    LOG_INFO_WITH("x", LOGGER_FIELDS(logger_text("stream", name), logger_number("id", 7)),
                  "told %u times", 2U);
    cr_assert_str_eq(written(), TIME " INFO  x: told 2 times stream=chat/42 id=7\n");
    LOG_WARN_WITH("x", LOGGER_FIELDS(logger_text("none", slice_empty())), "nothing");
    cr_assert_str_eq(written(), TIME " WARN  x: nothing\n");
    LOG_ERROR_WITH("x", LOGGER_FIELDS(logger_text("a", slice_of("two words\n=\""))), "quoted");
    cr_assert_str_eq(written(), TIME " ERROR x: quoted a=\"two words\\n=\\\"\"\n");
    LOG_DEBUG_WITH("x", LOGGER_FIELDS(logger_number("n", 1)), "not at first");
    cr_assert_str_eq(written(), "");
}

Test(logger_formats, writes_logfmt)
{
    logger_set_format(LOGGER_LOGFMT);
    cr_assert_eq(logger_format(), LOGGER_LOGFMT);
    LOG_WARN_WITH("log", LOGGER_FIELDS(logger_number("segment", 3)), "rolled");
    cr_assert_str_eq(written(), "time=" TIME " level=warn module=log message=rolled segment=3\n");
    LOG_INFO("log", "two words");
    cr_assert_str_eq(written(), "time=" TIME " level=info module=log message=\"two words\"\n");
}

Test(logger_formats, writes_json)
{
    logger_set_format(LOGGER_JSON);
    LOG_ERROR_WITH("log",
                   LOGGER_FIELDS(logger_text("file", slice_of("a\"b")), logger_number("n", 3)),
                   "it's\n\x1b \xff");
    cr_assert_str_eq(written(), "{\"time\":\"" TIME "\",\"level\":\"error\",\"module\":\"log\","
                                "\"message\":\"it's\\n\\u001b \xef\xbf\xbd\","
                                "\"file\":\"a\\\"b\",\"n\":3}\n");
}

Test(logger_formats, says_what_was_left_out_in_members)
{
    logger_set_format(LOGGER_JSON);
    static struct logger_site site;
    cr_assert(logger_site_take(&site, 1000));
    cr_assert_not(logger_site_take(&site, 1000));
    logger_write_site(&site, LOGGER_INFO, "x", LOGGER_NO_FIELDS, "m");
    cr_assert_str_eq(written(), "{\"time\":\"" TIME "\",\"level\":\"info\",\"module\":\"x\","
                                "\"left_out\":1,\"message\":\"m\"}\n");
}

// A message is cut, its fields are not.
Test(logger_formats, keeps_fields_of_long_messages)
{
    static const char *const ends[] = {
        [LOGGER_TEXT] = "x stream=a\n",
        [LOGGER_LOGFMT] = "x\" stream=a\n",
        [LOGGER_JSON] = "x\",\"stream\":\"a\"}\n",
    };
    char text[3 * LOGGER_LINE_BYTES_MAX];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    for (enum logger_format format = LOGGER_TEXT; format <= LOGGER_JSON; format++) {
        logger_set_format(format);
        LOG_INFO_WITH("x", LOGGER_FIELDS(logger_text("stream", slice_of("a"))), "%s", text);
        const char *line = written();
        cr_assert_eq(strlen(line), LOGGER_LINE_BYTES_MAX, "%d: %zu", (int)format, strlen(line));
        cr_assert_str_eq(line + strlen(line) - strlen(ends[format]), ends[format]);
        LOG_INFO_WITH(text,
                      LOGGER_FIELDS(logger_text("a", slice_of(text)),
                                    logger_text("b", slice_of(text)),
                                    logger_text("c", slice_of(text))),
                      "%s", text);
        cr_assert_leq(strlen(written()), LOGGER_LINE_BYTES_MAX);
    }
}

Test(logger_formats, tells_the_journal_priorities)
{
    struct stat status;
    char stream[64];
    cr_assert_eq(fstat(pipe_ends[1], &status), 0);
    snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)status.st_dev,
             (unsigned long long)status.st_ino + 1);
    logger_find_journal(stream);
    cr_assert_eq(logger_priority(LOGGER_INFO).length, 0);
    snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)status.st_dev,
             (unsigned long long)status.st_ino);
    logger_find_journal(stream);
    LOG_WARN_WITH("x", LOGGER_FIELDS(logger_number("n", 1)), "plain");
    cr_assert_str_eq(written(), "<4>x: plain n=1\n");
    logger_set_format(LOGGER_LOGFMT);
    LOG_ERROR("x", "worse");
    cr_assert_str_eq(written(), "<3>time=" TIME " level=error module=x message=worse\n");
    logger_set_format(LOGGER_JSON);
    LOG_INFO("x", "m");
    cr_assert_str_eq(written(), "<6>{\"time\":\"" TIME
                                "\",\"level\":\"info\",\"module\":\"x\",\"message\":\"m\"}\n");
    logger_find_journal("nonsense");
    cr_assert_eq(logger_priority(LOGGER_INFO).length, 0);
}

static void log_every_second(void)
{
    LOGGER_EVERY(1000, LOGGER_WARN, "conn", "reset by %s", "peer");
}

Test(logger, limits_the_rate_of_a_place)
{
    for (int i = 0; i < 4; i++) {
        log_every_second();
    }
    cr_assert_str_eq(written(), TIME " WARN  conn: reset by peer\n");
    now_monotonic_ns += 999 * UINT64_C(1000000);
    log_every_second();
    cr_assert_str_eq(written(), "");
    now_monotonic_ns += 1000000;
    log_every_second();
    cr_assert_str_eq(written(), TIME " WARN  conn: [4 like it left out] reset by peer\n");
    logger_set_level(LOGGER_OFF);
    now_monotonic_ns += UINT64_C(1000000000);
    log_every_second();
    cr_assert_str_eq(written(), "");
}

// Fills whatever the descriptor is, and sees that lines are then lost, not waited for; and that the
// next one says so.
static void check_never_blocks(int reader)
{
    char text[1 << 16];
    uint64_t lines = 0;
    uint64_t lost = logger_dropped();
    memset(text, 'x', 900);
    text[900] = '\0';
    while (logger_dropped() < lost + 3 && lines < 100000) {
        LOG_INFO("x", "%s", text);
        lines++;
    }
    cr_assert_eq(logger_dropped(), lost + 3);
    while (read(reader, text, sizeof(text)) > 0) {
    }
    LOG_INFO("x", "again");
    ssize_t length = read(reader, text, sizeof(text));
    cr_assert_gt(length, 0);
    cr_assert(slice_equal_text(slice_from(text, (size_t)length),
                               TIME " INFO  x: [3 lines lost] again\n"));
    LOG_INFO("x", "told once");
    length = read(reader, text, sizeof(text));
    cr_assert_gt(length, 0);
    cr_assert(slice_equal_text(slice_from(text, (size_t)length), TIME " INFO  x: told once\n"));
}

Test(logger, loses_lines_rather_than_wait_for_a_pipe, .timeout = 30)
{
    check_never_blocks(pipe_ends[0]);
}

Test(logger, loses_lines_rather_than_wait_for_a_socket, .timeout = 30)
{
    int ends[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    cr_assert_eq(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    logger_set_descriptor(ends[1]);
    check_never_blocks(ends[0]);
    close(ends[0]);
    LOG_INFO("x", "to nobody: no SIGPIPE");
    close(ends[1]);
}

Test(logger, survives_a_closed_descriptor)
{
    int descriptor = dup(pipe_ends[1]);
    cr_assert_geq(descriptor, 0);
    close(descriptor);
    logger_set_descriptor(descriptor);
    LOG_INFO("x", "lost");
    cr_assert_eq(logger_dropped(), 1);
}

Test(logger, writes_to_files)
{
    FILE *file = tmpfile();
    char text[100] = "";
    cr_assert_not_null(file);
    logger_set_descriptor(fileno(file));
    LOG_INFO("x", "kept");
    cr_assert_geq(pread(fileno(file), text, sizeof(text) - 1, 0), 0);
    cr_assert_str_eq(text, TIME " INFO  x: kept\n");
    fclose(file);
}

// What a line looks like on a terminal.
static void check_terminal(const char *expected)
{
    char text[200] = "";
    int keeper = posix_openpt(O_RDWR | O_NOCTTY);
    cr_assert_geq(keeper, 0);
    cr_assert_eq(grantpt(keeper), 0);
    cr_assert_eq(unlockpt(keeper), 0);
    int terminal = open(ptsname(keeper), O_RDWR | O_NOCTTY);
    cr_assert_geq(terminal, 0);
    logger_set_descriptor(terminal);
    LOG_ERROR("x", "seen");
    cr_assert_gt(read(keeper, text, sizeof(text) - 1), 0);
    cr_assert_str_eq(text, expected);
    close(terminal);
    close(keeper);
}

Test(logger, has_colour_on_a_terminal)
{
    unsetenv("NO_COLOR");
    check_terminal(TIME " \033[31mERROR\033[0m x: seen\r\n");
    setenv("NO_COLOR", "1", 1);
    check_terminal(TIME " ERROR x: seen\r\n");
}

enum { THREADS = 4, LINES = 40 };

static void *log_lines(void *context)
{
    for (int i = 0; i < LINES; i++) {
        LOG_INFO("thread", "%s", (const char *)context);
    }
    return NULL;
}

Test(logger, lines_of_threads_do_not_mix)
{
    static char texts[THREADS][101];
    pthread_t threads[THREADS];
    size_t lines = 0;
    for (int i = 0; i < THREADS; i++) {
        memset(texts[i], 'a' + i, 100);
        cr_assert_eq(pthread_create(&threads[i], NULL, log_lines, texts[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    }
    const char *prefix = TIME " INFO  thread: ";
    for (const char *line = written(); *line != '\0'; lines++) {
        cr_assert_eq(strncmp(line, prefix, strlen(prefix)), 0);
        line += strlen(prefix);
        cr_assert_eq(strspn(line, (const char[]){line[0], '\0'}), 100);
        cr_assert_eq(line[100], '\n');
        line += 101;
    }
    cr_assert_eq(lines + logger_dropped(), (size_t)(THREADS * LINES));
}
