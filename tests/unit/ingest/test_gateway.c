// link: tests/unit/ingest/rig.c
// link: tests/unit/ingest/fake_log.c
// link: tests/unit/ingest/frames.c
// link: tests/unit/ingest/holding.c
// link: tests/unit/ingest/tasks.c
// Tasks of workers: what is published, sent and asked, under pressure and at the end.
#include "ingest/module.h"
#include "unit/ingest/tasks.h"

#include "base/prng.h"

#include <ringcast/protocol.h>

#include <criterion/criterion.h>
#include <string.h>

enum { WAIT_MS = 10 * 1000 };

TestSuite(gateway, .init = holding_begin, .fini = holding_end, .timeout = 60);

// ---- what is asked for -------------------------------------------------------------------------

Test(gateway, publishes_at_each_level)
{
    for (enum ack_level level = ACK_RECEIVED; level <= ACK_SYNCED; level++) {
        struct task *task = tasks_make_publish(1, "s", 0, 1);
        task->level = level;
        const struct task *answer = tasks_run(task);
        cr_expect_eq(answer->error, ERR_NONE);
        cr_expect_eq(answer->accepted, 1);
        cr_expect_eq(answer->id, level == ACK_RECEIVED ? 0 : 1000 + (uint64_t)level);
        cr_expect_eq(answer->sequence, level == ACK_RECEIVED ? 0 : 1 + (uint64_t)level);
        cr_expect_eq(fake_log.records[level].level, level);
        cr_expect_eq(fake_log.records[level].producer, GATEWAY_PRODUCER);
    }
    cr_expect_eq(tasks_status().requests, 3);
    cr_expect_eq(tasks_status().events, 3);
    cr_expect_eq(tasks_status().tasks, 0);
}

Test(gateway, an_ephemeral_event_has_no_id)
{
    struct task *task = tasks_make_publish(0, "s", 0, 2);
    tasks_events[0].ephemeral = true;
    const struct task *answer = tasks_run(task);
    cr_expect_eq(answer->accepted, 2);
    cr_expect_eq(fake_log.records[0].level, ACK_RECEIVED);
    cr_expect_eq(answer->id, 1001);
    fake_log.full_permille = 900;
    task = tasks_make_publish(0, "s", 0, 1);
    tasks_events[0].ephemeral = true;
    cr_expect_eq(tasks_run(task)->error, ERR_NONE); // it needs no room
}

Test(gateway, a_batch_is_answered_with_its_last_acknowledgement)
{
    fake_log.holds = true;
    tasks_give(tasks_make_publish(0, "s", 0, 5));
    tasks_expect_nothing();
    cr_expect_eq(fake_log.count, 5);
    cr_expect_eq(tasks_status().tasks, 1);
    fake_log_acknowledge_all();
    const struct task *answer = tasks_expect_one();
    cr_expect_eq(answer->accepted, 5);
    cr_expect_eq(answer->id, 1004);
    cr_expect_eq(answer->sequence, 5);
}

Test(gateway, acknowledgements_may_come_from_inside_the_append)
{
    fake_log.answers_at_once = true;
    cr_expect_eq(tasks_run(tasks_make_publish(0, "s", 0, 5))->accepted, 5);
}

Test(gateway, repeats_are_told_apart)
{
    for (int repeat = 0; repeat < 2; repeat++) {
        struct task *task = tasks_make_publish(0, "s", 0, 3);
        for (uint64_t i = 0; i < 3; i++) {
            tasks_events[i].producer_id = 7;
            tasks_events[i].producer_sequence = 1 + i;
        }
        const struct task *answer = tasks_run(task);
        cr_expect_eq(answer->accepted, repeat == 0 ? 3 : 0);
        cr_expect_eq(answer->duplicates, repeat == 0 ? 0 : 3);
        cr_expect_eq(answer->id, 1002);
        cr_expect_eq(answer->sequence, 3);
        // What the log has already needs no room.
        fake_log.full_permille = 1000;
        fake_log_press("s", LOG_PRESSURE_FULL);
    }
    cr_expect_eq(tasks_status().refused, 0);
}

