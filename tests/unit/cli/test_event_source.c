#include "cli/event_source.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWERS_MAX = 4, REQUEST_BYTES = 2048 };

#define STREAM "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"

// A server that gives its answers one after the other, a connection each, and keeps the requests.
struct server {
    const char *answers[ANSWERS_MAX];
    bool stalls; // the first connection is left open after its answer
    int listener;
    int stalled;
    unsigned served;
    char requests[ANSWERS_MAX][REQUEST_BYTES];
    char url[64];
    pthread_t thread;
};

static void read_request(int fd, char *request)
{
    size_t length = 0;
    while (length + 1 < REQUEST_BYTES && strstr(request, "\r\n\r\n") == NULL) {
        ssize_t got = recv(fd, request + length, REQUEST_BYTES - 1 - length, 0);
        if (got <= 0) {
            return;
        }
        length += (size_t)got;
    }
}

static void *serve(void *context)
{
    struct server *server = context;
    for (unsigned i = 0; i < ANSWERS_MAX && server->answers[i] != NULL; i++) {
        int fd = accept(server->listener, NULL, NULL);
        if (fd < 0) {
            return NULL;
        }
        read_request(fd, server->requests[i]);
        (void)send(fd, server->answers[i], strlen(server->answers[i]), MSG_NOSIGNAL);
        server->served++;
        if (server->stalls && i == 0) {
            server->stalled = fd;
        } else {
            (void)close(fd);
        }
    }
    return NULL;
}

