#include "http/subscribe.h"

#include "unit/http/fixture.h"

static struct http_request request;
static struct subscribe_request subscribe;
static struct http_fault fault;

static enum rc_error parse(const char *target, const char *header_fields)
{
    request_make(&request, "GET", target, header_fields);
    struct http_route route;
    memset(&subscribe, 0xaa, sizeof(subscribe));
    memset(&fault, 0, sizeof(fault));
    enum rc_error error = http_route_find(&route, &request, HTTP_AUDIENCE_PUBLIC, &fault);
    if (error != ERR_NONE) {
        return error;
    }
    return subscribe_parse(&subscribe, &request, &route, &fault);
}

struct start_case {
    const char *target;
    const char *header_fields;
    enum subscribe_start start;
    uint64_t value;
    bool is_given;
};

#define TOKEN_A7 "YTo3" // a:7

static const struct start_case starts[] = {
    {"/streams/a", "", SUBSCRIBE_LATEST, 0, false},
    {"/events?stream=a", "", SUBSCRIBE_LATEST, 0, false},
    {"/api/sse?sessionId=a", "", SUBSCRIBE_LATEST, 0, false},
    {"/stream?stream_id=a", "", SUBSCRIBE_EARLIEST, 0, false},
    {"/stream?stream_id=a&from=latest", "", SUBSCRIBE_LATEST, 0, true},
    {"/streams/a?from=earliest", "", SUBSCRIBE_EARLIEST, 0, true},
    {"/streams/a?from=latest", "", SUBSCRIBE_LATEST, 0, true},
    {"/streams/a?from=0", "", SUBSCRIBE_AFTER_ID, 0, true},
    {"/streams/a?from=18446744073709551615", "", SUBSCRIBE_AFTER_ID, UINT64_MAX, true},
    {"/streams/a?from=last:0", "", SUBSCRIBE_LAST, 0, true},
    {"/streams/a?from=last%3A25", "", SUBSCRIBE_LAST, 25, true},
    {"/streams/a?from=time:1700000000000", "", SUBSCRIBE_SINCE_TIME, 1700000000000, true},
    {"/streams/a?from=time:2023-11-14T22:13:20Z", "", SUBSCRIBE_SINCE_TIME, 1700000000000, true},
    {"/streams/a?from=time:2023-11-15T00:13:20+02:00", "", SUBSCRIBE_SINCE_TIME, 1700000000000,
     true},
    {"/streams/a?last_event_id=9", "", SUBSCRIBE_AFTER_ID, 9, true},
    {"/streams/a?lastEventId=9", "", SUBSCRIBE_AFTER_ID, 9, true},
    {"/streams/a?last_event_id=", "", SUBSCRIBE_LATEST, 0, false},
    {"/streams/a?last_event_id", "", SUBSCRIBE_LATEST, 0, false},
    {"/streams/a?last_event_id=abc", "", SUBSCRIBE_UNKNOWN, 0, true},
    {"/streams/a", "Last-Event-ID: 5\r\n", SUBSCRIBE_AFTER_ID, 5, true},
    {"/streams/a", "Last-Event-ID:\r\n", SUBSCRIBE_LATEST, 0, false},
    {"/streams/a", "Last-Event-ID: -5\r\n", SUBSCRIBE_UNKNOWN, 0, true},
    {"/streams/a", "Last-Event-ID: 18446744073709551616\r\n", SUBSCRIBE_UNKNOWN, 0, true},
    {"/streams/a", "Last-Event-ID: \xff\r\n", SUBSCRIBE_UNKNOWN, 0, true},
    // Sixty-three zeros and a digit that was cut off.
    {"/streams/a",
     "Last-Event-ID: 0000000000000000000000000000000000000000000000000000000000000000"
     "5\r\n",
     SUBSCRIBE_UNKNOWN, 0, true},
    {"/streams/a?resume_token=" TOKEN_A7, "", SUBSCRIBE_AFTER_SEQUENCE, 7, true},
    {"/stream?stream_id=a&resume_token=" TOKEN_A7, "", SUBSCRIBE_AFTER_SEQUENCE, 7, true},
    {"/stream?resume_token=" TOKEN_A7 "&stream_id=a", "", SUBSCRIBE_AFTER_SEQUENCE, 7, true},
    {"/events?stream=a&resume_token=" TOKEN_A7, "", SUBSCRIBE_AFTER_SEQUENCE, 7, true},
    // "~~:1" has + or - in it: the plus may come unescaped.
    {"/streams/~~?resume_token=fn46MQ==", "", SUBSCRIBE_AFTER_SEQUENCE, 1, true},
    {"/streams/~%F3%BE%AE%BE?resume_token=fvO+rr46MQ", "", SUBSCRIBE_AFTER_SEQUENCE, 1, true},
    {"/streams/~%F3%BE%AE%BE?resume_token=fvO-rr46MQ", "", SUBSCRIBE_AFTER_SEQUENCE, 1, true},
    {"/streams/~%F3%BE%AE%BE?resume_token=fvO%2Brr46MQ%3d%3d", "", SUBSCRIBE_AFTER_SEQUENCE, 1,
     true},
    // The strongest wins.
    {"/streams/a?from=1&resume_token=" TOKEN_A7, "", SUBSCRIBE_AFTER_SEQUENCE, 7, true},
    {"/streams/a?last_event_id=3&from=1&resume_token=" TOKEN_A7, "", SUBSCRIBE_AFTER_ID, 3, true},
    {"/streams/a?last_event_id=3&from=1&resume_token=" TOKEN_A7, "Last-Event-ID: 4\r\n",
     SUBSCRIBE_AFTER_ID, 4, true},
    {"/streams/a?last_event_id=3&from=1", "Last-Event-ID: x\r\n", SUBSCRIBE_UNKNOWN, 0, true},
    {"/streams/a?last_event_id=x&from=1", "", SUBSCRIBE_UNKNOWN, 0, true},
};

