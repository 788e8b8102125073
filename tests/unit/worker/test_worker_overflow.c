// link: tests/unit/worker/fake_client.c
// link: tests/unit/worker/fake_grant.c
// link: tests/unit/worker/fake_log.c
// link: tests/unit/worker/fake_terms.c
// link: tests/unit/worker/fake_status.c
// Subscribers that lag beyond their limit, in every form that events are sent in: what comes and
// what gaps tell of add up, whatever happens to the log meanwhile.
#include "fake_grant.h"

#include "base/prng.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { IDS_MAX = 1 << 16, LAG = 20, DATA_BYTES = 2000, STALLED_BUFFER = 4096 };

TestSuite(worker_overflow, .timeout = 120);

static struct prng prng;
static char data[DATA_BYTES + 1];

// What was published, by id.
static struct {
    bool is_due[IDS_MAX]; // of a stream that is read, and of a type that is seen
    uint32_t read_streams;
    bool has_types; // one event in three is of a type that is not seen
    enum event_priority priority[IDS_MAX];
    uint64_t last_id;
} past;

// What a subscriber got.
struct got {
    bool has_id[IDS_MAX];
    bool is_in_gap[IDS_MAX];
    uint64_t last_id; // the highest
    uint64_t told;    // sum of the counts of its gaps
    uint32_t gaps;
    uint32_t uncounted; // gaps that do not say how many
    bool is_disconnected;
};

static void begin(const struct fake_options *options, uint32_t read_streams)
{
    prng_seed(&prng, 41);
    memset(&past, 0, sizeof past);
    past.read_streams = read_streams;
    memset(data, 'x', DATA_BYTES);
    fake_start(options);
}

// Blocks in which streams take turns, of which the first one or two are read.
static void publish(uint32_t blocks)
{
    static const char *const streams[] = {"a", "b", "other"};
    for (; blocks > 0; blocks--) {
        struct fake_event events[8];
        const char *types[8];
        uint32_t count = (uint32_t)prng_between(&prng, 1, 8);
        for (uint32_t i = 0; i < count; i++) {
            uint64_t id = ++past.last_id;
            uint64_t stream = prng_below(&prng, 3);
            cr_assert_lt(id, IDS_MAX);
            past.is_due[id] = stream < past.read_streams;
            past.priority[id] =
                prng_chance(&prng, 1, 30) ? PRIORITY_CRITICAL : 1 + (unsigned)prng_below(&prng, 4);
            bool is_seen = !past.has_types || !prng_chance(&prng, 1, 3);
            past.is_due[id] = past.is_due[id] && is_seen;
            types[i] = is_seen ? NULL : "secret";
            events[i] = (struct fake_event){.stream = streams[stream], .data = data};
        }
        uint64_t first_id = past.last_id - count + 1;
        cr_assert_eq(fake_publish_typed(events, &past.priority[first_id], types, count),
                     past.last_id);
        fake_run(0);
    }
}

static uint64_t number_after(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    return at == NULL ? 0 : strtoull(at + strlen(key), NULL, 10);
}

static void take_id(struct got *got, uint64_t id)
{
    cr_assert(id > 0 && id <= past.last_id && past.is_due[id], "%llu", (unsigned long long)id);
    cr_assert_gt(id, got->last_id, "%llu comes in order, once", (unsigned long long)id);
    got->has_id[id] = true;
    got->last_id = id;
}

static void take_frame(struct got *got, char *frame)
{
    char *content = strstr(frame, "data: ");
    if (content == NULL) {
        return; // the start, a comment
    }
    if (strstr(frame, "event: gap\n") != NULL) {
        uint64_t count = number_after(content, "\"count\":");
        uint64_t from = number_after(content, "\"from\":");
        cr_assert_gt(from, got->last_id, "told in its place");
        for (uint64_t id = from; id <= number_after(content, "\"to\":"); id++) {
            got->is_in_gap[id] = true;
        }
        got->told += count;
        got->gaps++;
        got->uncounted += count == 0;
    } else if (strstr(frame, "event: disconnect\n") != NULL) {
        cr_assert(strstr(content, "{\"reason\":\"lagged\"}") != NULL);
        got->is_disconnected = true;
    } else if (strstr(frame, "event: batch\n") != NULL) {
        for (char *at = content; (at = strstr(at, "{\"id\":")) != NULL; at++) {
            take_id(got, number_after(at, "{\"id\":"));
        }
    } else {
        take_id(got, number_after(frame, "id: "));
    }
}

