// seam: src/log/disk.c
// link: tests/unit/log/sim_disk.c
// link: tests/unit/log/sim_files.c

#include "sim_disk.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

enum { SECTORS = 64, BYTES = SECTORS * SIM_SECTOR_BYTES };

static struct disk *disk;
static unsigned completions;
static int64_t last_result;
static uint64_t last_tag;

static void on_done(void *context, enum disk_operation operation, uint64_t tag, int64_t result)
{
    (void)context;
    (void)operation;
    completions++;
    last_tag = tag;
    last_result = result;
}

static void open_again(void)
{
    char message[100];
    disk = disk_open("data", message, sizeof message);
    cr_assert_not_null(disk);
    disk_attach(disk, NULL, on_done, NULL);
    completions = 0;
}

static void setup(void)
{
    sim_reset(7);
    open_again();
}

static void teardown(void)
{
    sim_free();
}

TestSuite(sim_disk, .init = setup, .fini = teardown, .timeout = 60);

static uint8_t ones[BYTES];

static unsigned sectors_kept(const char *name)
{
    struct slice file = sim_file(name);
    unsigned kept = 0;
    for (size_t i = 0; i + SIM_SECTOR_BYTES <= file.length; i += SIM_SECTOR_BYTES) {
        bool is_one = memcmp(file.at + i, ones, SIM_SECTOR_BYTES) == 0;
        for (size_t j = 1; j < SIM_SECTOR_BYTES; j++) {
            cr_assert_eq(file.at[i + j], file.at[i], "no sector is torn");
        }
        kept += is_one;
    }
    return kept;
}

Test(sim_disk, completes_in_shuffled_order)
{
    bool is_shuffled = false;
    int file = disk_open_file(disk, "file", true, true);
    for (unsigned i = 0; i < 20; i++) {
        disk_submit_write(disk, file, "x", 1, i, i);
    }
    cr_assert_eq(sim_in_flight(), 20);
    cr_assert_eq(sim_in_flight_of(DISK_WRITE), 20);
    cr_assert_eq(sim_in_flight_of(DISK_SYNC), 0);
    for (unsigned i = 0; i < 20; i++) {
        cr_assert(sim_step());
        is_shuffled |= last_tag != i;
    }
    cr_assert_not(sim_step());
    cr_assert(is_shuffled);
    cr_assert_eq(sim_file("file").length, 20);
}

Test(sim_disk, a_power_cut_loses_what_was_not_synced)
{
    memset(ones, 1, sizeof ones);
    int file = disk_prepare_now(disk, "file", NULL, BYTES, "h", 1);
    cr_assert_eq(disk_write_now(disk, file, ones, BYTES, 0), BYTES);
    sim_power_cut();
    unsigned kept = sectors_kept("file");
    cr_assert(kept > 5 && kept < SECTORS - 5, "%u", kept);
    open_again();
    file = disk_open_file(disk, "file", false, true);
    disk_write_now(disk, file, ones, BYTES, 0);
    cr_assert_eq(disk_sync_now(disk, file), 0);
    sim_power_cut();
    cr_assert_eq(sectors_kept("file"), SECTORS);
    cr_assert_eq(sim_get_stats().power_cuts, 2);
}

Test(sim_disk, a_kill_loses_nothing_that_completed)
{
    memset(ones, 1, sizeof ones);
    uint8_t before[16];
    uint8_t after[16];
    disk_boot_id(disk, before);
    int file = disk_prepare_now(disk, "file", NULL, BYTES, "h", 1);
    disk_submit_write(disk, file, ones, BYTES, 0, 1);
    sim_settle();
    disk_submit_write(disk, file, ones, BYTES, BYTES, 2);
    sim_kill();
    cr_assert_geq(sectors_kept("file"), SECTORS);
    open_again();
    disk_boot_id(disk, after);
    cr_assert_eq(memcmp(before, after, 16), 0);
    sim_power_cut();
    open_again();
    disk_boot_id(disk, after);
    cr_assert_neq(memcmp(before, after, 16), 0);
}

