// seam: src/log/disk.c
// seam: src/log/disk_quick.c
// link: tests/unit/log/sim_disk.c
// link: tests/unit/log/sim_files.c
// link: tests/unit/log/harness.c
//
// How streams are made and end, through the whole log, also across restarts.
#include "log/log.h"

#include "harness.h"

#include <criterion/criterion.h>
#include <stdio.h>

static void set_up(void)
{
    harness_begin(1);
}

TestSuite(life, .init = set_up, .fini = harness_end, .timeout = 60);

static enum rc_error publish(const char *stream, const char *data)
{
    struct event event = {
        .stream = slice_of(stream), .data = slice_of(data), .priority = PRIORITY_NORMAL};
    enum rc_error error = ERR_NONE;
    while (log_append(harness.log, &event, ACK_WRITTEN, 1, 100, &error) == LOG_APPEND_FULL) {
        harness_round();
    }
    return error;
}

static enum rc_error end_at(const char *stream, enum stream_life life, enum ack_level level,
                            uint64_t reference)
{
    enum rc_error error = ERR_NONE;
    cr_assert_neq(log_end_stream(harness.log, slice_of(stream), life, level, 1, reference, &error),
                  LOG_APPEND_FULL);
    return error;
}

static enum rc_error end(const char *stream, enum stream_life life)
{
    return end_at(stream, life, ACK_WRITTEN, 200);
}

static enum rc_error set(const char *stream, const struct stream_settings *settings,
                         const char *content_type)
{
    enum rc_error error = ERR_NONE;
    while (log_set_stream(harness.log, slice_of(stream), settings, slice_of(content_type),
                          ACK_WRITTEN, 1, 300, &error) == LOG_APPEND_FULL) {
        harness_round();
    }
    return error;
}

static const struct stream_settings nothing;

static struct log_stream_info find(const char *stream)
{
    struct log_stream_info info;
    cr_assert(log_find_stream(harness.log, slice_of(stream), &info), "%s", stream);
    return info;
}

static enum stream_life life_of(const char *stream)
{
    return find(stream).state.life;
}

static bool is_known(const char *stream)
{
    struct log_stream_info info;
    return log_find_stream(harness.log, slice_of(stream), &info);
}

static uint32_t events_kept(const char *stream)
{
    struct log_lookup lookup = harness_lookup(3, find(stream).state.number, LOG_FROM_ID, 0);
    uint32_t count = 0;
    for (uint32_t i = 0; i < lookup.run_count; i++) {
        for (uint64_t id = lookup.runs[i].first_id; id <= lookup.runs[i].last_id; id++) {
            count += id > lookup.start_id;
        }
    }
    return count;
}

Test(life, an_ended_stream_takes_no_more)
{
    for (enum stream_life life = STREAM_CLOSED; life <= STREAM_CANCELLED; life++) {
        const char *name = life == STREAM_CLOSED ? "closed" : "cancelled";
        enum stream_life other = life == STREAM_CLOSED ? STREAM_CANCELLED : STREAM_CLOSED;
        struct event transient = {
            .stream = slice_of(name), .data = slice_of("x"), .ephemeral = true};
        enum rc_error error;
        cr_assert_eq(publish(name, "one"), ERR_NONE);
        cr_assert_eq(end(name, life), ERR_NONE);
        // At once, and when it is written.
        for (int i = 0; i < 2; i++) {
            cr_expect_eq(publish(name, "two"), ERR_STREAM_CLOSED);
            cr_expect_eq(log_append(harness.log, &transient, ACK_WRITTEN, 1, 1, &error),
                         LOG_APPEND_REFUSED);
            cr_expect_eq(error, ERR_STREAM_CLOSED);
            cr_expect_eq(set(name, &nothing, "text/plain"), ERR_STREAM_CLOSED);
            cr_expect_eq(end(name, other), ERR_STREAM_CLOSED);
            harness_settle();
        }
        cr_expect_eq(life_of(name), life);
        cr_expect_eq(find(name).state.last_sequence, 1);
        cr_expect_eq(events_kept(name), 1);
    }
}

