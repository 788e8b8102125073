// link: tests/unit/worker/fake_client.c
// link: tests/unit/worker/fake_log.c
// link: tests/unit/worker/fake_terms.c
// Readers of every form and pace, and streams that end whenever they do: each gets all of its
// streams and every end once, then its connection ends.
#include "fake_log.h"

#include "base/prng.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

TestSuite(worker_ending_mix, .timeout = 60);

enum { READERS = 24, STREAMS = 4, ROUNDS = 120, IDS = 4096 };

struct reader {
    char target[192];
    uint32_t streams; // a bit each
    bool is_batch;
    int socket;
    struct fake_text text;
    uint64_t last_id;
};

static struct {
    uint32_t stream[IDS]; // a bit; 0: no event
    uint64_t last_id;
    uint32_t ended;
} past;

static void take_event(struct reader *reader, uint64_t id)
{
    for (uint64_t skipped = reader->last_id + 1; skipped < id; skipped++) {
        cr_assert_eq(past.stream[skipped] & reader->streams, 0, "%s: %llu without %llu",
                     reader->target, (unsigned long long)id, (unsigned long long)skipped);
    }
    cr_assert((past.stream[id] & reader->streams) != 0 && id > reader->last_id);
    reader->last_id = id;
}

// All that it got, to the last end.
static void check_reader(struct reader *reader)
{
    char *at = strstr(reader->text.bytes, "\r\n\r\n");
    cr_assert_not_null(at);
    uint32_t ended = 0;
    char *end;
    for (at += 4; (end = strstr(at, "\n\n")) != NULL; at = end + 2) {
        *end = 0;
        const char *stream = strstr(at, "event: end\ndata: {\"stream\":\"s");
        cr_assert_null(strstr(at, "event: gap\n"));
        if (stream != NULL) {
            uint32_t bit = 1U << (stream[strlen("event: end\ndata: {\"stream\":\"s")] - '0');
            cr_assert_eq(ended & bit, 0, "told once");
            ended |= bit;
            uint64_t id = strtoull(at + strlen("id: "), NULL, 10);
            cr_assert_geq(id, reader->last_id);
            continue;
        }
        if (strstr(at, "\ndata: ") == NULL) {
            continue;
        }
        if (reader->is_batch) {
            for (const char *event = at; (event = strstr(event, "{\"id\":")) != NULL; event++) {
                take_event(reader, strtoull(event + strlen("{\"id\":"), NULL, 10));
            }
        } else {
            take_event(reader, strtoull(at + strlen("id: "), NULL, 10));
        }
    }
    cr_assert_eq(ended, reader->streams);
    for (uint64_t id = reader->last_id + 1; id <= past.last_id; id++) {
        cr_assert_eq(past.stream[id] & reader->streams, 0, "%s: %llu", reader->target,
                     (unsigned long long)id);
    }
}

static void begin_reader(struct reader *reader, struct prng *prng, int number)
{
    static const char *const forms[] = {"envelope=0", "envelope=1", "batch=event",
                                        "batching=on&batch_size=3&batch_timeout=20ms",
                                        "events_per_second=2000&burst=5"};
    memset(reader, 0, sizeof(*reader));
    int form = number % 5;
    int length = snprintf(reader->target, sizeof(reader->target), "/events?%s", forms[form]);
    for (uint32_t s = 0; s < STREAMS; s++) {
        if (prng_chance(prng, 1, 2) || (s + 1 == STREAMS && reader->streams == 0)) {
            reader->streams |= 1U << s;
            length += snprintf(reader->target + length, sizeof(reader->target) - (size_t)length,
                               "&stream=s%u", s);
        }
    }
    reader->is_batch = form == 2;
    char request[512];
    snprintf(request, sizeof(request), "GET %.190s&from=earliest HTTP/1.1\r\nHost: x\r\n\r\n",
             reader->target);
    reader->socket = fake_connect(request, number % 3 == 0 ? 4096 : 0);
}

static void publish_round(struct prng *prng)
{
    static char data[20001];
    memset(data, 'x', sizeof(data) - 1);
    static const char *const names[STREAMS] = {"s0", "s1", "s2", "s3"};
    struct fake_event events[6];
    uint32_t count = 0;
    for (uint32_t wanted = 1 + (uint32_t)prng_below(prng, 6); wanted > 0; wanted--) {
        uint32_t s = (uint32_t)prng_below(prng, STREAMS);
        if ((past.ended & 1U << s) == 0) {
            past.stream[past.last_id + 1 + count] = 1U << s;
            const char *text = data + sizeof(data) - 1 - prng_below(prng, sizeof(data) - 1);
            events[count++] = (struct fake_event){.stream = names[s], .data = text};
        }
    }
    if (count > 0) {
        past.last_id = fake_publish(events, count);
    }
}

static void end_one(uint32_t s)
{
    char name[] = {'s', (char)('0' + s), 0};
    fake_set_life(name, s % 2 == 0 ? STREAM_CLOSED : STREAM_CANCELLED);
    past.ended |= 1U << s;
    past.last_id++;
}

static void expect_nothing_left(const struct reader *reader)
{
    char fields[64];
    snprintf(fields, sizeof(fields), "Last-Event-ID: %llu\r\n", (unsigned long long)past.last_id);
    struct fake_text text = {0};
    int client = fake_get(reader->target, fields);
    fake_expect(client, &text, "HTTP/1.1 204 ");
    close(client);
    fake_text_free(&text);
}

Test(worker_ending_mix, everybody_gets_all_and_every_end_once)
{
    struct prng prng;
    prng_seed(&prng, 77);
    memset(&past, 0, sizeof(past));
    struct fake_options options = {.terms = {.cold_bytes_max = 8 << 20}};
    fake_start(&options);
    static struct reader readers[READERS];
    for (int i = 0; i < READERS; i++) {
        begin_reader(&readers[i], &prng, i);
    }
    for (uint32_t round = 0; round < ROUNDS; round++) {
        publish_round(&prng);
        fake_run(prng_below(&prng, 3));
        struct reader *reader = &readers[prng_below(&prng, READERS)];
        (void)fake_read(reader->socket, &reader->text, "no such thing", prng_below(&prng, 3));
        if (prng_chance(&prng, 1, 15)) {
            bool keeps_memory = prng_chance(&prng, 1, 2);
            fake_lap(true, keeps_memory);
            publish_round(&prng);
            fake_lap(false, keeps_memory);
        }
        if (round % (ROUNDS / STREAMS) == ROUNDS / STREAMS - 1) {
            publish_round(&prng);
            end_one(round / (ROUNDS / STREAMS));
        }
        if (prng_chance(&prng, 1, 40)) {
            fake_make_cold();
        }
    }
    for (int i = 0; i < READERS; i++) {
        struct reader *reader = &readers[i];
        cr_assert(fake_read(reader->socket, &reader->text, NULL, FAKE_WAIT_MS), "%s ends",
                  reader->target);
        check_reader(reader);
        expect_nothing_left(reader);
        close(reader->socket);
        fake_text_free(&reader->text);
    }
    fake_stop();
}
