#include "log/seal.h"

#include "base/crc32c.h"
#include "base/prng.h"
#include "log/segment.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

#define SALT UINT64_C(0xfeedfacecafef00d)

enum { STREAMS = 400, SEGMENT = 3, RUNS_MAX = 40000, MARKS = 50 };

// The runs that went in, by stream and ascending.
static struct {
    struct log_run runs[RUNS_MAX];
    uint64_t numbers[RUNS_MAX];
    unsigned count;
} model;

static struct buffer bytes;
static struct seal_head head;
static struct seal_mark marks[MARKS];

// Streams 10, 20, 30, …; stream 200 is large. Ids of a stream are interleaved with the others'.
static void build(unsigned streams, unsigned large)
{
    struct prng prng;
    struct seal_writer writer;
    prng_seed(&prng, 9);
    buffer_init(&bytes, 16 << 20);
    seal_begin(&writer, &bytes, SALT, SEGMENT);
    model.count = 0;
    uint64_t last_id = 0;
    for (unsigned s = 1; s <= streams; s++) {
        unsigned runs = s == 20 ? large : (unsigned)prng_between(&prng, 1, 70);
        uint64_t id = prng_between(&prng, 1, 50);
        uint64_t sequence = prng_between(&prng, 1, 50);
        for (unsigned r = 0; r < runs; r++) {
            uint32_t count = (uint32_t)prng_between(&prng, 1, 5);
            struct log_run run = {.block_position = 3 * (UINT64_C(1) << 26) + 4096 + 8 * id,
                                  .first_id = id,
                                  .last_id = id + count - 1,
                                  .first_sequence = sequence,
                                  .last_sequence = sequence + count - 1,
                                  .block_length = 1000,
                                  .count = count};
            seal_add_run(&writer, s * 10, &run);
            cr_assert_lt(model.count, RUNS_MAX);
            model.numbers[model.count] = s * 10;
            model.runs[model.count++] = run;
            id += count + prng_below(&prng, 10);
            sequence += count;
            last_id = id > last_id ? id : last_id;
        }
    }
    for (unsigned i = 0; i < MARKS; i++) {
        marks[i] = (struct seal_mark){100 + 10 * i, 1 + 100 * i, 5000 + i};
    }
    cr_assert_eq(seal_finish(&writer, marks, MARKS, streams == 0 ? 0 : 1, last_id, 77, 88, 99), 0);
}

static struct slice start(void)
{
    return slice_from(bytes.storage, BLOCK_HEADER_BYTES + SEAL_HEADER_BYTES);
}

static void load(void)
{
    uint32_t offset;
    uint32_t length;
    cr_assert(seal_head_find(start(), SALT, SEGMENT, &offset, &length));
    cr_assert_eq(offset + length, buffer_length(&bytes));
    cr_assert_eq(
        seal_head_load(&head, start(), slice_from(bytes.storage + offset, length), SALT, SEGMENT),
        0);
}

static void teardown(void)
{
    buffer_free(&bytes);
    seal_head_free(&head);
}

TestSuite(seal, .fini = teardown, .timeout = 60);

static const uint8_t *page_at(uint32_t page)
{
    const uint8_t *at = bytes.storage + seal_page_offset(&head, page);
    cr_assert(seal_page_check(at, SALT, page));
    return at;
}

typedef int find_fn(const uint8_t *page, uint64_t number, uint64_t key);

// The look-up as the log does it: a page, perhaps the one after it, an entry, its chunk. NULL:
// none.
static const struct seal_entry *look_up(uint32_t page, uint64_t number, uint64_t key, find_fn *find)
{
    if (page == SEAL_PAGE_NONE) {
        return NULL;
    }
    int index = find(page_at(page), number, key);
    if (index < 0) {
        page = seal_page_after(&head, page, number);
        if (page == SEAL_PAGE_NONE) {
            return NULL;
        }
        index = find(page_at(page), number, key);
        cr_assert_geq(index, 0);
    }
    const struct seal_entry *entry = &seal_page_entries(page_at(page))[index];
    cr_assert(seal_chunk_check(bytes.storage + entry->runs_offset, entry, SALT));
    return entry;
}

