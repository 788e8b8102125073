// layer: base
// link: perf/loadgen/messages.c
// link: perf/loadgen/messages_redis.c
// link: perf/loadgen/messages_nats.c
// link: perf/loadgen/lines.c
// link: perf/loadgen/payload.c
#include "../perf/loadgen/messages.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    NEWS_MAX = 64,
    TEXT_MAX = 8192,
};

// What was told: 'R' ready, 'P' ping, 'X' error, or the number of an event as one character.
struct log {
    char told[NEWS_MAX];
    size_t count;
    char refuses; // the callback wants no more after that
    char error[64];
};

static bool note(void *context, const struct messages *messages, enum messages_news news,
                 struct slice text)
{
    struct log *log = context;
    cr_assert_lt(log->count, NEWS_MAX - 1);
    char mark = '?';
    switch (news) {
    case MESSAGES_READY: mark = 'R'; break;
    case MESSAGES_EVENT: mark = (char)('0' + (int)messages->payload.number); break;
    case MESSAGES_PING: mark = 'P'; break;
    case MESSAGES_ERROR:
        mark = 'X';
        snprintf(log->error, sizeof log->error, SLICE_FORMAT, SLICE_ARGUMENTS(text));
        break;
    }
    log->told[log->count++] = mark;
    log->told[log->count] = 0;
    return mark != log->refuses;
}

// Feeds a copy of its own size, so that ASan sees reads beyond it.
static int feed_piece(struct messages *messages, const struct messages_protocol *protocol,
                      struct log *log, const char *at, size_t length)
{
    uint8_t *bytes = malloc(length > 0 ? length : 1);
    memcpy(bytes, at, length);
    int result = messages_feed(messages, protocol, bytes, length, note, log);
    free(bytes);
    return result;
}

// The same is told when the text is cut once, anywhere; and when it comes in pieces of any size.
static void check(const struct messages_protocol *protocol, const char *text, size_t length,
                  const char *expected)
{
    for (size_t cut = 0; cut <= length; cut++) {
        struct messages messages = {0};
        struct log log = {0};
        cr_assert_eq(feed_piece(&messages, protocol, &log, text, cut), 0);
        cr_assert_eq(feed_piece(&messages, protocol, &log, text + cut, length - cut), 0);
        cr_assert_str_eq(log.told, expected, "cut at %zu: %s", cut, log.told);
    }
    for (size_t piece = 1; piece <= length; piece += piece < 80 ? 1 : 37) {
        struct messages messages = {0};
        struct log log = {0};
        for (size_t done = 0; done < length; done += piece) {
            size_t taken = length - done < piece ? length - done : piece;
            cr_assert_eq(feed_piece(&messages, protocol, &log, text + done, taken), 0);
        }
        cr_assert_str_eq(log.told, expected, "pieces of %zu: %s", piece, log.told);
    }
}

static int feed_whole(const struct messages_protocol *protocol, struct log *log, const char *text)
{
    struct messages messages = {0};
    return feed_piece(&messages, protocol, log, text, strlen(text));
}

// A payload with the number, `length` bytes long and a NUL.
static const char *payload_text(unsigned number, size_t length)
{
    static char text[1024];
    struct payload payload = {.number = number};
    payload_write((uint8_t *)text, length, &payload);
    text[length] = 0;
    return text;
}

static char *put_redis(char *at, unsigned number, size_t length)
{
    return at + sprintf(at, "*3\r\n$7\r\nmessage\r\n$7\r\nbench/0\r\n$%zu\r\n%s\r\n", length,
                        payload_text(number, length));
}

static char *put_nats(char *at, unsigned number, size_t length, const char *reply_to)
{
    return at + sprintf(at, "MSG bench/0 1%s %zu\r\n%s\r\n", reply_to, length,
                        payload_text(number, length));
}

static const char subscribed[] = "*3\r\n$9\r\nsubscribe\r\n$7\r\nbench/0\r\n:1\r\n";
static const char info[] = "INFO {\"server_id\":\"NAX\",\"version\":\"2.9.10\",\"padding\":"
                           "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"} \r\n";

Test(messages, redis_tells_the_subscription_and_each_message_once)
{
    char text[TEXT_MAX];
    char *at = text + sprintf(text, "%s", subscribed);
    at = put_redis(at, 1, PAYLOAD_BYTES_MIN);
    at = put_redis(at, 2, 64);
    at = put_redis(at, 3, 200);
    check(&messages_redis, text, (size_t)(at - text), "R123");
    // The CR LF behind the data belong to the message.
    check(&messages_redis, text, (size_t)(at - text) - 1, "R12");
}

Test(messages, redis_passes_over_what_is_none_of_ours)
{
    char text[TEXT_MAX];
    char *at = text + sprintf(text,
                              "+OK\r\n:7\r\n*0\r\n%s*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$0\r\n\r\n"
                              "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$5\r\n\r\n*3\n\r\n"
                              "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:0\r\n",
                              subscribed);
    // Our payload, but not as a message's data.
    at += sprintf(at, "*2\r\n$7\r\nmessage\r\n$64\r\n%s\r\n", payload_text(8, 64));
    at += sprintf(at, "*3\r\n$4\r\npong\r\n$1\r\na\r\n$64\r\n%s\r\n", payload_text(9, 64));
    at = put_redis(at, 1, 64);
    check(&messages_redis, text, (size_t)(at - text), "R1");
}

