// link: tests/unit/ingest/rig.c
// link: tests/unit/ingest/fake_log.c
// link: tests/unit/ingest/frames.c
#include "unit/ingest/rig.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/socket.h>

static void setup(void)
{
    rig_begin((struct ingest_options){.event_bytes_max = 2000});
}

TestSuite(speak_lines, .init = setup, .fini = rig_end, .timeout = 60);

Test(speak_lines, publishes_and_answers)
{
    struct rig_client *client = rig_connect();
    rig_write_text(client,
                   "{\"stream\":\"chat/42\",\"type\":\"text\",\"data\":\"hi\",\"ref\":7}\n");
    cr_expect_str_eq(rig_text(client), "{\"ref\":7,\"id\":1000,\"sequence\":1}\n");
    cr_assert_eq(fake_log.count, 1);
    cr_expect_str_eq(fake_log.records[0].stream, "chat/42");
    cr_expect_str_eq(fake_log.records[0].type, "text");
    cr_expect_str_eq(fake_log.records[0].data, "hi");
    cr_expect_eq(fake_log.records[0].level, ACK_WRITTEN);
    rig_write_text(client,
                   "{\"stream\":\"chat/42\",\"data\":{\"a\": 1}}\n\n  \r\n"
                   "{\"stream\":\"chat/42\",\"data\":1,\"ack\":\"synced\",\"ref\":\"x\"}\r\n");
    cr_expect_str_eq(rig_text(client), "{\"id\":1001,\"sequence\":2}\n"
                                       "{\"ref\":\"x\",\"id\":1002,\"sequence\":3}\n");
    cr_expect_str_eq(fake_log.records[1].data, "{\"a\":1}");
    cr_expect_eq(fake_log.records[2].level, ACK_SYNCED);
}

Test(speak_lines, received_and_ephemeral_are_answered_at_once)
{
    fake_log.holds = true;
    struct rig_client *client = rig_connect();
    rig_write_text(client, "{\"stream\":\"s\",\"data\":1,\"ack\":\"received\",\"ref\":1}\n"
                           "{\"stream\":\"s\",\"data\":1,\"ephemeral\":true,\"ref\":2}\n");
    cr_expect_str_eq(rig_text(client),
                     "{\"ref\":1,\"received\":true}\n{\"ref\":2,\"received\":true}\n");
    cr_expect(fake_log.records[1].ephemeral);
    cr_expect_eq(fake_log.records[1].level, ACK_RECEIVED);
}

Test(speak_lines, answers_keep_the_order_of_the_requests)
{
    fake_log.holds = true;
    struct rig_client *client = rig_connect();
    rig_write_text(client, "{\"stream\":\"s\",\"data\":1,\"ref\":1}\n"
                           "not json\n"
                           "{\"stream\":\"s\",\"data\":1,\"ack\":\"received\",\"ref\":2}\n"
                           "{\"op\":\"pressure\",\"ref\":3}\n"
                           "{\"stream\":\"\",\"data\":1,\"ref\":4}\n");
    rig_expect_nothing(client);
    fake_log_acknowledge_all();
    const char *text = rig_text(client);
    const char *last = text;
    const char *expected[] = {
        "{\"ref\":1,\"id\":1000,\"sequence\":1}\n", "{\"error\":\"serialization_error\"",
        "{\"ref\":2,\"received\":true}\n",
        "{\"ref\":3,\"full\":0.000,\"credit_bytes\":4194304,\"unanswered_bytes\":",
        "{\"ref\":4,\"error\":\"invalid_name\",\"message\":"};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        const char *found = strstr(last, expected[i]);
        cr_assert_not_null(found, "%s in %s", expected[i], text);
        last = found + 1;
    }
}

