#include "base/map.h"

#include "base/prng.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>

// ---- u64_map -----------------------------------------------------------------------------------

Test(u64_map, puts_gets_replaces_removes)
{
    struct u64_map map;
    uint32_t value = 99;
    u64_map_init(&map);
    cr_assert_not(u64_map_get(&map, 1, &value));
    cr_assert_not(u64_map_remove(&map, 1, &value));
    cr_assert_eq(u64_map_put(&map, 0, 10), 0);
    cr_assert_eq(u64_map_put(&map, UINT64_MAX, 11), 0);
    cr_assert_eq(u64_map_put(&map, 0, 12), 0);
    cr_assert_eq(map.count, 2);
    cr_assert(u64_map_get(&map, 0, &value));
    cr_assert_eq(value, 12);
    cr_assert(u64_map_remove(&map, UINT64_MAX, &value));
    cr_assert_eq(value, 11);
    cr_assert(u64_map_get(&map, 0, NULL));
    u64_map_clear(&map);
    cr_assert_eq(map.count, 0);
    cr_assert_not(u64_map_get(&map, 0, NULL));
    u64_map_clear(&map);
    u64_map_free(&map);
    cr_assert_eq(u64_map_put(&map, 5, 6), 0);
    u64_map_free(&map);
}

Test(u64_map, reserving_moves_growth_ahead)
{
    struct u64_map map;
    u64_map_init(&map);
    cr_assert_eq(u64_map_reserve(&map, 1000), 0);
    const struct u64_map_entry *entries = map.entries;
    for (uint32_t i = 0; i < 1000; i++) {
        cr_assert_eq(u64_map_put(&map, i * UINT64_C(4096), i), 0);
    }
    cr_assert_eq(map.entries, entries);
    cr_assert_eq(u64_map_reserve(&map, (size_t)UINT32_MAX), -ENOMEM);
    cr_assert_eq(u64_map_reserve(&map, SIZE_MAX), -ENOMEM);
    cr_assert_eq(map.count, 1000);
    u64_map_free(&map);
}

Test(u64_map, the_reserved_value_aborts, .signal = SIGABRT)
{
    struct u64_map map;
    u64_map_init(&map);
    u64_map_put(&map, 1, MAP_VALUE_NONE);
}

enum { MODEL_KEYS = 300 };

static void check_u64_map_walk(const struct u64_map *map, const uint32_t *model, uint64_t stride)
{
    size_t position = 0;
    size_t walked = 0;
    uint64_t key;
    uint32_t value;
    while (u64_map_next(map, &position, &key, &value)) {
        cr_assert_lt(key / stride, MODEL_KEYS);
        cr_assert_eq(model[key / stride], value);
        walked++;
    }
    cr_assert_eq(walked, map->count);
    position = 0;
    cr_assert_eq(u64_map_next(map, &position, NULL, NULL), map->count > 0);
}

// model[i] is the value of key i * stride, MAP_VALUE_NONE where it is absent.
static void check_u64_map(uint64_t seed, uint64_t stride)
{
    struct prng prng;
    struct u64_map map;
    uint32_t model[MODEL_KEYS];
    size_t count = 0;
    memset(model, 0xff, sizeof(model));
    prng_seed(&prng, seed);
    u64_map_init(&map);
    map.seed = seed;
    for (int step = 0; step < 4000; step++) {
        size_t i = prng_below(&prng, MODEL_KEYS);
        uint64_t key = i * stride;
        uint32_t value = 0;
        // Phases of growth and of shrinking.
        bool puts = prng_chance(&prng, step / 1000 % 2 == 0 ? 3 : 1, 4);
        bool was_there = model[i] != MAP_VALUE_NONE;
        if (puts) {
            cr_assert_eq(u64_map_put(&map, key, (uint32_t)step), 0);
            count += !was_there;
            model[i] = (uint32_t)step;
        } else {
            cr_assert_eq(u64_map_remove(&map, key, &value), was_there);
            cr_assert(!was_there || value == model[i]);
            count -= was_there;
            model[i] = MAP_VALUE_NONE;
        }
        cr_assert_eq(map.count, count);
        i = prng_below(&prng, MODEL_KEYS);
        cr_assert_eq(u64_map_get(&map, i * stride, &value), model[i] != MAP_VALUE_NONE);
        cr_assert(model[i] == MAP_VALUE_NONE || value == model[i]);
    }
    check_u64_map_walk(&map, model, stride);
    u64_map_free(&map);
}

