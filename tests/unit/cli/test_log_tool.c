// seam: src/log/disk.c
// link: tests/unit/log/sim_disk.c
// link: tests/unit/log/sim_files.c
// link: tests/unit/log/sample_block.c
// link: tests/unit/log/sample_log.c

#include "cli/log_tool.h"

#include "base/crc32c.h"
#include "base/json.h"
#include "unit/log/sample_log.h"
#include "unit/log/sim_disk.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <errno.h>
#include <stdlib.h>

static struct sample_log sample;
static char *text;
static size_t text_length;

static void setup(void)
{
    sim_reset(1);
    sample_log_begin(&sample);
}

static void teardown(void)
{
    free(text);
    text = NULL;
    sample_log_free(&sample);
    sim_free();
}

TestSuite(log_tool, .init = setup, .fini = teardown, .timeout = 60);

static void append(unsigned blocks)
{
    for (unsigned i = 0; i < blocks; i++) {
        sample_log_append(&sample, 3, 40);
    }
}

static FILE *capture(void)
{
    free(text);
    text = NULL;
    return open_memstream(&text, &text_length);
}

static int dump(const struct log_dump_options *options)
{
    char message[100];
    struct disk *disk = disk_open_reading("data", message, sizeof(message));
    FILE *out = capture();
    int status = log_dump(disk, options, out);
    (void)fclose(out);
    disk_close(disk);
    return status;
}

static int verify(void)
{
    char message[100];
    struct disk *disk = disk_open_reading("data", message, sizeof(message));
    FILE *out = capture();
    int status = log_verify(disk, false, out);
    (void)fclose(out);
    disk_close(disk);
    return status;
}

static int repair(bool is_dry_run)
{
    char message[100];
    struct disk *disk = disk_open("data", message, sizeof(message));
    FILE *out = capture();
    int status = log_repair(disk, is_dry_run, out);
    (void)fclose(out);
    disk_close(disk);
    return status;
}

static unsigned lines(void)
{
    unsigned count = 0;
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++) {
        count++;
    }
    return count;
}

static bool says(const char *words)
{
    return strstr(text, words) != NULL;
}

// A sealed segment, a rolled one without index, the present one, and a checkpoint after the second.
static void build(void)
{
    struct checkpoint_segment segments[3];
    append(4);
    sample.synced = sample.position;
    segments[0] = sample_log_seal(&sample);
    sample_log_roll(&sample, 0, 0);
    append(4);
    sample.synced = sample.position;
    segments[1] = sample_log_seal(&sample);
    sample_log_roll(&sample, 0, 0);
    append(2);
    segments[2] = sample_log_segment(&sample);
    sample_log_checkpoint(&sample, segments, 3);
    sample.synced = sample.position;
    append(2);
}

static void spoil(unsigned block)
{
    uint64_t offset;
    const char *name = sample_log_place(&sample, block, &offset);
    sim_flip_bit(name, offset + 100, 1);
}

Test(log_tool, dumps_for_people)
{
    build();
    cr_assert_eq(dump(&(struct log_dump_options){0}), 0);
    cr_assert_eq(lines(), 36);
    cr_assert(says("20480 1 1970-01-01T00:00:01.004Z stream/2:1 text xxxx"));
    cr_assert_eq(dump(&(struct log_dump_options){.stream = "stream/2", .limit = 3, .from = 5}), 0);
    cr_assert_eq(lines(), 3);
    cr_assert(says(" 7 1970"));
    cr_assert(says(" 10 1970"));
    cr_assert(says(" 13 1970"));
    cr_assert_eq(dump(&(struct log_dump_options){.from = 1000}), 0);
    cr_assert_eq(text_length, 0);
}

Test(log_tool, dumps_json)
{
    build();
    cr_assert_eq(dump(&(struct log_dump_options){.is_json = true, .limit = 2}), 0);
    struct slice rest = slice_from(text, text_length);
    for (int i = 0; i < 2; i++) {
        struct slice line = slice_split(&rest, '\n');
        cr_assert_eq(json_validate(line, NULL), JSON_OK);
    }
    cr_assert_eq(rest.length, 0);
    cr_assert(says("{\"position\":20480,\"id\":1,\"stream\":\"stream/2\",\"sequence\":1,"
                   "\"time\":\"1970-01-01T00:00:01.004Z\",\"type\":\"text\",\"priority\":"
                   "\"normal\",\"data\":\"xxxx"));
}

