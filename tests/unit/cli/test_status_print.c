#include "cli/status.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static char *text;
static size_t length;

static FILE *begin(void)
{
    text = NULL;
    length = 0;
    return open_memstream(&text, &length);
}

static void expect(FILE *out, const char *expected)
{
    (void)fclose(out);
    cr_assert_str_eq(text, expected);
    free(text);
}

Test(status_print, summary)
{
    static const char answer[] =
        "{\"version\":\"0.1.0\",\"log\":{\"writable\":true,\"fault\":null,\"streams\":3,"
        "\"segments\":2,\"first_id\":1,\"last_id\":10,\"bytes_kept\":2048,\"events_appended\":10,"
        "\"bytes_appended\":1024,\"blocks_written\":5,\"syncs\":4,\"sync_failures\":0,"
        "\"write_failures\":0,\"unsynced_bytes\":12,\"duplicates\":1},"
        "\"ingest\":{\"producers\":1,\"connections\":2,\"refused\":0,\"requests\":10,\"events\":10,"
        "\"errors\":0,\"bytes\":500,\"waits\":0,\"full_permille\":4,"
        "\"pressed_streams\":1,\"held_events\":2,\"hold_refusals\":3},"
        "\"gateway\":{\"tasks\":0,\"events\":9,\"requests\":8,\"errors\":7,\"refused\":6,"
        "\"waits\":5},"
        "\"memory\":{\"stage\":2,\"pressure\":\"shed\",\"changes\":3,\"used_bytes\":1782579200,"
        "\"limit_bytes\":2147483648,\"tcp_used_bytes\":0,\"tcp_limit_bytes\":0},"
        "\"workers\":[{\"connections\":2,\"streaming\":1,\"connecting\":1,\"events_sent\":20,"
        "\"bytes_sent\":4096,\"dropped_lowest\":7,\"lag_closes\":1,\"request_errors\":3},{"
        "\"connections\":3,"
        "\"streaming\":3,\"events_sent\":5,"
        "\"dropped_lowest\":5,\"request_errors\":1,\"expiry_closes\":2}]}";
    FILE *out = begin();
    cr_assert_eq(status_print_summary(slice_of(answer), out, false), 0);
    expect(out,
           "ringcast     0.1.0\n"
           "log          writable\n"
           "             3 streams, 2.0 KiB in 2 segments, ids 1 to 10\n"
           "             since start 10 events (1.0 KiB) in 5 blocks, 4 syncs\n"
           "             12 B not yet synced, 1 repeats recognised, 0 faults\n"
           "producers    1 connected, 2 since start, 0 turned away\n"
           "             10 events in 10 requests (500 B), 0 refused, 0 waits\n"
           "             1 streams press on them, 2 events held, 3 refused for that\n"
           "             buffer 0.4 % full\n"
           "over HTTP    9 events in 8 requests, 7 refused, 6 told to come again, 5 waits\n"
           "memory       1.7 GiB of 2.0 GiB (83 %), TCP of the machine not known\n"
           "             pressure: shed (stage 2), 3 changes\n"
           "refused      requests 4, closed as their token expired 2\n"
           "too slow     drop_lowest 12, disconnected 1\n"
           "\n"
           "WORKER  CONNECTIONS  STREAMING  CONNECTING  THROTTLED  STREAMS  EVENTS    BYTES  SHORT "
           " GAPS  RESUMED\n"
           "0                 2          1           1          0        0      20  4.0 KiB      0 "
           "    0        0\n"
           "1                 3          3           0          0        0       5      0 B      0 "
           "    0        0\n"
           "all               5          4           1          0        0      25  4.0 KiB      0 "
           "    0        0\n");
}

Test(status_print, a_fault_of_the_log)
{
    static const char answer[] = "{\"log\":{\"writable\":false,\"fault\":\"no space\"}}";
    FILE *out = begin();
    cr_assert_eq(status_print_summary(slice_of(answer), out, false), 0);
    (void)fclose(out);
    cr_assert_not_null(strstr(text, "log          NOT WRITABLE: no space\n"));
    free(text);
}