Test(u64_map, does_what_a_plain_table_does)
{
    for (uint64_t seed = 0; seed < 30; seed++) {
        check_u64_map(seed, seed % 2 == 0 ? 1 : UINT64_C(1) << 40);
    }
}

// ---- name_map ----------------------------------------------------------------------------------

struct names {
    char text[MODEL_KEYS][16];
};

static struct slice name_of(const void *owner, uint32_t value)
{
    const struct names *names = owner;
    return slice_of(names->text[value]);
}

static void names_fill(struct names *names)
{
    for (unsigned i = 0; i < MODEL_KEYS; i++) {
        snprintf(names->text[i], sizeof(names->text[i]), "stream/%u", i);
    }
    names->text[0][0] = '\0'; // the empty name is one too
}

Test(name_map, puts_gets_removes)
{
    struct names names;
    struct name_map map;
    uint32_t value = 99;
    names_fill(&names);
    name_map_init(&map, name_of, &names);
    cr_assert_not(name_map_get(&map, slice_of("stream/1"), &value));
    cr_assert_not(name_map_remove(&map, slice_of("stream/1"), &value));
    cr_assert_eq(name_map_put(&map, slice_of("stream/1"), 1), 0);
    cr_assert_eq(name_map_put(&map, slice_of("stream/1"), 1), -EEXIST);
    cr_assert_eq(name_map_put(&map, slice_empty(), 0), 0);
    cr_assert_eq(map.count, 2);
    cr_assert(name_map_get(&map, slice_of("stream/1"), &value));
    cr_assert_eq(value, 1);
    cr_assert(name_map_get(&map, slice_empty(), NULL));
    cr_assert(name_map_remove(&map, slice_of("stream/1"), NULL));
    cr_assert_not(name_map_get(&map, slice_of("stream/1"), NULL));
    name_map_clear(&map);
    cr_assert_eq(map.count, 0);
    name_map_clear(&map);
    cr_assert_eq(name_map_reserve(&map, SIZE_MAX), -ENOMEM);
    name_map_free(&map);
    cr_assert_eq(name_map_put(&map, slice_of("stream/2"), 2), 0);
    name_map_free(&map);
}

static void check_name_map(uint64_t seed, const struct names *names)
{
    struct prng prng;
    struct name_map map;
    bool model[MODEL_KEYS] = {false};
    size_t count = 0;
    prng_seed(&prng, seed);
    name_map_init(&map, name_of, names);
    map.seed = seed;
    for (int step = 0; step < 4000; step++) {
        uint32_t i = (uint32_t)prng_below(&prng, MODEL_KEYS);
        struct slice name = slice_of(names->text[i]);
        uint32_t value = 0;
        if (prng_chance(&prng, step / 1000 % 2 == 0 ? 3 : 1, 4)) {
            cr_assert_eq(name_map_put(&map, name, i), model[i] ? -EEXIST : 0);
            count += !model[i];
            model[i] = true;
        } else {
            cr_assert_eq(name_map_remove(&map, name, &value), model[i]);
            cr_assert(!model[i] || value == i);
            count -= model[i];
            model[i] = false;
        }
        cr_assert_eq(map.count, count);
        i = (uint32_t)prng_below(&prng, MODEL_KEYS);
        cr_assert_eq(name_map_get(&map, slice_of(names->text[i]), &value), model[i]);
        cr_assert(!model[i] || value == i);
    }
    size_t position = 0;
    uint32_t value;
    while (name_map_next(&map, &position, &value)) {
        cr_assert(model[value]);
        count--;
    }
    cr_assert_eq(count, 0);
    name_map_free(&map);
}

Test(name_map, does_what_a_plain_table_does)
{
    static struct names names;
    names_fill(&names);
    for (uint64_t seed = 0; seed < 30; seed++) {
        check_name_map(seed, &names);
    }
}

Test(name_map, the_reserved_value_aborts, .signal = SIGABRT)
{
    struct name_map map;
    name_map_init(&map, name_of, NULL);
    name_map_put(&map, slice_of("x"), MAP_VALUE_NONE);
}