Test(speak_lines, a_conversation_cut_at_every_byte)
{
    static const char conversation[] = "{\"stream\":\"s\",\"data\":\"a\\n\xc3\xa9\",\"ref\":1}\n\n"
                                       "{\"bad\":1,\"ref\":2}\n"
                                       "{\"stream\":\"s\",\"data\":[1, 2],\"ref\":3}\n";
    for (size_t cut = 1; cut < sizeof conversation - 1; cut++) {
        struct rig_client *client = rig_connect();
        uint32_t before = fake_log.count;
        cr_assert(rig_write(client, slice_from(conversation, cut)));
        rig_round();
        rig_round();
        cr_assert(rig_write(client, slice_from(conversation + cut, sizeof conversation - 1 - cut)));
        const char *text = rig_text(client);
        char expected[100];
        snprintf(expected, sizeof expected, "{\"ref\":1,\"id\":%u,", 1000 + before);
        cr_assert_eq(strncmp(text, expected, strlen(expected)), 0, "cut %zu: %s", cut, text);
        cr_assert_not_null(strstr(text, "\n{\"ref\":2,\"error\":\"invalid_parameter\""));
        cr_assert_not_null(strstr(text, "\n{\"ref\":3,\"id\":"));
        cr_assert_eq(fake_log.count, before + 2);
        cr_assert_str_eq(fake_log.records[before].data, "a\n\xc3\xa9");
        cr_assert_str_eq(fake_log.records[before + 1].data, "[1,2]");
        rig_disconnect(client);
        rig.client_count--;
        rig_settle();
    }
}

Test(speak_lines, byte_by_byte)
{
    static const char line[] = "{\"stream\":\"s\",\"data\":\"x\",\"ref\":1}\n";
    struct rig_client *client = rig_connect();
    for (size_t i = 0; i < sizeof line - 1; i++) {
        cr_assert(rig_write(client, slice_from(line + i, 1)));
        rig_round();
    }
    cr_expect_str_eq(rig_text(client), "{\"ref\":1,\"id\":1000,\"sequence\":1}\n");
}

Test(speak_lines, the_end_of_input_ends_the_last_line_and_then_the_connection)
{
    struct rig_client *client = rig_connect();
    rig_write_text(client,
                   "{\"stream\":\"s\",\"data\":1}\n{\"stream\":\"s\",\"data\":2,\"ref\":2}");
    shutdown(client->fd, SHUT_WR);
    cr_expect_str_eq(rig_text(client),
                     "{\"id\":1000,\"sequence\":1}\n{\"ref\":2,\"id\":1001,\"sequence\":2}\n");
    rig_settle();
    cr_expect(client->is_closed);
    struct ingest_status status;
    ingest_get_status(rig.ingest, &status);
    cr_expect_eq(status.producers, 0);
    cr_expect_eq(status.receive_bytes, 0);
}

Test(speak_lines, an_unanswered_request_keeps_an_ended_connection)
{
    fake_log.holds = true;
    struct rig_client *client = rig_connect();
    rig_write_text(client, "{\"stream\":\"s\",\"data\":1}\n");
    shutdown(client->fd, SHUT_WR);
    rig_settle();
    cr_expect_not(client->is_closed);
    fake_log_acknowledge_all();
    cr_expect_str_eq(rig_text(client), "{\"id\":1000,\"sequence\":1}\n");
    rig_settle();
    cr_expect(client->is_closed);
}

Test(speak_lines, a_line_that_is_too_long_is_passed_over)
{
    struct rig_client *client = rig_connect();
    struct buffer line;
    buffer_init(&line, 1 << 20);
    buffer_append_text(&line, "{\"ref\":5,\"stream\":\"s\",\"data\":\"");
    for (int i = 0; i < 100 * 1000; i++) {
        buffer_append_byte(&line, 'x');
    }
    buffer_append_text(&line, "\"}\n{\"stream\":\"s\",\"data\":1,\"ref\":6}\n");
    cr_assert(rig_write(client, buffer_slice(&line)));
    const char *text = rig_text(client);
    cr_expect_not_null(strstr(text, "{\"ref\":5,\"error\":\"too_large\",\"message\":\"the line is "
                                    "longer than 16096 bytes\",\"position\":"),
                       "%s", text);
    cr_expect_not_null(strstr(text, "\n{\"ref\":6,\"id\":1000,"));
    cr_expect_null(strstr(text, "serialization"));
    // The same when it is there at once, in a buffer that has grown by now.
    buffer_clear(&line);
    buffer_append_text(&line, "{\"ref\":7,\"stream\":\"");
    for (int i = 0; i < 17000; i++) {
        buffer_append_byte(&line, 'x');
    }
    buffer_append_text(&line, "\"}\n{\"stream\":\"s\",\"data\":1,\"ref\":8}\n");
    cr_assert(rig_write(client, buffer_slice(&line)));
    text = rig_text(client);
    cr_expect_not_null(strstr(text, "{\"ref\":7,\"error\":\"too_large\""), "%s", text);
    cr_expect_not_null(strstr(text, "\n{\"ref\":8,\"id\":1001,"));
    // And when the connection ends in the middle of it.
    buffer_truncate(&line, 17000);
    cr_assert(rig_write(client, buffer_slice(&line)));
    shutdown(client->fd, SHUT_WR);
    text = rig_text(client);
    cr_expect_not_null(strstr(text, "too_large"));
    rig_settle();
    cr_expect(client->is_closed);
    buffer_free(&line);
}

