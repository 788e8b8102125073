// link: tests/unit/worker/fake_client.c
// link: tests/unit/worker/fake_log.c
// link: tests/unit/worker/fake_terms.c
// link: tests/unit/worker/fake_status.c
// Readers of every quality and pace at once: each gets every event of its streams once, in order
// and byte for byte, or a notice where it is too large for it.
#include "fake_log.h"

#include "base/prng.h"
#include "worker/worker_internal.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { EVENTS = 600, BYTES_MAX = 120 * 1000, CLIENTS = 20, SEED = 20264 };

TestSuite(worker_quality_mix, .timeout = 120);

// What was published, by id.
static struct {
    uint32_t length;
    char stream;
} published[EVENTS + 1];

struct wish {
    const char *target;
    const char *streams;
    uint32_t event_bytes_max;
};

static const struct wish wishes[] = {
    {"/streams/a?events_per_second=400", "a", 0},
    {"/streams/a?events_per_second=300&burst=7&max_event_size=1000", "a", 1000},
    {"/streams/b?bytes_per_second=8MiB&from=earliest", "b", 0},
    {"/streams/b?batch_size=7&batch_timeout=20ms&max_event_size=20000", "b", 20000},
    {"/events?stream=a&stream=b&events_per_second=500&batching=on", "ab", 0},
    {"/events?stream=a&stream=b&envelope=0&max_event_size=500&batch_size=3", "ab", 500},
    {"/streams/a?batch=event", "a", 0},
    {"/streams/b?batch=event&batch_size=5&batch_timeout=15ms&max_event_size=3000", "b", 3000},
    {"/events?stream=a&stream=b&batch=event&events_per_second=500&from=earliest", "ab", 0},
    {"/streams/a?events_per_second=1000000&max_event_size=100", "a", 100},
};
enum { WISHES = sizeof(wishes) / sizeof(wishes[0]) };

// Going through what a client got.
struct audit {
    const struct wish *wish;
    uint64_t next; // the id expected next
};

static uint64_t following(const struct wish *wish, uint64_t id)
{
    do {
        id++;
    } while (id <= EVENTS && strchr(wish->streams, published[id].stream) == NULL);
    return id;
}

static void audit_event(struct audit *audit, uint64_t id, const char *data)
{
    cr_assert_eq(id, audit->next, "%s: %llu instead of %llu", audit->wish->target,
                 (unsigned long long)id, (unsigned long long)audit->next);
    uint32_t length = published[id].length;
    bool is_too_large = audit->wish->event_bytes_max > 0 && length > audit->wish->event_bytes_max;
    cr_assert_eq(data == NULL, is_too_large, "%s: event %llu of %u bytes", audit->wish->target,
                 (unsigned long long)id, length);
    if (data != NULL) {
        const char wanted[2] = {(char)('a' + id % 26), 0};
        cr_assert_eq(strspn(data, wanted), length);
    }
    audit->next = following(audit->wish, id);
}

// Envelopes in `text`, one or an array of them.
static void audit_envelopes(struct audit *audit, char *text)
{
    for (char *at = text; (at = strstr(at, "{\"id\":")) != NULL;) {
        uint64_t id = strtoull(at + strlen("{\"id\":"), NULL, 10);
        char *data = strstr(at, "\"data\":\"");
        cr_assert_not_null(data);
        data += strlen("\"data\":\"");
        audit_event(audit, id, data);
        at = data + published[id].length;
        cr_assert_eq(strncmp(at, "\"}", 2), 0);
    }
}

static void audit_frame(struct audit *audit, char *frame)
{
    char *data = strstr(frame, "\ndata: ");
    if (data == NULL) {
        return; // where it began
    }
    data += strlen("\ndata: ");
    uint64_t id = strtoull(frame + strlen("id: "), NULL, 10);
    cr_assert_eq(strncmp(frame, "id: ", 4), 0);
    if (strstr(frame, "\nevent: oversize\n") != NULL) {
        audit_event(audit, id, NULL);
    } else if (data[0] == '{' || data[0] == '[') {
        audit_envelopes(audit, data);
        cr_assert_eq(audit->next, following(audit->wish, id), "the id is the last one's");
    } else {
        audit_event(audit, id, data);
        cr_assert_eq(data[published[id].length], 0);
    }
}