Test(sim_disk, a_failed_sync_lies_afterwards)
{
    memset(ones, 1, sizeof ones);
    int file = disk_prepare_now(disk, "file", NULL, BYTES, "h", 1);
    disk_submit_write(disk, file, ones, BYTES, 0, 1);
    sim_settle();
    sim_fail(DISK_SYNC, 0, -EIO);
    disk_submit_sync(disk, file, 2);
    sim_settle();
    cr_assert_eq(last_result, -EIO);
    disk_submit_sync(disk, file, 3);
    sim_settle();
    cr_assert_eq(last_result, 0);
    sim_power_cut();
    cr_assert_lt(sectors_kept("file"), SECTORS);
    cr_assert_eq(sim_failures(DISK_SYNC), 1);
}

Test(sim_disk, a_sync_covers_what_was_complete_when_it_was_submitted)
{
    memset(ones, 1, sizeof ones);
    unsigned kept = 0;
    for (int i = 0; i < 20; i++) {
        int file = disk_prepare_now(disk, "file", NULL, BYTES, "h", 1);
        disk_submit_write(disk, file, ones, BYTES, 0, 1);
        sim_settle();
        disk_submit_sync(disk, file, 2);
        disk_submit_write(disk, file, ones, BYTES, BYTES, 3);
        sim_settle();
        sim_power_cut();
        cr_assert_geq(sectors_kept("file"), SECTORS);
        kept += sectors_kept("file") - SECTORS;
        open_again();
    }
    cr_assert(kept > 0 && kept < 20 * SECTORS);
}

Test(sim_disk, names_are_lost_or_kept_whole)
{
    unsigned kept = 0;
    for (int i = 0; i < 100; i++) {
        cr_assert_eq(disk_replace_now(disk, "meta", "old", 3), 0);
        disk_submit_replace(disk, "meta", "new", 3, 1);
        if (i % 2 == 0) {
            sim_power_cut();
        } else {
            sim_kill();
        }
        struct slice meta = sim_file("meta");
        cr_assert(slice_equal_text(meta, "old") || slice_equal_text(meta, "new"));
        kept += slice_equal_text(meta, "new");
        open_again();
    }
    cr_assert(kept > 0 && kept < 100);
    cr_assert_eq(disk_remove_now(disk, "meta"), 0);
    cr_assert_not(sim_exists("meta"));
    cr_assert_eq(disk_remove_now(disk, "meta"), -ENOENT);
}

Test(sim_disk, prepares_and_recycles)
{
    int file = disk_prepare_now(disk, "one", NULL, 10000, "header", 6);
    disk_write_now(disk, file, "old", 3, 5000);
    disk_close_file(disk, file);
    disk_submit_prepare(disk, "two", "one", 20000, "HEADER", 6, 1);
    sim_settle();
    cr_assert_geq(last_result, 0);
    cr_assert_not(sim_exists("one"));
    struct slice two = sim_file("two");
    cr_assert_eq(two.length, 20000);
    cr_assert_eq(memcmp(two.at, "HEADER", 6), 0);
    cr_assert_eq(memcmp(two.at + 5000, "old", 3), 0);
    sim_power_cut();
    cr_assert_eq(sim_file("two").length, 20000);
    open_again();
    cr_assert_eq(disk_prepare_now(disk, "three", "missing", 100, "h", 1), -ENOENT);
    // Wherever it stops, no name stands for something half made.
    for (int i = 0; i < 200; i++) {
        disk_submit_prepare(disk, "three", "two", 20000, "Third!", 6, 1);
        if (i % 2 == 0) {
            sim_power_cut();
        } else {
            sim_kill();
        }
        if (sim_exists("two")) {
            cr_assert_eq(memcmp(sim_file("two").at, "HEADER", 6), 0);
        }
        if (sim_exists("three")) {
            cr_assert_eq(memcmp(sim_file("three").at, "Third!", 6), 0);
            sim_remove("three");
        }
        if (!sim_exists("two")) {
            uint8_t header[20000] = "HEADER";
            sim_put("two", slice_from(header, sizeof header));
        }
        open_again();
        cr_assert_not(sim_exists("prepare.tmp"));
    }
}

