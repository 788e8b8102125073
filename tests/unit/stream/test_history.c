#include "stream/history.h"

#include <criterion/criterion.h>
#include <string.h>

enum { HISTORIES = 4, STREAMS = 8 };

static struct stream_table streams;
static struct history_table histories;

static struct stream *open_live(const char *name, uint64_t number, uint64_t last_id)
{
    struct stream *stream = stream_table_open(&streams, slice_of(name));
    cr_assert_not_null(stream);
    stream->request.state = (struct log_stream_state){.number = number, .last_id = last_id};
    cr_assert(stream_table_answered(&streams, stream));
    return stream;
}

static void set_up(void)
{
    cr_assert_eq(stream_table_init(&streams, STREAMS), 0);
    cr_assert_eq(history_table_init(&histories, HISTORIES), 0);
}

static void tear_down(void)
{
    history_table_free(&histories);
    stream_table_free(&streams);
}

TestSuite(history, .init = set_up, .fini = tear_down);

// The log takes the oldest unsent question.
static struct log_lookup *take_question(void)
{
    struct list_node *node = list_pop_front(&histories.unsent);
    cr_assert_not_null(node);
    return &LIST_ENTRY(node, struct history, age_node)->lookup;
}

static struct history *answer(struct log_lookup *lookup, uint64_t start_id, uint64_t end_id,
                              uint64_t discarded_id)
{
    lookup->start_id = start_id;
    lookup->end_id = end_id;
    lookup->discarded_id = discarded_id;
    lookup->error = 0;
    lookup->run_count = 2;
    lookup->runs[0] = (struct log_run){.first_id = start_id + 1, .last_id = start_id + 2};
    lookup->runs[1] = (struct log_run){.first_id = end_id - 1, .last_id = end_id};
    struct history *history = history_answered(&histories, lookup);
    history->waiters.count = 0; // told
    return history;
}

Test(history, equal_questions_are_asked_once)
{
    struct stream *stream = open_live("a", 1, 100);
    for (uint64_t handle = 0; handle < 1000; handle++) {
        cr_assert(history_ask(&histories, stream, LOG_FROM_ID, 10, false, handle));
    }
    cr_assert(history_ask(&histories, stream, LOG_FROM_ID, 20, false,
                          1000)); // covered by the one under way
    struct log_lookup *lookup = take_question();
    cr_assert(list_is_empty(&histories.unsent));
    cr_assert_eq(lookup->number, 1);
    cr_assert_eq(lookup->value, 10);
    cr_assert_eq(((struct history *)lookup->owner)->waiters.count, 1001);
}

Test(history, different_questions_are_different)
{
    struct stream *stream = open_live("a", 1, 100);
    cr_assert(history_ask(&histories, stream, LOG_FROM_ID, 10, false, 1));
    cr_assert(history_ask(&histories, stream, LOG_FROM_ID, 9, false, 2));
    cr_assert(history_ask(&histories, stream, LOG_FROM_LAST, 10, false, 3));
    cr_assert_eq(pool_used(&histories.pool), 3);
}

Test(history, an_answer_covers_its_range)
{
    struct stream *stream = open_live("a", 1, 100);
    history_ask(&histories, stream, LOG_FROM_ID, 10, false, 1);
    struct history *history = answer(take_question(), 10, 90, 0);
    cr_assert_eq(history_find(&histories, stream, 10), history);
    cr_assert_eq(history_find(&histories, stream, 89), history);
    cr_assert_null(history_find(&histories, stream, 9));
    cr_assert_null(history_find(&histories, stream, 90));
    cr_assert_eq(history_run(history, 10)->first_id, 11);
    cr_assert_eq(history_run(history, 12)->first_id, 89);
    cr_assert_null(history_run(history, 90));
    cr_assert_eq(history->gap_to, 0);
}

Test(history, what_is_gone_is_told)
{
    struct stream *stream = open_live("a", 1, 100);
    history_ask(&histories, stream, LOG_FROM_ID, 10, false, 1);
    struct history *history = answer(take_question(), 40, 90, 40);
    cr_assert_eq(history->low, 10);
    cr_assert_eq(history->gap_to, 40);
}

Test(history, the_least_recently_used_answer_goes_first)
{
    struct stream *stream = open_live("a", 1, 1000);
    struct history *kept[HISTORIES];
    for (uint64_t i = 0; i < HISTORIES; i++) {
        history_ask(&histories, stream, LOG_FROM_ID, 100 * i, false, i);
        kept[i] = answer(take_question(), 100 * i, 100 * i + 50, 0);
    }
    for (uint64_t i = HISTORIES; i-- > 0;) { // now the first is the youngest
        cr_assert_eq(history_find(&histories, stream, 100 * i), kept[i]);
    }
    struct waiters woken = {0};
    history_round(&histories, &woken);
    history_ask(&histories, stream, LOG_FROM_ID, 700, false, 9);
    cr_assert_eq(history_find(&histories, stream, 0), kept[0]);
    cr_assert_null(history_find(&histories, stream, 300));
}