// A subscriber that reads when it is told to.
struct reader {
    char target[128];
    uint64_t connection_id;
    int client;
    struct fake_text text;
    bool has_begun;
    struct got got;
};

static void take_frames(struct reader *reader)
{
    char *at = reader->text.bytes;
    char *end;
    if (at == NULL) {
        return;
    }
    if (!reader->has_begun && (end = strstr(at, "\r\n\r\n")) != NULL) {
        cr_assert(strncmp(at, "HTTP/1.1 200 ", 13) == 0, "%s", at);
        reader->has_begun = true;
        at = end + 4;
    }
    while (reader->has_begun && (end = strstr(at, "\n\n")) != NULL) {
        *end = 0;
        take_frame(&reader->got, at);
        at = end + 2;
    }
    reader->text.length = strlen(at);
    memmove(reader->text.bytes, at, reader->text.length + 1);
}

static void come_back(struct reader *reader)
{
    char request[512];
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\nLast-Event-ID: %llu\r\n\r\n",
             reader->target, (unsigned long long)reader->got.last_id);
    close(reader->client);
    fake_text_free(&reader->text);
    reader->has_begun = false;
    reader->client = fake_connect(request, STALLED_BUFFER);
}

static void connect_reader(struct reader *reader, const char *target)
{
    char request[512];
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", target);
    memset(reader, 0, sizeof *reader);
    snprintf(reader->target, sizeof reader->target, "%s", target);
    reader->client = fake_connect(request, STALLED_BUFFER);
    (void)fake_read(reader->client, &reader->text, "retry: ", FAKE_WAIT_MS);
    reader->connection_id = fake_connection_id(&reader->text);
    take_frames(reader);
    cr_assert(reader->has_begun);
}

static void close_reader(struct reader *reader)
{
    close(reader->client);
    fake_text_free(&reader->text);
}

// Takes some of what is there.
static void gulp(struct reader *reader, uint64_t bytes)
{
    for (uint64_t before = 0; bytes > 0; bytes -= before < bytes ? before : bytes) {
        size_t length = reader->text.length;
        (void)fake_read(reader->client, &reader->text, "\n\n", 5);
        before = reader->text.length - length;
        take_frames(reader);
        if (before == 0) {
            return;
        }
    }
}

struct loss {
    uint64_t events;
    uint64_t critical;
    uint64_t untold; // in no gap
};

static struct loss loss_of(const struct got *got)
{
    struct loss loss = {0};
    for (uint64_t id = 1; id <= past.last_id; id++) {
        if (past.is_due[id] && !got->has_id[id]) {
            loss.events++;
            loss.critical += past.priority[id] == PRIORITY_CRITICAL;
            loss.untold += !got->is_in_gap[id];
        }
    }
    return loss;
}

// Until all that is missing is told of. One of which the rest of a half-sent frame is gone has to
// come back.
static void read_all(struct reader *reader)
{
    for (uint32_t tries = 0; tries < 500; tries++) {
        (void)fake_read(reader->client, &reader->text, NULL, 10);
        take_frames(reader);
        if (reader->text.is_over) {
            come_back(reader);
        }
        struct loss loss = loss_of(&reader->got);
        if (loss.untold == 0 && (loss.events == reader->got.told || reader->got.uncounted > 0)) {
            return;
        }
    }
    struct loss loss = loss_of(&reader->got);
    cr_assert_fail("%llu are missing, %llu untold, gaps tell of %llu",
                   (unsigned long long)loss.events, (unsigned long long)loss.untold,
                   (unsigned long long)reader->got.told);
}

