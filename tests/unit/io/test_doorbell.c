#include "io/doorbell.h"

#include "unit/io/fixture.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

struct ball {
    struct loop *from;
    uint64_t number;
    uint8_t rest[LOOP_MESSAGE_SIZE - sizeof(struct loop *) - sizeof(uint64_t)];
};

// A thread with a loop that answers each message with one of the same number.
struct player {
    struct loop *loop;
    pthread_t thread;
    uint64_t received;
    uint64_t last;
    uint32_t wake_rounds;
    bool asleep;
    bool answers;
    atomic_bool ends;
    atomic_bool was_asleep;
    atomic_bool saw_flag;
    atomic_bool flag;
};

static void player_message(void *context, const void *message)
{
    struct player *player = context;
    struct ball ball;
    memcpy(&ball, message, sizeof ball);
    player->received++;
    player->last = ball.number;
    if (player->answers) {
        struct loop *from = ball.from;
        ball.from = player->loop;
        while (!loop_post(from, player->loop, &ball, 0)) {
            sched_yield();
        }
    }
}

static bool player_round(void *context)
{
    struct player *player = context;
    if (atomic_load_explicit(&player->flag, memory_order_relaxed)) {
        atomic_store(&player->saw_flag, true);
    }
    return false;
}

static void player_sleep(void *context)
{
    struct player *player = context;
    player->asleep = true;
    atomic_store(&player->was_asleep, true);
}

static void player_wake(void *context)
{
    struct player *player = context;
    player->asleep = false;
}

static void *player_run(void *argument)
{
    struct player *player = argument;
    fixture_loop_start(player->loop);
    while (!atomic_load(&player->ends)) {
        // For ever: what should wake it, must.
        loop_round(player->loop, LOOP_WAIT_FOREVER);
    }
    loop_stop(player->loop);
    return NULL;
}

static void player_init(struct player *player, const char *name, uint32_t masked,
                        uint32_t sq_entries)
{
    memset(player, 0, sizeof *player);
    struct loop_config config = {
        .name = name,
        .sq_entries = sq_entries,
        .cq_factor = 2,
        .features_masked = masked,
        .inbox_capacity = 1024,
        .callbacks = {player, player_message, player_round, player_sleep, player_wake},
    };
    player->loop = fixture_loop_init(&config);
}

static void player_start(struct player *player)
{
    cr_assert_eq(pthread_create(&player->thread, NULL, player_run, player), 0);
}

static void player_end(struct player *player)
{
    atomic_store(&player->ends, true);
    loop_wake(player->loop, NULL);
    cr_assert_eq(pthread_join(player->thread, NULL), 0);
}

static void player_free(struct player *player)
{
    loop_free(player->loop);
    free(player->loop);
}

static void until_asleep(struct player *player)
{
    for (int i = 0; i < 2000 && !atomic_load(&player->loop->asleep); i++) {
        usleep(1000);
    }
    cr_assert(atomic_load(&player->loop->asleep));
    usleep(200); // from the mark into the kernel
}

static struct player self;
static struct player peer;

// One ball to and fro between two loops that sleep for ever between two hits.
static void play(uint32_t masked, uint32_t masked_peer, uint64_t hits)
{
    player_init(&self, "self", masked, 64);
    player_init(&peer, "peer", masked_peer, 64);
    peer.answers = true;
    player_start(&peer);
    fixture_loop_start(self.loop);
    for (uint64_t number = 1; number <= hits; number++) {
        struct ball ball = {.from = self.loop, .number = number};
        cr_assert(loop_post(peer.loop, self.loop, &ball, 0));
        while (self.received < number) {
            loop_round(self.loop, LOOP_WAIT_FOREVER);
        }
        cr_assert_eq(self.last, number);
    }
    loop_stop(self.loop);
    player_end(&peer);
    cr_assert_eq(peer.received, hits);
    cr_assert_gt(self.loop->stats.bells_rung, 0);
    cr_assert_eq(self.loop->stats.bells_fallen, 0);
    player_free(&self);
    player_free(&peer);
}

Test(doorbell, wakes_from_loop_to_loop, .timeout = 60)
{
    play(0, 0, 5000);
}

Test(doorbell, wakes_from_loop_to_loop_as_on_6_1, .timeout = 60)
{
    play(LOOP_FEATURES_NEWER_THAN_6_1, LOOP_FEATURES_NEWER_THAN_6_1, 5000);
}

Test(doorbell, wakes_from_loop_to_loop_without_deferred_work, .timeout = 60)
{
    play(LOOP_FEATURE_DEFER_TASKRUN, LOOP_FEATURE_DEFER_TASKRUN, 5000);
}

Test(doorbell, wakes_from_loop_to_loop_with_everything_masked, .timeout = 60)
{
    play(LOOP_FEATURES_ALL, LOOP_FEATURES_ALL, 5000);
}