static const struct log_run *runs_of(const struct seal_entry *entry)
{
    return (const struct log_run *)(const void *)(bytes.storage + entry->runs_offset);
}

static const struct log_run *model_of_id(uint64_t number, uint64_t id)
{
    for (unsigned i = 0; i < model.count; i++) {
        if (model.numbers[i] == number && model.runs[i].last_id > id) {
            return &model.runs[i];
        }
    }
    return NULL;
}

static void expect_id(uint64_t number, uint64_t id)
{
    const struct log_run *expected = model_of_id(number, id);
    const struct seal_entry *entry =
        look_up(seal_page_of_id(&head, number, id), number, id, seal_page_find_id);
    if (expected == NULL) {
        cr_assert_null(entry, "stream %lu id %lu", number, id);
        return;
    }
    cr_assert_not_null(entry, "stream %lu id %lu", number, id);
    unsigned run = 0;
    while (runs_of(entry)[run].last_id <= id) {
        run++;
        cr_assert_lt(run, entry->run_count);
    }
    cr_assert_eq(memcmp(&runs_of(entry)[run], expected, sizeof *expected), 0);
}

Test(seal, finds_by_id)
{
    build(STREAMS, 9000);
    load();
    cr_assert_gt(head.page_count, 5);
    for (unsigned i = 0; i < model.count; i += 7) {
        const struct log_run *run = &model.runs[i];
        expect_id(model.numbers[i], run->first_id - 1);
        expect_id(model.numbers[i], run->first_id);
        expect_id(model.numbers[i], run->last_id);
    }
    for (uint64_t number = 0; number <= 10 * STREAMS + 20; number++) {
        expect_id(number, 0);
        expect_id(number, UINT64_MAX);
        expect_id(number, 300);
    }
}

Test(seal, finds_by_sequence)
{
    build(STREAMS, 9000);
    load();
    for (unsigned i = 0; i < model.count; i += 11) {
        const struct log_run *run = &model.runs[i];
        uint64_t number = model.numbers[i];
        for (int delta = -1; delta <= 1; delta++) {
            uint64_t sequence = run->first_sequence + (uint64_t)delta;
            uint32_t page = seal_page_of_sequence(&head, number, sequence);
            const struct seal_entry *entry =
                look_up(page, number, sequence, seal_page_find_sequence);
            cr_assert_not_null(entry);
            // The event after `sequence` is in this chunk or begins the one after it.
            const struct log_run *last = &runs_of(entry)[entry->run_count - 1];
            bool is_first = entry->first_id == model_of_id(number, 0)->first_id;
            cr_assert(is_first || entry->first_sequence <= sequence + 1);
            if (last->last_sequence <= sequence && !entry->last_in_stream) {
                const struct log_run *next = model_of_id(number, last->last_id);
                cr_assert_gt(next->first_sequence, sequence);
            }
        }
    }
}

Test(seal, finds_the_last)
{
    build(STREAMS, 9000);
    load();
    for (unsigned i = 0; i < model.count; i++) {
        if (i + 1 < model.count && model.numbers[i + 1] == model.numbers[i]) {
            continue;
        }
        uint64_t number = model.numbers[i];
        uint32_t page = seal_page_of_last(&head, number);
        cr_assert_neq(page, SEAL_PAGE_NONE);
        int index = seal_page_find_last(page_at(page), number);
        cr_assert_geq(index, 0);
        const struct seal_entry *entry = &seal_page_entries(page_at(page))[index];
        cr_assert_eq(entry->last_id, model.runs[i].last_id);
        cr_assert_eq(entry->last_in_stream, 1);
    }
    cr_assert_eq(seal_page_of_last(&head, 1), SEAL_PAGE_NONE);
    cr_assert_eq(seal_page_find_last(page_at(0), 1), -1);
}

