// link: tests/unit/ingest/rig.c
// link: tests/unit/ingest/fake_log.c
// link: tests/unit/ingest/frames.c
#include "base/json.h"
#include "ingest/module.h"
#include "ingest/streams_json.h"
#include "unit/ingest/rig.h"

#include <ringcast/protocol.h>

#include <criterion/criterion.h>
#include <stdio.h>

static void setup(void)
{
    rig_begin((struct ingest_options){0});
    rig.reached[0] = 3;
    rig.reached[1] = 4;
}

TestSuite(operation, .init = setup, .fini = rig_end, .timeout = 60);

static const struct admin_request *asked(int index)
{
    cr_assert_gt(rig.asked_count, index);
    return rig.asked[index].pointer;
}

Test(operation, publish_tells_how_many_it_reaches)
{
    fake_log.holds = true;
    rig.workers_hold = true;
    struct rig_client *client = rig_connect();
    rig_write_text(client, "{\"stream\":\"chat/1\",\"data\":1,\"reach\":true,\"ref\":1}\n");
    rig_settle();
    cr_expect_eq(rig.asked_count, 0); // only when it is acknowledged
    fake_log_acknowledge_all();
    rig_settle();
    cr_assert_eq(rig.asked_count, 2);
    cr_expect_eq(asked(0)->operation, ADMIN_REACH);
    cr_expect(slice_equal_text(asked(0)->stream, "chat/1"));
    cr_expect_eq(rig.asked[1].reader, 1);
    rig_expect_nothing(client);
    rig_answer_admin();
    cr_expect_str_eq(rig_text(client), "{\"ref\":1,\"id\":1000,\"sequence\":1,\"reached\":7}\n");
}

Test(operation, status)
{
    struct rig_client *client = rig_connect();
    rig_write_text(client, "{\"op\":\"status\",\"ref\":\"s\"}\n");
    const char *text = rig_text(client);
    cr_expect_eq(json_validate(slice_of(text), NULL), JSON_OK, "%s", text);
    cr_expect_eq(strncmp(text, "{\"ref\":\"s\",\"version\":\"", 22), 0, "%s", text);
    cr_expect_not_null(strstr(text, "\"log\":{\"writable\":true,\"fault\":null,"));
    cr_expect_not_null(strstr(text, "\"ingest\":{\"producers\":1,"));
    cr_expect_not_null(strstr(text, "\"workers\":[{\"worker\":0,\"connections\":5,"));
    cr_expect_not_null(strstr(text, "{\"worker\":1,\"connections\":6,"));
    cr_expect_not_null(strstr(text, "\"total\":{\"connections\":11,"));
    fake_log.refusal = ERR_LOG_ERROR;
    rig_write_text(client, "{\"op\":\"status\"}\n");
    text = rig_text(client);
    cr_expect_eq(json_validate(slice_of(text), NULL), JSON_OK, "%s", text);
    cr_expect_not_null(strstr(text, "\"writable\":false,\"fault\":\"the disk is \\\"full\\\"\""));
}

Test(operation, connections_are_joined_and_cut)
{
    rig.json[0] = "{\"id\":1},{\"id\":2}";
    rig.json[1] = "{\"id\":3}";
    struct rig_client *client = rig_connect();
    rig_write_text(client, "{\"op\":\"connections\"}\n");
    cr_expect_str_eq(rig_text(client), "{\"connections\":[{\"id\":1},{\"id\":2},{\"id\":3}]}\n");
    cr_expect_eq(rig.asked_count, 2);
    rig_write_text(client, "{\"op\":\"connections\",\"limit\":2,\"ref\":1}\n");
    cr_expect_str_eq(rig_text(client), "{\"ref\":1,\"connections\":[{\"id\":1},{\"id\":2}]}\n");
    rig.json[0] = NULL;
    rig_write_text(client, "{\"op\":\"connections\",\"limit\":2,\"ref\":1}\n");
    cr_expect_str_eq(rig_text(client), "{\"ref\":1,\"connections\":[{\"id\":3}]}\n");
    rig_write_text(client, "{\"op\":\"connections\",\"limit\":0}\n");
    cr_expect_str_eq(rig_text(client), "{\"connections\":[]}\n");
}

