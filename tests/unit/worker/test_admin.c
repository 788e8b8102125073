// link: tests/unit/worker/fake_client.c
// link: tests/unit/worker/fake_log.c
// link: tests/unit/worker/fake_status.c
// link: tests/unit/worker/fake_terms.c
#include "worker/admin.h"

#include "base/json.h"
#include "fake_log.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct fake_options defaults;
static struct admin_request request;

TestSuite(admin, .timeout = 60);

// The JSON of the answer to `request`; the caller frees it.
static char *ask_request(void)
{
    fake_admin(&request);
    struct slice json = buffer_slice(&request.parts[0].json);
    char *text = calloc(1, json.length + 3);
    text[0] = '[';
    if (json.length > 0) {
        memcpy(text + 1, json.at, json.length);
    }
    text[json.length + 1] = ']';
    cr_assert_eq(json_validate(slice_of(text), NULL), JSON_OK, "%s", text);
    buffer_free(&request.parts[0].json);
    return text;
}

static char *ask_json(enum admin_operation operation, uint32_t limit)
{
    request = (struct admin_request){.operation = operation, .limit = limit};
    return ask_request();
}

static char *ask_connection(uint64_t id)
{
    request = (struct admin_request){.operation = ADMIN_CONNECTION, .connection_id = id};
    return ask_request();
}

static uint64_t ask_reached(enum admin_operation operation, uint64_t connection_id,
                            const char *stream, const char *frame)
{
    request = (struct admin_request){.operation = operation,
                                     .connection_id = connection_id,
                                     .stream = slice_of(stream),
                                     .frame = slice_of(frame)};
    fake_admin(&request);
    buffer_free(&request.parts[0].json);
    return request.parts[0].reached;
}

static uint64_t id_of(const struct fake_text *text)
{
    const char *at = strstr(text->bytes, "Ringcast-Connection-Id: ");
    cr_assert_not_null(at);
    uint64_t id;
    cr_assert(connection_id_parse(slice_from(at + strlen("Ringcast-Connection-Id: "), 16), &id));
    return id;
}

static void expect_in(const char *text, const char *part)
{
    cr_assert_not_null(strstr(text, part), "no <%s> in %s", part, text);
}

Test(admin, connections_are_listed)
{
    fake_start(&defaults);
    struct fake_text texts[2] = {{0}};
    int one = fake_get("/streams/a", "User-Agent: tester \"1\"\r\n");
    int two = fake_get("/events?stream=a&stream=b", "User-Agent: \xff\xfe\r\n");
    int three = fake_connect("GET /str", 0);
    fake_expect(one, &texts[0], "retry: 5000\n\n");
    fake_expect(two, &texts[1], "retry: 5000\n\n");
    fake_publish_one("a", "x");
    fake_expect(one, &texts[0], "data: x\n\n");
    char *text = ask_json(ADMIN_CONNECTIONS, 100);
    expect_in(text, "\"state\":\"active\"");
    expect_in(text, "\"user_agent\":\"tester \\\"1\\\"\"");
    expect_in(text, "\"streams\":[\"a\",\"b\"]");
    expect_in(text, "\"capabilities\":[\"multiplexing\"]");
    expect_in(text, "\"address\":\"127.0.0.1:");
    expect_in(text, "\"last_id\":1");
    expect_in(text, "\"state\":\"connecting\"");
    free(text);
    text = ask_json(ADMIN_CONNECTIONS, 1);
    cr_assert_null(strstr(strstr(text, "\"id\"") + 1, "\"id\""));
    free(text);
    close(one);
    close(two);
    close(three);
    fake_stop();
    fake_text_free(&texts[0]);
    fake_text_free(&texts[1]);
}

Test(admin, one_connection_is_told_with_its_quality)
{
    fake_start(&defaults);
    struct fake_text texts[2] = {{0}};
    int plain = fake_get("/streams/a", "");
    int held = fake_get("/streams/a?client=mobile&events_per_second=1&burst=2&batching=off"
                        "&overflow=drop_newest&lag_events=70",
                        "");
    fake_expect(plain, &texts[0], "retry: 5000\n\n");
    fake_expect(held, &texts[1], "retry: 5000\n\n");
    struct fake_event events[40];
    for (int i = 0; i < 40; i++) {
        events[i] = (struct fake_event){.stream = "a", .data = "x"};
    }
    fake_publish(events, 40);
    fake_expect(held, &texts[1], "id: 2\n");
    char *text = ask_connection(id_of(&texts[0]));
    expect_in(text, "\"quality\":null");
    expect_in(text, "\"lag\":{\"events\":0,\"bytes\":0,\"is_at_least\":false,\"events_max\":0,"
                    "\"bytes_max\":0,\"overflow\":\"unset\",\"is_dropping\":false}");
    free(text);
    text = ask_connection(id_of(&texts[1]));
    expect_in(text, "\"state\":\"throttled\"");
    expect_in(text, "\"lag\":{\"events\":38,");
    expect_in(text, "\"events_max\":70,\"bytes_max\":0,\"overflow\":\"drop_newest\"");
    expect_in(text, "\"profile\":\"mobile\",\"is_profile_by_agent\":false");
    expect_in(text, "{\"name\":\"events_per_second\",\"value\":1,\"from\":\"request\"}");
    expect_in(text, "{\"name\":\"event_bytes_max\",\"value\":16384,\"from\":\"profile\"}");
    expect_in(text, "\"burst\":2},\"bytes\":null");
    expect_in(text, "\"is_gathering\":false,\"is_over_rate\":true");
    free(text);
    free(ask_connection(12345));
    cr_assert_eq(request.parts[0].reached, 0);
    close(plain);
    close(held);
    fake_stop();
    fake_text_free(&texts[0]);
    fake_text_free(&texts[1]);
}

