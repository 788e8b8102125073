#include "base/clock.h"
#include "io/loop.h"
#include "unit/io/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    OP_FIRST = 1,
    OP_SECOND = 2,
    OP_CHAIN = 3,
    SEEN_MAX = 20000,
};

struct message {
    uint64_t number;
    uint8_t rest[LOOP_MESSAGE_SIZE - sizeof(uint64_t)];
};

// What the callbacks and handlers of a test saw.
struct seen {
    struct loop *loop;
    uint32_t completions;
    uint32_t messages;
    uint32_t rounds;
    uint32_t sleeps;
    uint32_t wakes;
    uint32_t timers;
    uint32_t more_rounds; // on_round asks for as many more
    bool asleep;
    int32_t last_result;
    uint64_t tags[SEEN_MAX];
    uint64_t numbers[SEEN_MAX];
    uint64_t round_messages_max;
    uint32_t round_messages;
    uint32_t chain_left;
};

static void see_completion(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                           int32_t result, uint32_t cqe_flags)
{
    struct seen *seen = context;
    (void)ring;
    (void)cqe_flags;
    cr_assert_eq(loop, seen->loop);
    cr_assert_lt(seen->completions, SEEN_MAX);
    seen->tags[seen->completions++] = user_data;
    seen->last_result = result;
}

static void see_message(void *context, const void *message)
{
    struct seen *seen = context;
    struct message copy;
    memcpy(&copy, message, sizeof copy);
    cr_assert_lt(seen->messages, SEEN_MAX);
    cr_assert(!seen->asleep);
    seen->numbers[seen->messages++] = copy.number;
    seen->round_messages++;
}

static bool see_round(void *context)
{
    struct seen *seen = context;
    seen->rounds++;
    if (seen->round_messages > seen->round_messages_max) {
        seen->round_messages_max = seen->round_messages;
    }
    seen->round_messages = 0;
    if (seen->more_rounds > 0) {
        seen->more_rounds--;
        return true;
    }
    return false;
}

static void see_sleep(void *context)
{
    struct seen *seen = context;
    cr_assert(!seen->asleep);
    // All that was queued is submitted by then.
    cr_assert_eq(io_uring_sq_ready(loop_ring(seen->loop, 0)), 0);
    seen->asleep = true;
    seen->sleeps++;
}

static void see_wake(void *context)
{
    struct seen *seen = context;
    cr_assert(seen->asleep);
    seen->asleep = false;
    seen->wakes++;
}

static void see_timer(void *context, struct loop *loop, struct wheel_timer *timer)
{
    struct seen *seen = context;
    cr_assert_eq(loop, seen->loop);
    cr_assert_eq(loop_timer_kind(timer), 3);
    cr_assert_eq(loop_timer_owner(timer), 77);
    seen->timers++;
}

static struct seen seen;

static struct loop_config seen_config(void)
{
    memset(&seen, 0, sizeof seen);
    return (struct loop_config){
        .name = "test",
        .sq_entries = 64,
        .callbacks =
            {
                .context = &seen,
                .on_message = see_message,
                .on_round = see_round,
                .on_sleep = see_sleep,
                .on_wake = see_wake,
            },
    };
}

static struct loop *seen_open(const struct loop_config *config)
{
    struct loop *loop = fixture_loop_open(config);
    seen.loop = loop;
    loop_set_handler(loop, OP_FIRST, see_completion, &seen);
    loop_set_handler(loop, OP_SECOND, see_completion, &seen);
    loop_set_timer_handler(loop, 3, see_timer, &seen);
    return loop;
}

static void queue_nop(struct loop *loop, unsigned ring, uint8_t op, uint32_t slot)
{
    struct io_uring_sqe *sqe = loop_sqe(loop, ring);
    io_uring_prep_nop(sqe);
    sqe->user_data = loop_tag(op, slot, 9);
}

Test(loop, tags_keep_their_parts)
{
    uint64_t tag = loop_tag(200, 0xABCDEF, 0xFEDCBA98);
    cr_assert_eq(loop_tag_op(tag), 200);
    cr_assert_eq(loop_tag_slot(tag), 0xABCDEF);
    cr_assert_eq(loop_tag_generation(tag), 0xFEDCBA98);
    tag = loop_tag(0, LOOP_SLOT_MAX, 0);
    cr_assert_eq(loop_tag_op(tag), 0);
    cr_assert_eq(loop_tag_slot(tag), LOOP_SLOT_MAX);
    cr_assert_eq(loop_tag_generation(tag), 0);
    struct wheel_timer timer = {.tag = loop_timer_tag(14, 0x123456)};
    cr_assert_eq(loop_timer_kind(&timer), 14);
    cr_assert_eq(loop_timer_owner(&timer), 0x123456);
}