static void audit_text(const struct wish *wish, struct fake_text *text)
{
    struct audit audit = {.wish = wish, .next = following(wish, 0)};
    char *frame = strstr(text->bytes, "\r\n\r\n");
    cr_assert_not_null(frame);
    frame += 4;
    for (char *end; (end = strstr(frame, "\n\n")) != NULL; frame = end + 2) {
        *end = 0;
        audit_frame(&audit, frame);
    }
    cr_assert_eq(*frame, 0, "ends with a whole frame");
    cr_assert_gt(audit.next, EVENTS, "%s: all came up to %llu", wish->target,
                 (unsigned long long)audit.next);
}

static uint32_t choose_length(struct prng *prng)
{
    switch (prng_below(prng, 12)) {
    case 0: return (uint32_t)prng_between(prng, 10000, BYTES_MAX);
    case 1:
    case 2: return (uint32_t)prng_between(prng, 450, 5000);
    default: return (uint32_t)prng_between(prng, 1, 200);
    }
}

static char *fill(uint64_t id, uint32_t length)
{
    char *data = malloc(length + 1);
    cr_assert_not_null(data);
    memset(data, (int)('a' + id % 26), length);
    data[length] = 0;
    return data;
}

static uint64_t publish_some(struct prng *prng, uint64_t id)
{
    struct fake_event events[8];
    uint32_t count = 1 + (uint32_t)prng_below(prng, 8);
    count = count < EVENTS - id ? count : (uint32_t)(EVENTS - id);
    for (uint32_t i = 0; i < count; i++) {
        id++;
        published[id].length = choose_length(prng);
        published[id].stream = prng_chance(prng, 1, 2) ? 'a' : 'b';
        events[i] = (struct fake_event){.stream = published[id].stream == 'a' ? "a" : "b",
                                        .data = fill(id, published[id].length)};
    }
    fake_set_priority(prng_chance(prng, 1, 10) ? PRIORITY_HIGH : PRIORITY_NORMAL);
    fake_publish(events, count);
    for (uint32_t i = 0; i < count; i++) {
        free((void *)(uintptr_t)events[i].data);
    }
    return id;
}

Test(worker_quality_mix, everybody_gets_every_event_as_it_asked)
{
    struct fake_options options = {.terms = {.cold_bytes_max = 8 << 20}};
    struct prng prng;
    prng_seed(&prng, SEED);
    fake_start(&options);
    int clients[CLIENTS];
    static struct fake_text texts[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        char request[256];
        snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n",
                 wishes[i % WISHES].target);
        clients[i] = fake_connect(request, i % 3 == 0 ? 4096 : 0);
        fake_expect(clients[i], &texts[i], "retry: 5000\n\n");
    }
    for (uint64_t id = 0; id < EVENTS;) {
        id = publish_some(&prng, id);
        fake_run(prng_below(&prng, 4));
        if (prng_chance(&prng, 1, 4)) {
            int i = (int)prng_below(&prng, CLIENTS);
            fake_read(clients[i], &texts[i], "no such thing", 2);
        }
        if (prng_chance(&prng, 1, 50)) {
            fake_make_cold();
        }
    }
    for (int i = 0; i < CLIENTS; i++) {
        const struct wish *wish = &wishes[i % WISHES];
        uint64_t last = EVENTS;
        while (strchr(wish->streams, published[last].stream) == NULL) {
            last--;
        }
        char end[32];
        snprintf(end, sizeof(end), "\nid: %llu\n", (unsigned long long)last);
        for (int turn = 0; turn < 4 && !fake_read(clients[i], &texts[i], end, 5000); turn++) {
        }
        while (strcmp(texts[i].bytes + texts[i].length - 2, "\n\n") != 0 ||
               strstr(texts[i].bytes, end) == NULL) {
            cr_assert_not(texts[i].is_over, "%s", wish->target);
            fake_read(clients[i], &texts[i], "no such thing", 20);
        }
        audit_text(wish, &texts[i]);
        close(clients[i]);
        fake_text_free(&texts[i]);
    }
    fake_stop();
}

