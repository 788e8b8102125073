// link: tests/unit/ingest/rig.c
// link: tests/unit/ingest/fake_log.c
// link: tests/unit/ingest/frames.c
// link: tests/unit/ingest/holding.c
// link: tests/unit/ingest/tasks.c
// Tasks that make, end, describe and list streams.
#include "ingest/module.h"
#include "ingest/streams_json.h"
#include "unit/ingest/tasks.h"

#include "base/json.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

TestSuite(gateway_streams, .init = holding_begin, .fini = holding_end, .timeout = 60);

static struct task *make_of_stream(enum task_kind kind, const char *stream)
{
    struct task *task = tasks_make(kind, 0, stream);
    task->settings = (struct stream_settings){0};
    task->content_type = slice_empty();
    buffer_init(&task->json, TASK_JSON_BYTES_MAX);
    return task;
}

// Frees the answer's text with the next call.
static const char *json_of(const struct task *answer)
{
    static char text[1 << 20];
    struct buffer json = answer->json;
    struct slice slice = buffer_slice(&json);
    cr_assert_lt(slice.length, sizeof text);
    memcpy(text, slice.length > 0 ? slice.at : (const uint8_t *)"", slice.length);
    text[slice.length] = 0;
    buffer_free(&json);
    return text;
}

Test(gateway_streams, a_stream_is_made)
{
    struct task *task = make_of_stream(TASK_CREATE, "more/3");
    task->settings.retention_count = 7;
    task->settings.parts = SETTINGS_RETENTION;
    task->content_type = slice_of("text/plain");
    const struct task *answer = tasks_run(task); // nor is it there then, for this fake
    cr_expect(answer->is_created);
    cr_assert_eq(fake_log.count, 1);
    cr_expect_eq(fake_log.records[0].kind, FAKE_SET);
    cr_expect_str_eq(fake_log.records[0].stream, "more/3");
    cr_expect_str_eq(fake_log.records[0].type, "text/plain");
    cr_expect_eq(fake_log.records[0].settings.retention_count, 7);
    (void)json_of(answer);
    task = make_of_stream(TASK_CREATE, "tools/\"x\"");
    answer = tasks_run(task);
    cr_expect_eq(answer->error, ERR_NONE);
    cr_expect_not(answer->is_created);
    cr_expect_eq(answer->accepted, 0); // of events
    cr_expect_eq(strncmp(json_of(answer), "{\"name\":\"tools/\\\"x\\\"\",\"state\":\"open\",", 36),
                 0);
    fake_log.ended_place = 1; // was deleted, and is made anew
    fake_log.ended = STREAM_DELETED;
    answer = tasks_run(make_of_stream(TASK_CREATE, "chat/2"));
    cr_expect(answer->is_created);
    (void)json_of(answer);
    fake_log.refusal = ERR_STREAM_CLOSED;
    answer = tasks_run(make_of_stream(TASK_CREATE, "chat/1"));
    cr_expect_eq(answer->error, ERR_STREAM_CLOSED);
    cr_expect_str_eq(json_of(answer), "");
}

// Where a subject's streams are bounded, it is told whose the stream is, before its first event.
Test(gateway_streams, a_stream_has_an_owner)
{
    const struct grant_terms terms = {.subject = slice_of("alice")};
    struct grant *grant = grant_create(&terms);
    for (int bounds = 0; bounds < 2; bounds++) {
        fake_log.bounds_owners = bounds == 1;
        struct task *task = make_of_stream(TASK_CREATE, "more/1");
        task->grant = grant;
        (void)json_of(tasks_run(task));
        task = tasks_make_publish(0, "new", 0, 1);
        task->grant = grant;
        cr_expect_eq(tasks_run(task)->accepted, 1);
        task = tasks_make_publish(0, "chat/1", 0, 1); // it is there
        task->grant = grant;
        cr_expect_eq(tasks_run(task)->accepted, 1);
    }
    cr_assert_eq(fake_log.count, 3 + 4);
    cr_expect_eq(fake_log.records[0].settings.parts, 0);
    const struct fake_log_record *record = &fake_log.records[3];
    cr_expect_eq(record[0].settings.parts, SETTINGS_OWNER);
    cr_expect_neq(record[0].settings.owner, 0);
    cr_expect_eq(record[1].kind, FAKE_SET);
    cr_expect_eq(record[1].settings.owner, record[0].settings.owner);
    cr_expect_eq(record[1].level, ACK_RECEIVED);
    cr_expect_eq(record[2].kind, FAKE_EVENT);
    cr_expect_eq(record[3].kind, FAKE_EVENT);
    fake_log.deleted_place = 1; // made anew by its next event
    struct task *task = tasks_make_publish(0, "chat/2", 0, 1);
    task->grant = grant;
    cr_expect_eq(tasks_run(task)->accepted, 1);
    cr_assert_eq(fake_log.count, 9);
    cr_expect_eq(record[4].kind, FAKE_SET);
    cr_expect_eq(record[4].settings.owner, record[0].settings.owner);
    fake_log.refusal = ERR_RATE_LIMITED;
    task = tasks_make_publish(0, "new/2", 0, 1);
    task->grant = grant;
    const struct task *answer = tasks_run(task);
    cr_expect_eq(answer->error, ERR_RATE_LIMITED);
    cr_expect_not_null(strstr(answer->detail, "as many streams"));
    grant_release(grant);
}