Test(gateway, a_round_gives_each_worker_one_chain_in_order)
{
    struct task *chains[RIG_WORKERS] = {0};
    for (int i = 199; i >= 0; i--) {
        unsigned worker = (unsigned)i % RIG_WORKERS;
        struct task *task = tasks_make_publish(worker, "s", i, 1);
        task->next = chains[worker];
        chains[worker] = task;
    }
    tasks_give(chains[1]);
    tasks_give(chains[0]);
    tasks_settle();
    cr_expect_eq(rig.chain_count, 2);
    cr_assert_eq(tasks_answer_count, 200);
    for (int i = 1; i < 200; i++) {
        cr_expect(tasks_answers[i].id > tasks_answers[i - 1].id ||
                  tasks_answers[i].worker != tasks_answers[i - 1].worker);
    }
}

Test(gateway, an_error_stops_a_batch_at_its_index)
{
    fake_log.refuse_at = 2;
    fake_log.holds = true;
    tasks_give(tasks_make_publish(0, "s", 0, 5));
    tasks_expect_nothing(); // what was taken is acknowledged first
    fake_log_acknowledge_all();
    const struct task *answer = tasks_expect_one();
    cr_expect_eq(answer->error, ERR_STALE_EPOCH);
    cr_expect_eq(answer->taken, 2);
    cr_expect_eq(answer->accepted, 2);
    cr_expect_eq(answer->id, 1001);
    cr_expect_eq(answer->retry_after_s, 0);
    cr_expect_eq(fake_log.count, 2);
    cr_expect_eq(tasks_status().errors, 1);
}

Test(gateway, a_broken_log_is_told_of)
{
    fake_log.refusal = ERR_LOG_ERROR;
    const struct task *answer = tasks_run(tasks_make_publish(0, "s", 0, 1));
    cr_expect_eq(answer->error, ERR_LOG_ERROR);
    cr_expect_eq(answer->retry_after_s, GATEWAY_RETRY_LATER_S);
    fake_log.full_permille = 1000; // which is not what is wrong
    cr_expect_eq(tasks_run(tasks_make_publish(0, "s", 0, 1))->error, ERR_LOG_ERROR);
    fake_log.refusal = ERR_NONE;
    fake_log.full_permille = 0;
    fake_log.failure = ERR_LOG_ERROR;
    answer = tasks_run(tasks_make_publish(0, "s", 0, 2));
    cr_expect_eq(answer->error, ERR_LOG_ERROR);
    cr_expect_eq(answer->accepted, 0);
}

// ---- pressure ----------------------------------------------------------------------------------

Test(gateway, nobody_waits_before_anything_is_taken)
{
    fake_log.full_permille = INGEST_FULL_HIGH - 1;
    cr_expect_eq(tasks_run(tasks_make_publish(0, "s", 0, 3))->error, ERR_NONE);
    fake_log.full_permille = INGEST_FULL_HIGH;
    const struct task *answer = tasks_run(tasks_make_publish(0, "s", 0, 3));
    cr_expect_eq(answer->error, ERR_BACKPRESSURE_EXCEEDED);
    cr_expect_eq(answer->retry_after_s, GATEWAY_RETRY_S);
    cr_expect_eq(answer->accepted, 0);
    cr_expect_neq(answer->detail[0], 0);
    fake_log.full_permille = 0;
    fake_log_press("s", LOG_PRESSURE_SLOW);
    cr_expect_eq(tasks_run(tasks_make_publish(0, "s", 0, 3))->error, ERR_BACKPRESSURE_EXCEEDED);
    cr_expect_eq(tasks_run(tasks_make_publish(0, "other", 0, 3))->error, ERR_NONE);
    fake_log_press("s", LOG_PRESSURE_NONE);
    cr_expect_eq(tasks_run(tasks_make_publish(0, "s", 0, 3))->error, ERR_NONE);
    cr_expect_eq(tasks_status().refused, 2);
    cr_expect_eq(tasks_status().waits, 0);
}

// Writes are under way, as many as may be, or the next segment is not there yet.
Test(gateway, but_for_a_moment_they_do)
{
    fake_log.room = 0;
    tasks_give(tasks_make_publish(0, "s", 0, 3));
    tasks_pass(1000);
    cr_expect_eq(tasks_answer_count, 0);
    cr_expect_eq(tasks_status().waiting, 1);
    fake_log_make_room(100);
    cr_expect_eq(tasks_expect_one()->accepted, 3);
    fake_log.room = 0;
    tasks_give(tasks_make_publish(0, "s", 0, 3));
    tasks_pass(WAIT_MS + 1000);
    cr_assert_eq(tasks_answer_count, 2);
    cr_expect_eq(tasks_answers[1].error, ERR_BACKPRESSURE_EXCEEDED);
    cr_expect_eq(tasks_answers[1].accepted, 0);
    cr_expect_eq(tasks_status().refused, 0);
}