Test(seal, finds_times)
{
    build(3, 1);
    load();
    cr_assert_null(seal_mark_before(&head, 0));
    cr_assert_null(seal_mark_before(&head, 100));
    cr_assert_eq(seal_mark_before(&head, 101)->first_id, 1);
    cr_assert_eq(seal_mark_before(&head, 110)->first_id, 1);
    cr_assert_eq(seal_mark_before(&head, 111)->first_id, 101);
    cr_assert_eq(seal_mark_before(&head, UINT64_MAX)->first_id, 1 + 100 * (MARKS - 1));
}

Test(seal, walks_all)
{
    build(STREAMS, 9000);
    struct seal_walk walk = {0};
    uint64_t number;
    struct log_run run;
    char fault[100] = "";
    cr_assert_eq(block_check(bytes.storage, buffer_length(&bytes), SALT), BLOCK_VALID);
    cr_assert(seal_check(bytes.storage, SEGMENT, fault, sizeof fault), "%s", fault);
    for (unsigned i = 0; i < model.count; i++) {
        cr_assert(seal_walk_next(bytes.storage, &walk, &number, &run));
        cr_assert_eq(number, model.numbers[i]);
        cr_assert_eq(memcmp(&run, &model.runs[i], sizeof run), 0);
    }
    cr_assert_not(seal_walk_next(bytes.storage, &walk, &number, &run));
}

Test(seal, of_nothing)
{
    build(0, 0);
    load();
    struct seal_walk walk = {0};
    uint64_t number;
    struct log_run run;
    char fault[100];
    cr_assert(seal_check(bytes.storage, SEGMENT, fault, sizeof fault));
    cr_assert_not(seal_walk_next(bytes.storage, &walk, &number, &run));
    cr_assert_eq(seal_page_of_id(&head, 10, 0), SEAL_PAGE_NONE);
    cr_assert_eq(seal_page_of_last(&head, 10), SEAL_PAGE_NONE);
}

Test(seal, of_another_segment_or_life)
{
    build(3, 1);
    uint32_t offset;
    uint32_t length;
    char fault[100];
    cr_assert_not(seal_head_find(start(), SALT + 1, SEGMENT, &offset, &length));
    cr_assert_not(seal_head_find(start(), SALT, SEGMENT + 1, &offset, &length));
    cr_assert_not(seal_head_find(slice_from(bytes.storage, 100), SALT, SEGMENT, &offset, &length));
    cr_assert_not(seal_check(bytes.storage, SEGMENT + 1, fault, sizeof fault));
    cr_assert(seal_head_find(start(), SALT, SEGMENT, &offset, &length));
    cr_assert_eq(seal_head_load(&head, start(), slice_from(bytes.storage + offset, length - 8),
                                SALT, SEGMENT),
                 -EBADMSG);
}

// Each part tells by itself that it was spoilt.
Test(seal, with_any_bit_flipped)
{
    build(30, 300);
    load();
    uint32_t offset;
    uint32_t length;
    char fault[100];
    struct prng prng;
    prng_seed(&prng, 3);
    for (int i = 0; i < 4000; i++) {
        size_t at = prng_below(&prng, buffer_length(&bytes));
        uint8_t bit = (uint8_t)(1u << prng_below(&prng, 8));
        bytes.storage[at] ^= bit;
        struct seal_head spoilt = {0};
        bool is_head_sound =
            seal_head_find(start(), SALT, SEGMENT, &offset, &length) &&
            seal_head_load(&spoilt, start(), slice_from(bytes.storage + offset, length), SALT,
                           SEGMENT) == 0;
        seal_head_free(&spoilt);
        bool are_pages_sound = true;
        for (uint32_t page = 0; page < head.page_count; page++) {
            are_pages_sound &=
                seal_page_check(bytes.storage + seal_page_offset(&head, page), SALT, page);
        }
        bool is_page = at >= head.pages_offset && at < seal_page_offset(&head, head.page_count);
        bool is_chunk = at >= BLOCK_HEADER_BYTES + SEAL_HEADER_BYTES && at < head.pages_offset;
        if (is_page) {
            cr_assert_not(are_pages_sound);
        } else if (!is_chunk && at >= BLOCK_HEADER_BYTES) {
            cr_assert_not(is_head_sound);
        }
        if (at >= BLOCK_HEADER_BYTES) {
            cr_assert_not(seal_check(bytes.storage, SEGMENT, fault, sizeof fault));
        }
        cr_assert_neq(block_check(bytes.storage, buffer_length(&bytes), SALT), BLOCK_VALID);
        bytes.storage[at] ^= bit;
    }
}

