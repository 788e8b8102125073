#include "log/index.h"

#include "base/prng.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { STREAMS = 5, RUNS_MAX = 2000 };

// The plain model: of each stream, its runs in order, from `first` on.
static struct {
    struct index index;
    struct log_stream streams[STREAMS];
    struct log_run runs[STREAMS][RUNS_MAX];
    uint32_t first[STREAMS];
    uint32_t end[STREAMS];
    struct prng prng;
    uint64_t position;
    uint64_t id;
} model;

static void set_up(void)
{
    cr_assert_eq(index_init(&model.index, RUNS_MAX), 0);
    for (unsigned i = 0; i < STREAMS; i++) {
        model.streams[i].newest_run = STREAM_NONE;
    }
    prng_seed(&model.prng, 3);
    model.position = 4096;
}

static void tear_down(void)
{
    index_free(&model.index);
}

TestSuite(index, .init = set_up, .fini = tear_down, .timeout = 30);

static void add(unsigned stream)
{
    uint64_t count = prng_between(&model.prng, 1, 5);
    uint64_t sequence =
        model.end[stream] == 0 ? 1 : model.runs[stream][model.end[stream] - 1].last_sequence + 1;
    struct log_run run = {.block_position = model.position,
                          .first_id = model.id + 1,
                          .last_id = model.id + count,
                          .first_sequence = sequence,
                          .last_sequence = sequence + count - 1,
                          .count = (uint32_t)count};
    index_add(&model.index, &model.streams[stream], &run);
    model.runs[stream][model.end[stream]++] = run;
    model.position += 1000;
    model.id += count + prng_below(&model.prng, 3);
}

static void check(unsigned stream)
{
    const struct log_stream *entry = &model.streams[stream];
    struct index_cursor cursor = index_oldest(&model.index, entry);
    for (uint32_t i = model.first[stream]; i < model.end[stream]; i++) {
        cr_assert_eq(index_run(&model.index, cursor)->first_id, model.runs[stream][i].first_id);
        index_step_newer(&model.index, entry, &cursor);
    }
    cr_assert_null(index_run(&model.index, cursor));
    cursor = index_newest(&model.index, entry);
    for (uint32_t i = model.end[stream]; i-- > model.first[stream];) {
        cr_assert_eq(index_run(&model.index, cursor)->first_id, model.runs[stream][i].first_id);
        index_step_older(&model.index, &cursor);
    }
    cr_assert_null(index_run(&model.index, cursor));
}

static void check_find(unsigned stream, uint64_t value)
{
    const struct log_run *by_id =
        index_run(&model.index, index_find_id(&model.index, &model.streams[stream], value));
    const struct log_run *by_sequence =
        index_run(&model.index, index_find_sequence(&model.index, &model.streams[stream], value));
    uint32_t id_place = model.first[stream];
    uint32_t sequence_place = model.first[stream];
    while (id_place < model.end[stream] && model.runs[stream][id_place].last_id <= value) {
        id_place++;
    }
    while (sequence_place < model.end[stream] &&
           model.runs[stream][sequence_place].last_sequence <= value) {
        sequence_place++;
    }
    cr_assert_eq(by_id == NULL, id_place == model.end[stream]);
    cr_assert(by_id == NULL || by_id->first_id == model.runs[stream][id_place].first_id);
    cr_assert_eq(by_sequence == NULL, sequence_place == model.end[stream]);
    cr_assert(by_sequence == NULL ||
              by_sequence->first_id == model.runs[stream][sequence_place].first_id);
}

static void drop_before(uint64_t position)
{
    for (unsigned stream = 0; stream < STREAMS; stream++) {
        index_drop_before(&model.index, &model.streams[stream], position);
        while (model.first[stream] < model.end[stream] &&
               model.runs[stream][model.first[stream]].block_position < position) {
            model.first[stream]++;
        }
    }
}

Test(index, holds_against_a_plain_model)
{
    for (unsigned i = 0; i < 1900; i++) {
        add((unsigned)prng_below(&model.prng, STREAMS) * (i % 3 == 0) + (i % 3 == 1));
        if (i % 50 == 49) {
            drop_before(model.position - prng_below(&model.prng, 200000));
            unsigned stream = (unsigned)prng_below(&model.prng, STREAMS);
            uint64_t id = model.id - prng_below(&model.prng, model.id / 2);
            index_drop_through(&model.index, &model.streams[stream], id);
            while (model.first[stream] < model.end[stream] &&
                   model.runs[stream][model.first[stream]].last_id <= id) {
                model.first[stream]++;
            }
        }
        unsigned stream = (unsigned)prng_below(&model.prng, STREAMS);
        check(stream);
        check_find(stream, prng_below(&model.prng, model.id + 3));
        check_find(stream, prng_below(&model.prng, 300));
    }
    drop_before(UINT64_MAX);
    cr_assert_eq(model.index.count, 0);
    for (unsigned class = 0; class < INDEX_CLASSES; class ++) {
        cr_assert_eq(pool_used(&model.index.pools[class]), 0);
    }
}

Test(index, holds_as_many_as_it_says_whatever_the_shape)
{
    for (unsigned i = 0; i < RUNS_MAX; i++) {
        cr_assert(index_has_room(&model.index, 1));
        add(0);
        // Leaves one run in each chunk, so that large chunks run out.
        if (i % 5 == 4) {
            drop_before(model.position - 1000);
        }
    }
    drop_before(UINT64_MAX);
    for (unsigned stream = 0; stream < STREAMS; stream++) {
        model.first[stream] = 0;
        model.end[stream] = 0;
    }
    for (unsigned i = 0; i < RUNS_MAX; i++) {
        add(i % STREAMS);
    }
    cr_assert_not(index_has_room(&model.index, 1));
    for (unsigned stream = 0; stream < STREAMS; stream++) {
        check(stream);
    }
}

Test(index, an_empty_stream)
{
    cr_assert_null(index_run(&model.index, index_newest(&model.index, &model.streams[0])));
    cr_assert_null(index_run(&model.index, index_oldest(&model.index, &model.streams[0])));
    check_find(0, 0);
    index_drop_before(&model.index, &model.streams[0], 1000);
    index_drop_through(&model.index, &model.streams[0], 1000);
}
