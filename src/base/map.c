#include "base/map.h"

#include "base/hash.h"
#include "base/random.h"

#include <errno.h>
#include <stdlib.h>

#define MAP_CAPACITY_FIRST 8

// The capacity at which `count` entries fill at most three quarters, or 0 if there is none.
static size_t map_capacity_for(size_t count, size_t entry_bytes)
{
    if (count >= MAP_VALUE_NONE) {
        return 0;
    }
    size_t capacity = MAP_CAPACITY_FIRST;
    while (count > capacity / 4 * 3) {
        capacity *= 2;
    }
    return capacity <= SIZE_MAX / entry_bytes ? capacity : 0;
}

// An array of empty entries (all bits set, so that each value is MAP_VALUE_NONE), or NULL.
static void *map_entries_new(size_t capacity, size_t entry_bytes)
{
    void *entries = capacity == 0 ? NULL : malloc(capacity * entry_bytes);
    if (entries != NULL) {
        memset(entries, 0xff, capacity * entry_bytes);
    }
    return entries;
}

// Whether an entry at `place`, whose probing began at `home`, may move back to `hole`: only if the
// hole lies on its way, home to place, around the end of the table.
static bool map_may_move(size_t home, size_t place, size_t hole, size_t mask)
{
    return ((place - home) & mask) >= ((place - hole) & mask);
}

// ---- u64_map ---------------------------------------------------------------------------------

void u64_map_init(struct u64_map *map)
{
    *map = (struct u64_map){.seed = random_u64()};
}

void u64_map_free(struct u64_map *map)
{
    free(map->entries);
    *map = (struct u64_map){.seed = map->seed};
}

static size_t u64_map_home(const struct u64_map *map, uint64_t key)
{
    return hash_u64(map->seed, key) & (map->capacity - 1);
}

// The place of `key`, or the empty place where it belongs. capacity > count.
static size_t u64_map_find(const struct u64_map *map, uint64_t key)
{
    size_t place = u64_map_home(map, key);
    while (map->entries[place].value != MAP_VALUE_NONE && map->entries[place].key != key) {
        place = (place + 1) & (map->capacity - 1);
    }
    return place;
}

int u64_map_reserve(struct u64_map *map, size_t count)
{
    if (count <= map->capacity / 4 * 3) {
        return 0;
    }
    size_t capacity = map_capacity_for(count, sizeof(*map->entries));
    struct u64_map_entry *entries = map_entries_new(capacity, sizeof(*entries));
    if (entries == NULL) {
        return -ENOMEM;
    }
    struct u64_map former = *map;
    map->entries = entries;
    map->capacity = capacity;
    for (size_t i = 0; i < former.capacity; i++) {
        if (former.entries[i].value != MAP_VALUE_NONE) {
            map->entries[u64_map_find(map, former.entries[i].key)] = former.entries[i];
        }
    }
    free(former.entries);
    return 0;
}

bool u64_map_get(const struct u64_map *map, uint64_t key, uint32_t *value)
{
    if (map->count == 0) {
        return false;
    }
    const struct u64_map_entry *entry = &map->entries[u64_map_find(map, key)];
    if (entry->value == MAP_VALUE_NONE) {
        return false;
    }
    if (value != NULL) {
        *value = entry->value;
    }
    return true;
}

int u64_map_put(struct u64_map *map, uint64_t key, uint32_t value)
{
    ASSERT(value != MAP_VALUE_NONE);
    if (u64_map_get(map, key, NULL)) {
        map->entries[u64_map_find(map, key)].value = value;
        return 0;
    }
    int failure = u64_map_reserve(map, map->count + 1);
    if (failure != 0) {
        return failure;
    }
    map->entries[u64_map_find(map, key)] = (struct u64_map_entry){.key = key, .value = value};
    map->count++;
    return 0;
}

bool u64_map_remove(struct u64_map *map, uint64_t key, uint32_t *value)
{
    if (!u64_map_get(map, key, value)) {
        return false;
    }
    size_t mask = map->capacity - 1;
    size_t hole = u64_map_find(map, key);
    size_t place = (hole + 1) & mask;
    for (; map->entries[place].value != MAP_VALUE_NONE; place = (place + 1) & mask) {
        size_t home = u64_map_home(map, map->entries[place].key);
        if (map_may_move(home, place, hole, mask)) {
            map->entries[hole] = map->entries[place];
            hole = place;
        }
    }
    map->entries[hole].value = MAP_VALUE_NONE;
    map->count--;
    return true;
}

void u64_map_clear(struct u64_map *map)
{
    if (map->count > 0) {
        memset(map->entries, 0xff, map->capacity * sizeof(*map->entries));
        map->count = 0;
    }
}