Test(admin, states_are_told)
{
    struct fake_options options = {.terms = {.heartbeat_ms = 100}};
    fake_start(&options);
    static char data[2000001];
    memset(data, 'x', sizeof(data) - 1);
    struct fake_text text = {0};
    int slow = fake_connect("GET /streams/a HTTP/1.1\r\nHost: x\r\n\r\n", 4096);
    fake_expect(slow, &text, "retry: 5000\n\n");
    struct fake_text quiet_text = {0};
    int quiet = fake_get("/streams/b?heartbeat=off", "");
    fake_expect(quiet, &quiet_text, "retry: 5000\n\n");
    for (int i = 0; i < 4; i++) {
        fake_publish_one("a", data);
    }
    fake_run(300);
    char *connections = ask_json(ADMIN_CONNECTIONS, 100);
    expect_in(connections, "\"state\":\"throttled\"");
    expect_in(connections, "\"state\":\"idle\"");
    free(connections);
    cr_expect_eq(fake_stat("connections"), 2);
    cr_expect_eq(fake_stat("streaming"), 2);
    cr_expect_eq(fake_stat("throttled"), 1);
    cr_expect_eq(fake_stat("accepted"), 2);
    close(slow);
    close(quiet);
    fake_stop();
    fake_text_free(&text);
    fake_text_free(&quiet_text);
}

Test(admin, one_can_be_closed)
{
    fake_start(&defaults);
    struct fake_text text = {0};
    int client = fake_get("/streams/a", "");
    fake_expect(client, &text, "retry: 5000\n\n");
    uint64_t id = id_of(&text);
    cr_assert_eq(ask_reached(ADMIN_CLOSE, id ^ 1, "", ""), 0); // another life
    cr_assert_eq(ask_reached(ADMIN_CLOSE, UINT64_C(0x00ffffff00000001), "", ""), 0);
    cr_assert_eq(ask_reached(ADMIN_CLOSE, UINT64_C(1) << 60, "", ""), 0); // another worker
    cr_assert_eq(ask_reached(ADMIN_CLOSE, id, "", ""), 1);
    cr_assert(fake_read(client, &text, NULL, FAKE_WAIT_MS));
    cr_assert_eq(ask_reached(ADMIN_CLOSE, id, "", ""), 0);
    close(client);
    fake_stop();
    fake_text_free(&text);
}

Test(admin, frames_reach_one_or_all)
{
    fake_start(&defaults);
    struct fake_text texts[3] = {{0}};
    int clients[3];
    static const char *const targets[] = {"/streams/a", "/streams/a", "/streams/b"};
    for (int i = 0; i < 3; i++) {
        clients[i] = fake_get(targets[i], "");
        fake_expect(clients[i], &texts[i], "retry: 5000\n\n");
    }
    cr_assert_eq(ask_reached(ADMIN_REACH, 0, "a", ""), 2);
    cr_assert_eq(ask_reached(ADMIN_REACH, 0, "nobody's", ""), 0);
    cr_assert_eq(ask_reached(ADMIN_SEND, id_of(&texts[1]), "", "data: one\n\n"), 1);
    cr_assert_eq(ask_reached(ADMIN_SEND, id_of(&texts[1]) + 1, "", "data: none\n\n"), 0);
    cr_assert_eq(ask_reached(ADMIN_SEND, id_of(&texts[1]), "", ""), 0);
    cr_assert_eq(ask_reached(ADMIN_BROADCAST, 0, "", "data: all\n\n"), 3);
    for (int i = 0; i < 3; i++) {
        fake_expect(clients[i], &texts[i], "data: all\n\n");
        cr_assert_eq(strstr(texts[i].bytes, "data: one\n\n") != NULL, i == 1);
        close(clients[i]);
        fake_text_free(&texts[i]);
    }
    fake_stop();
}