Test(history, with_all_asking_one_starves_until_an_answer)
{
    struct stream *stream = open_live("a", 1, 1000);
    for (uint64_t i = 0; i < HISTORIES; i++) {
        history_ask(&histories, stream, LOG_FROM_ID, 1000 - i, false, i);
    }
    cr_assert(history_ask(&histories, stream, LOG_FROM_ID, 1, false, 77));
    cr_assert_eq(histories.starved.count, 1);
    cr_assert_eq(histories.starved.handles[0], 77);
}

Test(history, a_pinned_answer_is_not_pushed_out)
{
    struct stream *stream = open_live("a", 1, 1000);
    history_ask(&histories, stream, LOG_FROM_ID, 0, false, 1);
    struct history *pinned = answer(take_question(), 0, 50, 0);
    pinned->is_pinned = true;
    for (uint64_t i = 1; i < 2 * HISTORIES; i++) {
        history_ask(&histories, stream, LOG_FROM_ID, 1000 - i, false, i);
    }
    history_drop_answers(&histories, stream);
    cr_assert_eq(history_find(&histories, stream, 10), pinned);
}

Test(history, a_streams_answers_can_be_dropped)
{
    struct stream *stream = open_live("a", 1, 1000);
    history_ask(&histories, stream, LOG_FROM_ID, 0, false, 1);
    answer(take_question(), 0, 50, 0);
    history_ask(&histories, stream, LOG_FROM_ID, 60, false, 1);
    history_drop_answers(&histories, stream);
    cr_assert_null(history_find(&histories, stream, 10));
    cr_assert_eq(pool_used(&histories.pool), 1); // the one that is still asked
}

Test(history, those_who_starve_are_woken_in_order_as_there_is_room)
{
    struct stream *stream = open_live("a", 1, 1000);
    struct log_lookup *lookups[HISTORIES];
    for (uint64_t i = 0; i < HISTORIES; i++) {
        history_ask(&histories, stream, LOG_FROM_ID, 1000 - i, false, i);
    }
    for (uint64_t i = 0; i < HISTORIES; i++) {
        lookups[i] = take_question();
    }
    for (uint64_t i = 0; i < HISTORIES; i++) {
        history_ask(&histories, stream, LOG_FROM_LAST, 1 + i, false, 100 + i);
    }
    struct waiters woken = {0};
    history_round(&histories, &woken);
    cr_assert_eq(woken.count, 0);
    cr_assert_not(history_needs_round(&histories)); // an answer of the log brings one
    answer(lookups[0], 1000, 1100, 0);
    answer(lookups[1], 999, 1100, 0);
    history_round(&histories, &woken);
    cr_assert_eq(woken.count, 0); // those who waited for the answers come first
    cr_assert(history_needs_round(&histories));
    cr_assert_not_null(history_find(&histories, stream, 1000));
    history_round(&histories, &woken);
    cr_assert_eq(woken.count, 1);
    cr_assert_eq(woken.handles[0], 100);
    woken.count = 0;
    history_ask(&histories, stream, LOG_FROM_LAST, 1, false, 100); // takes its place
    uint32_t rounds = 0;
    while (woken.count == 0 && rounds++ < 1000) { // nobody comes for the other answer
        history_round(&histories, &woken);
    }
    cr_assert_eq(woken.count, 1);
    cr_assert_eq(woken.handles[0], 101);
    waiters_free(&woken);
}

Test(history, a_fresh_question_is_not_answered_by_one_that_was_sent)
{
    struct stream *stream = open_live("a", 1, 1000);
    history_ask(&histories, stream, LOG_FROM_ID, 10, false, 1);
    history_ask(&histories, stream, LOG_FROM_ID, 10, true, 2);
    cr_assert_eq(pool_used(&histories.pool), 1);
    take_question();
    history_ask(&histories, stream, LOG_FROM_ID, 10, true, 3);
    cr_assert_eq(pool_used(&histories.pool), 2);
    history_ask(&histories, stream, LOG_FROM_ID, 10, false, 4);
    cr_assert_eq(pool_used(&histories.pool), 2);
}

Test(history, what_will_be_needed_is_asked_ahead_once)
{
    struct stream *stream = open_live("a", 1, 1000);
    history_ask_ahead(&histories, stream, 100);
    history_ask_ahead(&histories, stream, 100);
    struct log_lookup *lookup = take_question();
    cr_assert_eq(lookup->from, LOG_FROM_ID);
    cr_assert_eq(lookup->value, 100);
    cr_assert(list_is_empty(&histories.unsent));
    cr_assert(
        history_ask(&histories, stream, LOG_FROM_ID, 100, false, 7)); // who comes waits for it
    cr_assert(list_is_empty(&histories.unsent));
    struct history *history = answer(lookup, 100, 200, 0);
    cr_assert_eq(history_find(&histories, stream, 100), history);
    history_ask_ahead(&histories, stream, 150);
    cr_assert(list_is_empty(&histories.unsent));
}

Test(history, asking_ahead_leaves_room_to_those_who_wait)
{
    struct stream *stream = open_live("a", 1, 1000);
    for (uint64_t i = 0; i < HISTORIES; i++) {
        history_ask_ahead(&histories, stream, 1000 - i);
    }
    cr_assert_eq(pool_used(&histories.pool), HISTORIES / 2);
    answer(take_question(), 1000, 1100, 0);
    history_ask_ahead(&histories, stream, 500);
    cr_assert_eq(pool_used(&histories.pool), HISTORIES / 2 + 1);
}
