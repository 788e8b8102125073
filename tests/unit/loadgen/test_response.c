// layer: base
// link: perf/loadgen/response.c
// link: perf/loadgen/lines.c
// link: perf/loadgen/payload.c
#include "../perf/loadgen/response.h"

#include "base/prng.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    NEWS_MAX = 4096,
};

static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
                           "Cache-Control: no-cache\r\n\r\n";
static const char chunked_head[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
                                   "content-type:text/event-stream\r\n\r\n";

// What was told: 'H', 'L', 'E'; the number of an event as one character, '1' for 1; 'G' for a gap,
// or its count as one, 'a' for 0.
struct log {
    char told[NEWS_MAX];
    size_t count;
    bool refuses_head;
};

static bool note(void *context, struct response *response, enum response_news news)
{
    struct log *log = context;
    cr_assert_lt(log->count, NEWS_MAX - 1);
    char mark = 'E';
    switch (news) {
    case RESPONSE_HEAD: mark = 'H'; break;
    case RESPONSE_EVENT: mark = (char)('0' + (int)response->payload.number); break;
    case RESPONSE_GAP:
        mark = response->has_gap_count ? (char)('a' + (int)response->gap_count) : 'G';
        break;
    case RESPONSE_LEAVE: mark = 'L'; break;
    case RESPONSE_END: mark = 'E'; break;
    }
    log->told[log->count++] = mark;
    log->told[log->count] = 0;
    return !(news == RESPONSE_HEAD && log->refuses_head);
}

// Feeds text cut into pieces of `piece` bytes, 0: of random lengths.
static int feed(struct response *response, struct log *log, const char *text, size_t length,
                size_t piece)
{
    struct prng prng;
    prng_seed(&prng, length);
    for (size_t done = 0; done < length;) {
        size_t left = length - done;
        size_t taken = piece > 0 ? piece : (size_t)prng_between(&prng, 1, 40);
        taken = taken < left ? taken : left;
        // A copy of its own size, so that ASan sees reads beyond it.
        uint8_t *bytes = malloc(taken);
        memcpy(bytes, text + done, taken);
        int result = response_feed(response, bytes, taken, note, log);
        free(bytes);
        if (result != 0) {
            return result;
        }
        done += taken;
    }
    return 0;
}

// The same news are told however the text is cut.
static void check(const char *text, const char *expected)
{
    static const size_t pieces[] = {100000, 1, 2, 3, 7, 64, 0};
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        static struct log log;
        memset(&log, 0, sizeof log);
        struct response response = {0};
        cr_assert_eq(feed(&response, &log, text, strlen(text), pieces[i]), 0);
        cr_assert_str_eq(log.told, expected, "pieces of %zu: %s", pieces[i], log.told);
    }
}

// Appends an event to text; returns the new end.
static char *put_event(char *at, unsigned number, const char *before, const char *line_end)
{
    uint8_t data[80];
    struct payload payload = {.number = number};
    payload_write(data, sizeof data, &payload);
    return at + sprintf(at, "%sdata: %.*s%s%s", before, (int)sizeof data, (const char *)data,
                        line_end, line_end);
}

Test(response, events_are_told_once_complete)
{
    char text[4096];
    char *at = text + sprintf(text, "%s: hello\n\nretry: 5000\n\n", head);
    at = put_event(at, 1, "id: 1042\nevent: text\n", "\n");
    at = put_event(at, 2, "id: 1043\n", "\r\n");
    at += sprintf(at, "event: heartbeat\ndata: {}\n\n");
    at = put_event(at, 3, "", "\n");
    char *end = put_event(at, 4, "", "\n");
    check(text, "H1234");
    end[-1] = 0; // without the empty line that completes it
    check(text, "H123");
}

Test(response, gaps_are_told)
{
    char text[4096];
    char *at = text + sprintf(text, "%s", head);
    at = put_event(at, 1, "", "\n");
    at += sprintf(at, "event: gap\ndata: {\"from\":1}\n\n");
    at = put_event(at, 2, "event: gapless\n", "\n");
    at += sprintf(at, "event: gap\ndata: {\"from\":18446744073709551615,"
                      "\"to\":18446744073709551615,\"reason\":\"expired\",\"count\":7,"
                      "\"streams\":[\"a-stream-with-a-long-name-that-is-not-seen\"]}\n\n");
    at += sprintf(at, "event: gap\ndata: {\"from\":1,\"to\":2,\"count\":0}\n\n");
    at += sprintf(at, "event: gap\ndata: {\"from\":1,\"count\":}\n\n");
    (void)put_event(at, 3, "", "\n");
    check(text, "H1G2haG3");
}

Test(response, that_it_will_be_closed_is_told)
{
    char text[4096];
    char *at = text + sprintf(text, "%s", head);
    at = put_event(at, 1, "", "\n");
    (void)sprintf(at, "event: disconnect\ndata: {\"reason\":\"lagged\"}\n\n");
    check(text, "H1L");
}