Test(operation, streams)
{
    struct rig_client *client = rig_connect();
    rig_write_text(client, "{\"op\":\"streams\",\"prefix\":\"tools/\"}\n");
    cr_expect_str_eq(rig_text(client),
                     "{\"streams\":[{\"name\":\"tools/"
                     "\\\"x\\\"\",\"last_id\":12,\"last_sequence\":3,\"discarded_id\":0,"
                     "\"discarded_sequence\":0,\"last_time_ms\":1700000000000,"
                     "\"content_type\":\"text/plain\","
                     "\"overflow\":\"block\",\"lag_events\":50,\"threshold\":0.800,"
                     "\"workers\":2}]}\n");
    rig_write_text(client, "{\"op\":\"streams\",\"limit\":2}\n");
    const char *text = rig_text(client);
    cr_expect_not_null(strstr(text, "chat/1"));
    cr_expect_not_null(strstr(text, "chat/2"));
    cr_expect_null(strstr(text, "tools"));
    cr_expect_not_null(strstr(text, "],\"next\":2}"), "%s", text);
    rig_write_text(client, "{\"op\":\"streams\",\"limit\":2,\"after\":2}\n");
    text = rig_text(client);
    cr_expect_not_null(strstr(text, "tools"));
    cr_expect_null(strstr(text, "next"));
    cr_expect_eq(rig.asked_count, 0);
}

Test(operation, a_page_of_streams_looks_at_a_bounded_number)
{
    fake_log.more_streams = 2 * STREAMS_JSON_LOOKS_MAX;
    struct rig_client *client = rig_connect();
    rig_write_text(client, "{\"op\":\"streams\",\"prefix\":\"none/\"}\n");
    cr_expect_str_eq(rig_text(client), "{\"streams\":[],\"next\":65536}\n");
    rig_write_text(client, "{\"op\":\"streams\",\"prefix\":\"none/\",\"after\":131072}\n");
    cr_expect_str_eq(rig_text(client), "{\"streams\":[]}\n");
}

Test(operation, one_connection_is_told_by_the_worker_that_has_it)
{
    rig.reached[0] = 0;
    rig.reached[1] = 1;
    rig.json[1] = "{\"id\":\"00000000000000ff\"}";
    rig.workers_hold = true; // what they were asked is there until they answer
    struct rig_client *client = rig_connect();
    rig_write_text(client, "{\"op\":\"connection\",\"connection\":\"00000000000000ff\"}\n");
    rig_settle();
    cr_expect_eq(asked(0)->operation, ADMIN_CONNECTION);
    cr_expect_eq(asked(0)->connection_id, 255);
    rig_answer_admin();
    rig.workers_hold = false;
    cr_expect_str_eq(rig_text(client), "{\"connection\":{\"id\":\"00000000000000ff\"}}\n");
    rig.reached[1] = 0;
    rig.json[1] = NULL;
    rig_write_text(client, "{\"op\":\"connection\",\"connection\":\"00000000000000ff\"}\n");
    const char *text = rig_text(client);
    cr_expect_not_null(strstr(text, "\"error\":\"connection_not_found\""), "%s", text);
}