Test(subscribe, starts)
{
    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        const struct start_case *expected = &starts[i];
        cr_assert_eq(parse(expected->target, expected->header_fields), ERR_NONE, "%s: %s",
                     expected->target, fault.detail);
        cr_expect_eq(subscribe.start, expected->start, "%s, %s: %d", expected->target,
                     expected->header_fields, (int)subscribe.start);
        cr_expect_eq(subscribe.start_value, expected->value, "%s, %s", expected->target,
                     expected->header_fields);
        cr_expect_eq(subscribe.is_start_given, expected->is_given, "%s", expected->target);
    }
}

struct refusal {
    const char *target;
    const char *header_fields;
    enum rc_error error;
    int status;
    long position; // -1: none
    const char *detail;
};

static const struct refusal refusals[] = {
    {"/streams/", "", ERR_INVALID_NAME, 400, 9, "255"},
    {"/streams/a%0Ab", "", ERR_INVALID_NAME, 400, 9, "control"},
    {"/streams/a%00", "", ERR_INVALID_NAME, 400, 9, "control"},
    {"/streams/%FF", "", ERR_INVALID_NAME, 400, 9, "UTF-8"},
    {"/streams/a%2", "", ERR_INVALID_REQUEST, 400, 10, "hexadecimal"},
    {"/streams/ab%zz", "", ERR_INVALID_REQUEST, 400, 11, "hexadecimal"},
    {"/events", "", ERR_MISSING_PARAMETER, 400, -1, "stream is missing"},
    {"/events?", "", ERR_MISSING_PARAMETER, 400, -1, "stream is missing"},
    {"/events?stream_id=a", "", ERR_MISSING_PARAMETER, 400, -1, "stream is missing"},
    {"/events?stream=", "", ERR_INVALID_NAME, 400, 15, "255"},
    {"/events?stream", "", ERR_INVALID_NAME, 400, 8, "255"},
    {"/events?stream=a&stream=%7F", "", ERR_INVALID_NAME, 400, 24, "control"},
    {"/events?stream=a&stream=b%", "", ERR_INVALID_REQUEST, 400, 25, "hexadecimal"},
    {"/stream", "", ERR_MISSING_PARAMETER, 400, -1, "stream_id is missing"},
    {"/stream?stream=a", "", ERR_MISSING_PARAMETER, 400, -1, "stream_id is missing"},
    {"/stream?stream_id=a&stream_id=b", "", ERR_INVALID_PARAMETER, 400, 30, "twice"},
    {"/api/sse", "", ERR_MISSING_PARAMETER, 400, -1, "sessionId is missing"},
    {"/api/sse?sessionId=", "", ERR_INVALID_NAME, 400, 19, "255"},
    {"/streams/a?from=", "", ERR_INVALID_PARAMETER, 400, 16, "from is"},
    {"/streams/a?from=Latest", "", ERR_INVALID_PARAMETER, 400, 16, "not \"Latest\""},
    {"/streams/a?from=-1", "", ERR_INVALID_PARAMETER, 400, 16, "from is"},
    {"/streams/a?from=1x", "", ERR_INVALID_PARAMETER, 400, 16, "from is"},
    {"/streams/a?from=last:", "", ERR_INVALID_PARAMETER, 400, 16, "from is"},
    {"/streams/a?from=last:x", "", ERR_INVALID_PARAMETER, 400, 16, "not \"last:x\""},
    {"/streams/a?from=time:yesterday", "", ERR_INVALID_PARAMETER, 400, 16, "from is"},
    {"/streams/a?from=time:2023-13-01T00:00:00Z", "", ERR_INVALID_PARAMETER, 400, 16, "from is"},
    {"/streams/a?from=1&from=2", "", ERR_INVALID_PARAMETER, 400, 23, "from is given twice"},
    {"/streams/a?from=%g0", "", ERR_INVALID_REQUEST, 400, 16, "hexadecimal"},
    {"/streams/a?last_event_id=1&lastEventId=2", "", ERR_INVALID_PARAMETER, 400, 39, "twice"},
    {"/streams/a?envelope=2", "", ERR_INVALID_PARAMETER, 400, 20, "0 or 1"},
    {"/streams/a?envelope", "", ERR_INVALID_PARAMETER, 400, 11, "0 or 1"},
    {"/streams/a?heartbeat=on", "", ERR_INVALID_PARAMETER, 400, 21, "comment, event or off"},
    {"/streams/a?batch=on", "", ERR_INVALID_PARAMETER, 400, 17, "batch is event"},
    {"/streams/a?client=tv", "", ERR_INVALID_PARAMETER, 400, 18, "client is mobile, web"},
    {"/streams/a?overflow=drop", "", ERR_INVALID_PARAMETER, 400, 20, "overflow is drop_oldest"},
    {"/streams/a?overflow=unset", "", ERR_INVALID_PARAMETER, 400, 20, "overflow is drop_oldest"},
    {"/streams/a?overflow=block&overflow=block", "", ERR_INVALID_PARAMETER, 400, 35, "twice"},
    {"/streams/a?lag_events=0", "", ERR_INVALID_PARAMETER, 400, 22, "lag_events is 1 or more"},
    {"/streams/a?lag_events=1k", "", ERR_INVALID_PARAMETER, 400, 22, "lag_events is 1 or more"},
    {"/streams/a?lag_bytes=", "", ERR_INVALID_PARAMETER, 400, 21, "lag_bytes is 1 or more"},
    {"/streams/a?client=none", "", ERR_INVALID_PARAMETER, 400, 18, "client is"},
    {"/streams/a?events_per_second=0", "", ERR_INVALID_PARAMETER, 400, 29, "1 to 1000000"},
    {"/streams/a?burst=1&burst=2", "", ERR_INVALID_PARAMETER, 400, 25, "burst is given twice"},
    {"/streams/a?max_event_size=2MiB", "", ERR_INVALID_PARAMETER, 400, 26, "1 to 1MiB"},
    {"/streams/a?batching=1", "", ERR_INVALID_PARAMETER, 400, 20, "batching is on or off"},
    {"/streams/a?batch_timeout=100", "", ERR_INVALID_PARAMETER, 400, 25, "1ms to 10s"},
    {"/streams/a?resume_token=", "", ERR_INVALID_RESUME_TOKEN, 400, 24, "empty"},
    {"/streams/a?resume_token=!", "", ERR_INVALID_RESUME_TOKEN, 400, 24, "not base64"},
    {"/streams/b?resume_token=" TOKEN_A7, "", ERR_INVALID_RESUME_TOKEN, 400, 24, "another stream"},
    {"/events?stream=a&stream=b&resume_token=" TOKEN_A7, "", ERR_INVALID_RESUME_TOKEN, 400, 39,
     "last_event_id"},
    // Also where another starting point would win.
    {"/streams/a?resume_token=!", "Last-Event-ID: 1\r\n", ERR_INVALID_RESUME_TOKEN, 400, 24, ""},
    {"/streams/a", "Accept: application/json\r\n", ERR_NOT_ACCEPTABLE, 406, -1,
     "text/event-stream"},
    {"/streams/a", "Accept: text/event-stream;q=0, */*\r\n", ERR_NOT_ACCEPTABLE, 406, -1, ""},
};