Test(response, fields_without_a_blank_and_unknown_ones)
{
    char text[4096];
    char *at = text + sprintf(text, "%sdatum: x\ndata\nevent\n:\nfoo:bar\n", head);
    at = put_event(at, 1, "", "\n");
    char *colon = strstr(text, "data: ");
    memmove(colon + 5, colon + 6, strlen(colon + 6) + 1);
    check(text, "H1");
}

Test(response, the_first_payload_of_an_event_counts)
{
    char text[4096];
    char *at = text + sprintf(text, "%s", head);
    char *end = put_event(at, 1, "data: something else\n", "\n");
    end--;
    put_event(end, 2, "", "\n");
    check(text, "H1");
}

Test(response, chunks_may_be_cut_anywhere)
{
    char body[2048];
    char *end = put_event(body, 1, "id: 7\n", "\n");
    end = put_event(end, 2, "id: 8\n", "\r\n");
    end = put_event(end, 3, "", "\n");
    size_t length = (size_t)(end - body);
    for (size_t chunk = 1; chunk <= length; chunk += chunk < 8 ? 1 : 17) {
        char text[16384];
        char *at = text + sprintf(text, "%s", chunked_head);
        for (size_t done = 0; done < length; done += chunk) {
            size_t taken = length - done < chunk ? length - done : chunk;
            at += sprintf(at, "%zX%s\r\n%.*s\r\n", taken, done % 2 == 0 ? ";a=b" : "", (int)taken,
                          body + done);
        }
        check(text, "H123");
        strcpy(at, "0\r\n\r\n");
        check(text, "H123E");
        strcpy(at, "000\r\nTrailer: x\r\n\r\n");
        check(text, "H123E");
    }
}

Test(response, malformed_chunks_are_refused)
{
    static const char *const bad[] = {"x\r\n", "5\r\nabcdeX", "1000000000000000000\r\n", "-1\r\n"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[512];
        sprintf(text, "%s%s", chunked_head, bad[i]);
        struct response response = {0};
        struct log log = {0};
        cr_assert_eq(feed(&response, &log, text, strlen(text), 1), -EBADMSG, "%s", bad[i]);
    }
}

Test(response, status_and_kind)
{
    static const char text[] = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
                               "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\n\r\n{}";
    struct response response = {0};
    struct log log = {.refuses_head = true};
    cr_assert_eq(feed(&response, &log, text, sizeof text - 1, 1), 0);
    cr_assert_str_eq(log.told, "H");
    cr_assert_eq(response.status, 404);
    cr_assert_not(response.is_event_stream);
    cr_assert_eq(response.phase, RESPONSE_OVER);
}

Test(response, something_else_is_refused)
{
    static const char *const bad[] = {"SSH-2.0-OpenSSH\r\n", "\r\n", "HTTP/1.1\r\n",
                                      "HTTP/1.1 abc OK\r\n", "HTTP/2 200\r\n"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct response response = {0};
        struct log log = {0};
        cr_assert_eq(feed(&response, &log, bad[i], strlen(bad[i]), 1), -EBADMSG, "%s", bad[i]);
    }
}

Test(response, long_lines_are_passed_over)
{
    char text[16384];
    char *at = text + sprintf(text, "%sdata: ", head);
    memset(at, 'x', 9000);
    at += 9000;
    at += sprintf(at, "\n\n");
    put_event(at, 1, "", "\n");
    check(text, "H1");
}

static void check_last_id(const char *text, bool keeps_ids, const char *expected)
{
    struct response response = {.keeps_ids = keeps_ids};
    struct log log = {0};
    cr_assert_eq(feed(&response, &log, head, sizeof head - 1, 0), 0);
    cr_assert_eq(feed(&response, &log, text, strlen(text), 1), 0);
    cr_assert_eq(response.last_id.length, strlen(expected), "%s", text);
    cr_assert(memcmp(response.last_id.text, expected, strlen(expected)) == 0, "%s", text);
}

Test(response, the_last_id_is_kept)
{
    check_last_id("id: 7\nretry: 3000\n\n", true, "7"); // no event, and yet an id
    check_last_id("id: 7\ndata: x\n\nid: 8\ndata: y\n\n", true, "8");
    check_last_id("id: 7\ndata: x\n\ndata: y\n\n", true, "7"); // stays
    check_last_id("id: 7\ndata: x\n\nid\n\nid:\n\n", true, "");
    check_last_id("id: 7\ndata: x\n\n", false, "");
}

Test(response, an_id_counts_when_its_event_is_whole)
{
    check_last_id("id: 7\ndata: x\n\nid: 8\ndata: y\n", true, "7");
}

Test(response, an_id_too_long_is_none)
{
    check_last_id("id: 7\n\nid: 01234567890123456789012345678901234567890123456\n\n", true,
                  "01234567890123456789012345678901234567890123456");
    check_last_id("id: 7\n\nid: 012345678901234567890123456789012345678901234567\n\n", true, "");
}