static const char *const targets[] = {
    "/streams/a?events_per_second=2000&burst=50&overflow=%s",
    "/streams/a?lag_bytes=20000&overflow=%s",
    "/streams/a?overflow=%s",
    "/events?stream=a&stream=b&overflow=%s",
    "/events?envelope=0&stream=a&stream=b&overflow=%s",
    "/events?stream=a&stream=b&batch=event&overflow=%s",
};
static const char *const counters[OVERFLOW_POLICIES] = {[OVERFLOW_DROP_OLDEST] = "dropped_oldest",
                                                        [OVERFLOW_DROP_NEWEST] = "dropped_newest",
                                                        [OVERFLOW_DROP_LOWEST] = "dropped_lowest"};

// What may happen to the log while somebody lags.
static void disturb(void)
{
    switch (prng_below(&prng, 4)) {
    case 0: fake_make_cold(); break;
    case 1:
        fake_lap(true, true);
        publish(20);
        fake_lap(false, prng_chance(&prng, 1, 2));
        break;
    default: break;
    }
}

static void expect_sums(enum overflow_policy policy, bool has_types)
{
    struct grant *grant = fake_grant("ann", "**", "message", GRANT_NEVER_EXPIRES);
    for (size_t form = 0; form < sizeof targets / sizeof targets[0]; form++) {
        struct fake_options options = {.terms = {.overflow = {.limits = {.events = LAG}}}};
        begin(&options, form < 3 ? 1 : 2);
        past.has_types = has_types;
        char target[128];
        snprintf(target, sizeof target, targets[form], overflow_policy_name(policy));
        static struct reader reader;
        connect_reader(&reader, target);
        if (has_types) {
            fake_give_grant(reader.connection_id, grant);
        }
        for (int round = 0; round < 8; round++) {
            publish(60);
            disturb();
            gulp(&reader, prng_below(&prng, 300000));
        }
        read_all(&reader);
        struct loss loss = loss_of(&reader.got);
        cr_assert_gt(reader.got.gaps, 0, "form %zu", form);
        cr_assert_eq(reader.got.uncounted, 0);
        cr_assert_eq(fake_stat(counters[policy]), loss.events);
        if (policy == OVERFLOW_DROP_LOWEST) {
            cr_assert_eq(loss.critical, 0, "critical ones never");
        }
        close_reader(&reader);
        fake_stop();
    }
    grant_release(grant);
}

Test(worker_overflow, drop_oldest_adds_up)
{
    expect_sums(OVERFLOW_DROP_OLDEST, false);
}

Test(worker_overflow, drop_newest_adds_up)
{
    expect_sums(OVERFLOW_DROP_NEWEST, false);
}

Test(worker_overflow, drop_lowest_adds_up)
{
    expect_sums(OVERFLOW_DROP_LOWEST, false);
}

// What is not seen is not counted as missing.
Test(worker_overflow, of_the_types_that_are_seen_it_adds_up)
{
    expect_sums(OVERFLOW_DROP_OLDEST, true);
    expect_sums(OVERFLOW_DROP_NEWEST, true);
    expect_sums(OVERFLOW_DROP_LOWEST, true);
}

// More records than are looked at in one round.
Test(worker_overflow, a_long_backlog_adds_up_as_well)
{
    enum { BLOCKS = 60, EVENTS = 1000 };
    struct fake_options options = {
        .terms = {.overflow = {.policy = OVERFLOW_DROP_LOWEST, .limits = {.events = LAG}}}};
    begin(&options, 1);
    static struct reader reader;
    connect_reader(&reader, "/streams/a");
    for (uint32_t block = 0; block < BLOCKS; block++) {
        static struct fake_event events[EVENTS];
        for (uint32_t i = 0; i < EVENTS; i++) {
            uint64_t id = ++past.last_id;
            past.is_due[id] = true;
            past.priority[id] = id % 1000 == 0 ? PRIORITY_CRITICAL : PRIORITY_LOW;
            events[i] = (struct fake_event){.stream = "a", .data = "0123456789"};
        }
        fake_publish_with(events, &past.priority[past.last_id - EVENTS + 1], EVENTS);
        fake_run(0);
    }
    read_all(&reader);
    struct loss loss = loss_of(&reader.got);
    cr_assert(loss.events > SCAN_RECORDS_MAX && loss.critical == 0);
    cr_assert_eq(fake_stat("dropped_lowest"), loss.events);
    close_reader(&reader);
    fake_stop();
}