Test(subscribe, refuses)
{
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        const struct refusal *expected = &refusals[i];
        enum rc_error error = parse(expected->target, expected->header_fields);
        cr_expect_eq(error, expected->error, "%s: %s", expected->target, fault.detail);
        cr_expect_eq(fault.error, expected->error);
        cr_expect_eq(http_fault_status(&fault), expected->status, "%s", expected->target);
        cr_expect_not_null(strstr(fault.detail, expected->detail), "%s: %s", expected->target,
                           fault.detail);
        long position = fault.has_position ? (long)fault.position : -1;
        cr_expect_eq(position, expected->position, "%s: %ld", expected->target, position);
    }
}

Test(subscribe, forms_and_heartbeats)
{
    static const struct {
        const char *target;
        enum subscribe_form form;
        enum subscribe_heartbeat heartbeat;
        bool is_unknown_404;
    } table[] = {
        {"/streams/a", SUBSCRIBE_NATIVE, SUBSCRIBE_HEARTBEAT_COMMENT, false},
        {"/streams/a?envelope=1&heartbeat=event", SUBSCRIBE_ENVELOPE, SUBSCRIBE_HEARTBEAT_EVENT,
         false},
        {"/events?stream=a", SUBSCRIBE_ENVELOPE, SUBSCRIBE_HEARTBEAT_COMMENT, false},
        {"/events?stream=a&envelope=0&heartbeat=off", SUBSCRIBE_NATIVE, SUBSCRIBE_HEARTBEAT_OFF,
         false},
        {"/stream?stream_id=a&heartbeat=comment", SUBSCRIBE_NATIVE, SUBSCRIBE_HEARTBEAT_COMMENT,
         true},
        {"/api/sse?sessionId=a", SUBSCRIBE_NATIVE, SUBSCRIBE_HEARTBEAT_COMMENT, false},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        cr_assert_eq(parse(table[i].target, ""), ERR_NONE);
        cr_expect_eq(subscribe.form, table[i].form, "%s", table[i].target);
        cr_expect_eq(subscribe.heartbeat, table[i].heartbeat, "%s", table[i].target);
        cr_expect_eq(subscribe.is_unknown_404, table[i].is_unknown_404, "%s", table[i].target);
        cr_expect_eq(subscribe.stream_count, 1);
        expect_slice(subscribe.streams[0], "a", table[i].target);
    }
}