Test(loop, dispatches_completions_in_queue_order)
{
    struct loop_config config = seen_config();
    struct loop *loop = seen_open(&config);
    for (uint32_t i = 0; i < 50; i++) {
        queue_nop(loop, 0, i % 2 == 0 ? OP_FIRST : OP_SECOND, i);
    }
    FIXTURE_ROUNDS_UNTIL(loop, seen.completions == 50);
    for (uint32_t i = 0; i < 50; i++) {
        cr_assert_eq(seen.tags[i], loop_tag(i % 2 == 0 ? OP_FIRST : OP_SECOND, i, 9));
    }
    cr_assert_eq(loop->stats.completions, 50);
    fixture_loop_close(loop);
}

Test(loop, entries_never_run_out)
{
    struct loop_config config = seen_config();
    config.cq_factor = 2;
    struct loop *loop = seen_open(&config);
    // Many times what the queues hold, without a round in between: the kernel keeps what overflows.
    for (uint32_t i = 0; i < 1000; i++) {
        queue_nop(loop, 0, OP_FIRST, i);
    }
    FIXTURE_ROUNDS_UNTIL(loop, seen.completions == 1000);
    for (uint32_t i = 0; i < 1000; i++) {
        cr_assert_eq(loop_tag_slot(seen.tags[i]), i);
    }
    cr_assert_gt(loop->stats.cq_overflows, 0);
    fixture_loop_close(loop);
}

Test(loop, room_tells_a_sender_when_to_reap)
{
    struct loop_config config = seen_config();
    config.cq_factor = 2;
    struct loop *loop = seen_open(&config);
    loop_round(loop, 0);
    cr_assert_eq(loop_sqe_room(loop, 0), 128 - 128 / 4);
    for (uint32_t i = 0; i < 1000; i++) {
        if (loop_sqe_room(loop, 0) == 0) {
            loop_submit_and_reap(loop);
            cr_assert_gt(loop_sqe_room(loop, 0), 0);
        }
        queue_nop(loop, 0, OP_FIRST, i);
    }
    FIXTURE_ROUNDS_UNTIL(loop, seen.completions == 1000);
    cr_assert_eq(loop->stats.cq_overflows, 0);
    fixture_loop_close(loop);
}

Test(loop, submit_dispatches_nothing_and_reap_does)
{
    struct loop_config config = seen_config();
    struct loop *loop = seen_open(&config);
    queue_nop(loop, 0, OP_FIRST, 1);
    loop_submit(loop);
    cr_assert_eq(io_uring_sq_ready(loop_ring(loop, 0)), 0);
    cr_assert_eq(seen.completions, 0);
    loop_submit_and_reap(loop);
    cr_assert_eq(seen.completions, 1);
    fixture_loop_close(loop);
}

static void queue_another(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                          int32_t result, uint32_t cqe_flags)
{
    struct seen *chain = context;
    (void)user_data;
    (void)result;
    (void)cqe_flags;
    if (chain->chain_left > 0) {
        chain->chain_left--;
        queue_nop(loop, ring, OP_CHAIN, 0);
        loop_submit(loop); // allowed in a handler; what it completes comes at a later round
    }
}

Test(loop, handlers_may_submit_and_are_not_nested)
{
    struct loop_config config = seen_config();
    struct loop *loop = seen_open(&config);
    loop_set_handler(loop, OP_CHAIN, queue_another, &seen);
    seen.chain_left = 100;
    queue_nop(loop, 0, OP_CHAIN, 0);
    FIXTURE_ROUNDS_UNTIL(loop, seen.chain_left == 0);
    cr_assert_geq(loop->stats.rounds, 100);
    // All but the last have ended.
    cr_assert_leq(distribution_count(&loop->stats.round_ns), loop->stats.rounds);
    cr_assert_geq(distribution_count(&loop->stats.round_ns), loop->stats.rounds - 1);
    fixture_loop_close(loop);
}

static void reenter(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                    int32_t result, uint32_t cqe_flags)
{
    (void)context;
    (void)ring;
    (void)user_data;
    (void)result;
    (void)cqe_flags;
    loop_round(loop, 0);
}

Test(loop, a_handler_that_reenters_is_caught, .signal = SIGABRT)
{
    struct loop_config config = seen_config();
    struct loop *loop = seen_open(&config);
    loop_set_handler(loop, OP_CHAIN, reenter, NULL);
    queue_nop(loop, 0, OP_CHAIN, 0);
    FIXTURE_ROUNDS_UNTIL(loop, seen.completions == 1);
}