Test(operation, to_one_connection)
{
    struct rig_client *client = rig_connect();
    rig_write_text(client, "{\"op\":\"close\",\"connection\":\"00000000000000ff\",\"ref\":1}\n");
    cr_expect_str_eq(rig_text(client), "{\"ref\":1,\"done\":true}\n");
    rig.reached[0] = rig.reached[1] = 0;
    rig_write_text(client, "{\"op\":\"close\",\"connection\":\"00000000000000ff\",\"ref\":2}\n");
    const char *text = rig_text(client);
    cr_expect_eq(strncmp(text, "{\"ref\":2,\"error\":\"connection_not_found\"", 38), 0, "%s", text);
    rig.workers_hold = true;
    rig.reached[1] = 1;
    rig_write_text(client, "{\"op\":\"send\",\"connection\":\"00000000000000ff\",\"type\":\"t\","
                           "\"data\":\"a\\nb\"}\n");
    rig_settle();
    cr_assert_eq(rig.asked_count, 6);
    const struct admin_request *send = asked(5);
    cr_expect_eq(send->operation, ADMIN_SEND);
    cr_expect_eq(send->connection_id, 255);
    cr_expect(slice_equal_text(send->frame, "event: t\ndata: a\ndata: b\n\n"), SLICE_FORMAT,
              SLICE_ARGUMENTS(send->frame));
    rig_answer_admin();
    cr_expect_str_eq(rig_text(client), "{\"done\":true}\n");
    rig_write_text(client, "{\"op\":\"send\",\"connection\":\"00000000000000ff\",\"type\":"
                           "\"a\\nb\",\"data\":1,\"ref\":9}\n");
    text = rig_text(client);
    cr_expect_eq(
        strncmp(text, "{\"ref\":9,\"error\":\"invalid_parameter\",\"message\":\"the type", 55), 0,
        "%s", text);
}

Test(operation, broadcast)
{
    struct rig_client *client = rig_connect();
    rig_write_text(client, "{\"op\":\"broadcast\",\"data\":{\"a\": 1},\"ref\":1}\n");
    cr_expect_str_eq(rig_text(client), "{\"ref\":1,\"reached\":7}\n");
    cr_expect_eq(fake_log.count, 0);
}

Test(operation, pressure_in_both_protocols)
{
    struct rig_client *client = rig_connect();
    rig_write_text(client, "{\"op\":\"pressure\",\"stream\":\"s\"}\n{\"op\":\"pressure\","
                           "\"stream\":\"\",\"ref\":2}\n");
    const char *text = rig_text(client);
    cr_expect_not_null(
        strstr(text, "{\"full\":0.000,\"credit_bytes\":4194304,\"unanswered_bytes\":"), "%s", text);
    cr_expect_not_null(strstr(text, ",\"listeners\":7}\n{\"ref\":2,\"error\":\"invalid_name\""),
                       "%s", text);
    struct rig_client *binary = rig_connect_binary(0, 0);
    struct buffer out;
    buffer_init(&out, 1 << 16);
    frames_put(&out, RC_FRAME_PRESSURE, 5, slice_empty());
    frames_put(&out, RC_FRAME_PRESSURE, 6, slice_of("chat/1"));
    frames_put(&out, RC_FRAME_PRESSURE, 7, slice_of("a\nb"));
    cr_assert(rig_write(binary, buffer_slice(&out)));
    struct frames_answer answer = rig_answer(binary);
    cr_expect_eq(answer.kind, RC_FRAME_PRESSURE_NOW);
    cr_expect_eq(answer.request, 5);
    cr_expect_eq(load_le64(answer.payload.at + 8), 4 << 20);
    cr_expect_eq(load_le64(answer.payload.at + 24), RC_LISTENERS_UNKNOWN);
    answer = rig_answer(binary);
    cr_expect_eq(answer.kind, RC_FRAME_ERROR);
    cr_expect_eq(answer.request, 7);
    cr_expect_eq(answer.error, ERR_INVALID_NAME);
    answer = rig_answer(binary);
    cr_expect_eq(answer.request, 6);
    cr_expect_eq(load_le64(answer.payload.at + 24), 7);
    buffer_free(&out);
}

Test(operation, full_inboxes_are_tried_again)
{
    rig.inboxes_full = true;
    struct rig_client *client = rig_connect();
    rig_write_text(client, "{\"op\":\"broadcast\",\"data\":1}\n");
    rig_expect_nothing(client);
    rig.inboxes_full = false;
    // By itself, without anything else happening.
    for (int i = 0; i < 1000 && rig.asked_count < 2; i++) {
        rig_round();
    }
    cr_expect_str_eq(rig_text(client), "{\"reached\":7}\n");
}

