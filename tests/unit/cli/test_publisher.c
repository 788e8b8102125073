// link: tests/unit/client/fake_broker.c
#include "cli/publisher.h"

#include "cli/publish.h"
#include "unit/client/fake_broker.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct publisher *publisher;
static volatile sig_atomic_t should_stop;

static void setup(void)
{
    cr_redirect_stdout();
    cr_redirect_stderr();
    fake_broker_begin();
    publisher = calloc(1, sizeof *publisher);
    const struct rc_options options = {.nonblocking = true, .window_bytes = 256 << 10};
    cr_assert_eq(rc_client_open(fake_broker.path, &options, &publisher->client), RC_OK);
    publisher->pattern = (struct rc_event){.stream = "s"};
    publisher->patience_ms = 10000;
    publisher->counts_lines = true;
    publisher->stop = &should_stop;
}

static void teardown(void)
{
    rc_close(publisher->client);
    free(publisher);
    fake_broker_end();
}

TestSuite(publisher, .init = setup, .fini = teardown, .timeout = 60);

static void expect_stderr(const char *text)
{
    (void)fflush(stderr);
    cr_assert_stderr_eq_str(text);
}

Test(publisher, batches_by_count_and_by_bytes)
{
    static char data[50000];
    memset(data, 'x', sizeof data);
    for (uint64_t i = 1; i <= 5000; i++) {
        cr_assert(publisher_add(publisher, slice_of("small"), i));
    }
    cr_assert(publisher_send(publisher));
    for (uint64_t i = 1; i <= 20; i++) {
        cr_assert(publisher_add(publisher, slice_from(data, sizeof data), i));
    }
    cr_assert(publisher_send(publisher));
    cr_assert(publisher_finish(publisher));
    cr_expect_eq(publisher->accepted, 5020);
    cr_expect_eq(publisher->refused, 0);
    cr_expect_eq(publisher->last_id, 1000 + 5020);
    cr_expect_eq(fake_broker.count, 5020);
    cr_expect_leq(fake_broker.requests, 5000 / 1000 + 1 + 20);
    expect_stderr("");
}

Test(publisher, verbose_prints_each)
{
    publisher->is_verbose = true;
    cr_assert(publisher_add(publisher, slice_of("a"), 1));
    cr_assert(publisher_add(publisher, slice_of("b"), 2));
    cr_assert(publisher_send(publisher));
    cr_assert(publisher_finish(publisher));
    (void)fflush(stdout);
    cr_assert_stdout_eq_str("id 1001 sequence 1\nid 1002 sequence 2\n");
}

Test(publisher, refusals_name_the_line)
{
    fake_broker.plan.more_error = RC_INVALID_NAME;
    cr_assert(publisher_add(publisher, slice_of("a"), 7));
    cr_assert(publisher_add(publisher, slice_of("b"), 9));
    cr_assert(publisher_send(publisher));
    cr_assert(publisher_finish(publisher));
    cr_expect_eq(publisher->refused, 1);
    cr_expect_eq(publisher->accepted, 1);
    static char huge[(1 << 20) + 1];
    cr_assert(publisher_add(publisher, slice_from(huge, sizeof huge), 11));
    cr_expect_eq(publisher->refused, 2);
    publisher->pattern.stream = "";
    cr_assert(publisher_add(publisher, slice_of("c"), 12));
    cr_assert(publisher_send(publisher));
    cr_expect_eq(publisher->refused, 3);
    expect_stderr("ringcast: line 9: a message (invalid_name)\n"
                  "ringcast: line 11: 1048577 bytes are more than an event may have (1048576)\n"
                  "ringcast: line 12: a stream's name must be 1 to 255 bytes long, not 0\n");
}

Test(publisher, loses_patience)
{
    fake_broker.plan.holds = true;
    publisher->patience_ms = 150;
    cr_assert(publisher_add(publisher, slice_of("a"), 1));
    cr_assert(publisher_send(publisher));
    cr_expect_not(publisher_finish(publisher));
    cr_expect(publisher->has_failed);
    expect_stderr("ringcast: no acknowledgement for 0 s; the broker is busy\n");
}