Test(life, what_is_not_there_cannot_end)
{
    (void)harness_subscribe(0, "awaited", NULL);
    cr_expect(find("awaited").is_awaited);
    for (enum stream_life life = STREAM_CLOSED; life < STREAM_LIVES; life++) {
        cr_expect_eq(end("nowhere", life), ERR_STREAM_NOT_FOUND);
        cr_expect_eq(end("awaited", life), ERR_STREAM_NOT_FOUND);
    }
    cr_expect_not(is_known("nowhere"));
    cr_expect_not(find("awaited").is_there);
    cr_assert_eq(set("awaited", &nothing, ""), ERR_NONE);
    cr_expect_not(find("awaited").is_awaited);
    cr_expect(find("awaited").is_there);
    // At once, though readers are told later.
    harness_settle();
    cr_assert_eq(end("awaited", STREAM_DELETED), ERR_NONE);
    cr_expect_not(find("awaited").is_there);
    cr_expect_eq(life_of("awaited"), STREAM_OPEN);
    cr_assert_eq(publish("awaited", "one"), ERR_NONE);
    cr_expect(find("awaited").is_there);
    cr_expect_eq(end("awaited", STREAM_CLOSED), ERR_NONE);
}

Test(life, the_same_end_again_is_a_repeat)
{
    cr_assert_eq(publish("s", "one"), ERR_NONE);
    cr_assert_eq(end_at("s", STREAM_CLOSED, ACK_SYNCED, 1), ERR_NONE);
    cr_assert_eq(end_at("s", STREAM_CLOSED, ACK_WRITTEN, 2), ERR_NONE);
    cr_expect_null(harness_ack(2), "not before the first is written");
    harness_settle();
    harness_wait(2000);
    cr_assert_not_null(harness_ack(1));
    cr_expect_not(harness_ack(1)->duplicate);
    cr_expect_eq(harness_ack(1)->id, 2);
    cr_assert_not_null(harness_ack(2));
    cr_expect(harness_ack(2)->duplicate);
    cr_expect_eq(harness.log->writer.handed.id, 2, "nothing was written for it");
    cr_assert_eq(end_at("s", STREAM_CLOSED, ACK_RECEIVED, 3), ERR_NONE);
    harness_settle();
    cr_expect_null(harness_ack(3));
}

Test(life, repeats_of_a_producer_are_taken_after_the_end)
{
    struct event event = {.stream = slice_of("s"),
                          .data = slice_of("x"),
                          .producer_id = 7,
                          .producer_epoch = 1,
                          .producer_sequence = 5};
    enum rc_error error;
    cr_assert_eq(log_append(harness.log, &event, ACK_WRITTEN, 1, 1, &error), LOG_APPEND_TAKEN);
    cr_assert_eq(end("s", STREAM_CLOSED), ERR_NONE);
    cr_assert_eq(log_append(harness.log, &event, ACK_WRITTEN, 1, 2, &error), LOG_APPEND_TAKEN);
    harness_settle();
    cr_assert_not_null(harness_ack(2));
    cr_expect(harness_ack(2)->duplicate);
    cr_expect_eq(harness_ack(2)->id, 1);
    event.producer_sequence = 6;
    cr_assert_eq(log_append(harness.log, &event, ACK_WRITTEN, 1, 3, &error), LOG_APPEND_REFUSED);
    cr_expect_eq(error, ERR_STREAM_CLOSED);
}

static const struct stream_settings kept = {
    .parts = SETTINGS_RETENTION | SETTINGS_FLOW | SETTINGS_OWNER,
    .retention_count = 500,
    .flow = {.overflow = OVERFLOW_DROP_NEWEST, .lag_events = 50},
    .owner = 77};

static void expect_settings(const char *stream, bool are_there)
{
    struct log_stream_info info = find(stream);
    cr_expect_eq(info.settings.retention_count, are_there ? 500 : 0);
    cr_expect_eq(info.settings.flow.lag_events, are_there ? 50 : 0);
    cr_expect_eq(info.settings.owner, are_there ? 77 : 0);
    cr_expect(slice_equal_text(info.content_type, are_there ? "text/plain" : ""));
}