Test(loop, a_completion_without_handler_is_caught, .signal = SIGABRT)
{
    struct loop_config config = seen_config();
    struct loop *loop = seen_open(&config);
    queue_nop(loop, 0, 99, 0);
    FIXTURE_ROUNDS_UNTIL(loop, seen.completions == 1);
}

Test(loop, ignored_entries_reach_no_handler)
{
    struct loop_config config = seen_config();
    struct loop *loop = seen_open(&config);
    struct io_uring_sqe *sqe = loop_sqe(loop, 0);
    io_uring_prep_nop(sqe);
    loop_ignore(sqe);
    queue_nop(loop, 0, OP_FIRST, 5);
    FIXTURE_ROUNDS_UNTIL(loop, seen.completions == 1);
    cr_assert_eq(loop_tag_slot(seen.tags[0]), 5);
    fixture_loop_close(loop);
}

Test(loop, completions_of_a_round_are_bounded)
{
    struct loop_config config = seen_config();
    config.completions_max = 8;
    struct loop *loop = seen_open(&config);
    for (uint32_t i = 0; i < 40; i++) {
        queue_nop(loop, 0, OP_FIRST, i);
    }
    loop_round(loop, 0);
    cr_assert_eq(seen.completions, 8);
    // What is left keeps the next rounds from waiting, for ever or not.
    for (uint32_t i = 2; i <= 5; i++) {
        loop_round(loop, LOOP_WAIT_FOREVER);
        cr_assert_eq(seen.completions, 8 * i);
    }
    cr_assert_eq(seen.sleeps, 0);
    fixture_loop_close(loop);
}

Test(loop, messages_come_in_order_and_bounded_a_round)
{
    struct loop_config config = seen_config();
    config.inbox_capacity = 64;
    config.messages_max = 10;
    struct loop *loop = seen_open(&config);
    struct message message = {0};
    uint64_t posted = 0;
    for (int i = 0; i < 10; i++) {
        while (loop_post(loop, NULL, &message, 4)) {
            message.number = ++posted;
        }
        cr_assert_eq(loop_inbox_count(loop), 60);
        for (int round = 0; round < 6; round++) {
            loop_round(loop, LOOP_WAIT_FOREVER);
        }
        cr_assert_eq(loop_inbox_count(loop), 0);
    }
    cr_assert_eq(seen.messages, 600);
    cr_assert_eq(seen.round_messages_max, 10);
    for (uint64_t i = 0; i < 600; i++) {
        cr_assert_eq(seen.numbers[i], i);
    }
    cr_assert_eq(seen.sleeps, 0);
    fixture_loop_close(loop);
}

Test(loop, more_work_keeps_it_awake)
{
    struct loop_config config = seen_config();
    struct loop *loop = seen_open(&config);
    seen.more_rounds = 5;
    loop_round(loop, 1000 * 1000);
    uint32_t sleeps = seen.sleeps; // the first round had nothing to do yet
    for (int i = 0; i < 5; i++) {
        loop_round(loop, LOOP_WAIT_FOREVER);
    }
    cr_assert_eq(seen.sleeps, sleeps);
    cr_assert_eq(seen.rounds, 6);
    fixture_loop_close(loop);
}

Test(loop, sleep_and_wake_come_in_pairs_and_the_wait_ends)
{
    struct loop_config config = seen_config();
    struct loop *loop = seen_open(&config);
    for (int i = 0; i < 5; i++) {
        loop_round(loop, 2 * 1000 * 1000);
    }
    cr_assert_gt(seen.sleeps, 0);
    cr_assert_eq(seen.sleeps, seen.wakes);
    cr_assert_eq(seen.sleeps, loop->stats.sleeps);
    uint32_t sleeps = seen.sleeps;
    loop_round(loop, 0);
    cr_assert_eq(seen.sleeps, sleeps, "no wait was asked for");
    fixture_loop_close(loop);
}

Test(loop, a_timer_ends_the_wait)
{
    struct loop_config config = seen_config();
    struct loop *loop = seen_open(&config);
    struct wheel_timer timer = {.tag = loop_timer_tag(3, 77)};
    loop_arm(loop, &timer, 30);
    uint64_t start_ms = loop_now_ms(loop);
    for (int i = 0; i < 10 && seen.timers == 0; i++) {
        loop_round(loop, LOOP_WAIT_FOREVER);
    }
    cr_assert_eq(seen.timers, 1);
    cr_assert_geq(loop_now_ms(loop), start_ms + 30, "never early");
    loop_arm(loop, &timer, UINT64_MAX); // brought forward to the longest there is
    cr_assert(wheel_is_armed(&timer));
    wheel_cancel(&loop->wheel, &timer);
    fixture_loop_close(loop);
}