Test(sim_disk, faults_by_chance)
{
    static uint8_t bytes[1000];
    int file = disk_open_file(disk, "file", true, true);
    sim_set_faults(&(struct sim_faults){.short_write = 3000,
                                        .short_read = 3000,
                                        .write_error = 1000,
                                        .read_error = 1000,
                                        .sync_error = 1000,
                                        .prepare_error = 5000,
                                        .replace_error = 5000});
    unsigned shorts = 0;
    unsigned errors = 0;
    for (int i = 0; i < 300; i++) {
        switch (i % 3) {
        case 0: disk_submit_write(disk, file, bytes, sizeof bytes, 0, 1); break;
        case 1: disk_submit_read(disk, file, bytes, sizeof bytes, 0, 1); break;
        default: disk_submit_sync(disk, file, 1); break;
        }
        sim_settle();
        shorts += i % 3 != 2 && last_result > 0 && last_result < (int64_t)sizeof bytes;
        errors += last_result == -EIO;
    }
    cr_assert_gt(shorts, 10);
    cr_assert_gt(errors, 10);
    cr_assert_gt(sim_failures(DISK_WRITE), 0);
    cr_assert_eq(disk_write_now(disk, file, bytes, sizeof bytes, 0), sizeof bytes);
    unsigned failed = 0;
    for (int i = 0; i < 50; i++) {
        disk_submit_replace(disk, "meta", "x", 1, 1);
        sim_settle();
        failed += last_result < 0;
        disk_submit_prepare(disk, "segment", NULL, 4096, "x", 1, 1);
        sim_settle();
        failed += last_result < 0;
        cr_assert(last_result < 0 || sim_exists("segment"));
        if (last_result >= 0) {
            disk_close_file(disk, (int)last_result);
        }
    }
    cr_assert_gt(failed, 20);
    sim_set_faults(NULL);
    disk_submit_sync(disk, file, 1);
    sim_settle();
    cr_assert_eq(last_result, 0);
}

Test(sim_disk, space_runs_out)
{
    int file = disk_prepare_now(disk, "file", NULL, 10000, "h", 1);
    sim_set_space(12000);
    static uint8_t bytes[10000];
    cr_assert_eq(disk_write_now(disk, file, bytes, sizeof bytes, 0), sizeof bytes);
    cr_assert_eq(disk_write_now(disk, file, bytes, sizeof bytes, 5000), -ENOSPC);
    cr_assert_eq(disk_prepare_now(disk, "other", NULL, 10000, "h", 1), -ENOSPC);
    cr_assert_not(sim_exists("other"));
    sim_set_space(0);
    cr_assert_geq(disk_prepare_now(disk, "other", NULL, 10000, "h", 1), 0);
}

Test(sim_disk, looking_in_and_spoiling)
{
    const char *names[8];
    sim_put("b", slice_of("content"));
    sim_put("a", slice_of("other"));
    cr_assert_eq(sim_names(names, 8), 3);
    cr_assert_str_eq(names[0], "a");
    cr_assert_str_eq(names[2], "lock");
    sim_flip_bit("b", 0, 0);
    cr_assert(slice_equal_text(sim_file("b"), "bontent"));
    sim_spoil("b", 1, slice_of("ON"));
    sim_power_cut();
    cr_assert(slice_equal_text(sim_file("b"), "bONtent"));
    sim_remove("b");
    cr_assert_eq(sim_file("b").length, 0);
    open_again();
    char message[100];
    cr_assert_null(disk_open("data", message, sizeof message));
    struct disk *reading = disk_open_reading("data", message, sizeof message);
    cr_assert_eq(disk_open_file(reading, "a", false, true), -EROFS);
    cr_assert_eq(disk_remove_now(reading, "a"), -EROFS);
    cr_assert_eq(disk_replace_now(reading, "a", "x", 1), -EROFS);
    cr_assert_eq(disk_prepare_now(reading, "a", NULL, 1, "x", 1), -EROFS);
    disk_close(reading);
    disk_close(disk);
}