// Right checksums do not help what is out of order.
Test(seal, out_of_order)
{
    build(30, 300);
    load();
    uint8_t page[SEAL_PAGE_BYTES] __attribute__((aligned(8)));
    memcpy(page, bytes.storage + seal_page_offset(&head, 0), sizeof page);
    struct seal_entry *entries = (struct seal_entry *)(void *)(page + 16);
    uint8_t chunk[SEAL_CHUNK_BYTES_MAX] __attribute__((aligned(8)));
    struct seal_entry entry = entries[0];
    memcpy(chunk, bytes.storage + entry.runs_offset, seal_chunk_bytes(&entry));
    struct log_run *runs = (struct log_run *)(void *)chunk;
#define SPOIL_RUN(what, value)                                                           \
    do {                                                                                 \
        __typeof__(what) former = (what);                                                \
        (what) = (value);                                                                \
        entry.runs_crc = crc32c(block_crc_begin(SALT), chunk, seal_chunk_bytes(&entry)); \
        cr_assert_not(seal_chunk_check(chunk, &entry, SALT), #what);                     \
        (what) = former;                                                                 \
    } while (0)
    SPOIL_RUN(runs[0].first_id, 0);
    SPOIL_RUN(runs[0].first_sequence, 0);
    SPOIL_RUN(runs[0].last_id, 0);
    SPOIL_RUN(runs[1].first_id, 0);
    SPOIL_RUN(runs[0].block_length, 8);
    SPOIL_RUN(runs[0].block_length, BLOCK_BYTES_MAX + 8);
    SPOIL_RUN(runs[0].count, 100);
    SPOIL_RUN(entry.last_id, 1);
#define SPOIL_ENTRY(what, value)                                                        \
    do {                                                                                \
        __typeof__(what) former = (what);                                               \
        (what) = (value);                                                               \
        store_le32(page, crc32c(block_crc_begin(SALT), page + 4, SEAL_PAGE_BYTES - 4)); \
        cr_assert_not(seal_page_check(page, SALT, 0), #what);                           \
        (what) = former;                                                                \
    } while (0)
    SPOIL_ENTRY(entries[0].number, 0);
    SPOIL_ENTRY(entries[1].number, 5);
    SPOIL_ENTRY(entries[0].run_count, 0);
    SPOIL_ENTRY(entries[0].run_count, SEAL_CHUNK_RUNS + 1);
    SPOIL_ENTRY(entries[0].first_id, UINT64_MAX);
    SPOIL_ENTRY(entries[0].runs_offset, 7);
    SPOIL_ENTRY(entries[0].last_in_stream, 1 - entries[0].last_in_stream);
    SPOIL_ENTRY(*(uint32_t *)(void *)(page + 4), 1);
    SPOIL_ENTRY(*(uint32_t *)(void *)(page + 8), 0);
    SPOIL_ENTRY(*(uint32_t *)(void *)(page + 8), 86);
}

Test(seal, too_large_for_its_buffer)
{
    struct seal_writer writer;
    const struct log_run run = {.first_id = 1, .last_id = 1, .block_length = 1000, .count = 1};
    static const size_t limits[] = {10, 200, 210, 300, 4400};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        buffer_init(&bytes, limits[i]);
        seal_begin(&writer, &bytes, SALT, SEGMENT);
        seal_add_run(&writer, 1, &run);
        seal_add_run(&writer, 2, &run);
        cr_assert_eq(seal_finish(&writer, marks, MARKS, 1, 1, 0, 0, 0), -ENOBUFS);
        buffer_free(&bytes);
    }
    buffer_init(&bytes, 1000);
    seal_begin(&writer, &bytes, SALT, SEGMENT);
    seal_add_run(&writer, 1, &run);
    seal_abandon(&writer);
}