Test(gateway_streams, a_stream_ends)
{
    struct task *task = tasks_make(TASK_END, 0, "s");
    task->life = STREAM_DELETED;
    task->level = ACK_SYNCED;
    cr_expect_eq(tasks_run(task)->error, ERR_NONE);
    cr_expect_eq(fake_log.records[0].kind, FAKE_END);
    cr_expect_eq(fake_log.records[0].life, STREAM_DELETED);
    cr_expect_eq(fake_log.records[0].level, ACK_SYNCED);
    task = tasks_make(TASK_END, 0, "s");
    task->life = STREAM_CLOSED;
    task->level = ACK_RECEIVED;
    cr_expect_eq(tasks_run(task)->error, ERR_NONE);
    cr_expect_eq(fake_log.records[1].level, ACK_WRITTEN);
    // Behind the last events of a publish.
    task = tasks_make_publish(0, "s", 0, 2);
    task->life = STREAM_CLOSED;
    const struct task *answer = tasks_run(task);
    cr_expect_eq(answer->accepted, 2);
    cr_expect_eq(answer->duplicates, 0);
    cr_expect_eq(answer->id, 1003); // the last event's
    cr_expect_eq(fake_log.records[4].kind, FAKE_END);
    cr_expect_eq(fake_log.records[4].life, STREAM_CLOSED);
    // Without any event.
    task = tasks_make_publish(0, "s", 0, 0);
    task->life = STREAM_CANCELLED;
    cr_expect_eq(tasks_run(task)->error, ERR_NONE);
    cr_expect_eq(fake_log.records[5].life, STREAM_CANCELLED);
}

Test(gateway_streams, the_end_of_a_stream_may_wait_for_room)
{
    struct task *task = tasks_make_publish(0, "s", 0, 2);
    task->life = STREAM_CLOSED;
    fake_log.room = 2;
    tasks_give(task);
    tasks_expect_nothing();
    fake_log_make_room(1);
    cr_expect_eq(tasks_expect_one()->accepted, 2);
    cr_expect_eq(fake_log.records[2].kind, FAKE_END);
    fake_log.full_permille = INGEST_FULL_HIGH;
    task = tasks_make(TASK_END, 0, "s");
    task->life = STREAM_CLOSED;
    cr_expect_eq(tasks_run(task)->error, ERR_BACKPRESSURE_EXCEEDED); // nothing is taken of it
}

Test(gateway_streams, what_a_stream_is)
{
    rig.reached[0] = 2;
    rig.reached[1] = 3;
    struct task *task = make_of_stream(TASK_INFO, "tools/\"x\"");
    task->wants_reach = true;
    const struct task *answer = tasks_run(task);
    cr_expect_eq(answer->life, STREAM_OPEN);
    cr_expect_eq(answer->id, 12);
    cr_expect_eq(answer->sequence, 3);
    cr_expect_eq(answer->reached, 5);
    cr_expect_eq(answer->content_type.length, 10); // it lay in the task, which is freed
    cr_expect_str_eq(
        json_of(answer),
        "{\"name\":\"tools/\\\"x\\\"\",\"state\":\"open\",\"last_id\":12,\"last_sequence\":3,"
        "\"discarded_id\":0,\"discarded_sequence\":0,\"last_time_ms\":1700000000000,"
        "\"content_type\":\"text/plain\",\"subscribers\":5,\"settings\":{\"overflow\":\"block\","
        "\"lag_events\":50,\"threshold\":0.800}}");
    task = make_of_stream(TASK_INFO, "chat/1"); // for HEAD: no room for a text
    buffer_init(&task->json, 0);
    answer = tasks_run(task);
    cr_expect_eq(answer->error, ERR_NONE);
    cr_expect_eq(answer->id, 10);
    cr_expect_eq(answer->content_type.length, 0);
    fake_log.awaited_place = 1;
    answer = tasks_run(make_of_stream(TASK_INFO, "chat/2"));
    cr_expect_eq(answer->error, ERR_STREAM_NOT_FOUND);
    cr_expect_eq(tasks_run(make_of_stream(TASK_INFO, "nowhere"))->error, ERR_STREAM_NOT_FOUND);
    fake_log.ended_place = 0;
    fake_log.ended = STREAM_CLOSED;
    answer = tasks_run(make_of_stream(TASK_INFO, "chat/1"));
    cr_expect_eq(answer->life, STREAM_CLOSED);
    cr_expect_not_null(strstr(json_of(answer), "\"state\":\"closed\""));
    cr_expect_eq(fake_log.count, 0);
}

static struct task *make_list(const char *prefix, uint32_t limit, uint64_t after)
{
    struct task *task = make_of_stream(TASK_LIST, "");
    task->prefix = slice_of(prefix);
    task->limit = limit;
    task->after = after;
    return task;
}