// While blocks pass the worker by, the log's answers run ahead of them: what comes with them later
// is not dropped now.
Test(worker_overflow, answers_ahead_of_the_blocks_add_up)
{
    static const enum overflow_policy policies[] = {OVERFLOW_DROP_OLDEST, OVERFLOW_DROP_NEWEST};
    for (size_t i = 0; i < 2 * sizeof policies / sizeof policies[0]; i++) {
        struct fake_options options = {
            .terms = {.overflow = {.policy = policies[i / 2], .limits = {.events = LAG}}}};
        begin(&options, 2);
        static struct reader reader;
        connect_reader(&reader, i % 2 == 0 ? "/events?envelope=0&stream=a&stream=b"
                                           : "/events?stream=a&stream=b&batch=event");
        publish(150);
        fake_lap(true, true);
        publish(50);
        if (policies[i / 2] == OVERFLOW_DROP_NEWEST) {
            struct fake_text text = {0}; // an answer that tells how far the log has come
            int other = fake_get("/streams/a?from=earliest", "");
            fake_expect(other, &text, "\n\nid: ");
            (void)fake_read(other, &text, NULL, 100);
            close(other);
            fake_text_free(&text);
        }
        for (uint32_t tries = 0; tries < 500 && reader.got.gaps == 0; tries++) {
            (void)fake_read(reader.client, &reader.text, NULL, 10);
            take_frames(&reader);
        }
        cr_assert_eq(reader.got.gaps, 1);
        fake_lap(false, true);
        read_all(&reader);
        cr_assert_eq(fake_stat(counters[policies[i / 2]]), reader.got.told);
        close_reader(&reader);
        fake_stop();
    }
}

// What a cut leaves out, and what has expired, may be more whole blocks on disk than there is room
// for in memory: they are passed over a few at a time.
Test(worker_overflow, a_stretch_that_is_passed_over_may_be_larger_than_the_cache)
{
    struct fake_options options = {
        .terms = {.cold_bytes_max = 64 << 10,
                  .overflow = {.policy = OVERFLOW_DROP_LOWEST, .limits = {.events = LAG}}}};
    for (size_t form = 2; form < sizeof targets / sizeof targets[0]; form++) {
        begin(&options, form < 3 ? 1 : 2);
        char target[128];
        snprintf(target, sizeof target, targets[form], "drop_lowest");
        static struct reader reader;
        connect_reader(&reader, target);
        publish(300);
        fake_make_cold();
        read_all(&reader);
        struct loss loss = loss_of(&reader.got);
        cr_assert(loss.events > 100 && loss.critical == 0);
        close_reader(&reader);
        fake_stop();
    }
}

static const struct fake_options limited = {
    .terms = {.overflow = {.policy = OVERFLOW_DROP_OLDEST, .limits = {.events = LAG}}}};

// Retention, or the disk, takes what a reader that lags has not had: it is told of that, too, and
// of nothing twice.
static void expect_told_of_all(void (*damage)(void))
{
    for (unsigned policy = OVERFLOW_DROP_OLDEST; policy <= OVERFLOW_DROP_LOWEST; policy++) {
        for (size_t form = 0; form < sizeof targets / sizeof targets[0]; form++) {
            begin(&limited, form < 3 ? 1 : 2);
            char target[128];
            snprintf(target, sizeof target, targets[form],
                     overflow_policy_name((enum overflow_policy)policy));
            static struct reader reader;
            connect_reader(&reader, target);
            publish(150);
            gulp(&reader, 10000);
            damage();
            publish(1);
            read_all(&reader);
            publish(3);
            read_all(&reader);
            cr_assert_gt(reader.got.gaps, 0);
            close_reader(&reader);
            fake_stop();
        }
    }
}

static void let_expire(void)
{
    fake_discard("a");
    fake_run(5);
}

Test(worker_overflow, what_expires_meanwhile_is_told)
{
    expect_told_of_all(let_expire);
}

static void lose(void)
{
    fake_make_cold();
    fake_corrupt();
}

Test(worker_overflow, what_the_disk_loses_meanwhile_is_told)
{
    expect_told_of_all(lose);
}

