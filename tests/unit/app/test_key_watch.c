// The watch on a file of the test's own and a clock that it sets.
#include "app/key_watch.h"

#include "base/clock.h"
#include "base/logger.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SECOND_MS = 1000 };

static uint64_t now_ms = 5000;
static char path[64];
static struct key_watch watch;
static struct setting_texts paths;

uint64_t clock_monotonic_ns(void)
{
    return now_ms * 1000 * 1000;
}

uint64_t clock_realtime_ms(void)
{
    return 1700000000000 + now_ms;
}

static void write_secret(const char *secret)
{
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_geq(fputs(secret, file), 0);
    cr_assert_eq(fclose(file), 0);
}

static void setup(void)
{
    (void)snprintf(path, sizeof(path), "/tmp/ringcast-keys-XXXXXX.key");
    int fd = mkstemps(path, 4);
    cr_assert_geq(fd, 0);
    (void)close(fd);
    paths = (struct setting_texts){.count = 1, .texts = {path}};
    logger_set_level(LOGGER_OFF);
    write_secret("0123456789abcdef0123456789abcdef");
}

static void teardown(void)
{
    (void)unlink(path);
}

TestSuite(key_watch, .init = setup, .fini = teardown);

static void open_watch(void)
{
    char message[SETTING_MESSAGE_SIZE];
    struct keyring *keyring = NULL;
    cr_assert(key_watch_open(&watch, &paths, &keyring, message, sizeof(message)), "%s", message);
    cr_assert_eq(keyring_count(keyring), 1);
    keyring_release(keyring);
}

// Whether other keys are found when it is looked `wait_ms` later.
static bool finds_others(uint64_t wait_ms)
{
    now_ms += wait_ms;
    struct keyring *keyring = key_watch_look(&watch, now_ms);
    keyring_release(keyring);
    return keyring != NULL;
}

Test(key_watch, looks_each_second)
{
    open_watch();
    cr_assert_eq(watch.next_ms, now_ms + SECOND_MS);
    cr_assert_not(finds_others(SECOND_MS));
    write_secret("another secret of thirty-two bytes, or some more");
    cr_assert_not(finds_others(SECOND_MS - 1));
    cr_assert(finds_others(1));
    cr_assert_not(finds_others(SECOND_MS));
}

Test(key_watch, files_that_cannot_be_used_change_nothing)
{
    open_watch();
    write_secret("short");
    cr_assert_not(finds_others(SECOND_MS));
    cr_assert_eq(unlink(path), 0);
    cr_assert_not(finds_others(SECOND_MS));
    cr_assert_not(finds_others(SECOND_MS));
    write_secret("another secret of thirty-two bytes, or some more");
    cr_assert(finds_others(SECOND_MS));
}

Test(key_watch, nothing_to_watch)
{
    char message[SETTING_MESSAGE_SIZE];
    struct keyring *keyring = NULL;
    paths.count = 0;
    cr_assert(key_watch_open(&watch, &paths, &keyring, message, sizeof(message)));
    cr_assert_null(keyring);
    cr_assert_eq(watch.next_ms, UINT64_MAX);
    cr_assert_not(finds_others(SECOND_MS));
}

Test(key_watch, says_what_is_wrong_at_the_start)
{
    char message[SETTING_MESSAGE_SIZE];
    struct keyring *keyring = NULL;
    write_secret("short");
    cr_assert_not(key_watch_open(&watch, &paths, &keyring, message, sizeof(message)));
    cr_assert_not_null(strstr(message, "--auth-keys: /tmp/ringcast-keys-"), "%s", message);
    cr_assert_not_null(strstr(message, "a secret of 5 bytes"), "%s", message);
    cr_assert_null(keyring);
}