static unsigned count_names(const char *json)
{
    unsigned count = 0;
    for (const char *at = json; (at = strstr(at, "{\"name\":")) != NULL; at++) {
        count++;
    }
    return count;
}

static uint64_t next_of(const char *json)
{
    const char *next = strstr(json, "],\"next\":");
    return next == NULL ? 0 : strtoull(next + 9, NULL, 10);
}

Test(gateway_streams, lists_come_in_pages)
{
    fake_log.more_streams = 997;
    const char *json = json_of(tasks_run(make_list("chat/", 10, 0)));
    cr_expect_eq(count_names(json), 2, "%s", json);
    cr_expect_eq(next_of(json), 0, "%s", json);
    uint64_t after = 0;
    unsigned count = 0;
    do {
        json = json_of(tasks_run(make_list("", 300, after)));
        cr_expect_eq(json_validate(slice_of(json), NULL), JSON_OK);
        count += count_names(json);
        after = next_of(json);
    } while (after != 0);
    cr_expect_eq(count, 1000);
    cr_expect_str_eq(json_of(tasks_run(make_list("", 0, 0))), "{\"streams\":[]}");
    fake_log.ended = STREAM_DELETED;
    fake_log.awaited_place = 1;
    cr_expect_eq(count_names(json_of(tasks_run(make_list("chat/", 10, 0)))), 0);
}

Test(gateway_streams, lists_tell_what_may_be_read)
{
    const struct slice patterns[] = {SLICE_LITERAL("tools/**")};
    const struct grant_terms terms = {.read = {patterns, 1}};
    struct grant *grant = grant_create(&terms);
    struct task *task = make_list("", 100, 0);
    task->grant = grant;
    const char *json = json_of(tasks_run(task));
    cr_expect_eq(count_names(json), 1);
    cr_expect_not_null(strstr(json, "tools/"));
    fake_log.more_streams = 20000;
    task = make_list("", 2, 3);
    task->grant = grant;
    json = json_of(tasks_run(task));
    cr_expect_str_eq(json, "{\"streams\":[]}"); // it has looked at all
    grant_release(grant);
}

Test(gateway_streams, many_patterns_take_many_turns)
{
    enum { PATTERNS = 64 };
    struct slice patterns[PATTERNS];
    for (int i = 0; i < PATTERNS; i++) {
        patterns[i] = slice_of("**a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b");
    }
    const struct grant_terms terms = {.read = {patterns, PATTERNS}};
    struct grant *grant = grant_create(&terms);
    fake_log.more_streams = 1000;
    struct task *task = make_list("", 1000, 0);
    task->grant = grant;
    tasks_give(task);
    rig_round();
    tasks_collect();
    cr_expect_eq(tasks_answer_count, 0); // the round is others', too
    for (int i = 0; i < 10000 && tasks_answer_count == 0; i++) {
        rig_round();
        tasks_collect();
    }
    cr_assert_eq(tasks_answer_count, 1);
    cr_expect_str_eq(json_of(&tasks_answers[0]), "{\"streams\":[]}");
    grant_release(grant);
}

Test(gateway_streams, a_list_has_turns_and_an_end)
{
    fake_log.more_streams = 2 * STREAMS_JSON_LOOKS_MAX;
    tasks_give(make_list("none/", 100, 0));
    tasks_give(tasks_make_publish(1, "s", 0, 1));
    rig_round();
    tasks_collect();
    cr_assert_eq(tasks_answer_count, 1);
    cr_expect_eq(tasks_answers[0].worker, 1); // the list is not through
    tasks_settle();
    cr_assert_eq(tasks_answer_count, 2);
    cr_expect_str_eq(json_of(&tasks_answers[1]), "{\"streams\":[],\"next\":65536}");
    struct task *task = make_list("", 20000, 0);
    buffer_init(&task->json, 100 << 10);
    const struct task *answer = tasks_run(task);
    cr_expect_eq(answer->error, ERR_NONE);
    const char *json = json_of(answer); // it ends where it might have no room for one more
    cr_expect_eq(json_validate(slice_of(json), NULL), JSON_OK);
    cr_expect_lt(count_names(json), 20000);
    cr_expect_gt(count_names(json), 500);
    cr_expect_gt(next_of(json), 500);
}

Test(gateway_streams, long_lists_are_refused_where_memory_is_short)
{
    static struct pressure_board board = {.stage = PRESSURE_REFUSE};
    rig_end();
    rig_begin((struct ingest_options){.pressure = &board});
    const struct task *answer = tasks_run(make_list("", INGEST_LIST_UNDER_PRESSURE_MAX + 1, 0));
    cr_expect_eq(answer->error, ERR_OVERLOADED);
    cr_expect_eq(answer->retry_after_s, GATEWAY_RETRY_LATER_S);
    answer = tasks_run(make_list("", INGEST_LIST_UNDER_PRESSURE_MAX, 0));
    cr_expect_eq(answer->error, ERR_NONE);
    (void)json_of(answer);
}