Test(loop, posting_to_itself_needs_no_bell)
{
    struct loop_config config = seen_config();
    struct loop *loop = seen_open(&config);
    struct message message = {.number = 1};
    cr_assert(loop_post(loop, loop, &message, 0));
    loop_round(loop, LOOP_WAIT_FOREVER);
    cr_assert_eq(seen.messages, 1);
    cr_assert_eq(loop->stats.bells_rung, 0);
    loop_wake(loop, loop);
    loop_round(loop, LOOP_WAIT_FOREVER);
    cr_assert_eq(seen.rounds, 2);
    fixture_loop_close(loop);
}

Test(loop, a_post_before_the_start_is_found)
{
    struct loop_config config = seen_config();
    struct loop *loop = fixture_loop_init(&config);
    seen.loop = loop;
    struct message message = {.number = 5};
    cr_assert(loop_post(loop, NULL, &message, 0));
    fixture_loop_start(loop);
    loop_round(loop, LOOP_WAIT_FOREVER);
    cr_assert_eq(seen.messages, 1);
    fixture_loop_close(loop);
}

Test(loop, a_loop_may_be_freed_without_a_start)
{
    struct loop_config config = seen_config();
    struct loop *loop = fixture_loop_init(&config);
    char error[LOOP_ERROR_SIZE];
    cr_assert_eq(loop_add_ring(loop, 100, error, sizeof error), 1);
    loop_free(loop);
    free(loop);
}

// --- several rings ---

enum {
    RINGS = 7,
    TURNS = 140,
};

static int pipes[RINGS][2];

// Writes to a pipe a moment after it was asked to, so that the loop has gone to sleep by then.
static void *write_later(void *argument)
{
    int fd = *(const int *)argument;
    usleep(2000);
    return write(fd, "x", 1) == 1 ? NULL : argument;
}

static void event_on_ring(struct loop *loop, uint32_t turn, bool while_asleep)
{
    unsigned ring = turn % RINGS;
    struct io_uring_sqe *sqe = loop_sqe(loop, ring);
    io_uring_prep_poll_add(sqe, pipes[ring][0], POLLIN);
    sqe->user_data = loop_tag(OP_FIRST, turn, 0);
    loop_round(loop, 1000); // arms, and perhaps waits 1 µs
    cr_assert_eq(seen.completions, turn);
    pthread_t thread;
    if (while_asleep) {
        cr_assert_eq(pthread_create(&thread, NULL, write_later, &pipes[ring][1]), 0);
    } else {
        cr_assert_eq(write(pipes[ring][1], "x", 1), 1);
    }
    for (int i = 0; i < 20 && seen.completions == turn; i++) {
        loop_round(loop, LOOP_WAIT_FOREVER);
    }
    cr_assert_eq(seen.completions, turn + 1);
    cr_assert_eq(loop_tag_slot(seen.tags[turn]), turn);
    char byte;
    cr_assert_eq(read(pipes[ring][0], &byte, 1), 1);
    void *failed = NULL;
    cr_assert(!while_asleep || (pthread_join(thread, &failed) == 0 && failed == NULL));
}

static void several_rings(uint32_t features_masked)
{
    struct loop_config config = seen_config();
    config.features_masked = features_masked;
    struct loop *loop = fixture_loop_init(&config);
    char error[LOOP_ERROR_SIZE];
    for (int i = 1; i < RINGS - 1; i++) {
        cr_assert_eq(loop_add_ring(loop, 100, error, sizeof error), i, "%s", error);
    }
    fixture_loop_start(loop);
    cr_assert_eq(loop_add_ring(loop, 100, error, sizeof error), RINGS - 1, "also after the start");
    seen.loop = loop;
    loop_set_handler(loop, OP_FIRST, see_completion, &seen);
    for (unsigned i = 0; i < RINGS; i++) {
        cr_assert_eq(pipe(pipes[i]), 0);
    }
    for (uint32_t turn = 0; turn < TURNS; turn++) {
        event_on_ring(loop, turn, turn / RINGS % 2 == 1);
    }
    // About a sleep for each event: the watch does not keep waking a loop that has nothing to do.
    cr_assert_lt(seen.sleeps, 3 * TURNS);
    for (unsigned i = 0; i < RINGS; i++) {
        close(pipes[i][0]);
        close(pipes[i][1]);
    }
    fixture_loop_close(loop);
}

