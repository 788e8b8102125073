#include "stream/cold.h"

#include "base/crc32c.h"
#include "log/block.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    OP = 100,
    SEGMENT_BYTES = 1 << 20,
    SALT = 77,
    BLOCK_BYTES = 4096, // of each of the blocks in the segment
    BLOCKS = 16,
    CACHE_BYTES = 4 * BLOCK_BYTES,
};

static struct loop *loop;
static struct log_tail *tail;
static struct cold_cache cache;
static int file;
static uint64_t woken[64];
static uint32_t woken_count;

static uint64_t position_of(uint32_t index)
{
    return SEGMENT_BYTES + BLOCK_BYTES * (uint64_t)(index + 1);
}

static void ready(void *context, struct waiters *waiters)
{
    cr_assert_eq(context, &cache);
    for (uint32_t i = 0; i < waiters->count; i++) {
        woken[woken_count++ % 64] = waiters->handles[i];
    }
    waiters->count = 0;
}

// A block without events: frames are nothing to the cache.
static void write_block(uint32_t index)
{
    static _Alignas(8) uint8_t block[BLOCK_BYTES];
    memset(block, 0, sizeof(block));
    *(struct block_header *)(void *)block =
        (struct block_header){.salt = SALT,
                              .length = BLOCK_BYTES,
                              .kind = BLOCK_EVENTS,
                              .first_id = index + 1,
                              .last_id = index + 1,
                              .record_count = 1,
                              .stream_count = 1,
                              .frames_length = BLOCK_BYTES - BLOCK_HEADER_BYTES - 56 - 64 - 8,
                              .heap_offset = BLOCK_BYTES - 8};
    memcpy(block, "RCB1", 4);
    struct block_record *record =
        (struct block_record *)(void *)(block + BLOCK_BYTES - 8 - 64 - 56);
    *record = (struct block_record){.id = index + 1,
                                    .sequence = 1,
                                    .frame_offset = BLOCK_HEADER_BYTES,
                                    .frame_length = 8,
                                    .extra_offset = BLOCK_BYTES - 7};
    struct block_stream *stream = (struct block_stream *)(void *)(block + BLOCK_BYTES - 8 - 64);
    *stream = (struct block_stream){.number = 1,
                                    .first_id = index + 1,
                                    .last_id = index + 1,
                                    .first_sequence = 1,
                                    .last_sequence = 1,
                                    .frame_offset = BLOCK_HEADER_BYTES,
                                    .frame_bytes = 8,
                                    .count = 1,
                                    .name_offset = BLOCK_BYTES - 8,
                                    .name_length = 1};
    block[BLOCK_BYTES - 8] = 'a';
    block_seal(block);
    cr_assert_eq(block_check(block, sizeof(block), SALT), BLOCK_VALID);
    cr_assert_eq(pwrite(file, block, sizeof(block), (off_t)(position_of(index) - SEGMENT_BYTES)),
                 BLOCK_BYTES);
}

static void set_up(void)
{
    char error[LOOP_ERROR_SIZE];
    loop = aligned_alloc(_Alignof(struct loop), sizeof(*loop));
    struct loop_config config = {.name = "cold"};
    cr_assert_eq(loop_init(loop, &config, error, sizeof(error)), 0, "%s", error);
    cr_assert_eq(loop_start(loop, error, sizeof(error)), 0, "%s", error);
    tail = log_tail_create(1 << 16, SEGMENT_BYTES, 1);
    file = open("/tmp", O_TMPFILE | O_RDWR, 0600);
    cr_assert_geq(file, 0);
    log_tail_segment_set(tail, 1, file, SALT);
    for (uint32_t i = 0; i < BLOCKS; i++) {
        write_block(i);
    }
    cr_assert_eq(cold_cache_init(&cache, loop, tail, OP, CACHE_BYTES, ready, &cache), 0);
    woken_count = 0;
}