Test(gateway, what_producers_hold_comes_first)
{
    struct rig_client *client = holding_connect(1);
    holding_press("s", LOG_PRESSURE_FULL);
    frames_publish(&holding_out, 1, RC_LEVEL_WRITTEN, 0, "s", "held");
    holding_send(client);
    fake_log.room = 0;
    holding_press("s", LOG_PRESSURE_NONE);
    cr_expect_eq(tasks_run(tasks_make_publish(0, "s", 0, 1))->error, ERR_BACKPRESSURE_EXCEEDED);
    fake_log_make_room(100);
    rig_settle();
    cr_expect_eq(tasks_run(tasks_make_publish(0, "s", 0, 1))->error, ERR_NONE);
    cr_expect_str_eq(fake_log.records[0].data, "held");
}

Test(gateway, a_batch_waits_where_the_log_is_full_midway)
{
    fake_log.room = 3;
    tasks_give(tasks_make_publish(0, "s", 0, 5));
    tasks_pass(WAIT_MS - 1000);
    cr_expect_eq(tasks_answer_count, 0);
    cr_expect_eq(fake_log.count, 3);
    cr_expect_eq(tasks_status().waiting, 1);
    fake_log_make_room(1);
    tasks_pass(100);
    cr_expect_eq(fake_log.count, 4);
    fake_log_make_room(1);
    const struct task *answer = tasks_expect_one();
    cr_expect_eq(answer->error, ERR_NONE);
    cr_expect_eq(answer->accepted, 5);
    cr_expect_eq(tasks_status().waiting, 0);
    cr_expect_eq(tasks_status().waits, 1);
    cr_expect_eq(tasks_status().timeouts, 0);
}

Test(gateway, but_not_for_ever)
{
    fake_log.room = 3;
    fake_log.holds = true;
    tasks_give(tasks_make_publish(0, "s", 0, 5));
    tasks_pass(WAIT_MS + 1000);
    cr_expect_eq(tasks_status().timeouts, 1);
    cr_expect_eq(tasks_status().waiting, 0);
    // Its acknowledgements carry its address: it goes back behind the last.
    cr_expect_eq(tasks_answer_count, 0);
    fake_log_acknowledge_all();
    const struct task *answer = tasks_expect_one();
    cr_expect_eq(answer->error, ERR_BACKPRESSURE_EXCEEDED);
    cr_expect_eq(answer->retry_after_s, GATEWAY_RETRY_S);
    cr_expect_eq(answer->accepted, 3);
    cr_expect_eq(answer->taken, 3);
    cr_expect_eq(answer->id, 1002);
}

Test(gateway, not_too_many_wait_of_one_worker)
{
    fake_log.room = 0;
    for (int i = 0; i < GATEWAY_WAITING_MAX; i++) {
        tasks_give(tasks_make_publish(0, "s", i, 1));
    }
    tasks_pass(1000); // each of them looks at the clock now and then
    cr_expect_eq(tasks_answer_count, 0);
    cr_expect_eq(tasks_status().waiting, GATEWAY_WAITING_MAX);
    cr_expect_eq(tasks_run(tasks_make_publish(0, "s", GATEWAY_WAITING_MAX, 1))->error,
                 ERR_BACKPRESSURE_EXCEEDED);
    tasks_give(tasks_make_publish(1, "s", GATEWAY_WAITING_MAX + 1, 1));
    tasks_expect_nothing();
    fake_log_make_room(UINT32_MAX);
    tasks_settle();
    cr_assert_eq(tasks_answer_count, GATEWAY_WAITING_MAX + 2);
    for (int i = 1; i < tasks_answer_count; i++) {
        cr_expect_eq(tasks_answers[i].error, ERR_NONE);
    }
}

