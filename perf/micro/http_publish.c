// layer: http
// What a publish over HTTP costs before and after the log: its request, its parameters, its answer.
#include "micro.h"

#include "base/assert.h"
#include "http/publish.h"
#include "http/response.h"

#include <string.h>

static const char publish[] = "POST /streams/news?type=text HTTP/1.1\r\n"
                              "Host: 127.0.0.1:8080\r\n"
                              "Content-Type: text/plain\r\n"
                              "Content-Length: 200\r\n"
                              "\r\n";

static struct http_request request;
static uint8_t body[200];

static void take(void *context, struct slice bytes)
{
    (void)context;
    micro_keep(bytes.at);
}

static void parse_request(void)
{
    size_t consumed = 0;
    http_request_init(&request);
    enum http_progress progress =
        http_request_feed(&request, (const uint8_t *)publish, sizeof(publish) - 1, &consumed);
    ASSERT(progress == HTTP_HEADER);
    ASSERT(http_request_take_body(&request, sizeof(body), take, NULL));
    progress = http_request_feed(&request, body, sizeof(body), &consumed);
    ASSERT(progress == HTTP_COMPLETE);
}

static void requests(void *context, uint64_t count)
{
    (void)context;
    for (uint64_t i = 0; i < count; i++) {
        parse_request();
        micro_keep(&request);
    }
}

static void requests_and_parameters(void *context, uint64_t count)
{
    (void)context;
    static struct publish_parameters parameters;
    for (uint64_t i = 0; i < count; i++) {
        parse_request();
        struct http_route route;
        struct http_fault fault;
        ASSERT(http_route_find(&route, &request, HTTP_AUDIENCE_PUBLIC, &fault) == ERR_NONE);
        ASSERT(publish_parse(&parameters, &request, &route, &fault) == ERR_NONE);
        micro_keep(&parameters);
    }
}

static void answers(void *context, uint64_t count)
{
    (void)context;
    static uint8_t storage[HTTP_RESPONSE_BYTES_MAX];
    struct http_answer answer = {.is_keep_alive = true};
    for (uint64_t i = 0; i < count; i++) {
        struct buffer out;
        buffer_wrap(&out, storage, sizeof(storage));
        struct http_published published = {
            .is_numbered = true, .id = 123456789 + i, .sequence = 1234567 + i, .accepted = 1};
        ASSERT(http_response_published(&out, &answer, &published) == 0);
        micro_keep(storage);
    }
}

int main(void)
{
    micro_run("HTTP request that publishes", CLOCK_THREAD_CPUTIME_ID, requests, NULL);
    micro_run("  and its route and parameters", CLOCK_THREAD_CPUTIME_ID, requests_and_parameters,
              NULL);
    micro_run("HTTP answer to a publish", CLOCK_THREAD_CPUTIME_ID, answers, NULL);
    return 0;
}
