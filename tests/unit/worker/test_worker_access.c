// link: tests/unit/worker/fake_client.c
// link: tests/unit/worker/fake_grant.c
// link: tests/unit/worker/fake_log.c
// link: tests/unit/worker/fake_terms.c
// link: tests/unit/worker/fake_status.c
// Who may ask: tokens, pages and limits, one worker's view; tests/integration/test_access.mjs has
// the whole table.
#include "fake_grant.h"

#include "auth/token_sign.h"
#include "base/clock.h"
#include "conn/grant.h"
#include "worker/worker_internal.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

enum { TOKEN_SIZE = 1024, FIELDS_SIZE = 2 * TOKEN_SIZE };

static const char header_json[] = "{\"alg\":\"HS256\"}";
static const char secret[] = "a secret of more than thirty-two bytes";

static struct key *key;
static struct keyring *keyring;
static struct client_limits limits;

static void start(const struct client_limits_options *bounds)
{
    char reason[KEY_REASON_SIZE];
    char fault[CORS_FAULT_BYTES];
    static const struct client_limits_options none;
    key = key_from_secret(slice_of(secret), reason);
    keyring = keyring_create();
    cr_assert(keyring_add(keyring, key_from_secret(slice_of(secret), reason)));
    cr_assert(client_limits_init(&limits, bounds == NULL ? &none : bounds, NULL));
    struct fake_options options = {
        .terms = {.limits = limits,
                  .access = {.cookie = slice_of("auth_token")},
                  .token_rules = {.algorithms = ALGORITHMS_ALL, .needs_expiry = true},
                  .keyring = keyring}};
    cr_assert(cors_origins_parse(&options.terms.origins, slice_of("https://a.example"), fault));
    fake_start(&options);
}

static void stop(void)
{
    fake_stop();
    keyring_release(keyring);
    client_limits_free(&limits);
    key_free(key);
}

TestSuite(worker_access, .timeout = 60);

// Authorization with a token of this subject that may read what `read` says.
static const char *bearer(const char *subject, const char *read)
{
    static char fields[FIELDS_SIZE];
    char claims[TOKEN_SIZE];
    uint8_t token[TOKEN_SIZE];
    struct buffer out;
    buffer_wrap(&out, token, sizeof(token));
    int length = snprintf(claims, sizeof(claims),
                          "{\"sub\":\"%s\",\"exp\":%llu,\"ringcast\":{\"read\":[\"%s\"]}}", subject,
                          (unsigned long long)(clock_realtime_ms() / 1000 + 60), read);
    cr_assert(token_sign(key, slice_of(header_json), slice_from(claims, (size_t)length), &out));
    (void)snprintf(fields, sizeof(fields), "Authorization: Bearer " SLICE_FORMAT "\r\n",
                   SLICE_ARGUMENTS(buffer_slice(&out)));
    return fields;
}

static void check(const char *target, const char *fields, const char *expected)
{
    int client = fake_get(target, fields);
    struct fake_text text = {0};
    fake_expect(client, &text, "\r\n\r\n");
    cr_assert_not_null(strstr(text.bytes, expected), "%s with %s: %s", target, fields, text.bytes);
    close(client);
    fake_text_free(&text);
}

Test(worker_access, a_token_says_what_may_be_read)
{
    start(NULL);
    check("/streams/a", "", "HTTP/1.1 401");
    check("/streams/a", "", "WWW-Authenticate: Bearer realm=\"ringcast\"\r\n");
    check("/streams/a", "Authorization: Bearer x\r\n", "error=\"invalid_token\"");
    check("/streams/a", bearer("ann", "a"), "HTTP/1.1 200");
    check("/streams/b", bearer("ann", "a"), "HTTP/1.1 403");
    check("/events?stream=a&stream=b", bearer("ann", "a"), "HTTP/1.1 403");
    check("/events?stream=a&stream=b", bearer("ann", "*"), "HTTP/1.1 200");
    check("/healthz", "Authorization: Bearer x\r\n", "HTTP/1.1 200");
    check("/nothing", "", "HTTP/1.1 404");
    stop();
}

Test(worker_access, a_connection_has_its_tokens_grant)
{
    start(NULL);
    int client = fake_get("/streams/a", bearer("ann", "a"));
    struct fake_text text = {0};
    fake_expect(client, &text, "retry: 5000\n\n");
    const struct shard *shard = &fake_worker()->shard;
    const struct conn *conn = conn_of_public_id(shard, fake_connection_id(&text));
    cr_assert(slice_equal_text(grant_subject(conn_grant_of(shard, conn)), "ann"));
    cr_assert_lt(conn_grant_left_ms(shard, conn), 61 * 1000);
    close(client);
    fake_text_free(&text);
    stop();
}

// What one request may is no matter of the next one's on the same connection.
Test(worker_access, a_grant_is_one_requests)
{
    start(NULL);
    char requests[2 * FIELDS_SIZE];
    (void)snprintf(requests, sizeof(requests),
                   "GET /streams/a?from=x HTTP/1.1\r\nHost: a\r\n%s\r\n"
                   "GET /streams/a HTTP/1.1\r\nHost: a\r\n\r\n",
                   bearer("ann", "a"));
    int client = fake_connect(requests, 0);
    struct fake_text text = {0};
    fake_expect(client, &text, "HTTP/1.1 400");
    fake_expect(client, &text, "HTTP/1.1 401");
    close(client);
    fake_text_free(&text);
    stop();
}

Test(worker_access, answers_say_which_page_may_see_them)
{
    start(NULL);
    static const char allow[] = "Access-Control-Allow-Origin: https://a.example\r\n";
    check("/streams/a", "Origin: https://a.example\r\n", allow);
    check("/nothing", "Origin: https://a.example\r\n", allow);
    check("/streams/a", "Origin: https://a.example\r\nX: \x01\r\n", allow);
    check("/streams/a", "Origin: https://b.example\r\n", "HTTP/1.1 403");
    check("/nothing", "Origin: https://b.example\r\n", "HTTP/1.1 403");
    check("/healthz", "Origin: https://b.example\r\n", "HTTP/1.1 403");
    check("/healthz", "", "Vary: Origin\r\n");
    stop();
}

Test(worker_access, a_subject_has_so_many_connections)
{
    const struct client_limits_options bounds = {.connections_max = 100,
                                                 .connections_per_subject = 1};
    start(&bounds);
    int client = fake_get("/streams/a", bearer("ann", "a"));
    struct fake_text text = {0};
    fake_expect(client, &text, "retry: 5000\n\n");
    check("/streams/a", bearer("ann", "a"), "HTTP/1.1 429");
    check("/streams/a", bearer("bob", "a"), "HTTP/1.1 200");
    close(client);
    fake_text_free(&text);
    for (int i = 0; i < 100 && fake_connections() > 0; i++) {
        fake_run(20);
    }
    check("/streams/a", bearer("ann", "a"), "HTTP/1.1 200");
    stop();
}

Test(worker_access, an_address_and_a_subject_have_their_rates)
{
    const struct client_limits_options bounds = {.connections_max = 100, .requests_per_subject = 1};
    start(&bounds);
    check("/events?stream=b", bearer("ann", "a"), "HTTP/1.1 403");
    check("/streams/a", bearer("ann", "a"), "Retry-After: 1\r\n");
    check("/streams/a", bearer("bob", "a"), "HTTP/1.1 200");
    check("/streams/a", "", "HTTP/1.1 401");
    stop();
}
