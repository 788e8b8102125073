// layer: base
// link: perf/loadgen/outlet_pipe.c
// link: perf/loadgen/target.c
// link: perf/loadgen/template.c
// link: perf/loadgen/messages.c
// link: perf/loadgen/messages_redis.c
// link: perf/loadgen/messages_nats.c
// link: perf/loadgen/lines.c
// link: perf/loadgen/payload.c
#include "../perf/loadgen/outlet.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    TEXT_SIZE = 512,
};

static struct options options;
static struct outlet outlet;
static char file[] = "/tmp/ringcast-outlet.XXXXXX"; // what the command was given

static void set_up(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    int fd = mkstemp(file);
    cr_assert_geq(fd, 0);
    close(fd);
    memset(&options, 0, sizeof options);
    memset(&outlet, 0, sizeof outlet);
    options.stream = "s\"{number}";
    outlet.options = &options;
}

static void tear_down(void)
{
    (void)unlink(file);
}

TestSuite(outlet_pipe, .init = set_up, .fini = tear_down);

// FILE in the command is the file.
static int open_command(const char *command)
{
    static char where[TEXT_SIZE];
    const char *mark = strstr(command, "FILE");
    int before = mark == NULL ? (int)strlen(command) : (int)(mark - command);
    (void)snprintf(where, sizeof where, "%.*s%s%s", before, command, mark == NULL ? "" : file,
                   mark == NULL ? "" : mark + 4);
    options.publish = where;
    return outlet_kind_exec.open(&outlet, where);
}

static int publish(const char *data, uint32_t stream)
{
    struct outlet_event event = {stream, (const uint8_t *)data, strlen(data)};
    return outlet_kind_exec.publish(&outlet, &event, 1);
}

// The file's text, at most size - 1 bytes of it.
static void read_file(char *text, size_t size)
{
    FILE *in = fopen(file, "re");
    cr_assert_not_null(in);
    text[fread(text, 1, size - 1, in)] = 0;
    (void)fclose(in);
}

static void expect_file(const char *expected)
{
    char text[TEXT_SIZE];
    read_file(text, sizeof text);
    cr_assert_str_eq(text, expected);
}

Test(outlet_pipe, a_line_for_each_event_and_the_command_ends_with_its_input)
{
    cr_assert_eq(open_command("{ cat; echo end; } >FILE"), 0, "%s", outlet.error);
    struct outlet_event events[] = {
        {1, (const uint8_t *)"one", 3},
        {2, (const uint8_t *)"two", 3},
    };
    cr_assert_eq(outlet_kind_exec.publish(&outlet, events, 2), 0);
    cr_assert_eq(publish("three", 1), 0);
    cr_assert_eq(outlet_kind_exec.flush(&outlet), 0);
    outlet_kind_exec.close(&outlet);
    expect_file("one\ntwo\nthree\nend\n");
}

Test(outlet_pipe, the_template_makes_the_line)
{
    options.body = "{\"s\":\"{stream_json}\",\"d\":\"{data_json}\"} {stream}";
    cr_assert_eq(open_command("cat >FILE"), 0, "%s", outlet.error);
    cr_assert_eq(publish("a\\b", 7), 0);
    outlet_kind_exec.close(&outlet);
    expect_file("{\"s\":\"s\\\"7\",\"d\":\"a\\\\b\"} s\"7\n");
}

Test(outlet_pipe, a_command_that_ends_early_is_told_with_its_status)
{
    cr_assert_eq(open_command("exit 3"), 0);
    int result = 0;
    for (int i = 0; i < 100 && result == 0; i++) {
        result = publish("data", 0);
        (void)usleep(10000);
    }
    cr_assert_eq(result, -EPIPE);
    cr_assert_not_null(strstr(outlet.error, "ended early, with status 3"), "%s", outlet.error);
    outlet_kind_exec.close(&outlet);
}

Test(outlet_pipe, so_is_one_that_is_killed_while_nothing_is_written)
{
    cr_assert_eq(open_command("kill -9 $$"), 0);
    int result = 0;
    for (int i = 0; i < 100 && result == 0; i++) {
        result = outlet_kind_exec.idle(&outlet);
        (void)usleep(10000);
    }
    cr_assert_eq(result, -EPIPE);
    cr_assert_not_null(strstr(outlet.error, "killed by signal 9"), "%s", outlet.error);
    outlet_kind_exec.close(&outlet);
}

Test(outlet_pipe, one_that_does_not_end_is_ended, .timeout = 30)
{
    cr_assert_eq(open_command("echo $$ >FILE; exec sleep 600"), 0);
    char text[32] = "";
    for (int i = 0; i < 500 && strchr(text, '\n') == NULL; i++) {
        read_file(text, sizeof text);
        (void)usleep(10000);
    }
    pid_t child = atoi(text);
    cr_assert_gt(child, 1);
    cr_assert_eq(kill(child, 0), 0);
    outlet_kind_exec.close(&outlet);
    cr_assert_neq(kill(child, 0), 0);
}

Test(outlet_pipe, line_ends_in_a_template_are_refused)
{
    options.body = "{data}\n";
    cr_assert_eq(open_command("cat"), -EINVAL);
    cr_assert_not_null(strstr(outlet.error, "line ends"));
}
