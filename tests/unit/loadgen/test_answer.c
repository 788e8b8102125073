// layer: base
// link: perf/loadgen/answer.c
#include "../perf/loadgen/answer.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

// Feeds bytes in pieces of `step`, until the answer is whole. Returns how many were taken, or
// -errno.
static ssize_t feed(struct answer *answer, const char *text, size_t step)
{
    size_t length = strlen(text);
    size_t done = 0;
    while (done < length && !answer->is_whole) {
        size_t piece = step < length - done ? step : length - done;
        ssize_t taken = answer_feed(answer, (const uint8_t *)text + done, piece);
        if (taken < 0) {
            return taken;
        }
        done += (size_t)taken;
    }
    return (ssize_t)done;
}

static const struct sample {
    const char *text;
    uint16_t status;
    bool is_last;
    const char *body;
} SAMPLES[] = {
    {"HTTP/1.1 204 No Content\r\n\r\n", 204, false, ""},
    {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, false, ""},
    {"HTTP/1.1 202 Accepted\r\ncontent-length: 5\r\n\r\nhello", 202, false, "hello"},
    {"HTTP/1.1 201 Created\r\nTransfer-Encoding: "
     "chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\n\r\n\r\n0\r\nT: 1\r\n\r\n",
     201, false, "abc  "},
    {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx", 200, true, "x"},
    {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, true, "x"},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, false,
     "ok"},
    {"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 9\r\n\r\nno\tspace\n", 500, false,
     "no space "},
};

enum {
    SAMPLE_COUNT = sizeof SAMPLES / sizeof SAMPLES[0],
};

static void check(const struct answer *answer, const struct sample *sample)
{
    cr_assert(answer->is_whole, "%s", sample->text);
    cr_assert_eq(answer->status, sample->status);
    cr_assert_eq(answer->is_last, sample->is_last, "%s", sample->text);
    cr_assert_str_eq(answer->text, sample->body);
}

Test(answer, read_whole_however_it_is_cut)
{
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        for (size_t step = 1; step <= strlen(SAMPLES[i].text); step++) {
            struct answer answer;
            answer_begin(&answer);
            cr_assert_eq(feed(&answer, SAMPLES[i].text, step), (ssize_t)strlen(SAMPLES[i].text));
            check(&answer, &SAMPLES[i]);
        }
    }
}

Test(answer, answers_in_one_piece_are_told_apart)
{
    char text[2048] = "";
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        strncat(text, SAMPLES[i].text, sizeof text - strlen(text) - 1);
    }
    const char *at = text;
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        struct answer answer;
        answer_begin(&answer);
        cr_assert_eq(feed(&answer, at, sizeof text), (ssize_t)strlen(SAMPLES[i].text), "%zu", i);
        check(&answer, &SAMPLES[i]);
        at += strlen(SAMPLES[i].text);
    }
}

Test(answer, a_body_may_end_with_the_connection)
{
    struct answer answer;
    answer_begin(&answer);
    cr_assert(feed(&answer, "HTTP/1.1 403 Forbidden\r\n\r\nnot you", 5) > 0);
    cr_assert_not(answer.is_whole);
    cr_assert_eq(answer_end(&answer), 0);
    cr_assert_eq(answer.status, 403);
    cr_assert(answer.is_last);
    cr_assert_str_eq(answer.text, "not you");
}

Test(answer, a_connection_that_ends_too_early_is_told)
{
    static const char *const beginnings[] = {
        "",
        "HTTP/1.1 20",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++) {
        struct answer answer;
        answer_begin(&answer);
        cr_assert_eq(feed(&answer, beginnings[i], 7), (ssize_t)strlen(beginnings[i]));
        cr_assert_eq(answer_end(&answer), -ECONNRESET, "%s", beginnings[i]);
    }
}

Test(answer, what_is_no_http_is_told)
{
    static const char *const texts[] = {
        "SSH-2.0-OpenSSH\r\n",
        "HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct answer answer;
        answer_begin(&answer);
        cr_assert_eq(feed(&answer, texts[i], 6), -EBADMSG, "%s", texts[i]);
    }
}

Test(answer, only_the_beginning_of_a_long_body_is_kept)
{
    struct answer answer;
    answer_begin(&answer);
    char body[1001];
    memset(body, 'x', sizeof body - 1);
    body[sizeof body - 1] = 0;
    cr_assert(feed(&answer, "HTTP/1.1 400 Bad Request\r\nContent-Length: 1000\r\n\r\n", 100) > 0);
    cr_assert_eq(feed(&answer, body, 333), 1000);
    cr_assert(answer.is_whole);
    cr_assert_eq(strlen(answer.text), (size_t)ANSWER_TEXT_MAX);
}