// settles: each step is written before the next; otherwise all stand in one block.
static void delete_and_make_anew(bool settles)
{
    void (*const step)(void) = settles ? harness_settle : harness_round;
    cr_assert_eq(set("s", &kept, "text/plain"), ERR_NONE);
    cr_assert_eq(publish("s", "one"), ERR_NONE);
    cr_assert_eq(publish("s", "two"), ERR_NONE);
    step();
    cr_assert_eq(end("s", STREAM_CANCELLED), ERR_NONE);
    cr_assert_eq(end("s", STREAM_DELETED), ERR_NONE);
    cr_expect_eq(end("s", STREAM_CLOSED), ERR_STREAM_NOT_FOUND);
    enum rc_error error;
    cr_expect_eq(log_discard_stream(harness.log, slice_of("s"), ACK_WRITTEN, 1, 1, &error),
                 LOG_APPEND_REFUSED);
    cr_expect_eq(error, ERR_STREAM_NOT_FOUND);
    step();
    if (settles) {
        cr_expect_eq(life_of("s"), STREAM_DELETED);
        cr_expect_eq(events_kept("s"), 0);
        expect_settings("s", false);
    }
    cr_assert_eq(publish("s", "three"), ERR_NONE);
    harness_settle();
    for (int i = 0; i < 3; i++) {
        cr_expect_eq(life_of("s"), STREAM_OPEN);
        cr_expect_eq(find("s").state.last_sequence, 3);
        cr_expect_eq(events_kept("s"), 1);
        expect_settings("s", false);
        if (i == 0) {
            harness_kill();
        } else {
            harness_close();
        }
        cr_assert(harness_open(), "%s", harness.message);
    }
    cr_expect_eq(end("s", STREAM_CLOSED), ERR_NONE);
}

Test(life, a_deleted_stream_is_made_anew_by_the_next_event)
{
    delete_and_make_anew(true);
}

Test(life, a_deleted_stream_is_made_anew_by_the_next_event_of_the_same_block)
{
    delete_and_make_anew(false);
}

Test(life, a_deleted_stream_is_made_anew_by_settings)
{
    cr_assert_eq(publish("s", "one"), ERR_NONE);
    cr_assert_eq(end("s", STREAM_DELETED), ERR_NONE);
    harness_settle();
    cr_expect_eq(life_of("s"), STREAM_DELETED);
    cr_assert_eq(set("s", &kept, "text/plain"), ERR_NONE);
    cr_assert_eq(set("s", &(struct stream_settings){.parts = SETTINGS_OWNER, .owner = 88}, ""),
                 ERR_NONE);
    harness_settle();
    for (int i = 0; i < 3; i++) {
        cr_expect_eq(life_of("s"), STREAM_OPEN);
        expect_settings("s", true); // whoever made it stays its owner
        if (i == 0) {
            harness_kill();
        } else {
            harness_close();
        }
        cr_assert(harness_open(), "%s", harness.message);
    }
}

// By the records, by the checkpoint that a start writes, by that of a clean end.
Test(life, stays_through_restarts)
{
    static const char *const names[STREAM_LIVES] = {"open", "closed", "cancelled", "deleted"};
    for (int i = STREAM_OPEN; i < STREAM_LIVES; i++) {
        cr_assert_eq(set(names[i], &kept, "text/plain"), ERR_NONE);
        cr_assert_eq(publish(names[i], "one"), ERR_NONE);
    }
    cr_assert_eq(set("empty", &nothing, ""), ERR_NONE);
    cr_assert_eq(set("empty/closed", &nothing, ""), ERR_NONE);
    for (int i = STREAM_CLOSED; i < STREAM_LIVES; i++) {
        cr_assert_eq(end(names[i], (enum stream_life)i), ERR_NONE);
    }
    cr_assert_eq(end("empty/closed", STREAM_CLOSED), ERR_NONE);
    harness_settle();
    for (int start = 0; start < 5; start++) {
        for (int i = STREAM_OPEN; i < STREAM_LIVES; i++) {
            cr_expect_eq(life_of(names[i]), (enum stream_life)i, "%s, start %d", names[i], start);
            cr_expect_eq(events_kept(names[i]), i == STREAM_DELETED ? 0 : 1);
            expect_settings(names[i], i != STREAM_DELETED);
        }
        cr_expect_not(find("empty").is_awaited);
        cr_expect_eq(life_of("empty/closed"), STREAM_CLOSED);
        cr_expect_eq(publish("closed", "x"), ERR_STREAM_CLOSED);
        cr_expect_eq(publish("cancelled", "x"), ERR_STREAM_CLOSED);
        switch (start) {
        case 0:
        case 3: harness_kill(); break;
        case 1: harness_power_cut(); break;
        default: harness_close(); break;
        }
        cr_assert(harness_open(), "%s", harness.message);
    }
}