Test(speak_lines, data_over_the_limit)
{
    struct rig_client *client = rig_connect();
    struct buffer line;
    buffer_init(&line, 1 << 20);
    buffer_append_text(&line, "{\"ref\":5,\"stream\":\"s\",\"data\":\"");
    for (int i = 0; i < 2001; i++) {
        buffer_append_byte(&line, 'x');
    }
    buffer_append_text(&line, "\"}\n");
    cr_assert(rig_write(client, buffer_slice(&line)));
    cr_expect_str_eq(rig_text(client),
                     "{\"ref\":5,\"error\":\"too_large\",\"message\":\"\\\"data\\\" is 2001 bytes "
                     "long, the limit is 2000\",\"position\":29}\n");
    buffer_free(&line);
}

Test(speak_lines, repeats_are_told)
{
    struct rig_client *client = rig_connect();
    for (int i = 0; i < 2; i++) {
        rig_write_text(client, "{\"stream\":\"s\",\"data\":1,\"producer_id\":5,\"epoch\":2,"
                               "\"producer_sequence\":9}\n");
    }
    cr_expect_str_eq(
        rig_text(client),
        "{\"id\":1000,\"sequence\":1}\n{\"id\":1000,\"sequence\":1,\"duplicate\":true}\n");
    cr_expect_eq(fake_log.records[0].producer_id, 5);
    cr_expect_eq(fake_log.records[0].epoch, 2);
    cr_expect_eq(fake_log.records[0].producer_sequence, 9);
}

Test(speak_lines, what_the_log_refuses)
{
    struct rig_client *client = rig_connect();
    fake_log.refusal = ERR_LOG_ERROR;
    rig_write_text(
        client,
        "{\"stream\":\"s\",\"data\":1,\"ref\":1}\n{\"op\":\"set\",\"stream\":\"s\",\"ref\":2}\n");
    const char *text = rig_text(client);
    cr_expect_not_null(strstr(text, "{\"ref\":1,\"error\":\"log_error\",\"message\":"), "%s", text);
    cr_expect_not_null(strstr(text, "{\"ref\":2,\"error\":\"log_error\",\"message\":"), "%s", text);
    fake_log.refusal = ERR_NONE;
    fake_log.failure = ERR_STALE_EPOCH;
    rig_write_text(client, "{\"stream\":\"s\",\"data\":1,\"ref\":3,\"reach\":true}\n");
    text = rig_text(client);
    cr_expect_not_null(strstr(text, "{\"ref\":3,\"error\":\"stale_epoch\",\"message\":"), "%s",
                       text);
    fake_log.failure = ERR_NONE;
    rig_write_text(client, "{\"stream\":\"s\",\"data\":1,\"ref\":4}\n");
    cr_expect_str_eq(rig_text(client), "{\"ref\":4,\"id\":1001,\"sequence\":2}\n");
}

Test(speak_lines, answers_from_inside_the_append)
{
    fake_log.answers_at_once = true;
    struct rig_client *client = rig_connect();
    rig_write_text(
        client,
        "{\"stream\":\"s\",\"data\":1,\"ref\":1}\n{\"stream\":\"s\",\"data\":2,\"ref\":2}\n");
    cr_expect_str_eq(
        rig_text(client),
        "{\"ref\":1,\"id\":1000,\"sequence\":1}\n{\"ref\":2,\"id\":1001,\"sequence\":2}\n");
}