Test(loop, the_first_ring_watches_the_others, .timeout = 30)
{
    several_rings(0);
}

Test(loop, the_first_ring_watches_the_others_as_on_6_1, .timeout = 30)
{
    several_rings(LOOP_FEATURES_NEWER_THAN_6_1);
}

Test(loop, the_first_ring_watches_the_others_without_the_taskrun_flag, .timeout = 30)
{
    several_rings(LOOP_FEATURE_TASKRUN_FLAG);
}

Test(loop, the_first_ring_watches_the_others_without_deferred_work, .timeout = 30)
{
    several_rings(LOOP_FEATURE_DEFER_TASKRUN);
}

Test(loop, the_first_ring_watches_the_others_with_everything_masked, .timeout = 30)
{
    several_rings(LOOP_FEATURES_ALL);
}

// The kernel may leave it behind with no work to it, and no entry clears it then.
Test(loop, a_stale_taskrun_flag_keeps_nobody_awake, .timeout = 30)
{
    struct loop_config config = seen_config();
    struct loop *loop = fixture_loop_init(&config);
    char error[LOOP_ERROR_SIZE];
    cr_assert_eq(loop_add_ring(loop, 100, error, sizeof error), 1, "%s", error);
    fixture_loop_start(loop);
    seen.loop = loop;
    loop_set_handler(loop, OP_FIRST, see_completion, &seen);
    loop_round(loop, 0);
    for (unsigned i = 0; i < 2; i++) {
        __atomic_or_fetch(loop_ring(loop, i)->sq.kflags, IORING_SQ_TASKRUN, __ATOMIC_SEQ_CST);
    }
    uint32_t sleeps = seen.sleeps;
    for (int i = 0; i < 10; i++) {
        loop_round(loop, 1000 * 1000);
    }
    cr_assert_geq(seen.sleeps, sleeps + 9);
    cr_assert_eq(pipe(pipes[1]), 0);
    seen.completions = 1; // so that it is turn 1, of ring 1
    event_on_ring(loop, 1, true);
    close(pipes[1][0]);
    close(pipes[1][1]);
    fixture_loop_close(loop);
}

Test(loop, rings_are_bounded)
{
    struct loop_config config = seen_config();
    struct loop *loop = fixture_loop_init(&config);
    char error[LOOP_ERROR_SIZE];
    for (int i = 1; i < LOOP_RINGS_MAX; i++) {
        cr_assert_eq(loop_add_ring(loop, 0, error, sizeof error), i, "%s", error);
    }
    cr_assert_eq(loop_add_ring(loop, 0, error, sizeof error), -ENOSPC);
    cr_assert_not_null(strstr(error, "at most 16 rings"), "%s", error);
    loop_free(loop);
    free(loop);
}

Test(loop, a_table_beyond_the_limit_is_explained)
{
    struct rlimit limit = {.rlim_cur = 200, .rlim_max = 200};
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    struct loop_config config = seen_config();
    config.direct_descriptors = 5000;
    static struct loop loop;
    char error[LOOP_ERROR_SIZE];
    cr_assert_eq(loop_init(&loop, &config, error, sizeof error), -EMFILE);
    cr_assert_str_eq(error, "test: a ring cannot hold 5000 connections: RLIMIT_NOFILE is 200; use "
                            "more rings or raise it (ulimit -n, LimitNOFILE=)");
}

Test(loop, masked_features_are_not_there)
{
    struct loop_config config = seen_config();
    config.features_masked = LOOP_FEATURES_ALL;
    struct loop *loop = seen_open(&config);
    cr_assert_eq(loop->features, 0);
    cr_assert(!loop_has(loop, LOOP_FEATURE_MSG_RING));
    queue_nop(loop, 0, OP_FIRST, 1);
    FIXTURE_ROUNDS_UNTIL(loop, seen.completions == 1);
    fixture_loop_close(loop);
}

Test(loop, features_newer_than_6_1_are_all_told)
{
    struct loop_config config = seen_config();
    struct loop *loop = seen_open(&config);
    uint32_t all = loop->features;
    fixture_loop_close(loop);
    config.features_masked = LOOP_FEATURES_NEWER_THAN_6_1;
    loop = seen_open(&config);
    cr_assert_eq(loop->features, all & ~(uint32_t)LOOP_FEATURES_NEWER_THAN_6_1);
    fixture_loop_close(loop);
}