Test(operation, more_than_may_be_under_way_wait)
{
    rig.workers_hold = true;
    struct rig_client *client = rig_connect();
    struct buffer lines;
    buffer_init(&lines, 1 << 20);
    for (int i = 0; i < ASKER_OPERATIONS_MAX + 10; i++) {
        buffer_printf(&lines, "{\"op\":\"broadcast\",\"data\":1,\"ref\":%d}\n", i);
    }
    cr_assert(rig_write(client, buffer_slice(&lines)));
    struct rig_client *binary = rig_connect_binary(0, 0);
    buffer_clear(&lines);
    frames_put(&lines, RC_FRAME_PRESSURE, 6, slice_of("chat/1"));
    cr_assert(rig_write(binary, buffer_slice(&lines)));
    rig_settle();
    cr_expect_eq(rig.asked_count, 2 * ASKER_OPERATIONS_MAX);
    rig.workers_hold = false;
    const char *text = rig_text(client);
    char last[60];
    snprintf(last, sizeof last, "{\"ref\":%d,\"reached\":7}\n", ASKER_OPERATIONS_MAX + 9);
    cr_expect_not_null(strstr(text, last));
    cr_expect_eq(rig_answer(binary).request, 6);
    buffer_free(&lines);
}

Test(operation, whoever_asked_may_leave)
{
    rig.workers_hold = true;
    struct rig_client *client = rig_connect();
    rig_write_text(client, "{\"op\":\"status\"}\n{\"stream\":\"s\",\"data\":1,\"reach\":true}\n{"
                           "\"op\":\"close\",\"connection\":\"00000000000000ff\"}\n");
    rig_settle();
    rig_disconnect(client);
    rig_settle();
    ingest_stop(rig.ingest);
    rig_settle();
    cr_expect_not(ingest_is_idle(rig.ingest)); // the workers still hold the questions
    rig_answer_admin();
    rig_settle();
    cr_expect(ingest_is_idle(rig.ingest));
}

Test(operation, destroyed_with_workers_gone)
{
    rig.workers_hold = true;
    struct rig_client *client = rig_connect();
    rig_write_text(client, "{\"op\":\"status\"}\n{\"stream\":\"s\",\"data\":1,\"reach\":true}\n");
    rig_settle();
}

Test(operation, an_answer_too_large_says_so)
{
    static char large[9 << 20];
    large[0] = '"';
    memset(large + 1, 'x', sizeof large - 3);
    large[sizeof large - 2] = '"';
    rig.json[0] = large;
    rig.workers_hold = true;
    struct rig_client *client = rig_connect();
    rig_write_text(client, "{\"op\":\"connections\",\"ref\":1}\n");
    rig_settle();
    rig_answer_admin();
    const char *text = rig_text(client);
    cr_expect_eq(strncmp(text, "{\"ref\":1,\"error\":\"too_large\"", 28), 0, "%.200s", text);
}

Test(operation, where_memory_is_short_status_says_so_and_long_lists_are_refused)
{
    static struct pressure_board board = {
        .stage = PRESSURE_SHED, .memory_used_bytes = 90, .memory_limit_bytes = 100};
    rig_end();
    rig_begin((struct ingest_options){.pressure = &board});
    struct rig_client *client = rig_connect();
    rig_write_text(client, "{\"op\":\"status\"}\n");
    cr_expect_not_null(strstr(rig_text(client), "\"memory\":{\"stage\":2,\"pressure\":\"shed\","
                                                "\"since_ms\":0,\"changes\":0,\"used_bytes\":90,"
                                                "\"limit_bytes\":100,"));
    static const char *const lists[] = {"streams", "connections"};
    for (size_t i = 0; i < 2; i++) {
        char line[64];
        snprintf(line, sizeof line, "{\"op\":\"%s\",\"limit\":101}\n", lists[i]);
        board.stage = PRESSURE_SHED;
        rig_write_text(client, line);
        cr_expect_null(strstr(rig_text(client), "error"));
        board.stage = PRESSURE_REFUSE;
        rig_write_text(client, line);
        cr_expect_str_eq(rig_text(client), "{\"error\":\"overloaded\",\"message\":\"memory is "
                                           "short: at most 100 in a list\"}\n");
        snprintf(line, sizeof line, "{\"op\":\"%s\",\"limit\":100}\n", lists[i]);
        rig_write_text(client, line);
        cr_expect_null(strstr(rig_text(client), "error"));
    }
}