Test(messages, nats_tells_readiness_pings_and_each_message_once)
{
    char text[TEXT_MAX];
    char *at = text + sprintf(text, "%s+OK\r\nPONG\r\n", info);
    at = put_nats(at, 1, PAYLOAD_BYTES_MIN, "");
    at += sprintf(at, "PING\r\n");
    at = put_nats(at, 2, 200, " reply.to");
    at += sprintf(at, "MSG other 1 0\r\n\r\nMSG other 1 6\r\nPING\r\n\r\n");
    at = put_nats(at, 3, 64, "");
    check(&messages_nats, text, (size_t)(at - text), "R1P23");
}

Test(messages, errors_are_told_with_their_text)
{
    struct log log = {0};
    cr_assert_eq(feed_whole(&messages_redis, &log, "-ERR max number of clients reached\r\n"), 0);
    cr_assert_str_eq(log.told, "X");
    cr_assert_str_eq(log.error, "ERR max number of clients reached");
    memset(&log, 0, sizeof log);
    cr_assert_eq(feed_whole(&messages_nats, &log, "-ERR 'Slow Consumer'\r\n"), 0);
    cr_assert_str_eq(log.told, "X");
    cr_assert_str_eq(log.error, "'Slow Consumer'");
}

Test(messages, nothing_is_told_after_the_callback_wanted_no_more)
{
    char text[TEXT_MAX];
    char *at = put_redis(text, 1, 64);
    put_redis(at, 2, 64);
    struct log log = {.refuses = '1'};
    cr_assert_eq(feed_whole(&messages_redis, &log, text), 0);
    cr_assert_str_eq(log.told, "1");
    at = put_nats(text, 1, 64, "");
    put_nats(at, 2, 64, "");
    log = (struct log){.refuses = '1'};
    cr_assert_eq(feed_whole(&messages_nats, &log, text), 0);
    cr_assert_str_eq(log.told, "1");
}

Test(messages, what_no_such_server_sends_is_refused)
{
    static const struct {
        const struct messages_protocol *protocol;
        const char *text;
    } bad[] = {
        {&messages_redis, "\r\n"},
        {&messages_redis, "HTTP/1.1 200 OK\r\n"},
        {&messages_redis, "INFO {}\r\n"},
        {&messages_redis, "$3\r\n"},
        {&messages_redis, "*-1\r\n"},
        {&messages_redis, "*x\r\n"},
        {&messages_redis, "*1025\r\n"},
        {&messages_redis, "*2\r\n*2\r\n"},
        {&messages_redis, "*2\r\n$-1\r\n"},
        {&messages_redis, "*2\r\n$536870913\r\n"},
        {&messages_redis, "*2\r\n-ERR\r\n"},
        {&messages_redis, "*3\r\n$7\r\nmessages\r\n"},
        {&messages_nats, "\r\n"},
        {&messages_nats, "HTTP/1.1 200 OK\r\n"},
        {&messages_nats, "MSG\r\n"},
        {&messages_nats, "MSG a 1\r\n"},
        {&messages_nats, "MSG a 1 b c 5\r\n"},
        {&messages_nats, "MSG a 1 x\r\n"},
        {&messages_nats, "MSG a 1 67108865\r\n"},
        {&messages_nats, "MSG a 1 1\r\nab\r\n"},
        {&messages_nats, "MSG "
                         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa "
                         "1 5\r\n"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        size_t length = strlen(bad[i].text);
        for (size_t cut = 0; cut <= length; cut++) {
            struct messages messages = {0};
            struct log log = {0};
            int result = feed_piece(&messages, bad[i].protocol, &log, bad[i].text, cut);
            if (result == 0) {
                result =
                    feed_piece(&messages, bad[i].protocol, &log, bad[i].text + cut, length - cut);
            }
            cr_assert_eq(result, -EBADMSG, "%s cut at %zu", bad[i].text, cut);
            cr_assert_eq(log.count, 0);
        }
    }
}

Test(messages, requests)
{
    char bytes[256];
    struct buffer request;
    buffer_wrap(&request, bytes, sizeof bytes);
    cr_assert_eq(messages_redis.request(&request, slice_of("bench/0")), 0);
    cr_assert(
        slice_equal_text(buffer_slice(&request), "*2\r\n$9\r\nSUBSCRIBE\r\n$7\r\nbench/0\r\n"));
    buffer_clear(&request);
    cr_assert_eq(messages_nats.request(&request, slice_of("bench/0")), 0);
    cr_assert(slice_equal_text(buffer_slice(&request),
                               "CONNECT {\"verbose\":false,\"pedantic\":false}\r\n"
                               "SUB bench/0 1\r\nPING\r\n"));
    buffer_wrap(&request, bytes, 20);
    cr_assert_eq(messages_redis.request(&request, slice_of("bench/0")), -ENOBUFS);
    buffer_clear(&request);
    cr_assert_eq(messages_nats.request(&request, slice_of("bench/0")), -ENOBUFS);
}

Test(messages, nats_carries_no_name_with_blanks_wildcards_or_too_long)
{
    static const char *const bad[] = {
        "",    "a b", "a\tb",
        "a.>", "*",   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    };
    char bytes[256];
    struct buffer request;
    buffer_wrap(&request, bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cr_assert_eq(messages_nats.request(&request, slice_of(bad[i])), -EINVAL, "%s", bad[i]);
    }
    cr_assert_eq(buffer_length(&request), 0);
}

Test(messages, a_protocol_is_found_by_the_scheme)
{
    cr_assert_eq(messages_protocol_find("redis://127.0.0.1:6379"), &messages_redis);
    cr_assert_eq(messages_protocol_find("nats://127.0.0.1"), &messages_nats);
    cr_assert_null(messages_protocol_find("http://127.0.0.1"));
    cr_assert_null(messages_protocol_find(""));
}