Test(speak_lines, set_and_discard)
{
    struct rig_client *client = rig_connect();
    rig_write_text(client,
                   "{\"op\":\"set\",\"stream\":\"s\",\"retention_age\":\"300s\",\"ref\":1}\n"
                   "{\"op\":\"discard\",\"stream\":\"s\",\"ref\":2}\n"
                   "{\"op\":\"discard\",\"stream\":\"a\\nb\",\"ref\":3}\n");
    const char *text = rig_text(client);
    cr_expect_not_null(strstr(text, "{\"ref\":1,\"done\":true}\n{\"ref\":2,\"done\":true}\n"
                                    "{\"ref\":3,\"error\":\"invalid_name\""),
                       "%s", text);
    cr_assert_eq(fake_log.count, 2);
    cr_expect_eq(fake_log.records[0].kind, FAKE_SET);
    cr_expect_eq(fake_log.records[0].settings.retention_age_ms, 300000);
    cr_expect_eq(fake_log.records[1].kind, FAKE_DISCARD);
}

Test(speak_lines, streams_are_made_and_end)
{
    struct rig_client *client = rig_connect();
    rig_write_text(
        client,
        "{\"op\":\"set\",\"stream\":\"s\",\"content_type\":\"text/plain\",\"ref\":1}\n"
        "{\"op\":\"end\",\"stream\":\"s\",\"life\":\"close\",\"ref\":2}\n"
        "{\"op\":\"end\",\"stream\":\"s\",\"life\":\"delete\",\"ack\":\"synced\",\"ref\":3}\n");
    cr_expect_str_eq(rig_text(client), "{\"ref\":1,\"done\":true}\n{\"ref\":2,\"done\":true}\n"
                                       "{\"ref\":3,\"done\":true}\n");
    cr_assert_eq(fake_log.count, 3);
    cr_expect_eq(fake_log.records[0].kind, FAKE_SET);
    cr_expect_str_eq(fake_log.records[0].type, "text/plain");
    cr_expect_eq(fake_log.records[0].settings.parts, 0);
    cr_expect_eq(fake_log.records[1].kind, FAKE_END);
    cr_expect_eq(fake_log.records[1].life, STREAM_CLOSED);
    cr_expect_eq(fake_log.records[1].level, ACK_WRITTEN);
    cr_expect_eq(fake_log.records[2].life, STREAM_DELETED);
    cr_expect_eq(fake_log.records[2].level, ACK_SYNCED);
    fake_log.refusal = ERR_STREAM_CLOSED;
    rig_write_text(client, "{\"op\":\"end\",\"stream\":\"s\",\"life\":\"cancel\",\"ref\":4}\n");
    cr_expect_not_null(strstr(rig_text(client), "{\"ref\":4,\"error\":\"stream_closed\""));
}

Test(speak_lines, waits_for_room_with_every_kind_of_request)
{
    fake_log.room = 0;
    struct rig_client *client = rig_connect();
    rig_write_text(client, "{\"stream\":\"s\",\"data\":\"\\u0061\",\"ref\":1,\"reach\":true}\n"
                           "{\"op\":\"set\",\"stream\":\"s\",\"ref\":2}\n"
                           "{\"op\":\"discard\",\"stream\":\"s\",\"ref\":3}\n");
    for (uint32_t n = 0; n < 3; n++) {
        rig_settle();
        cr_assert_eq(fake_log.count, n);
        fake_log_make_room(1);
    }
    cr_expect_str_eq(rig_text(client), "{\"ref\":1,\"id\":1000,\"sequence\":1,\"reached\":0}\n{"
                                       "\"ref\":2,\"done\":true}\n{\"ref\":3,\"done\":true}\n");
    cr_expect_str_eq(fake_log.records[0].data, "a");
    struct ingest_status status;
    ingest_get_status(rig.ingest, &status);
    cr_expect_eq(status.waits, 3);
    cr_expect_eq(status.requests, 3);
}