// Each batch is whole, with the id of its last event; ids rise. Returns the last.
static uint64_t audit_batches(struct fake_text *text)
{
    uint64_t last = 0;
    char *frame = strstr(text->bytes, "\n\n") + 2; // behind where it began
    for (char *end; (end = strstr(frame, "\n\n")) != NULL; frame = end + 2) {
        *end = 0;
        cr_assert_eq(strncmp(frame, "id: ", 4), 0, "%.80s", frame);
        uint64_t id = strtoull(frame + 4, NULL, 10);
        cr_assert_not_null(strstr(frame, "\nevent: batch\ndata: [{\"id\":"));
        cr_assert_eq(strcmp(end - 2, "}]"), 0);
        for (char *at = frame; (at = strstr(at, "{\"id\":")) != NULL; at++) {
            uint64_t next = strtoull(at + strlen("{\"id\":"), NULL, 10);
            cr_assert_gt(next, last);
            last = next;
        }
        cr_assert_eq(last, id);
    }
    cr_assert_eq(*frame, 0, "ends with a whole frame");
    return last;
}

// Stalled in the middle of a batch: nothing is kept for it, not even what has expired or left
// memory since.
Test(worker_quality_mix, the_rest_of_a_batch_is_made_again)
{
    enum { BLOCKS = 400, EACH = 25, BYTES = 1000, TTL_MS = 300, STALLED = 6 };
    fake_start(&(struct fake_options){0});
    static char data[BYTES + 1];
    memset(data, 'x', BYTES);
    int clients[STALLED];
    static struct fake_text texts[STALLED];
    for (int i = 0; i < STALLED; i++) {
        clients[i] = fake_connect(
            i % 2 == 0 ? "GET /streams/a?batch=event HTTP/1.1\r\nHost: x\r\n\r\n"
                       : "GET /events?stream=a&stream=b&batch=event HTTP/1.1\r\nHost: x\r\n\r\n",
            4096 + 512 * i);
        fake_expect(clients[i], &texts[i], "retry: 5000\n\n");
    }
    for (int b = 0; b < BLOCKS; b++) {
        struct fake_event events[EACH];
        for (int i = 0; i < EACH; i++) {
            events[i] = (struct fake_event){
                .stream = "a", .data = data + i * 20, .ttl_ms = i % 3 == 1 ? TTL_MS : 0};
        }
        fake_publish(events, EACH);
        fake_run(1);
    }
    cr_assert_eq(fake_stat("throttled"), STALLED);
    const struct conn_ring *ring = &fake_worker()->shard.rings[0];
    for (uint32_t i = 0; i < ring->capacity; i++) {
        cr_assert_null(ring->conns[i].outbox, "a stalled reader costs no memory");
    }
    fake_make_cold();
    fake_run(TTL_MS + 100);
    for (int i = 0; i < STALLED; i++) {
        fake_expect(clients[i], &texts[i], "\nid: 10000\n");
        while (strcmp(texts[i].bytes + texts[i].length - 2, "\n\n") != 0) {
            fake_read(clients[i], &texts[i], "no such thing", 20);
        }
        cr_assert_eq(audit_batches(&texts[i]), (uint64_t)BLOCKS * EACH);
        close(clients[i]);
        fake_text_free(&texts[i]);
    }
    cr_assert_gt(fake_stat("short_sends"), STALLED);
    fake_stop();
}