Test(gateway, a_batch_waits_where_its_stream_is_pressed_midway)
{
    fake_log.press_at = 2;
    tasks_give(tasks_make_publish(0, "s", 0, 5));
    tasks_pass(HOLDING_WAIT_MS - 1000);
    cr_expect_eq(tasks_answer_count, 0);
    cr_expect_eq(fake_log.count, 2);
    cr_expect_eq(tasks_run(tasks_make_publish(1, "other", 10, 1))->error, ERR_NONE);
    fake_log_press("s", LOG_PRESSURE_SLOW);
    cr_expect_eq(tasks_expect_one()->accepted, 5);
    // The stream says how long.
    fake_log_press("s", LOG_PRESSURE_NONE);
    tasks_settle();
    fake_log.press_at = fake_log.count + 2;
    tasks_give(tasks_make_publish(0, "s", 0, 5));
    tasks_pass(HOLDING_WAIT_MS + 1000);
    const struct task *answer = &tasks_answers[tasks_answer_count - 1];
    cr_expect_eq(answer->error, ERR_BACKPRESSURE_EXCEEDED);
    cr_expect_eq(answer->accepted, 2);
}

// ---- shares ------------------------------------------------------------------------------------

Test(gateway, a_large_batch_holds_nobody_up)
{
    static char large[1001];
    memset(large, 'x', sizeof large - 1);
    struct task *task = tasks_make_publish(0, "large", 0, 10000);
    for (int i = 0; i < 10000; i++) {
        tasks_events[i].data = slice_of(large);
    }
    tasks_give(task);
    tasks_give(tasks_make_publish(1, "small", 10000, 1));
    rig_round();
    rig_round();
    tasks_collect();
    cr_assert_eq(tasks_answer_count, 1);
    cr_expect_eq(tasks_answers[0].worker, 1);
    cr_expect_lt(fake_log.count, 2000); // two rounds' share
    struct rig_client *client = rig_connect();
    rig_write_text(client, "{\"stream\":\"p\",\"data\":1}\n");
    for (int i = 0; i < 4; i++) {
        rig_round();
    }
    rig_read(client);
    cr_expect_gt(buffer_length(&client->in), 0);
    cr_expect_lt(fake_log.count, 10000);
    tasks_settle();
    cr_assert_eq(tasks_answer_count, 2);
    cr_expect_eq(tasks_answers[1].accepted, 10000);
}

Test(gateway, room_is_shared_with_the_producers)
{
    fake_log.room = 1;
    tasks_give(tasks_make_publish(0, "t", 0, 20)); // has begun: it waits
    tasks_settle();
    struct rig_client *client = rig_connect();
    for (int i = 0; i < 20; i++) {
        rig_write_text(client, "{\"stream\":\"p\",\"data\":1}\n");
    }
    tasks_settle();
    for (int i = 0; i < 20; i++) {
        fake_log_make_room(1);
        rig_round();
        rig_round();
    }
    uint32_t of_tasks = 0;
    for (uint32_t i = 0; i < fake_log.count; i++) {
        of_tasks += fake_log.records[i].producer == GATEWAY_PRODUCER;
    }
    cr_expect_geq(of_tasks, 5, "%u", of_tasks);
    cr_expect_geq(fake_log.count - of_tasks, 5);
    fake_log_make_room(UINT32_MAX);
    tasks_settle();
}

Test(gateway, a_full_inbox_is_tried_again)
{
    rig.inboxes_full = true;
    tasks_give(tasks_make_publish(0, "s", 0, 1));
    tasks_expect_nothing();
    tasks_give(tasks_make_publish(0, "s", 1, 1));
    tasks_give(tasks_make_publish(1, "s", 2, 1));
    tasks_expect_nothing();
    ingest_stop(rig.ingest);
    tasks_settle();
    cr_expect_not(ingest_is_idle(rig.ingest));
    rig.inboxes_full = false;
    tasks_pass(100);                  // by itself
    cr_expect_eq(rig.chain_count, 2); // those of one worker as one
    cr_expect_eq(tasks_answer_count, 3);
    cr_expect(ingest_is_idle(rig.ingest));
}

// ---- asking the workers ------------------------------------------------------------------------

