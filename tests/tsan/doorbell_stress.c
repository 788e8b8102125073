// layer: io
// Four loops that pass tokens on at random, sleeping for ever whenever their inbox is empty, while
// plain threads put in messages of their own: a doorbell lost once stops the whole for good, which
// the watchdog tells. For ThreadSanitizer, which also checks that what a message points to is seen.
#include "base/prng.h"
#include "io/loop.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    LOOPS = 4,
    TOKENS = 3, // fewer than loops, so that some always sleep
    HOPS_EACH = 8000,
    PLAIN_THREADS = 2,
    PLAIN_EACH = 1500,
    WATCHDOG_S = 60,
};

struct token {
    uint64_t hops;  // written by whoever holds it: plain data, handed over by the message
    uint64_t sum;   // of the numbers of the loops it visited
    uint64_t plain; // a token of a plain thread: swallowed by its receiver
    uint64_t padding[5];
};

struct message {
    struct token *token;
    uint8_t rest[LOOP_MESSAGE_SIZE - sizeof(struct token *)];
};

struct player {
    struct loop *loop;
    pthread_t thread;
    struct prng prng;
    uint64_t number;
    uint64_t visits;
    uint64_t sum;
    uint64_t plain_seen;
    bool asleep;
};

static struct player players[LOOPS];
static struct token tokens[TOKENS];
static struct token plain_tokens[PLAIN_THREADS][PLAIN_EACH];
static atomic_uint tokens_done;
static atomic_uint plain_done;
static atomic_bool ends;

static void check(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "doorbell_stress: %s\n", what);
        exit(1);
    }
}

static void post(struct loop *target, struct loop *self, struct token *token)
{
    struct message message = {.token = token};
    while (!loop_post(target, self, &message, 0)) {
        check(self == NULL, "an inbox is full though there are few tokens");
        sched_yield();
    }
}

static void end_if_done(struct loop *self)
{
    if (atomic_load(&tokens_done) < TOKENS ||
        atomic_load(&plain_done) < PLAIN_THREADS * PLAIN_EACH) {
        return;
    }
    atomic_store(&ends, true);
    for (int i = 0; i < LOOPS; i++) {
        loop_wake(players[i].loop, self);
    }
}

static void on_message(void *context, const void *bytes)
{
    struct player *player = context;
    struct message message;
    memcpy(&message, bytes, sizeof message);
    struct token *token = message.token;
    check(!player->asleep, "a message while asleep");
    if (token->plain != 0) {
        player->plain_seen++;
        token->sum = player->number;
        atomic_fetch_add(&plain_done, 1);
        end_if_done(player->loop);
        return;
    }
    token->hops++;
    token->sum += player->number;
    player->visits++;
    player->sum += player->number;
    if (token->hops == HOPS_EACH) {
        atomic_fetch_add(&tokens_done, 1);
        end_if_done(player->loop);
        return;
    }
    post(players[prng_below(&player->prng, LOOPS)].loop, player->loop, token);
}

static void on_sleep(void *context)
{
    struct player *player = context;
    check(!player->asleep, "asleep twice");
    player->asleep = true;
}

static void on_wake(void *context)
{
    struct player *player = context;
    check(player->asleep, "awake twice");
    player->asleep = false;
}

static void *play(void *argument)
{
    struct player *player = argument;
    char error[LOOP_ERROR_SIZE];
    check(loop_start(player->loop, error, sizeof error) == 0, "no start");
    while (!atomic_load(&ends)) {
        loop_round(player->loop, LOOP_WAIT_FOREVER);
    }
    loop_stop(player->loop);
    return NULL;
}

static void *plain(void *argument)
{
    struct token *own = argument;
    struct prng prng;
    prng_seed(&prng, (uint64_t)(uintptr_t)own);
    for (int i = 0; i < PLAIN_EACH; i++) {
        own[i].plain = 1;
        post(players[prng_below(&prng, LOOPS)].loop, NULL, &own[i]);
        if (i % 64 == 0) {
            struct timespec moment = {.tv_nsec = 1000 * 1000};
            nanosleep(&moment, NULL);
        }
    }
    return NULL;
}

static void stress(uint32_t features_masked)
{
    memset(tokens, 0, sizeof tokens);
    memset(plain_tokens, 0, sizeof plain_tokens);
    atomic_store(&tokens_done, 0);
    atomic_store(&plain_done, 0);
    atomic_store(&ends, false);
    for (uint64_t i = 0; i < LOOPS; i++) {
        struct player *player = &players[i];
        char error[LOOP_ERROR_SIZE] = "";
        *player = (struct player){.number = i + 1};
        prng_seed(&player->prng, i + 1);
        player->loop = aligned_alloc(64, (sizeof(struct loop) + 63) / 64 * 64);
        check(player->loop != NULL, "no memory");
        struct loop_config config = {
            .name = "stress",
            .sq_entries = 64,
            .features_masked = features_masked,
            .callbacks = {player, on_message, NULL, on_sleep, on_wake},
        };
        check(loop_init(player->loop, &config, error, sizeof error) == 0, error);
    }
    for (int i = 0; i < TOKENS; i++) {
        post(players[i].loop, NULL, &tokens[i]);
    }
    for (int i = 0; i < LOOPS; i++) {
        check(pthread_create(&players[i].thread, NULL, play, &players[i]) == 0, "no thread");
    }
    pthread_t plain_threads[PLAIN_THREADS];
    for (int i = 0; i < PLAIN_THREADS; i++) {
        check(pthread_create(&plain_threads[i], NULL, plain, plain_tokens[i]) == 0, "no thread");
    }
    for (int i = 0; i < PLAIN_THREADS; i++) {
        pthread_join(plain_threads[i], NULL);
    }
    uint64_t visits = 0;
    uint64_t sums = 0;
    uint64_t plain_seen = 0;
    uint64_t sleeps = 0;
    for (int i = 0; i < LOOPS; i++) {
        pthread_join(players[i].thread, NULL);
        visits += players[i].visits;
        sums += players[i].sum;
        plain_seen += players[i].plain_seen;
        sleeps += players[i].loop->stats.sleeps;
    }
    for (int i = 0; i < TOKENS; i++) {
        check(tokens[i].hops == HOPS_EACH, "a token stopped early");
        sums -= tokens[i].sum;
    }
    check(visits == (uint64_t)TOKENS * HOPS_EACH, "visits lost or repeated");
    check(plain_seen == PLAIN_THREADS * PLAIN_EACH, "messages of plain threads lost or repeated");
    check(sums == 0, "sums differ");
    check(sleeps > 0, "nobody ever slept");
    for (int i = 0; i < LOOPS; i++) {
        loop_free(players[i].loop);
        free(players[i].loop);
    }
    printf("doorbell_stress: features masked %#x: %d hops, %lu sleeps\n", features_masked,
           TOKENS * HOPS_EACH, (unsigned long)sleeps);
}

int main(void)
{
    alarm(WATCHDOG_S); // a lost doorbell: everybody sleeps for ever, and SIGALRM ends it
    stress(0);
    stress(LOOP_FEATURES_NEWER_THAN_6_1);
    stress(LOOP_FEATURES_ALL);
    return 0;
}