Test(status_print, connections)
{
    static const char answer[] =
        "{\"connections\":[{\"id\":\"00000000000000ff\",\"state\":\"active\","
        "\"address\":\"127.0.0.1:5000\",\"user_agent\":\"curl/8\",\"streams\":[\"a\",\"b c\"],"
        "\"last_id\":7,\"connected_at\":1000,\"last_activity_at\":61000}]}";
    FILE *out = begin();
    cr_assert_eq(status_print_connections(slice_of(answer), 62500, out, false), 0);
    expect(out,
           "ID                STATE   ADDRESS         SINCE  QUIET  LAST ID  STREAMS  USER AGENT\n"
           "00000000000000ff  active  127.0.0.1:5000   61 s    1 s        7  a b c    curl/8\n");
}

Test(status_print, streams)
{
    static const char answer[] =
        "{\"streams\":[{\"name\":\"chat/42\",\"last_id\":9,\"last_sequence\":5,"
        "\"discarded_sequence\":2,\"last_time_ms\":0,\"workers\":2},{\"name\":\"jobs/1\","
        "\"last_id\":8,\"last_sequence\":1,\"last_time_ms\":4000,\"state\":\"closed\"}]}";
    FILE *out = begin();
    cr_assert_eq(status_print_streams(slice_of(answer), 5000, out, false), 0);
    expect(out, "EVENTS  SEQUENCE  LAST ID  IDLE  SUBSCRIBED  STATE   STREAM\n"
                "     3         5        9     -  yes         open    chat/42\n"
                "     1         1        8   1 s  no          closed  jobs/1\n");
}

Test(status_print, there_are_more_streams)
{
    FILE *out = begin();
    cr_assert_eq(status_print_streams(slice_of("{\"streams\":[],\"next\":42}"), 0, out, false), 0);
    expect(out, "no streams\nThere are more: --after 42\n");
}

Test(status_print, nothing_to_list)
{
    FILE *out = begin();
    cr_assert_eq(status_print_streams(slice_of("{\"streams\":[]}"), 0, out, false), 0);
    cr_assert_eq(status_print_connections(slice_of("nonsense"), 0, out, false), 0);
    expect(out, "no streams\nno connections\n");
}

Test(status_print, wrong_usage_and_no_broker)
{
    char *both[] = {(char *)"status", (char *)"--streams", (char *)"--connections", NULL};
    cr_assert_eq(cli_status(3, both), 2);
    char *operand[] = {(char *)"status", (char *)"x", NULL};
    cr_assert_eq(cli_status(2, operand), 2);
    char *nobody[] = {(char *)"status", (char *)"--socket", (char *)"/nonexistent/socket", NULL};
    cr_assert_eq(cli_status(3, nobody), 1);
}

Test(status_print, one_connection)
{
    static const char answer[] =
        "{\"connection\":{\"id\":\"00000000000000ff\",\"state\":\"active\",\"streams\":[\"a\",\"b "
        "\\u001b\"],\"link\":{\"round_trip_us\":50},\"quality\":{\"profile\":\"web\",\"settings\":["
        "{\"name\":\"batch_size\",\"value\":10,\"from\":\"profile\"},"
        "{\"name\":\"burst_bytes\",\"value\":0,\"from\":\"nobody\"}],\"bytes\":null}}}";
    FILE *out = begin();
    cr_assert_eq(status_print_connection(slice_of(answer), out, false), 0);
    expect(out, "id                      00000000000000ff\n"
                "state                   active\n"
                "streams                 a, b \\x1b\n"
                "link round_trip_us      50\n"
                "quality profile         web\n"
                "quality bytes           null\n"
                "\n"
                "SETTING      VALUE  FROM\n"
                "batch_size      10  profile\n"
                "burst_bytes      -  nobody\n");
}

Test(status_print, one_connection_that_nothing_limits)
{
    FILE *out = begin();
    cr_assert_eq(status_print_connection(
                     slice_of("{\"connection\":{\"id\":\"ff\",\"quality\":null}}"), out, false),
                 0);
    expect(out, "id                      ff\nquality                 null\n");
}