static void tear_down(void)
{
    loop_stop(loop);
    loop_free(loop);
    free(loop);
    cold_cache_free(&cache);
    log_tail_destroy(tail);
    close(file);
}

TestSuite(cold, .init = set_up, .fini = tear_down, .timeout = 30);

static enum cold_result get(uint32_t index, uint64_t handle)
{
    const uint8_t *bytes = NULL;
    struct cold_range range = {.position = position_of(index), .length = BLOCK_BYTES};
    enum cold_result result = cold_get(&cache, &range, handle, &bytes);
    if (result == COLD_READY) {
        cr_assert_eq(block_header_of(bytes)->first_id, index + 1);
    }
    return result;
}

static void run_until_woken(uint32_t count)
{
    for (int i = 0; i < 1000 && woken_count < count; i++) {
        loop_round(loop, 10 * 1000 * 1000);
    }
    cr_assert_eq(woken_count, count);
}

static void read_in(uint32_t index)
{
    uint32_t before = woken_count;
    cr_assert_eq(get(index, 1), COLD_WAIT);
    run_until_woken(before + 1);
    cold_round(&cache);
    cr_assert_eq(get(index, 1), COLD_READY);
}

Test(cold, a_block_is_read_once_for_all_who_wait)
{
    cr_assert_eq(get(3, 10), COLD_WAIT);
    cr_assert_eq(get(3, 11), COLD_WAIT);
    run_until_woken(2);
    cr_assert_eq(woken[0], 10);
    cr_assert_eq(woken[1], 11);
    cr_assert_eq(get(3, 10), COLD_READY);
    cr_assert_eq(get(3, 11), COLD_READY);
    cr_assert_eq(cache.reads, 1);
}

Test(cold, the_least_recently_used_goes)
{
    for (uint32_t i = 0; i < 4; i++) {
        read_in(i);
    }
    cold_round(&cache);
    cr_assert_eq(get(0, 1), COLD_READY);
    cold_round(&cache);
    read_in(4);
    cr_assert_eq(get(0, 1), COLD_READY);
    cr_assert_eq(cache.reads, 5);
    cr_assert_eq(get(1, 1), COLD_WAIT);
    cr_assert_leq(cache.bytes_used, CACHE_BYTES);
}

Test(cold, what_is_in_use_or_awaited_stays_and_others_starve)
{
    for (uint32_t i = 0; i < 4; i++) {
        cr_assert_eq(get(i, i), COLD_WAIT);
    }
    cr_assert_eq(get(4, 40), COLD_WAIT); // all room is being read into
    cr_assert_not(cold_needs_round(&cache));
    run_until_woken(4);
    cr_assert(cold_needs_round(&cache));
    cold_round(&cache);
    cr_assert_eq(woken_count, 5);
    cr_assert_eq(woken[4], 40);
    cr_assert_eq(get(4, 40), COLD_WAIT); // those who waited come first
    for (uint32_t i = 0; i < 4; i++) {
        cr_assert_eq(get(i, i), COLD_READY);
    }
    cr_assert_eq(get(5, 50), COLD_WAIT); // in use in this round
    cr_assert_eq(cache.reads, 4);
    cold_round(&cache);
    cr_assert_eq(get(4, 40), COLD_WAIT);
    cr_assert_eq(cache.reads, 5);
    run_until_woken(8);
    cr_assert_eq(get(4, 40), COLD_READY);
}

Test(cold, one_that_nobody_comes_for_goes_in_the_end)
{
    for (uint32_t i = 0; i < 4; i++) {
        cr_assert_eq(get(i, i), COLD_WAIT);
    }
    run_until_woken(4);
    uint32_t rounds = 0;
    while (cache.reads == 4 && rounds++ < 1000) {
        cold_round(&cache);
        cr_assert_eq(get(4, 40), COLD_WAIT);
    }
    cr_assert_eq(cache.reads, 5);
}