// One block is lost far behind the cursor, or where the newest that may stay begin: the policy
// holds for what stands before it.
Test(worker_overflow, a_loss_further_on_does_not_end_the_policy)
{
    enum { BLOCKS = 50, LOST = 47, PAIRS = 8 };
    for (unsigned policy = OVERFLOW_DROP_OLDEST; policy <= OVERFLOW_DROP_LOWEST; policy++) {
        begin(&limited, 1);
        char target[128];
        snprintf(target, sizeof target, targets[2],
                 overflow_policy_name((enum overflow_policy)policy));
        static struct reader reader;
        connect_reader(&reader, target);
        for (uint32_t block = 0; block < BLOCKS; block++) {
            struct fake_event events[2 * PAIRS];
            for (uint32_t i = 0; i < 2 * PAIRS; i++) {
                past.is_due[++past.last_id] = i % 2 == 0;
                events[i] = (struct fake_event){.stream = i % 2 == 0 ? "a" : "other", .data = data};
            }
            fake_publish(events, 2 * PAIRS);
            fake_run(0);
        }
        fake_make_cold();
        cr_assert(fake_corrupt_block(LOST));
        read_all(&reader);
        cr_assert_gt(loss_of(&reader.got).events, BLOCKS * PAIRS / 2);
        close_reader(&reader);
        fake_stop();
    }
}

Test(worker_overflow, its_request_may_tighten_the_limits_and_only_that)
{
    begin(&limited, 1);
    static struct reader tight;
    static struct reader loose;
    connect_reader(&tight, "/streams/a?overflow=disconnect&lag_events=5");
    connect_reader(&loose, "/streams/a?overflow=disconnect&lag_events=1000000&lag_bytes=1GiB");
    publish(400);
    for (uint32_t i = 0; i < 500 && !(tight.text.is_over && loose.text.is_over); i++) {
        (void)fake_read(tight.client, &tight.text, NULL, 5);
        (void)fake_read(loose.client, &loose.text, NULL, 5);
    }
    take_frames(&tight);
    take_frames(&loose);
    cr_assert(tight.got.is_disconnected && loose.got.is_disconnected);
    cr_assert_eq(tight.got.gaps + loose.got.gaps, 0);
    cr_assert_eq(fake_stat("lag_closes"), 2);
    close_reader(&tight);
    close_reader(&loose);
    fake_stop();
}

Test(worker_overflow, its_stream_goes_before_the_broker)
{
    begin(&limited, 1);
    struct fake_text text = {0};
    int first = fake_get("/streams/a?overflow=block", "");
    fake_expect(first, &text, "403 Forbidden");
    static struct reader reader;
    connect_reader(&reader, "/streams/a");
    const struct stream_flow blocks = {.overflow = OVERFLOW_BLOCK};
    fake_set_flow("a", &blocks);
    publish(400);
    read_all(&reader);
    cr_assert_eq(reader.got.gaps, 0, "nothing is dropped of a stream that blocks");
    int second = fake_get("/streams/a?overflow=block", "");
    fake_text_free(&text);
    fake_expect(second, &text, "200 OK");
    close(first);
    close(second);
    const struct stream_flow drops = {.overflow = OVERFLOW_DROP_NEWEST, .lag_events = 7};
    fake_set_flow("a", &drops);
    publish(400);
    read_all(&reader);
    cr_assert_gt(reader.got.told, 0);
    cr_assert_eq(fake_stat("dropped_newest"), reader.got.told);
    close_reader(&reader);
    fake_text_free(&text);
    fake_stop();
}

// One that takes nothing at all is ended at last: for its lag, where that is its policy.
Test(worker_overflow, a_stalled_one_ends_for_its_lag_or_for_its_stall)
{
    struct fake_options options = limited;
    options.terms.stall_ms_max = 300;
    begin(&options, 1);
    static struct reader stalled;
    static struct reader lagging;
    connect_reader(&stalled, "/streams/a");
    connect_reader(&lagging, "/streams/a?overflow=disconnect&lag_events=4");
    publish(400);
    for (uint32_t i = 0; i < 1000 && fake_connections() > 0; i++) {
        fake_run(5);
    }
    cr_assert_eq(fake_stat("stall_closes"), 1);
    cr_assert_eq(fake_stat("lag_closes"), 1);
    close_reader(&stalled);
    close_reader(&lagging);
    fake_stop();
}
