// link: tests/unit/base/scratch.c
// link: tests/unit/worker/fake_client.c
// link: tests/unit/worker/fake_log.c
// link: tests/unit/worker/fake_terms.c
// The access log, as it comes, changes and goes while the worker runs.
#include "fake_log.h"

#include "base/clock.h"
#include "unit/base/scratch.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PATH_SIZE = SCRATCH_PATH_SIZE + 16,
    TEXT_SIZE = 1 << 16,
    SMALL_BUFFER = 4096,
    LARGE_BYTES = 768 << 10
};

static char directory[SCRATCH_PATH_SIZE];
static char paths[2][PATH_SIZE];

static void begin(void)
{
    static const struct fake_options defaults;
    scratch_make(directory);
    for (int i = 0; i < 2; i++) {
        (void)snprintf(paths[i], PATH_SIZE, "%s/%d", directory, i);
    }
    fake_start(&defaults);
}

static void end(void)
{
    fake_stop();
    scratch_remove(directory);
}

TestSuite(worker_access_log, .init = begin, .fini = end, .timeout = 60);

// where: "off", or one of the paths.
static void offer(const char *where)
{
    char message[512];
    struct terms *terms = terms_create();
    cr_assert_not_null(terms);
    fake_fill_terms(terms);
    cr_assert(access_file_open(where, &terms->access_file, message, sizeof(message)), "%s",
              message);
    worker_offer_terms(fake_worker(), terms);
}

static const char *read_log(const char *path)
{
    static char text[TEXT_SIZE];
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file);
    text[fread(text, 1, TEXT_SIZE - 1, file)] = '\0';
    cr_assert_eq(fclose(file), 0);
    return text;
}

static const char *expect_line(const char *path, const char *part)
{
    uint64_t end_ms = clock_monotonic_ms() + FAKE_WAIT_MS;
    const char *text;
    while (strstr(text = read_log(path), part) == NULL) {
        cr_assert(clock_monotonic_ms() < end_ms, "waited for <%s>, got <%s>", part, text);
        fake_run(5);
    }
    return strstr(text, part);
}

static void ask(const char *target)
{
    struct fake_text text = {0};
    int client = fake_get(target, "Connection: close\r\n");
    fake_expect(client, &text, "HTTP/1.1 ");
    close(client);
    fake_text_free(&text);
}

static int subscribe(const char *target, struct fake_text *text)
{
    int client = fake_get(target, "");
    fake_expect(client, text, "retry: 5000\n\n");
    return client;
}

Test(worker_access_log, comes_changes_and_goes)
{
    ask("/none-yet");
    offer(paths[0]);
    fake_run(20);
    ask("/first");
    expect_line(paths[0], "path=/first");
    offer(paths[1]);
    fake_run(20);
    ask("/second");
    expect_line(paths[1], "path=/second");
    offer("off");
    fake_run(20);
    ask("/third");
    offer(paths[1]); // the same file, opened anew
    fake_run(20);
    ask("/fourth");
    expect_line(paths[1], "path=/fourth");
    cr_expect_not_null(strstr(read_log(paths[1]), "/second"));
    cr_expect_null(strstr(read_log(paths[1]), "/third"));
    cr_expect_null(strstr(read_log(paths[0]), "/second"));
    cr_expect_null(strstr(read_log(paths[0]), "/none-yet"));
}

Test(worker_access_log, tells_ends_of_streams_that_began_under_it)
{
    struct fake_text texts[3] = {{0}};
    int before = subscribe("/streams/before", &texts[0]);
    offer(paths[0]);
    fake_run(20);
    int meanwhile = subscribe("/streams/meanwhile", &texts[1]);
    int after = subscribe("/streams/after", &texts[2]);
    expect_line(paths[0], "path=/streams/after");
    fake_publish_one("before", "x");
    fake_publish_one("meanwhile", "x");
    fake_publish_one("meanwhile", "y");
    fake_expect(before, &texts[0], "id: 1\n");
    fake_expect(meanwhile, &texts[1], "id: 3\n");
    close(before);
    close(meanwhile);
    const char *line = expect_line(paths[0], "stream_end");
    cr_expect_not_null(strstr(line, "events=2 "), "%s", line);
    cr_expect_not_null(strstr(line, "path=/streams/meanwhile"), "%s", line);
    cr_expect_null(strstr(read_log(paths[0]), "before"));
    offer("off");
    fake_run(20);
    close(after);
    fake_run(20);
    cr_expect_null(strstr(strstr(read_log(paths[0]), "stream_end") + 1, "stream_end"));
    for (int i = 0; i < 3; i++) {
        fake_text_free(&texts[i]);
    }
}

// Queued before anything was counted, and cut short afterwards.
Test(worker_access_log, comes_while_sends_are_queued)
{
    struct fake_text text = {0};
    int client = fake_connect("GET /streams/a HTTP/1.1\r\nHost: x\r\n\r\n", SMALL_BUFFER);
    fake_expect(client, &text, "retry: 5000\n\n");
    char *frame = malloc(LARGE_BYTES + 1);
    struct log_transient *transient = calloc(1, sizeof(*transient));
    cr_assert(frame != NULL && transient != NULL);
    memset(frame, 'x', LARGE_BYTES);
    memcpy(frame, "data: ", strlen("data: "));
    frame[LARGE_BYTES - 2] = frame[LARGE_BYTES - 1] = '\n';
    frame[LARGE_BYTES] = '\0';
    *transient = (struct log_transient){.references = 2,
                                        .priority = PRIORITY_NORMAL,
                                        .time_ms = 1700000000000,
                                        .name = slice_of("a"),
                                        .data = slice_of("x"),
                                        .frame = slice_of(frame)};
    fake_transient(transient); // the worker is woken by the next line, to both
    offer(paths[0]);
    fake_run(50);
    ask("/it-lives");
    expect_line(paths[0], "path=/it-lives");
    close(client);
    for (int i = 0; i < 1000 && __atomic_load_n(&transient->references, __ATOMIC_ACQUIRE) > 1;
         i++) {
        fake_run(5);
    }
    cr_expect_eq(transient->references, 1);
    free(transient);
    free(frame);
    fake_text_free(&text);
}