Test(cold, a_block_that_fails_is_asked_anew_then_broken)
{
    cr_assert_eq(pwrite(file, "X", 1, (off_t)(position_of(2) - SEGMENT_BYTES) + 200), 1);
    cr_assert_eq(get(2, 1), COLD_WAIT);
    run_until_woken(1);
    cr_assert_eq(get(2, 1), COLD_STALE);
    cr_assert_eq(get(2, 1), COLD_WAIT);
    run_until_woken(2);
    cr_assert_eq(get(2, 1), COLD_BROKEN);
    cr_assert_eq(cache.faults, 2);
    cr_assert_eq(cache.bytes_used, 0);
}

Test(cold, one_that_was_mended_meanwhile_is_good)
{
    cr_assert_eq(pwrite(file, "X", 1, (off_t)(position_of(2) - SEGMENT_BYTES) + 200), 1);
    cr_assert_eq(get(2, 1), COLD_WAIT);
    run_until_woken(1);
    cr_assert_eq(get(2, 1), COLD_STALE);
    write_block(2);
    cr_assert_eq(get(2, 1), COLD_WAIT);
    run_until_woken(2);
    cr_assert_eq(get(2, 1), COLD_READY);
}

Test(cold, a_segment_that_is_gone_or_too_short_is_stale)
{
    const uint8_t *bytes;
    struct cold_range elsewhere = {.position = 5 * SEGMENT_BYTES, .length = BLOCK_BYTES};
    cr_assert_eq(cold_get(&cache, &elsewhere, 1, &bytes), COLD_STALE);
    cr_assert_eq(ftruncate(file, (off_t)(position_of(8) - SEGMENT_BYTES) + 100), 0);
    cr_assert_eq(get(8, 1), COLD_WAIT); // a part, then nothing
    run_until_woken(1);
    cr_assert_eq(get(8, 1), COLD_STALE);
    cr_assert_eq(get(7, 1), COLD_WAIT);
    run_until_woken(2);
    struct cold_range shorter = {.position = position_of(7), .length = BLOCK_BYTES - 8};
    cr_assert_eq(cold_get(&cache, &shorter, 1, &bytes), COLD_STALE);
    // A part, and the segment goes before the rest.
    cr_assert_eq(ftruncate(file, (off_t)(position_of(6) - SEGMENT_BYTES) + 100), 0);
    cr_assert_eq(get(6, 1), COLD_WAIT);
    log_tail_segment_clear(tail, 1);
    run_until_woken(3);
    cr_assert_eq(cache.faults, 2);
}

Test(cold, one_larger_than_the_bound_is_let_in_alone)
{
    cache.bytes_max = 100;
    read_in(0);
    cold_round(&cache);
    read_in(1);
    cr_assert_eq(cache.bytes_used, BLOCK_BYTES);
}

Test(cold, a_lower_bound_takes_effect_in_the_next_rounds)
{
    for (uint32_t i = 0; i < 4; i++) {
        read_in(i);
    }
    cold_set_bytes_max(&cache, BLOCK_BYTES);
    cr_assert(cold_needs_round(&cache));
    cold_round(&cache);
    cr_assert_eq(cache.bytes_used, BLOCK_BYTES);
    cr_assert_not(cold_needs_round(&cache));
    cr_assert_eq(get(3, 1), COLD_READY); // the last one used
    cold_set_bytes_max(&cache, CACHE_BYTES);
    read_in(0);
    cr_assert_eq(cache.bytes_used, 2 * BLOCK_BYTES);
}

// Frames within a block.
static struct cold_range frames_of(uint32_t index, const char *frames)
{
    struct cold_range range = {.position = position_of(index) + 100,
                               .length = (uint32_t)strlen(frames),
                               .is_frames = true,
                               .frames_crc = crc32c(0, frames, strlen(frames))};
    cr_assert_eq(pwrite(file, frames, range.length, (off_t)(range.position - SEGMENT_BYTES)),
                 (ssize_t)range.length);
    return range;
}