Test(log_tool, dumps_what_is_left)
{
    build();
    spoil(1);
    cr_redirect_stderr();
    cr_assert_eq(dump(&(struct log_dump_options){0}), 1);
    cr_assert_eq(lines(), 33);
}

Test(log_tool, verifies_what_is_whole)
{
    build();
    cr_assert_eq(verify(), 0, "%s", text);
    cr_assert(says("no faults"));
    cr_assert(says("events     36 in 3 streams"));
    cr_assert(says("ids        1 to 36"));
    cr_assert_eq(repair(false), 0);
    cr_assert(says("nothing to repair"));
}

Test(log_tool, of_an_empty_log)
{
    cr_assert_eq(verify(), 0);
    cr_assert_eq(repair(false), 0);
    sim_reset(2);
    cr_assert_eq(verify(), 0);
    cr_assert_eq(repair(false), 0);
    cr_assert_eq(dump(&(struct log_dump_options){0}), 0);
}

// Faults are told, a dry run changes nothing, and after the repair there are none.
static void expect_repaired(const char *fault, unsigned events_left)
{
    cr_assert_eq(verify(), fault == NULL ? 0 : 1, "%s", text);
    if (fault != NULL) {
        cr_assert(says(fault), "%s", text);
    }
    cr_assert_eq(repair(true), 0);
    cr_assert(says("would "), "%s", text);
    cr_assert_eq(verify(), fault == NULL ? 0 : 1);
    cr_assert_eq(repair(false), 0, "%s", text);
    cr_assert_not(says("would "));
    cr_assert_eq(verify(), 0, "%s", text);
    cr_assert_not(says("note"), "%s", text);
    cr_assert_eq(repair(false), 0);
    cr_assert(says("nothing to repair"), "%s", text);
    cr_assert_eq(dump(&(struct log_dump_options){0}), 0);
    cr_assert_eq(lines(), events_left);
}

Test(log_tool, repairs_a_corrupt_block)
{
    build();
    spoil(1);
    expect_repaired("segment-0000000000000001.log+", 33);
}

Test(log_tool, repairs_corrupt_blocks_at_the_ends_of_segments)
{
    build();
    spoil(3);
    spoil(4);
    spoil(5);
    spoil(8);
    expect_repaired("are lost", 24);
}

Test(log_tool, repairs_a_lost_beginning)
{
    build();
    spoil(0);
    spoil(1);
    expect_repaired("events between id 1 and 6 are lost", 30);
}

Test(log_tool, repairs_a_torn_end)
{
    build();
    spoil(11);
    expect_repaired(NULL, 33);
}

Test(log_tool, repairs_a_lost_end)
{
    build();
    spoil(9);
    spoil(10);
    spoil(11);
    expect_repaired("are lost", 27);
}

Test(log_tool, repairs_an_index)
{
    build();
    struct slice file = sim_file("segment-0000000000000001.log");
    sim_flip_bit("segment-0000000000000001.log", file.length - 50, 1);
    expect_repaired("index", 36);
}

Test(log_tool, repairs_a_header)
{
    build();
    sim_flip_bit("segment-0000000000000002.log", 30, 1);
    expect_repaired("header", 36);
}

Test(log_tool, sets_aside_what_cannot_be_read)
{
    build();
    sim_flip_bit("segment-0000000000000002.log", 30, 1);
    spoil(4);
    sim_remove(CHECKPOINT_NAME);
    expect_repaired("header", 24);
    cr_assert(sim_exists("segment-0000000000000002.log.bad"));
}