Test(doorbell, wakes_between_loops_of_different_features, .timeout = 60)
{
    play(0, LOOP_FEATURES_ALL, 1000);
    play(LOOP_FEATURES_ALL, 0, 1000);
}

static void from_a_plain_thread(uint32_t masked)
{
    player_init(&peer, "peer", masked, 64);
    player_start(&peer);
    for (uint64_t number = 1; number <= 300; number++) {
        if (number % 10 == 0) {
            until_asleep(&peer);
        }
        struct ball ball = {.number = number};
        while (!loop_post(peer.loop, NULL, &ball, 0)) {
            sched_yield();
        }
    }
    for (int i = 0; i < 2000 && loop_inbox_count(peer.loop) > 0; i++) {
        usleep(1000);
    }
    player_end(&peer);
    cr_assert_eq(peer.received, 300);
    cr_assert_eq(peer.last, 300);
    // The eventfd is never read: a write wakes once, not for ever.
    cr_assert_lt(peer.loop->stats.rounds, 1500);
    player_free(&peer);
}

Test(doorbell, wakes_from_a_plain_thread, .timeout = 60)
{
    from_a_plain_thread(0);
}

Test(doorbell, wakes_from_a_plain_thread_with_everything_masked, .timeout = 60)
{
    from_a_plain_thread(LOOP_FEATURES_ALL);
}

Test(doorbell, a_wake_shows_what_was_stored_before_it, .timeout = 60)
{
    for (int i = 0; i < 30; i++) {
        player_init(&peer, "peer", 0, 64);
        player_start(&peer);
        if (i % 2 == 0) {
            until_asleep(&peer);
        }
        atomic_store_explicit(&peer.flag, true, memory_order_relaxed);
        loop_wake(peer.loop, NULL);
        for (int wait = 0; wait < 5000 && !atomic_load(&peer.saw_flag); wait++) {
            usleep(1000);
        }
        cr_assert(atomic_load(&peer.saw_flag));
        player_end(&peer);
        player_free(&peer);
    }
}

Test(doorbell, is_not_rung_for_a_loop_that_is_awake, .timeout = 60)
{
    player_init(&self, "self", 0, 64);
    player_init(&peer, "peer", 0, 64);
    fixture_loop_start(self.loop);
    for (uint64_t i = 0; i < 100; i++) {
        struct ball ball = {.number = i};
        cr_assert(loop_post(peer.loop, self.loop, &ball, 0));
    }
    cr_assert_eq(self.loop->stats.bells_rung, 0);
    loop_stop(self.loop);
    player_free(&self);
    player_free(&peer);
}

Test(doorbell, one_of_many_messages_rings, .timeout = 60)
{
    player_init(&self, "self", 0, 64);
    player_init(&peer, "peer", 0, 64);
    player_start(&peer);
    fixture_loop_start(self.loop);
    until_asleep(&peer);
    for (uint64_t i = 0; i < 500; i++) {
        struct ball ball = {.number = i};
        cr_assert(loop_post(peer.loop, self.loop, &ball, 0));
    }
    cr_assert_eq(self.loop->stats.bells_rung, 1);
    loop_submit(self.loop);
    for (int i = 0; i < 2000 && loop_inbox_count(peer.loop) > 0; i++) {
        usleep(1000);
    }
    loop_stop(self.loop);
    player_end(&peer);
    cr_assert_eq(peer.received, 500);
    player_free(&self);
    player_free(&peer);
}

// A doorbell to a loop whose thread has ended fails, is counted, and goes to the eventfd instead,
// where the next owner of the loop finds it.
Test(doorbell, falls_back_to_the_eventfd, .timeout = 60)
{
    player_init(&self, "self", 0, 64);
    player_init(&peer, "peer", 0, 64);
    fixture_loop_start(self.loop);
    // Never started, so its ring is still disabled and refuses the message.
    atomic_store(&peer.loop->asleep, true);
    struct ball ball = {.number = 9};
    cr_assert(loop_post(peer.loop, self.loop, &ball, 0));
    cr_assert_eq(self.loop->stats.bells_rung, 1);
    FIXTURE_ROUNDS_UNTIL(self.loop, self.loop->stats.bells_fallen == 1);
    uint64_t count = 0;
    cr_assert_eq(read(peer.loop->event_fd, &count, sizeof count), (ssize_t)sizeof count);
    cr_assert_eq(count, 1);
    loop_stop(self.loop);
    player_free(&self);
    player_free(&peer);
}

Test(doorbell, the_inbox_keeps_its_reserve, .timeout = 60)
{
    player_init(&peer, "peer", 0, 64);
    struct ball ball = {.number = 1};
    uint32_t posted = 0;
    while (loop_post(peer.loop, NULL, &ball, 24)) {
        posted++;
    }
    cr_assert_eq(posted, 1000);
    while (loop_post(peer.loop, NULL, &ball, 0)) {
        posted++;
    }
    cr_assert_eq(posted, 1024);
    player_free(&peer);
}