Test(publisher, waits_for_room_until_told_to_stop)
{
    fake_broker.plan.holds = true;
    should_stop = 0;
    static char data[60000];
    memset(data, 'x', sizeof data);
    bool goes_on = true;
    for (uint64_t i = 1; goes_on; i++) {
        should_stop = i >= 6; // the fifth finds no room
        goes_on = publisher_add(publisher, slice_from(data, sizeof data), i);
        cr_assert_lt(i, 100);
    }
    cr_expect_not(publisher_finish(publisher));
    cr_expect_not(publisher->has_failed);
    expect_stderr("");
}

// The whole command, its standard input from a file.
static int run(const char *input, int argc, char **argv)
{
    char path[] = "/tmp/publishXXXXXX";
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    unlink(path);
    cr_assert_eq(write(fd, input, strlen(input)), (ssize_t)strlen(input));
    lseek(fd, 0, SEEK_SET);
    dup2(fd, STDIN_FILENO);
    close(fd);
    return cli_publish(argc, argv);
}

#define RUN(input, ...) \
    run(input, sizeof((char *[]){__VA_ARGS__}) / sizeof(char *), (char *[]){__VA_ARGS__, NULL})

// The fake broker serves one connection at a time.
static void free_broker(void)
{
    rc_close(publisher->client);
    publisher->client = NULL;
}

Test(publisher, command_with_arguments)
{
    free_broker();
    cr_expect_eq(RUN("", "publish", "--socket", fake_broker.path, "--type", "t", "--ack", "synced",
                     "-p", "low", "--source", "x", "--json", "chat", "{\"a\":1}", "2"),
                 0);
    cr_assert_eq(fake_broker.count, 2);
    const struct fake_event *event = &fake_broker.events[0];
    cr_expect_str_eq(event->stream, "chat");
    cr_expect_str_eq(event->type, "t");
    cr_expect_str_eq(event->data, "{\"a\":1}");
    cr_expect_eq(event->level, RC_LEVEL_SYNCED);
    cr_expect_eq(event->priority, 3);
    cr_expect_gt(event->attributes_length, 16);
    (void)fflush(stdout);
    cr_assert_stdout_eq_str("id 1002 sequence 2\n");
}

Test(publisher, command_with_lines)
{
    free_broker();
    cr_expect_eq(RUN("one\ntwo\n\nlast", "publish", "-s", fake_broker.path, "-q", "chat"), 0);
    cr_assert_eq(fake_broker.count, 4);
    cr_expect_str_eq(fake_broker.events[3].data, "last");
    (void)fflush(stdout);
    cr_assert_stdout_eq_str("");
}

Test(publisher, command_with_bad_lines)
{
    free_broker();
    cr_expect_eq(RUN("1\n{\n3\n", "publish", "-s", fake_broker.path, "-j", "chat"), 1);
    cr_expect_eq(fake_broker.count, 2);
    expect_stderr("ringcast: line 2: this is no JSON: the text ends too early at byte 1\n");
}

Test(publisher, command_failures)
{
    cr_expect_eq(RUN("", "publish"), 2);
    cr_expect_eq(RUN("", "publish", "--frobnicate"), 2);
    cr_expect_eq(RUN("", "publish", "--help"), 0);
    cr_expect_eq(RUN("", "publish", "-s", "/nonexistent/socket", "chat", "x"), 1);
    free_broker();
    const int refusals[] = {RC_FORBIDDEN, RC_TOO_MANY_CONNECTIONS, RC_UNSUPPORTED_VERSION};
    for (size_t i = 0; i < 3; i++) {
        fake_broker.plan.refuse = refusals[i];
        cr_expect_eq(RUN("", "publish", "-s", fake_broker.path, "chat", "x"), 1);
    }
    static char long_path[300];
    memset(long_path, 'x', sizeof long_path - 1);
    cr_expect_eq(RUN("", "publish", "-s", long_path, "chat", "x"), 1);
}

Test(publisher, command_waits_for_a_broker)
{
    free_broker();
    fake_broker_kill();
    cr_expect_eq(RUN("", "publish", "-s", fake_broker.path, "--wait", "100ms", "chat", "x"), 1);
    fake_broker_restart();
    cr_expect_eq(RUN("", "publish", "-s", fake_broker.path, "--wait", "5s", "chat", "x"), 0);
}