bool u64_map_next(const struct u64_map *map, size_t *position, uint64_t *key, uint32_t *value)
{
    for (; *position < map->capacity; (*position)++) {
        const struct u64_map_entry *entry = &map->entries[*position];
        if (entry->value == MAP_VALUE_NONE) {
            continue;
        }
        if (key != NULL) {
            *key = entry->key;
        }
        if (value != NULL) {
            *value = entry->value;
        }
        (*position)++;
        return true;
    }
    return false;
}

// ---- name_map --------------------------------------------------------------------------------

void name_map_init(struct name_map *map, name_map_key key_of, const void *owner)
{
    ASSERT(key_of != NULL);
    *map = (struct name_map){.seed = random_u64(), .key_of = key_of, .owner = owner};
}

void name_map_free(struct name_map *map)
{
    free(map->entries);
    *map = (struct name_map){.seed = map->seed, .key_of = map->key_of, .owner = map->owner};
}

static uint32_t name_map_hash(const struct name_map *map, struct slice name)
{
    return (uint32_t)hash_bytes(map->seed, name.at, name.length);
}

// The first empty place on the way of `hash`. capacity > count.
static size_t name_map_empty_place(const struct name_map *map, uint32_t hash)
{
    size_t place = hash & (map->capacity - 1);
    while (map->entries[place].value != MAP_VALUE_NONE) {
        place = (place + 1) & (map->capacity - 1);
    }
    return place;
}

// The entry of `name`, or NULL.
static struct name_map_entry *name_map_find(const struct name_map *map, struct slice name)
{
    if (map->count == 0) {
        return NULL;
    }
    uint32_t hash = name_map_hash(map, name);
    size_t place = hash & (map->capacity - 1);
    while (map->entries[place].value != MAP_VALUE_NONE) {
        struct name_map_entry *entry = &map->entries[place];
        if (entry->hash == hash && slice_equal(map->key_of(map->owner, entry->value), name)) {
            return entry;
        }
        place = (place + 1) & (map->capacity - 1);
    }
    return NULL;
}

int name_map_reserve(struct name_map *map, size_t count)
{
    if (count <= map->capacity / 4 * 3) {
        return 0;
    }
    size_t capacity = map_capacity_for(count, sizeof(*map->entries));
    struct name_map_entry *entries = map_entries_new(capacity, sizeof(*entries));
    if (entries == NULL) {
        return -ENOMEM;
    }
    struct name_map former = *map;
    map->entries = entries;
    map->capacity = capacity;
    for (size_t i = 0; i < former.capacity; i++) {
        if (former.entries[i].value != MAP_VALUE_NONE) {
            map->entries[name_map_empty_place(map, former.entries[i].hash)] = former.entries[i];
        }
    }
    free(former.entries);
    return 0;
}

bool name_map_get(const struct name_map *map, struct slice name, uint32_t *value)
{
    const struct name_map_entry *entry = name_map_find(map, name);
    if (entry != NULL && value != NULL) {
        *value = entry->value;
    }
    return entry != NULL;
}

int name_map_put(struct name_map *map, struct slice name, uint32_t value)
{
    ASSERT(value != MAP_VALUE_NONE);
    if (name_map_find(map, name) != NULL) {
        return -EEXIST;
    }
    int failure = name_map_reserve(map, map->count + 1);
    if (failure != 0) {
        return failure;
    }
    uint32_t hash = name_map_hash(map, name);
    map->entries[name_map_empty_place(map, hash)] =
        (struct name_map_entry){.hash = hash, .value = value};
    map->count++;
    return 0;
}

bool name_map_remove(struct name_map *map, struct slice name, uint32_t *value)
{
    struct name_map_entry *entry = name_map_find(map, name);
    if (entry == NULL) {
        return false;
    }
    if (value != NULL) {
        *value = entry->value;
    }
    size_t mask = map->capacity - 1;
    size_t hole = (size_t)(entry - map->entries);
    size_t place = (hole + 1) & mask;
    for (; map->entries[place].value != MAP_VALUE_NONE; place = (place + 1) & mask) {
        if (map_may_move(map->entries[place].hash & mask, place, hole, mask)) {
            map->entries[hole] = map->entries[place];
            hole = place;
        }
    }
    map->entries[hole].value = MAP_VALUE_NONE;
    map->count--;
    return true;
}

void name_map_clear(struct name_map *map)
{
    if (map->count > 0) {
        memset(map->entries, 0xff, map->capacity * sizeof(*map->entries));
        map->count = 0;
    }
}

bool name_map_next(const struct name_map *map, size_t *position, uint32_t *value)
{
    for (; *position < map->capacity; (*position)++) {
        if (map->entries[*position].value != MAP_VALUE_NONE) {
            *value = map->entries[(*position)++].value;
            return true;
        }
    }
    return false;
}