Test(life, an_end_is_as_durable_as_was_said)
{
    cr_assert_eq(publish("written", "one"), ERR_NONE);
    cr_assert_eq(publish("synced", "one"), ERR_NONE);
    harness_settle();
    cr_assert_eq(end_at("written", STREAM_CLOSED, ACK_WRITTEN, 1), ERR_NONE);
    while (harness_ack(1) == NULL) {
        harness_round();
    }
    harness_kill();
    cr_assert(harness_open(), "%s", harness.message);
    cr_expect_eq(life_of("written"), STREAM_CLOSED);
    cr_assert_eq(end_at("synced", STREAM_CANCELLED, ACK_SYNCED, 2), ERR_NONE);
    while (harness_ack(2) == NULL) {
        harness.now_ms += 10;
        harness_round();
    }
    harness_power_cut();
    cr_assert(harness_open(), "%s", harness.message);
    cr_expect_eq(life_of("written"), STREAM_CLOSED);
    cr_expect_eq(life_of("synced"), STREAM_CANCELLED);
}

// The segments with the records go; the checkpoint knows.
Test(life, stays_when_its_segments_go)
{
    harness_end();
    harness_prepare(1);
    harness.options.retention_bytes = 200 << 10;
    cr_assert(harness_open());
    cr_assert_eq(publish("closed", "one"), ERR_NONE);
    cr_assert_eq(end("closed", STREAM_CLOSED), ERR_NONE);
    cr_assert_eq(publish("deleted", "one"), ERR_NONE);
    cr_assert_eq(end("deleted", STREAM_DELETED), ERR_NONE);
    cr_assert_eq(set("made", &kept, "text/plain"), ERR_NONE);
    static char data[2001];
    memset(data, 'x', sizeof data - 1);
    for (int i = 0; i < 400; i++) {
        cr_assert_eq(publish("busy", data), ERR_NONE);
        harness_round();
    }
    harness_settle();
    harness_wait(20000);
    struct log_status status;
    log_get_status(harness.log, &status);
    cr_assert_gt(status.first_id, 10);
    for (int i = 0; i < 2; i++) {
        cr_expect_eq(life_of("closed"), STREAM_CLOSED);
        cr_expect_eq(events_kept("closed"), 0);
        cr_expect_eq(life_of("deleted"), STREAM_DELETED);
        expect_settings("made", true);
        harness_kill();
        cr_assert(harness_open(), "%s", harness.message);
    }
}

Test(life, one_that_was_made_is_there_until_it_was_idle_for_long)
{
    cr_assert_eq(set("made", &nothing, ""), ERR_NONE);
    (void)harness_subscribe(0, "awaited", NULL);
    uint64_t number = find("awaited").state.number;
    log_handle_message(harness.log,
                       &(struct log_message){.kind = LOG_UNSUBSCRIBE, .number = number});
    harness_settle();
    harness_wait(10000);
    cr_expect(is_known("made"));
    cr_expect_not(is_known("awaited"));
    harness.now_ms += harness.options.stream_idle_ms;
    harness_wait(10000);
    cr_expect_not(is_known("made"));
}

static enum rc_error make_of(uint64_t owner, const char *stream)
{
    return set(stream, &(struct stream_settings){.parts = SETTINGS_OWNER, .owner = owner}, "");
}

