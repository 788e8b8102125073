// link: tests/unit/tls/peers.c
// The watch on files of the test's own and a clock that it sets.
#include "app/tls_watch.h"

#include "base/clock.h"
#include "base/logger.h"
#include "tls/tickets.h"
#include "unit/tls/peers.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SECOND_MS = 1000 };

static uint64_t now_ms = 5000;
static char directory[PEER_PATH_SIZE];
static char certificate[2 * PEER_PATH_SIZE];
static char key[2 * PEER_PATH_SIZE];
static char message[SETTING_MESSAGE_SIZE];
static struct options options;
static struct tls_watch watch;
static struct tls_server *server;

uint64_t clock_monotonic_ns(void)
{
    return now_ms * 1000 * 1000;
}

uint64_t clock_realtime_ms(void)
{
    return 1700000000000 + now_ms;
}

static void setup(void)
{
    const char *base = getenv("RC_TMP");
    (void)snprintf(directory, sizeof(directory), "%s/tls.XXXXXX", base == NULL ? "/tmp" : base);
    cr_assert_not_null(mkdtemp(directory));
    (void)snprintf(certificate, sizeof(certificate), "%s/one.crt", directory);
    (void)snprintf(key, sizeof(key), "%s/one.key", directory);
    options.tls_certificates = (struct setting_texts){.count = 1, .texts = {certificate}};
    options.tls_keys = (struct setting_texts){.count = 1, .texts = {key}};
    pair_write(directory, "one", &(struct pair_options){.host = "one.test"});
    logger_set_level(LOGGER_OFF);
}

static void teardown(void)
{
    tls_server_release(server);
    (void)unlink(certificate);
    (void)unlink(key);
    (void)rmdir(directory);
}

TestSuite(tls_watch, .init = setup, .fini = teardown);

static void open_watch(void)
{
    cr_assert(tls_watch_open(&watch, &options, NULL, &server, message, sizeof(message)), "%s",
              message);
    cr_assert_not_null(server);
}

// What is in force after a look: whether it is another one.
static bool look_finds_another(void)
{
    struct tls_server *other = tls_watch_look(&watch, server, now_ms);
    if (other != NULL) {
        tls_server_release(server);
        server = other;
    }
    return other != NULL;
}

Test(tls_watch, nothing_is_watched_without_certificates)
{
    options.tls_certificates.count = 0;
    options.tls_keys.count = 0;
    cr_assert(tls_watch_open(&watch, &options, NULL, &server, message, sizeof(message)));
    cr_assert_null(server);
    cr_assert_eq(watch.next_ms, UINT64_MAX);
    cr_assert_not(look_finds_another());
}

Test(tls_watch, faulty_files_are_told_at_start)
{
    (void)unlink(key);
    cr_assert_not(tls_watch_open(&watch, &options, NULL, &server, message, sizeof(message)));
    cr_assert_null(server);
    cr_assert_not_null(strstr(message, "one.key: cannot be read"), "%s", message);
}

Test(tls_watch, other_files_are_taken_at_the_next_look)
{
    open_watch();
    pair_write(directory, "one", &(struct pair_options){.host = "two.test"});
    cr_assert_not(look_finds_another()); // not yet time
    now_ms += SECOND_MS;
    cr_assert(look_finds_another());
    now_ms += SECOND_MS;
    cr_assert_not(look_finds_another());
}

Test(tls_watch, faulty_files_change_nothing)
{
    open_watch();
    (void)unlink(key);
    now_ms += SECOND_MS;
    cr_assert_not(look_finds_another());
    pair_write(directory, "one", &(struct pair_options){.host = "two.test"});
    now_ms += SECOND_MS;
    cr_assert(look_finds_another());
}

Test(tls_watch, ticket_keys_are_renewed_in_time)
{
    open_watch();
    now_ms += TLS_TICKET_LIFE_MS - 1;
    cr_assert_not(look_finds_another());
    now_ms += SECOND_MS;
    cr_assert(look_finds_another());
    now_ms += SECOND_MS;
    cr_assert_not(look_finds_another());
}