Test(log_tool, repairs_meta_and_checkpoint)
{
    build();
    sim_flip_bit(META_NAME, 30, 1);
    sim_flip_bit(CHECKPOINT_NAME, 30, 1);
    expect_repaired("meta+0", 36);
    struct log_meta meta;
    cr_assert_eq(meta_decode(sim_file(META_NAME), &meta), META_VALID);
    cr_assert_gt(meta.id_limit, 36);
    struct checkpoint_reader reader;
    cr_assert_eq(checkpoint_open(&reader, sim_file(CHECKPOINT_NAME)), CHECKPOINT_VALID);
    cr_assert_eq(reader.stream_count, 3);
    cr_assert_eq(reader.segment_count, 3);
    cr_assert_eq(reader.head.last_id, 36);
}

Test(log_tool, removes_what_does_not_count)
{
    build();
    uint64_t end = sample.position;
    sample_log_roll(&sample, end, SEGMENT_PENDING);
    cr_assert_eq(verify(), 0);
    cr_assert_eq(repair(false), 0);
    cr_assert_not(sim_exists("segment-0000000000000004.log"));
}

Test(log_tool, tells_of_a_checkpoint_that_lies)
{
    append(4);
    struct checkpoint_segment segment = sample_log_seal(&sample);
    segment.last_id++;
    sample_log_roll(&sample, 0, 0);
    append(1);
    sample.next_id -= 5;
    sample_log_checkpoint(&sample, &segment, 1);
    sample.next_id += 5;
    expect_repaired("ends at event 15, not 10", 15);
}

Test(log_tool, stops_where_the_disk_fails)
{
    build();
    spoil(1);
    cr_redirect_stderr();
    sim_fail(DISK_WRITE, 0, -ENOSPC);
    cr_assert_eq(repair(false), 1);
    cr_assert(says("not finished"));
    sim_fail(DISK_SYNC, 0, -EIO);
    cr_assert_eq(repair(false), 1);
    sim_fail(DISK_REPLACE, 0, -EIO);
    cr_assert_eq(repair(false), 1);
    cr_assert_eq(repair(false), 0);
    cr_assert_eq(verify(), 0, "%s", text);
}

Test(log_tool, of_another_version)
{
    struct slice file = sim_file(META_NAME);
    uint8_t bytes[META_BYTES];
    memcpy(bytes, file.at, sizeof(bytes));
    store_le32(bytes + 12, 99);
    store_le32(bytes + 8, crc32c(0, bytes + 12, sizeof(bytes) - 12));
    sim_put(META_NAME, slice_from(bytes, sizeof(bytes)));
    cr_redirect_stderr();
    cr_assert_eq(verify(), 1);
    cr_assert_eq(repair(false), 1);
    cr_assert_eq(dump(&(struct log_dump_options){0}), 1);
}

static int run(int argc, const char *const *words)
{
    char *argv[8] = {0};
    for (int i = 0; i < argc; i++) {
        argv[i] = strdup(words[i]);
    }
    int status = cli_log(argc, argv);
    for (int i = 0; i < 8; i++) {
        // settings_take_arguments moves operands about, but drops none.
        free(argv[i]);
    }
    return status;
}

Test(log_tool, command_line)
{
    build();
    cr_redirect_stdout();
    cr_redirect_stderr();
    cr_assert_eq(run(1, (const char *[]){"log"}), 2);
    cr_assert_eq(run(2, (const char *[]){"log", "frobnicate"}), 2);
    cr_assert_eq(run(2, (const char *[]){"log", "--help"}), 0);
    cr_assert_eq(run(3, (const char *[]){"log", "dump", "--help"}), 0);
    cr_assert_eq(run(3, (const char *[]){"log", "verify", "--nonsense"}), 2);
    cr_assert_eq(run(4, (const char *[]){"log", "verify", "--data-dir", "x"}), 0);
    cr_assert_eq(run(3, (const char *[]){"log", "verify", "operand"}), 2);
    cr_assert_eq(run(4, (const char *[]){"log", "dump", "--data-dir=x", "--json"}), 0);
    cr_assert_eq(run(4, (const char *[]){"log", "repair", "--data-dir=x", "--dry-run"}), 0);
    char message[100];
    struct disk *disk = disk_open("x", message, sizeof(message));
    cr_assert_eq(run(3, (const char *[]){"log", "repair", "--data-dir=x"}), 1, "it is in use");
    cr_assert_eq(run(3, (const char *[]){"log", "verify", "--data-dir=x"}), 0);
    disk_close(disk);
}