Test(life, an_owner_has_a_bounded_number_of_streams)
{
    harness_end();
    harness_prepare(1);
    harness.options.streams_per_owner = 2;
    cr_assert(harness_open());
    cr_assert(log_bounds_owners(harness.log));
    cr_expect_eq(make_of(7, "a"), ERR_NONE);
    cr_expect_eq(make_of(7, "a"), ERR_NONE, "it is there");
    cr_expect_eq(make_of(7, "b"), ERR_NONE);
    cr_expect_eq(make_of(7, "c"), ERR_RATE_LIMITED);
    cr_expect_not(is_known("c"));
    cr_expect_eq(make_of(8, "c"), ERR_NONE);
    cr_expect_eq(publish("d", "x"), ERR_NONE);
    cr_expect_eq(make_of(7, "d"), ERR_NONE, "nobody's, and there");
    cr_expect_eq(end("a", STREAM_CLOSED), ERR_NONE);
    cr_expect_eq(make_of(7, "e"), ERR_RATE_LIMITED);
    harness_settle();
    harness_kill();
    cr_assert(harness_open());
    cr_expect_eq(make_of(7, "e"), ERR_RATE_LIMITED);
    cr_expect_eq(end("a", STREAM_DELETED), ERR_NONE);
    harness_settle();
    cr_expect_eq(make_of(7, "e"), ERR_NONE);
    cr_expect_eq(make_of(7, "a"), ERR_RATE_LIMITED, "made anew");
    harness_settle();
    harness_close();
    cr_assert(harness_open());
    cr_expect_eq(make_of(7, "f"), ERR_RATE_LIMITED);
    // Those that are forgotten count no more.
    harness.now_ms += harness.options.stream_idle_ms;
    harness_wait(10000);
    cr_expect_eq(make_of(7, "f"), ERR_NONE);
}

// --- what readers are told ---

// The next message but those of blocks, whose last id goes to *last_id.
static bool take_change(unsigned reader, struct log_message *message, uint64_t *last_id)
{
    while (harness_take(reader, message)) {
        if (message->kind != LOG_BLOCK) {
            return true;
        }
        *last_id = message->number;
    }
    return false;
}

Test(life, is_told_behind_the_last_block)
{
    struct log_stream_state state;
    struct log_message message;
    uint64_t last_id = 0;
    uint64_t number = harness_subscribe(0, "s", &state);
    cr_expect_eq(state.life, STREAM_OPEN);
    cr_assert_eq(publish("s", "one"), ERR_NONE);
    cr_assert_eq(publish("s", "two"), ERR_NONE);
    cr_assert_eq(end("s", STREAM_CLOSED), ERR_NONE);
    // It is closed for producers, and goes on for who subscribes before that is handed out.
    (void)harness_subscribe(1, "s", &state);
    cr_expect_eq(state.life, STREAM_OPEN);
    cr_expect_eq(state.last_id, 0);
    harness_settle();
    for (unsigned reader = 0; reader < 2; reader++) {
        cr_assert(take_change(reader, &message, &last_id));
        cr_expect_eq(last_id, 3);
        cr_expect_eq(message.kind, LOG_CHANGED);
        cr_expect_eq(message.number, number);
        cr_expect_eq(log_message_life(&message), STREAM_CLOSED);
        cr_expect_not(take_change(reader, &message, &last_id));
    }
    (void)harness_subscribe(2, "s", &state);
    cr_expect_eq(state.life, STREAM_CLOSED);
    cr_expect_eq(state.last_id, 2);
    cr_assert_eq(end("s", STREAM_DELETED), ERR_NONE);
    harness_settle();
    cr_assert(take_change(2, &message, &last_id));
    cr_expect_eq(message.kind, LOG_DISCARDED);
    cr_assert(take_change(2, &message, &last_id));
    cr_expect_eq(log_message_life(&message), STREAM_DELETED);
    cr_assert_eq(publish("s", "three"), ERR_NONE);
    harness_settle();
    cr_assert(take_change(2, &message, &last_id));
    cr_expect_eq(last_id, 5);
    cr_expect_eq(log_message_life(&message), STREAM_OPEN);
}

