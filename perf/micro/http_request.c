// layer: http
// Parsing a request, beside llhttp alone without any callback.
#include "micro.h"

#include "base/assert.h"
#include "http/request.h"

#include <llhttp.h>
#include <string.h>

static const char of_curl[] = "GET /streams/news HTTP/1.1\r\n"
                              "Host: 127.0.0.1:8080\r\n"
                              "User-Agent: curl/7.88.1\r\n"
                              "Accept: */*\r\n"
                              "\r\n";

static const char of_browser[] =
    "GET /streams/news?from=latest HTTP/1.1\r\n"
    "Host: events.example.org\r\n"
    "Connection: keep-alive\r\n"
    "Cache-Control: no-cache\r\n"
    "sec-ch-ua-platform: \"Linux\"\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/130.0.0.0 Safari/537.36\r\n"
    "sec-ch-ua: \"Chromium\";v=\"130\", \"Not?A_Brand\";v=\"99\"\r\n"
    "sec-ch-ua-mobile: ?0\r\n"
    "Accept: text/event-stream\r\n"
    "Origin: https://www.example.org\r\n"
    "Sec-Fetch-Site: same-site\r\n"
    "Sec-Fetch-Mode: cors\r\n"
    "Sec-Fetch-Dest: empty\r\n"
    "Referer: https://www.example.org/board\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n"
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n"
    "Last-Event-ID: 1234567\r\n"
    "\r\n";

static void parse(void *context, uint64_t count)
{
    const char *text = context;
    size_t length = strlen(text);
    static struct http_request request;
    for (uint64_t i = 0; i < count; i++) {
        size_t consumed = 0;
        http_request_init(&request);
        enum http_progress progress =
            http_request_feed(&request, (const uint8_t *)text, length, &consumed);
        ASSERT(progress == HTTP_COMPLETE && consumed == length);
        micro_keep(&request);
    }
}

static void parse_bare(void *context, uint64_t count)
{
    const char *text = context;
    size_t length = strlen(text);
    llhttp_settings_t settings;
    llhttp_settings_init(&settings);
    for (uint64_t i = 0; i < count; i++) {
        llhttp_t parser;
        llhttp_init(&parser, HTTP_REQUEST, &settings);
        llhttp_errno_t result = llhttp_execute(&parser, text, length);
        ASSERT(result == HPE_OK);
        micro_keep(&parser);
    }
}

int main(void)
{
    micro_run("HTTP request of curl", CLOCK_THREAD_CPUTIME_ID, parse, (void *)of_curl);
    micro_run("  floor: llhttp alone", CLOCK_THREAD_CPUTIME_ID, parse_bare, (void *)of_curl);
    micro_run("HTTP request of a browser", CLOCK_THREAD_CPUTIME_ID, parse, (void *)of_browser);
    micro_run("  floor: llhttp alone", CLOCK_THREAD_CPUTIME_ID, parse_bare, (void *)of_browser);
    return 0;
}