Test(gateway, reach_is_asked_for_when_all_is_acknowledged)
{
    rig.reached[0] = 3;
    rig.reached[1] = 4;
    fake_log.holds = true;
    struct task *task = tasks_make_publish(0, "chat/1", 0, 2);
    task->wants_reach = true;
    tasks_give(task);
    tasks_expect_nothing();
    cr_expect_eq(rig.asked_count, 0);
    fake_log_acknowledge_all();
    const struct task *answer = tasks_expect_one();
    cr_expect_eq(answer->reached, 7);
    cr_expect_eq(answer->accepted, 2);
    cr_expect_eq(rig.asked_count, 2);
    fake_log.refusal = ERR_LOG_ERROR;
    task = tasks_make_publish(0, "chat/1", 0, 2);
    task->wants_reach = true;
    cr_expect_eq(tasks_run(task)->error, ERR_LOG_ERROR);
    cr_expect_eq(rig.asked_count, 2); // nobody was reached
}

Test(gateway, to_one_connection_and_to_all)
{
    rig.workers_hold = true;
    rig.reached[1] = 1;
    struct task *task = tasks_make(TASK_SEND, 0, "");
    task->connection_id = 255;
    task->events = tasks_event(0, "", "a\nb");
    task->event_count = 1;
    tasks_give(task);
    tasks_expect_nothing();
    cr_assert_eq(rig.asked_count, 2);
    const struct admin_request *asked = rig.asked[1].pointer;
    cr_expect_eq(asked->operation, ADMIN_SEND);
    cr_expect_eq(asked->connection_id, 255);
    cr_expect(slice_equal_text(asked->frame, "data: a\ndata: b\n\n"));
    rig.workers_hold = false;
    cr_expect_eq(tasks_expect_one()->reached, 1);
    rig.reached[1] = 0;
    task = tasks_make(TASK_SEND, 0, "");
    task->connection_id = 255;
    task->events = &tasks_events[0];
    task->event_count = 1;
    cr_expect_eq(tasks_run(task)->error, ERR_CONNECTION_NOT_FOUND);
    rig.reached[0] = rig.reached[1] = 50;
    task = tasks_make(TASK_BROADCAST, 0, "");
    task->events = &tasks_events[0];
    task->event_count = 1;
    cr_expect_eq(tasks_run(task)->reached, 100);
    task = tasks_make(TASK_BROADCAST, 0, "");
    tasks_events[0].type = slice_of("a\nb");
    task->events = &tasks_events[0];
    task->event_count = 1;
    const struct task *answer = tasks_run(task);
    cr_expect_eq(answer->error, ERR_INVALID_PARAMETER);
    cr_expect_neq(answer->detail[0], 0);
    cr_expect_eq(fake_log.count, 0);
}

Test(gateway, a_fresh_token_for_a_connection)
{
    struct grant *grant = (struct grant *)(uintptr_t)64; // nobody looks into it
    rig.workers_hold = true;
    struct task *task = tasks_make(TASK_RENEW, 0, "");
    task->connection_id = 255;
    task->grant = grant;
    tasks_give(task);
    tasks_expect_nothing();
    const struct admin_request *asked = rig.asked[0].pointer;
    cr_expect_eq(asked->operation, ADMIN_RENEW);
    cr_expect_eq(asked->connection_id, 255);
    cr_expect_eq(asked->grant, grant);
    rig.workers_hold = false;
    cr_expect_eq(tasks_expect_one()->error, ERR_CONNECTION_NOT_FOUND);
    rig.reached[0] = 1;
    rig.errors[0] = ERR_FORBIDDEN;
    task = tasks_make(TASK_RENEW, 0, "");
    task->grant = grant;
    const struct task *refused = tasks_run(task);
    cr_expect_eq(refused->error, ERR_FORBIDDEN);
    cr_expect_not_null(strstr(refused->detail, "subject (sub)"), "%s", refused->detail);
    rig.errors[0] = ERR_NONE;
    task = tasks_make(TASK_RENEW, 0, "");
    task->grant = grant;
    cr_expect_eq(tasks_run(task)->error, ERR_NONE);
}