static void start(struct server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    server->stalled = -1;
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(server->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    cr_assert_eq(listen(server->listener, 4), 0);
    cr_assert_eq(getsockname(server->listener, (struct sockaddr *)&address, &length), 0);
    (void)snprintf(server->url, sizeof(server->url), "http://127.0.0.1:%u/events",
                   ntohs(address.sin_port));
    cr_assert_eq(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void end(struct server *server)
{
    (void)shutdown(server->listener, SHUT_RDWR);
    (void)pthread_join(server->thread, NULL);
    (void)close(server->listener);
    if (server->stalled >= 0) {
        (void)close(server->stalled);
    }
}

// What the source told, as text.
struct record {
    char text[1024];
    unsigned events;
    unsigned stop_after;
};

static bool on_event(void *context, const struct sse_event *event)
{
    struct record *record = context;
    size_t used = strlen(record->text);
    (void)snprintf(record->text + used, sizeof(record->text) - used, "%.*s=%.*s ",
                   SLICE_ARGUMENTS(event->id), SLICE_ARGUMENTS(event->data));
    return ++record->events != record->stop_after;
}

static void on_open(void *context, bool is_first)
{
    struct record *record = context;
    (void)strcat(record->text, is_first ? "open " : "again ");
}

static void on_lost(void *context, const char *reason, uint64_t delay_ms, struct slice last_id)
{
    struct record *record = context;
    (void)reason;
    cr_assert_lt(delay_ms, 10000);
    size_t used = strlen(record->text);
    (void)snprintf(record->text + used, sizeof(record->text) - used, "lost(%.*s) ",
                   SLICE_ARGUMENTS(last_id));
}

static enum event_source_end run(struct server *server, struct record *record, uint64_t idle_ms,
                                 char *message)
{
    start(server);
    const struct event_source source = {
        .url = server->url,
        .idle_ms_max = idle_ms,
        .context = record,
        .on_event = on_event,
        .on_open = on_open,
        .on_lost = on_lost,
    };
    enum event_source_end result = event_source_run(&source, message);
    end(server);
    return result;
}

TestSuite(event_source, .timeout = 30);

Test(event_source, comes_back_with_the_last_id)
{
    static struct server server = {.answers = {
                                       STREAM "retry: 10\nid: 7\ndata: a\n\nid: 8\ndata: cut",
                                       STREAM "id: 8\ndata: b\n\n",
                                   }};
    struct record record = {.stop_after = 2};
    char message[EVENT_SOURCE_MESSAGE_SIZE];
    cr_assert_eq(run(&server, &record, 0, message), EVENT_SOURCE_STOPPED);
    cr_assert_str_eq(record.text, "open 7=a lost(7) again 8=b ");
    cr_assert_null(strstr(server.requests[0], "Last-Event-ID"));
    cr_assert_not_null(strstr(server.requests[0], "Accept: text/event-stream\r\n"));
    cr_assert_not_null(strstr(server.requests[1], "Last-Event-ID: 7\r\n"));
}

Test(event_source, ends_with_204)
{
    static struct server server = {.answers = {
                                       STREAM "retry: 10\nid: 7\ndata: a\n\n",
                                       "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
                                   }};
    struct record record = {0};
    char message[EVENT_SOURCE_MESSAGE_SIZE];
    cr_assert_eq(run(&server, &record, 0, message), EVENT_SOURCE_OVER);
}

Test(event_source, a_refusal_says_why)
{
    static struct server server = {
        .answers = {"HTTP/1.1 404 Not Found\r\nContent-Type: application/problem+json\r\n"
                    "Connection: close\r\n\r\n"
                    "{\"title\":\"There is no such stream\",\"detail\":\"not \\\"here\\\"\"}"}};
    struct record record = {0};
    char message[EVENT_SOURCE_MESSAGE_SIZE];
    cr_assert_eq(run(&server, &record, 0, message), EVENT_SOURCE_REFUSED);
    cr_assert_str_eq(message, "the broker answers 404: not \"here\"");
}

Test(event_source, what_is_no_event_stream_is_refused)
{
    static struct server server = {
        .answers = {"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<p>"}};
    struct record record = {0};
    char message[EVENT_SOURCE_MESSAGE_SIZE];
    cr_assert_eq(run(&server, &record, 0, message), EVENT_SOURCE_REFUSED);
    cr_assert_not_null(strstr(message, "not with an event stream"));
}

Test(event_source, the_first_connection_must_succeed)
{
    static struct server server = {
        .answers = {"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"}};
    struct record record = {0};
    char message[EVENT_SOURCE_MESSAGE_SIZE];
    cr_assert_eq(run(&server, &record, 0, message), EVENT_SOURCE_FAILED);
    cr_assert_not_null(strstr(message, "answers 503"));
}

Test(event_source, later_ones_may_fail_and_are_tried_again)
{
    static struct server server = {
        .answers = {
            STREAM "retry: 10\nid: 7\ndata: a\n\n",
            "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\n\r\n",
            "",
            STREAM "id: 8\ndata: b\n\n",
        }};
    struct record record = {.stop_after = 2};
    char message[EVENT_SOURCE_MESSAGE_SIZE];
    cr_assert_eq(run(&server, &record, 0, message), EVENT_SOURCE_STOPPED);
    cr_assert_str_eq(record.text, "open 7=a lost(7) lost(7) lost(7) again 8=b ");
}

Test(event_source, a_silent_connection_is_given_up)
{
    static struct server server = {.stalls = true,
                                   .answers = {
                                       STREAM "retry: 10\nid: 7\ndata: a\n\n",
                                       STREAM "id: 8\ndata: b\n\n",
                                   }};
    struct record record = {.stop_after = 2};
    char message[EVENT_SOURCE_MESSAGE_SIZE];
    cr_assert_eq(run(&server, &record, 100, message), EVENT_SOURCE_STOPPED);
    cr_assert_str_eq(record.text, "open 7=a lost(7) again 8=b ");
}

Test(event_source, the_flag_stops_it)
{
    static struct server server = {.answers = {STREAM "data: a\n\n"}};
    static volatile sig_atomic_t stop = 1;
    struct record record = {0};
    char message[EVENT_SOURCE_MESSAGE_SIZE];
    start(&server);
    const struct event_source source = {
        .url = server.url, .stop = &stop, .context = &record, .on_event = on_event};
    cr_assert_eq(event_source_run(&source, message), EVENT_SOURCE_STOPPED);
    end(&server);
}

Test(event_source, the_delay_is_spread_around_what_the_server_asked)
{
    cr_assert_eq(event_source_delay_ms(1000, 1, 0), 500);
    cr_assert_eq(event_source_delay_ms(1000, 1, 999), 1499);
    cr_assert_eq(event_source_delay_ms(1000, 1, 1000), 500);
}

Test(event_source, the_delay_doubles_up_to_a_bound)
{
    cr_assert_eq(event_source_delay_ms(1000, 2, 0), 1000);
    cr_assert_eq(event_source_delay_ms(1000, 4, 0), 4000);
    cr_assert_eq(event_source_delay_ms(1000, 1000000, 0), EVENT_SOURCE_RETRY_MS_MAX / 2);
    cr_assert_eq(event_source_delay_ms(120000, 9, 0), 60000, "never less than the server asked");
    cr_assert_eq(event_source_delay_ms(0, 3, 5), 0);
}