Test(cold, frames_are_read_and_checked_by_themselves)
{
    struct cold_range range = frames_of(3, "id: 1\ndata: x\n\n");
    const uint8_t *bytes = NULL;
    cr_assert_eq(cold_get(&cache, &range, 7, &bytes), COLD_WAIT);
    run_until_woken(1);
    cr_assert_eq(cold_get(&cache, &range, 7, &bytes), COLD_READY);
    cr_assert_eq(memcmp(bytes, "id: 1\ndata: x\n\n", range.length), 0);
    cr_assert_eq(cache.bytes_used, range.length);

    struct cold_range other = frames_of(4, "id: 2\ndata: x\n\n");
    other.frames_crc++;
    cr_assert_eq(cold_get(&cache, &other, 7, &bytes), COLD_WAIT);
    run_until_woken(2);
    cr_assert_eq(cold_get(&cache, &other, 7, &bytes), COLD_STALE);
    cr_assert_eq(cold_get(&cache, &other, 7, &bytes), COLD_WAIT);
    run_until_woken(3);
    cr_assert_eq(cold_get(&cache, &other, 7, &bytes), COLD_BROKEN);
    cr_assert_not(cold_read_ahead(&cache, &other));
}

Test(cold, what_is_read_ahead_is_there_when_it_is_asked_for)
{
    struct cold_range range = {.position = position_of(5), .length = BLOCK_BYTES};
    cr_assert(cold_read_ahead(&cache, &range));
    cr_assert(cold_read_ahead(&cache, &range));
    cr_assert_eq(cache.ahead_bytes, BLOCK_BYTES);
    struct cold_range next = {.position = position_of(6), .length = BLOCK_BYTES};
    cr_assert_not(cold_read_ahead(&cache, &next)); // a share of the bound is all
    while (list_is_empty(&cache.ahead)) {
        loop_round(loop, 10 * 1000 * 1000);
    }
    cr_assert_eq(woken_count, 0);
    cr_assert_eq(get(5, 1), COLD_READY);
    cr_assert_eq(cache.ahead_bytes, 0);
    cr_assert_eq(cache.reads, 1);
    cr_assert(cold_read_ahead(&cache, &next));
    struct cold_range elsewhere = {.position = 5 * SEGMENT_BYTES, .length = 100};
    cr_assert_not(cold_read_ahead(&cache, &elsewhere));
}

// Read while its reader comes for it: he is woken, and it counts as read ahead no longer.
Test(cold, what_is_being_read_ahead_can_be_waited_for)
{
    struct cold_range range = {.position = position_of(5), .length = BLOCK_BYTES};
    cr_assert(cold_read_ahead(&cache, &range));
    cr_assert_eq(get(5, 9), COLD_WAIT);
    cr_assert_eq(cache.ahead_bytes, 0);
    run_until_woken(1);
    cr_assert_eq(woken[0], 9);
    cr_assert_eq(get(5, 9), COLD_READY);
    cr_assert_eq(cache.reads, 1);
}

// A reader that went before it came to what was read ahead for it.
Test(cold, what_was_read_ahead_for_nobody_makes_room)
{
    struct cold_range range = {.position = position_of(5), .length = BLOCK_BYTES};
    struct cold_range next = {.position = position_of(6), .length = BLOCK_BYTES};
    cr_assert(cold_read_ahead(&cache, &range));
    while (list_is_empty(&cache.ahead)) {
        loop_round(loop, 10 * 1000 * 1000);
    }
    uint32_t rounds = 0;
    while (!cold_read_ahead(&cache, &next) && rounds++ < 1000) {
        cold_round(&cache);
    }
    cr_assert_eq(cache.ahead_bytes, BLOCK_BYTES);
    cr_assert_eq(cache.bytes_used, BLOCK_BYTES);
    cr_assert_eq(get(5, 1), COLD_WAIT);
}