Test(gateway, more_questions_than_may_be_under_way_wait)
{
    enum { QUESTIONS = ASKER_OPERATIONS_MAX + 10 };
    rig.workers_hold = true;
    for (int i = 0; i < QUESTIONS; i++) {
        struct task *task = tasks_make_publish(0, "s", i, 1);
        task->wants_reach = true;
        tasks_give(task);
    }
    tasks_expect_nothing();
    cr_expect_eq(rig.asked_count, RIG_WORKERS * ASKER_OPERATIONS_MAX);
    // Producers have a share of their own.
    struct rig_client *client = rig_connect();
    rig_write_text(client, "{\"op\":\"broadcast\",\"data\":1}\n");
    rig_settle();
    cr_expect_eq(rig.asked_count, RIG_WORKERS * (ASKER_OPERATIONS_MAX + 1));
    rig.workers_hold = false;
    tasks_settle();
    cr_expect_eq(tasks_answer_count, QUESTIONS);
}

// ---- the end -----------------------------------------------------------------------------------

Test(gateway, at_the_end_those_that_wait_are_told)
{
    fake_log.room = 3;
    fake_log.holds = true;
    tasks_give(tasks_make_publish(0, "s", 0, 5)); // waits for room
    tasks_settle();
    ingest_stop(rig.ingest);
    tasks_give(tasks_make_publish(1, "s", 10, 1)); // comes too late
    tasks_settle();
    cr_assert_eq(tasks_answer_count, 1);
    cr_expect_eq(tasks_answers[0].error, ERR_SHUTTING_DOWN);
    cr_expect_eq(tasks_answers[0].retry_after_s, GATEWAY_RETRY_LATER_S);
    cr_expect_not(ingest_is_idle(rig.ingest));
    fake_log_acknowledge_all();
    const struct task *answer = tasks_expect_one();
    cr_expect_eq(answer->error, ERR_SHUTTING_DOWN);
    cr_expect_eq(answer->accepted, 3);
    cr_expect(ingest_is_idle(rig.ingest));
}

// Each task comes back once, whatever happens; its memory is given back at once.
Test(gateway, every_task_comes_back_once)
{
    static const char *const streams[] = {"a", "b", "c"};
    struct prng prng;
    prng_seed(&prng, 7);
    int given = 0;
    for (int round = 0; round < 3000; round++) {
        struct task *chain = NULL;
        unsigned worker = (unsigned)prng_below(&prng, RIG_WORKERS);
        for (uint64_t i = prng_below(&prng, 4); i > 0; i--) {
            int count = (int)prng_below(&prng, 6);
            // Slots of events are used again long after their task is answered.
            struct task *task = tasks_make_publish(worker, streams[prng_below(&prng, 3)],
                                                   given * 6 % (TASKS_EVENTS_MAX - 6), count);
            task->level = (enum ack_level)prng_below(&prng, 3);
            task->wants_reach = prng_below(&prng, 4) == 0;
            task->next = chain;
            chain = task;
            given++;
        }
        if (chain != NULL) {
            tasks_give(chain);
        }
        fake_log.holds = prng_below(&prng, 2) == 0;
        fake_log.answers_at_once = prng_below(&prng, 4) == 0;
        fake_log.full_permille = prng_below(&prng, 4) == 0 ? 900 : 0;
        rig.workers_hold = prng_below(&prng, 4) == 0;
        rig.inboxes_full = prng_below(&prng, 4) == 0;
        if (prng_below(&prng, 3) == 0) {
            fake_log_make_room((uint32_t)prng_below(&prng, 20));
        }
        if (prng_below(&prng, 3) == 0) {
            fake_log_press(streams[prng_below(&prng, 3)],
                           (enum log_pressure_stage)prng_below(&prng, 3));
        }
        rig_round();
        tasks_collect();
        rig.chain_count = tasks_looked_count = 0;
        if (rig.answered_count == rig.asked_count) {
            rig.answered_count = rig.asked_count = 0;
        }
        holding_now_ms += prng_below(&prng, 50);
    }
    fake_log.holds = rig.workers_hold = rig.inboxes_full = false;
    fake_log.full_permille = 0;
    for (size_t i = 0; i < 3; i++) {
        fake_log_press(streams[i], LOG_PRESSURE_NONE);
    }
    fake_log_make_room(UINT32_MAX);
    tasks_settle();
    cr_expect_eq(tasks_answer_count, given);
    struct gateway_status status = tasks_status();
    cr_expect_eq(status.tasks, 0);
    cr_expect_eq(status.waiting, 0);
    cr_expect_gt(status.waits, 0);
    cr_expect_gt(status.refused, 0);
}
