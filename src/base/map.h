// Open-addressing hash maps to uint32_t (indexes into pools and tables): `struct u64_map` by
// 64-bit key, `struct name_map` by byte string. Linear probing; removal shifts back what follows,
// so that there are no tombstones. They grow by doubling at 3/4 full; growth is the only thing
// that allocates or fails, and *_reserve does it ahead of time. One thread each.
#ifndef RINGCAST_BASE_MAP_H
#define RINGCAST_BASE_MAP_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// This value marks an empty place and cannot be stored.
#define MAP_VALUE_NONE UINT32_MAX

struct u64_map_entry {
    uint64_t key;
    uint32_t value; // MAP_VALUE_NONE: empty
};

struct u64_map {
    struct u64_map_entry *entries;
    size_t capacity; // 0 or a power of two
    size_t count;
    uint64_t seed;
};

// Allocates nothing yet. The seed comes from random_u64.
void u64_map_init(struct u64_map *map);
void u64_map_free(struct u64_map *map);

// Room for `count` entries in all without further growth. 0 or -ENOMEM.
int u64_map_reserve(struct u64_map *map, size_t count);

// Sets *value (which may be NULL) and returns true if the key is there.
bool u64_map_get(const struct u64_map *map, uint64_t key, uint32_t *value);

// Adds or replaces. 0 or -ENOMEM, then nothing changed. value != MAP_VALUE_NONE.
int u64_map_put(struct u64_map *map, uint64_t key, uint32_t value);

// Returns true, and the former value in *value (which may be NULL), if the key was there.
bool u64_map_remove(struct u64_map *map, uint64_t key, uint32_t *value);

void u64_map_clear(struct u64_map *map);

// Walks over all entries in no particular order: start with *position = 0. The map may not
// change meanwhile. key and value may be NULL.
bool u64_map_next(const struct u64_map *map, size_t *position, uint64_t *key, uint32_t *value);

// Gives the key under which `value` is stored. Called on look-ups: it should be a plain array
// access. `owner` is what name_map_init was given.
typedef struct slice (*name_map_key)(const void *owner, uint32_t value);

struct name_map_entry {
    uint32_t hash;
    uint32_t value; // MAP_VALUE_NONE: empty
};

// 8 bytes an entry: the names stay with their owner.
struct name_map {
    struct name_map_entry *entries;
    size_t capacity; // 0 or a power of two
    size_t count;
    uint64_t seed;
    name_map_key key_of;
    const void *owner;
};

// Allocates nothing yet. The seed comes from random_u64. key_of(owner, value) must give the same
// bytes for as long as value is in the map.
void name_map_init(struct name_map *map, name_map_key key_of, const void *owner);
void name_map_free(struct name_map *map);

// Room for `count` entries in all without further growth. 0 or -ENOMEM.
int name_map_reserve(struct name_map *map, size_t count);

// Sets *value (which may be NULL) and returns true if the name is there.
bool name_map_get(const struct name_map *map, struct slice name, uint32_t *value);

// Adds a name that is not there yet. 0, -EEXIST or -ENOMEM; on failure nothing changed.
// value != MAP_VALUE_NONE.
int name_map_put(struct name_map *map, struct slice name, uint32_t value);

// Returns true, and the value in *value (which may be NULL), if the name was there. The owner
// must keep the name until this has returned.
bool name_map_remove(struct name_map *map, struct slice name, uint32_t *value);

void name_map_clear(struct name_map *map);

// Walks over all values in no particular order: start with *position = 0. The map may not change
// meanwhile.
bool name_map_next(const struct name_map *map, size_t *position, uint32_t *value);

#endif