// Who read it before is not to follow: all in one round, and told of before what is new.
Test(life, one_made_anew_at_once_is_told_of_as_deleted)
{
    struct log_stream_state state;
    struct log_message message;
    uint64_t last_id = 0;
    (void)harness_subscribe(0, "s", &state);
    cr_expect_eq(state.deletions, 0);
    for (int i = 1; i <= 2; i++) {
        cr_assert_eq(publish("s", "one"), ERR_NONE);
        cr_assert_eq(end("s", STREAM_DELETED), ERR_NONE);
        uint64_t deleted_id = harness.log->next_id - 1;
        cr_assert_eq(i == 1 ? publish("s", "two") : set("s", &nothing, ""), ERR_NONE);
        harness_settle();
        cr_assert(take_change(0, &message, &last_id));
        cr_expect_eq(message.kind, LOG_DISCARDED);
        cr_assert(take_change(0, &message, &last_id));
        cr_expect_eq(log_message_life(&message), STREAM_DELETED);
        cr_expect_eq(log_message_deletions(&message), i);
        cr_expect_leq(last_id, deleted_id);
        while (take_change(0, &message, &last_id)) {
        }
        cr_expect_eq(log_message_life(&message), STREAM_OPEN);
        cr_expect_eq(log_message_deletions(&message), i);
    }
    (void)harness_subscribe(1, "s", &state);
    cr_expect_eq(state.deletions, 2);
}

Test(life, is_told_to_a_lapped_reader_when_it_has_caught_up)
{
    struct log_message message;
    harness.readers[0].capacity = 8; // half of it is for answers
    (void)harness_subscribe(0, "s", NULL);
    for (int i = 0; i < 10; i++) {
        cr_assert_eq(publish("s", "x"), ERR_NONE);
        harness_round();
    }
    harness_settle();
    cr_assert(log_tail_is_lapped(harness.log->tail, 0));
    uint64_t last_id = 0;
    cr_expect_not(take_change(0, &message, &last_id));
    cr_assert_lt(last_id, 10);
    // There is room, though blocks are to come.
    cr_assert_eq(end("s", STREAM_CLOSED), ERR_NONE);
    harness_settle();
    harness_wait(3000);
    cr_expect_not(take_change(0, &message, &last_id));
    while (last_id < 10) {
        log_handle_message(harness.log, &(struct log_message){.kind = LOG_RESUME});
        harness_settle();
        cr_assert_not(take_change(0, &message, &last_id), "last %llu", (unsigned long long)last_id);
    }
    harness_wait(3000);
    cr_assert(take_change(0, &message, &last_id));
    cr_expect_eq(log_message_life(&message), STREAM_CLOSED);
    cr_expect_not(take_change(0, &message, &last_id));
}

// Who waits for a stream learns that it is there now, so that others need not.
Test(life, that_it_was_made_is_told)
{
    struct log_stream_state state;
    struct log_message message;
    uint64_t last_id = 0;
    (void)harness_subscribe(0, "s", &state);
    cr_expect_not(state.is_made);
    cr_assert_eq(set("s", &nothing, ""), ERR_NONE);
    harness_settle();
    cr_assert(take_change(0, &message, &last_id));
    cr_expect_eq(message.kind, LOG_CHANGED);
    cr_expect(log_message_is_made(&message));
    (void)harness_subscribe(1, "s", &state);
    cr_expect(state.is_made);
    cr_assert_eq(end("s", STREAM_DELETED), ERR_NONE);
    harness_settle();
    while (take_change(1, &message, &last_id)) {
        cr_expect(message.kind != LOG_CHANGED || !log_message_is_made(&message));
    }
}

// --- looking ---

static void count_visit(void *context, const struct log_stream_info *info)
{
    cr_assert(slice_starts_with(info->name, slice_of("many/")));
    ++*(uint32_t *)context;
}

Test(life, streams_are_listed_page_by_page)
{
    char name[32];
    for (int i = 0; i < 95; i++) {
        (void)snprintf(name, sizeof name, i % 5 == 0 ? "other/%d" : "many/%d", i);
        cr_assert_eq(set(name, &nothing, ""), ERR_NONE);
        harness_round();
    }
    harness_settle();
    uint32_t count = 0;
    uint32_t pages = 0;
    uint64_t place = 0;
    do {
        place = log_visit_streams(harness.log, slice_of("many/"), place, 10, count_visit, &count);
        pages++;
        cr_assert_leq(count, pages * 10);
    } while (place != 0);
    cr_expect_eq(count, 76);
    cr_expect_eq(log_visit_streams(harness.log, slice_of("many/"), 1000, 10, count_visit, &count),
                 0);
    cr_expect_eq(count, 76);
}