Test(subscribe, quality)
{
    cr_assert_eq(parse("/streams/a", ""), ERR_NONE);
    cr_assert_eq(subscribe.client, SUBSCRIBE_CLIENT_NONE);
    cr_assert_not(subscribe.is_batch_event);
    cr_assert_eq(subscribe.settings_given, 0);
    cr_assert_eq(parse("/streams/a?client=web&events_per_second=5&bytes_per_second=64KiB&burst=7"
                       "&max_event_size=16kB&batching=on&batch_size=20&batch_timeout=1s"
                       "&compression=off&batch=event",
                       ""),
                 ERR_NONE);
    cr_assert_eq(subscribe.client, SUBSCRIBE_CLIENT_WEB);
    cr_assert(subscribe.is_batch_event);
    cr_assert_eq(subscribe.settings_given, (1 << SUBSCRIBE_SETTINGS) - 1);
    static const uint32_t expected[SUBSCRIBE_SETTINGS] = {5, 65536, 7, 16000, 1, 20, 1000, 0};
    cr_assert_arr_eq(subscribe.settings, expected, sizeof(expected));
    static const char *const names[] = {"default", "mobile", "web", "desktop", "api"};
    for (unsigned i = 0; i < 5; i++) {
        char target[64];
        snprintf(target, sizeof(target), "/streams/a?client=%s", names[i]);
        cr_assert_eq(parse(target, ""), ERR_NONE);
        cr_assert_eq(subscribe.client, SUBSCRIBE_CLIENT_DEFAULT + i);
        cr_assert_str_eq(subscribe_client_name(subscribe.client), names[i]);
    }
}

