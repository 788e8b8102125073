#include "log/disk.h"

#include "io/loop.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DONE_MAX = 64, ROUNDS_MAX = 2000 };

static char directory[64];
static struct disk *disk;
static struct loop *loop;
static char message[512];

static struct {
    enum disk_operation operation;
    uint64_t tag;
    int64_t result;
} completions[DONE_MAX];
static unsigned completion_count;

static void on_done(void *context, enum disk_operation operation, uint64_t tag, int64_t result)
{
    cr_assert_eq(context, &completion_count);
    cr_assert_lt(completion_count, DONE_MAX);
    completions[completion_count].operation = operation;
    completions[completion_count].tag = tag;
    completions[completion_count++].result = result;
}

static void setup(void)
{
    snprintf(directory, sizeof directory, "/tmp/ringcast-disk.XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    disk = disk_open(directory, message, sizeof message);
    cr_assert_not_null(disk, "%s", message);
    loop = aligned_alloc(64, (sizeof *loop + 63) / 64 * 64);
    const struct loop_config config = {.sq_entries = 64};
    cr_assert_eq(loop_init(loop, &config, message, sizeof message), 0, "%s", message);
    cr_assert_eq(loop_start(loop, message, sizeof message), 0, "%s", message);
    disk_attach(disk, loop, on_done, &completion_count);
    completion_count = 0;
}

static void teardown(void)
{
    loop_stop(loop);
    loop_free(loop);
    free(loop);
    disk_close(disk);
    DIR *listing = opendir(directory);
    struct dirent *entry;
    while ((entry = readdir(listing)) != NULL) {
        unlinkat(dirfd(listing), entry->d_name, entry->d_type == DT_DIR ? AT_REMOVEDIR : 0);
    }
    closedir(listing);
    rmdir(directory);
}

TestSuite(disk, .init = setup, .fini = teardown, .timeout = 60);

// Rounds until `count` requests have completed.
static void settle(unsigned count)
{
    for (int i = 0; i < ROUNDS_MAX && completion_count < count; i++) {
        loop_round(loop, 5 * 1000 * 1000);
    }
    cr_assert_eq(completion_count, count);
}

static int64_t result_of(uint64_t tag, enum disk_operation operation)
{
    for (unsigned i = 0; i < completion_count; i++) {
        if (completions[i].tag == tag) {
            cr_assert_eq(completions[i].operation, operation);
            return completions[i].result;
        }
    }
    cr_assert_fail("no completion");
    return 0;
}

struct listed {
    char names[16][64];
    uint64_t sizes[16];
    unsigned count;
};

static void on_listed(void *context, const char *name, uint64_t size)
{
    struct listed *listed = context;
    snprintf(listed->names[listed->count], 64, "%s", name);
    listed->sizes[listed->count++] = size;
}

static bool lists(const char *name, uint64_t *size)
{
    struct listed listed = {.count = 0};
    cr_assert_eq(disk_list(disk, on_listed, &listed), 0);
    for (unsigned i = 0; i < listed.count; i++) {
        if (strcmp(listed.names[i], name) == 0) {
            *size = listed.sizes[i];
            return true;
        }
    }
    return false;
}

static void expect_content(const char *name, const char *content)
{
    char bytes[256];
    int file = disk_open_file(disk, name, false, false);
    cr_assert_geq(file, 0);
    int64_t got = disk_read_now(disk, file, bytes, sizeof bytes, 0);
    cr_assert_geq(got, (int64_t)strlen(content));
    cr_assert_eq(memcmp(bytes, content, strlen(content)), 0);
    disk_close_file(disk, file);
}

Test(disk, is_opened_once)
{
    cr_assert_null(disk_open(directory, message, sizeof message));
    cr_assert_not_null(strstr(message, "in use by another ringcast, process "));
    cr_assert_not_null(strstr(message, directory));
    struct disk *reading = disk_open_reading(directory, message, sizeof message);
    cr_assert_not_null(reading);
    cr_assert_eq(disk_open_file(reading, "a", true, true), -EROFS);
    cr_assert_eq(disk_replace_now(reading, "a", "b", 1), -EROFS);
    cr_assert_eq(disk_remove_now(reading, "lock"), -EROFS);
    cr_assert_eq(disk_prepare_now(reading, "a", NULL, 4096, "b", 1), -EROFS);
    disk_close(reading);
}

Test(disk, directories_that_cannot_be_had)
{
    char path[128];
    snprintf(path, sizeof path, "%s/one/two", directory);
    struct disk *other = disk_open(path, message, sizeof message);
    cr_assert_not_null(other, "%s", message);
    disk_close(other);
    snprintf(path, sizeof path, "%s/one/two/lock", directory);
    unlink(path);
    snprintf(path, sizeof path, "%s/one/two", directory);
    rmdir(path);
    snprintf(path, sizeof path, "%s/one", directory);
    rmdir(path);
    snprintf(path, sizeof path, "%s/lock/under-a-file", directory);
    cr_assert_null(disk_open(path, message, sizeof message));
    cr_assert_not_null(strstr(message, "Not a directory"));
    snprintf(path, sizeof path, "%s/missing", directory);
    cr_assert_null(disk_open_reading(path, message, sizeof message));
    cr_assert_not_null(strstr(message, "No such file"));
    cr_assert_null(disk_open("", message, sizeof message));
}

Test(disk, plain_calls)
{
    char bytes[16];
    int file = disk_open_file(disk, "file", true, true);
    cr_assert_geq(file, 0);
    cr_assert_eq(disk_write_now(disk, file, "0123456789", 10, 5), 10);
    cr_assert_eq(disk_sync_now(disk, file), 0);
    cr_assert_eq(disk_read_now(disk, file, bytes, sizeof bytes, 5), 10);
    cr_assert_eq(memcmp(bytes, "0123456789", 10), 0);
    cr_assert_eq(disk_read_now(disk, file, bytes, sizeof bytes, 100), 0);
    disk_close_file(disk, file);
    file = disk_open_file(disk, "file", false, false);
    cr_assert_eq(disk_write_now(disk, file, "x", 1, 0), -EBADF);
    disk_close_file(disk, file);
    cr_assert_eq(disk_open_file(disk, "missing", false, false), -ENOENT);
    uint64_t size = 0;
    cr_assert(lists("file", &size));
    cr_assert_eq(size, 15);
    cr_assert_eq(disk_remove_now(disk, "file"), 0);
    cr_assert_eq(disk_remove_now(disk, "file"), -ENOENT);
    cr_assert_not(lists("file", &size));
}

Test(disk, replaces_and_prepares_at_once)
{
    uint64_t size = 0;
    cr_assert_eq(disk_replace_now(disk, "small", "first", 5), 0);
    cr_assert_eq(disk_replace_now(disk, "small", "second", 6), 0);
    expect_content("small", "second");
    cr_assert_not(lists("small.tmp", &size));
    int file = disk_prepare_now(disk, "one", NULL, 100000, "header", 6);
    cr_assert_geq(file, 0);
    cr_assert_eq(disk_write_now(disk, file, "old", 3, 50000), 3);
    disk_close_file(disk, file);
    cr_assert(lists("one", &size));
    cr_assert_eq(size, 100000);
    file = disk_prepare_now(disk, "two", "one", 200000, "HEADER", 6);
    cr_assert_geq(file, 0);
    char bytes[3];
    cr_assert_eq(disk_read_now(disk, file, bytes, 3, 50000), 3);
    cr_assert_eq(memcmp(bytes, "old", 3), 0);
    disk_close_file(disk, file);
    expect_content("two", "HEADER");
    cr_assert_not(lists("one", &size));
    cr_assert_not(lists("prepare.tmp", &size));
    cr_assert_eq(disk_prepare_now(disk, "three", "missing", 4096, "h", 1), -ENOENT);
    cr_assert_lt(disk_prepare_now(disk, "three", NULL, UINT64_C(1) << 62, "h", 1), 0);
    cr_assert_not(lists("prepare.tmp", &size));
}

Test(disk, reads_and_writes_in_flight)
{
    static uint8_t bytes[8][10000];
    static uint8_t back[8][10000];
    int file = disk_open_file(disk, "file", true, true);
    for (unsigned i = 0; i < 8; i++) {
        memset(bytes[i], 'a' + (int)i, sizeof bytes[i]);
        disk_submit_write(disk, file, bytes[i], sizeof bytes[i], i * sizeof bytes[i], 100 + i);
    }
    settle(8);
    disk_submit_sync(disk, file, 200);
    for (unsigned i = 0; i < 8; i++) {
        cr_assert_eq(result_of(100 + i, DISK_WRITE), sizeof bytes[i]);
        disk_submit_read(disk, file, back[i], sizeof back[i], i * sizeof back[i], 300 + i);
    }
    settle(17);
    cr_assert_eq(result_of(200, DISK_SYNC), 0);
    for (unsigned i = 0; i < 8; i++) {
        cr_assert_eq(result_of(300 + i, DISK_READ), sizeof back[i]);
    }
    cr_assert_eq(memcmp(bytes, back, sizeof bytes), 0);
    disk_submit_read(disk, file, back, 100, 79990, 400);
    disk_submit_read(disk, file, back, 100, 1000000, 401);
    settle(19);
    cr_assert_eq(result_of(400, DISK_READ), 10);
    cr_assert_eq(result_of(401, DISK_READ), 0);
    disk_close_file(disk, file);
}

Test(disk, failures_in_flight)
{
    char byte = 0;
    int file = disk_open_file(disk, "file", true, true);
    disk_close_file(disk, file);
    file = disk_open_file(disk, "file", false, false);
    disk_submit_write(disk, file, &byte, 1, 0, 1);
    disk_submit_sync(disk, 9999, 2);
    disk_submit_read(disk, 9999, &byte, 1, 0, 3);
    disk_submit_remove(disk, "missing", 4);
    disk_submit_prepare(disk, "three", "missing", 4096, "h", 1, 5);
    settle(5);
    cr_assert_eq(result_of(1, DISK_WRITE), -EBADF);
    cr_assert_eq(result_of(2, DISK_SYNC), -EBADF);
    cr_assert_eq(result_of(3, DISK_READ), -EBADF);
    cr_assert_eq(result_of(4, DISK_REMOVE), -ENOENT);
    cr_assert_eq(result_of(5, DISK_PREPARE), -ENOENT);
    disk_submit_prepare(disk, "three", NULL, UINT64_C(1) << 62, "h", 1, 6);
    settle(6);
    cr_assert_lt(result_of(6, DISK_PREPARE), 0);
    uint64_t size;
    cr_assert_not(lists("prepare.tmp", &size));
    cr_assert_not(lists("three", &size));
    disk_close_file(disk, file);
}

Test(disk, prepares_in_flight)
{
    uint64_t size = 0;
    disk_submit_prepare(disk, "one", NULL, 100000, "header", 6, 1);
    settle(1);
    int file = (int)result_of(1, DISK_PREPARE);
    cr_assert_geq(file, 0);
    cr_assert_eq(disk_write_now(disk, file, "old", 3, 50000), 3);
    disk_close_file(disk, file);
    cr_assert(lists("one", &size));
    cr_assert_eq(size, 100000);
    disk_submit_prepare(disk, "two", "one", 200000, "HEADER", 6, 2);
    settle(2);
    file = (int)result_of(2, DISK_PREPARE);
    cr_assert_geq(file, 0);
    char bytes[3];
    cr_assert_eq(disk_read_now(disk, file, bytes, 3, 50000), 3);
    cr_assert_eq(memcmp(bytes, "old", 3), 0);
    disk_close_file(disk, file);
    expect_content("two", "HEADER");
    cr_assert_not(lists("one", &size));
    disk_submit_remove(disk, "two", 3);
    settle(3);
    cr_assert_eq(result_of(3, DISK_REMOVE), 0);
    cr_assert_not(lists("two", &size));
}

Test(disk, replaces_in_flight)
{
    uint64_t size = 0;
    size_t length = 3 << 20;
    char *large = malloc(length);
    memset(large, 'x', length);
    disk_submit_replace(disk, "meta", "first", 5, 1);
    disk_submit_replace(disk, "checkpoint", large, length, 2);
    settle(2);
    cr_assert_eq(result_of(1, DISK_REPLACE), 0);
    cr_assert_eq(result_of(2, DISK_REPLACE), 0);
    expect_content("meta", "first");
    cr_assert(lists("checkpoint", &size));
    cr_assert_eq(size, length);
    disk_submit_replace(disk, "meta", "second", 6, 3);
    settle(3);
    expect_content("meta", "second");
    cr_assert_not(lists("meta.tmp", &size));
    // A directory of that name cannot be replaced by a file; what was begun is removed again.
    char path[128];
    snprintf(path, sizeof path, "%s/taken", directory);
    cr_assert_eq(mkdir(path, 0700), 0);
    disk_submit_replace(disk, "taken", "x", 1, 4);
    settle(4);
    cr_assert_eq(result_of(4, DISK_REPLACE), -EISDIR);
    cr_assert_not(lists("taken.tmp", &size));
    cr_assert_eq(disk_replace_now(disk, "taken", "x", 1), -EISDIR);
    free(large);
}

Test(disk, boot_id)
{
    uint8_t one[16] = {0};
    uint8_t other[16] = {0};
    uint8_t none[16] = {0};
    disk_boot_id(disk, one);
    disk_boot_id(disk, other);
    cr_assert_eq(memcmp(one, other, sizeof one), 0);
    cr_assert_neq(memcmp(one, none, sizeof one), 0);
}