Test(subscribe, overflow)
{
    cr_assert_eq(parse("/streams/a", ""), ERR_NONE);
    cr_assert_eq(subscribe.overflow, OVERFLOW_UNSET);
    cr_assert_eq(subscribe.lag_events, 0);
    cr_assert_eq(subscribe.lag_bytes, 0);
    cr_assert_eq(parse("/streams/a?overflow=drop_lowest&lag_events=18446744073709551615"
                       "&lag_bytes=5GiB",
                       ""),
                 ERR_NONE);
    cr_assert_eq(subscribe.overflow, OVERFLOW_DROP_LOWEST);
    cr_assert_eq(subscribe.lag_events, UINT64_MAX);
    cr_assert_eq(subscribe.lag_bytes, UINT64_C(5) << 30);
}

Test(subscribe, decodes_names)
{
    cr_assert_eq(parse("/streams/chat/4%32+%C3%A9?x=y", ""), ERR_NONE);
    expect_slice(subscribe.streams[0], "chat/42+\xc3\xa9", "in the path");
    cr_assert_eq(parse("/events?stream=a%26b+c&str%65am=d%3Df=g&&stream=a%26b%20c", ""), ERR_NONE);
    cr_assert_eq(subscribe.stream_count, 2, "the same name twice counts once");
    expect_slice(subscribe.streams[0], "a&b c", "first");
    expect_slice(subscribe.streams[1], "d=f=g", "second");
}

Test(subscribe, passes_over_what_it_does_not_know)
{
    cr_assert_eq(
        parse("/streams/a?_=123&%zz=1&x=%zz&=y&&client=web&Stream=q&stream=b&stream_id=%", ""),
        ERR_NONE, "%s", fault.detail);
    cr_expect_eq(subscribe.stream_count, 1);
    expect_slice(subscribe.streams[0], "a", "name");
}

// A target with `count` streams: ?stream=0&stream=1...
static void make_streams(char *target, size_t size, int count)
{
    size_t length = (size_t)snprintf(target, size, "/events?");
    for (int i = 0; i < count; i++) {
        length += (size_t)snprintf(target + length, size - length, "stream=%d&", i);
    }
}

Test(subscribe, bounds_the_streams)
{
    char target[REQUEST_TARGET_BYTES_MAX];
    make_streams(target, sizeof(target), CONNECTION_STREAMS_MAX);
    cr_expect_eq(parse(target, ""), ERR_NONE);
    cr_expect_eq(subscribe.stream_count, CONNECTION_STREAMS_MAX);
    make_streams(target, sizeof(target), CONNECTION_STREAMS_MAX + 1);
    cr_expect_eq(parse(target, ""), ERR_TOO_MANY_STREAMS);
    cr_expect_eq(http_fault_status(&fault), 400);
    cr_expect_not_null(strstr(fault.detail, "64"), "%s", fault.detail);
}

Test(subscribe, takes_the_longest_name_and_no_longer)
{
    char target[REQUEST_TARGET_BYTES_MAX] = "/streams/";
    for (int i = 0; i < NAME_BYTES_MAX; i++) {
        strcat(target, "%61");
    }
    cr_expect_eq(parse(target, ""), ERR_NONE);
    cr_expect_eq(subscribe.streams[0].length, NAME_BYTES_MAX);
    strcat(target, "b");
    cr_expect_eq(parse(target, ""), ERR_INVALID_NAME);
}
