#include "sim_files.h"

#include "base/assert.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sim_files sim_files;

bool sim_chance(uint32_t of_10000)
{
    return of_10000 > 0 && prng_chance(&sim_files.prng, of_10000, 10000);
}

bool sim_toss(void)
{
    return prng_chance(&sim_files.prng, 1, 2);
}

// --- inodes ---

static size_t sector_count(size_t bytes)
{
    return (bytes + SIM_SECTOR_BYTES - 1) / SIM_SECTOR_BYTES;
}

void sim_inode_reserve(struct sim_inode *inode, size_t size)
{
    if (size <= inode->capacity) {
        return;
    }
    size_t capacity = inode->capacity == 0 ? 4096 : inode->capacity;
    while (capacity < size) {
        capacity *= 2;
    }
    size_t sectors = sector_count(capacity);
    inode->cache = realloc(inode->cache, capacity);
    inode->durable = realloc(inode->durable, capacity);
    inode->sectors = realloc(inode->sectors, sectors * sizeof *inode->sectors);
    ASSERT(inode->cache != NULL && inode->durable != NULL && inode->sectors != NULL);
    memset(inode->cache + inode->capacity, 0, capacity - inode->capacity);
    memset(inode->durable + inode->capacity, 0, capacity - inode->capacity);
    size_t known = sector_count(inode->capacity);
    memset(inode->sectors + known, 0, (sectors - known) * sizeof *inode->sectors);
    inode->capacity = capacity;
}

struct sim_inode *sim_inode_make(void)
{
    struct sim_inode *inode = calloc(1, sizeof *inode);
    ASSERT(inode != NULL);
    inode->next = sim_files.inodes;
    sim_files.inodes = inode;
    return inode;
}

static void inode_free(struct sim_inode *inode)
{
    free(inode->cache);
    free(inode->durable);
    free(inode->sectors);
    free(inode);
}

static void sector_persist(struct sim_inode *inode, size_t sector)
{
    memcpy(inode->durable + sector * SIM_SECTOR_BYTES, inode->cache + sector * SIM_SECTOR_BYTES,
           SIM_SECTOR_BYTES);
    inode->sectors[sector] = SIM_CLEAN;
}

void sim_inode_write(struct sim_inode *inode, const uint8_t *from, size_t length, size_t offset)
{
    if (length == 0) {
        return;
    }
    sim_inode_reserve(inode, offset + length);
    sim_files.write_number++;
    for (size_t sector = offset / SIM_SECTOR_BYTES;
         sector <= (offset + length - 1) / SIM_SECTOR_BYTES; sector++) {
        // The kernel may have written the former content back on its own account; and a sync under
        // way makes what it covers durable, whatever is written over it meanwhile.
        bool is_dirty = inode->sectors[sector] != SIM_CLEAN && inode->sectors[sector] != SIM_LIMBO;
        if (is_dirty && (inode->sectors[sector] <= inode->sync_covers || sim_chance(1000))) {
            sector_persist(inode, sector);
        }
        inode->sectors[sector] = sim_files.write_number;
    }
    memcpy(inode->cache + offset, from, length);
    if (offset + length > inode->size) {
        inode->size = offset + length;
    }
}

void sim_inode_sync(struct sim_inode *inode, uint32_t writes_before, bool fails)
{
    for (size_t i = 0; i < sector_count(inode->size); i++) {
        uint32_t state = inode->sectors[i];
        if (state == SIM_CLEAN || state == SIM_LIMBO) {
            continue;
        }
        if (fails) {
            if (sim_toss()) {
                sector_persist(inode, i);
            } else {
                inode->sectors[i] = SIM_LIMBO;
            }
        } else if (state <= writes_before || sim_toss()) {
            sector_persist(inode, i);
        }
    }
    if (!fails) {
        inode->durable_size = inode->size;
    }
}

static void inode_lose(struct sim_inode *inode)
{
    size_t size = sim_toss() ? inode->size : inode->durable_size;
    for (size_t i = 0; i < sector_count(inode->size); i++) {
        if (inode->sectors[i] != SIM_CLEAN) {
            if (sim_toss()) {
                sector_persist(inode, i);
            } else {
                sim_files.sectors_lost++;
            }
        }
    }
    if (inode->capacity > 0) {
        memset(inode->durable + size, 0, inode->capacity - size);
        memcpy(inode->cache, inode->durable, inode->capacity);
        memset(inode->sectors, 0, sector_count(inode->capacity) * sizeof *inode->sectors);
    }
    inode->size = size;
    inode->durable_size = size;
}

// --- the directory ---

static struct sim_entry *entry_find(struct sim_directory *directory, const char *name)
{
    for (unsigned i = 0; i < directory->count; i++) {
        if (strcmp(directory->entries[i].name, name) == 0) {
            return &directory->entries[i];
        }
    }
    return NULL;
}

void sim_copy_name(char into[SIM_NAME_BYTES], const char *name)
{
    ASSERT(strlen(name) < SIM_NAME_BYTES);
    snprintf(into, SIM_NAME_BYTES, "%s", name);
}

static void directory_apply(struct sim_directory *directory, const struct sim_change *change)
{
    struct sim_entry *entry = entry_find(directory, change->from);
    if (entry != NULL) {
        *entry = directory->entries[--directory->count];
    }
    if (change->to[0] == 0) {
        return;
    }
    entry = entry_find(directory, change->to);
    if (entry == NULL) {
        ASSERT(directory->count < SIM_ENTRIES_MAX);
        entry = &directory->entries[directory->count++];
        sim_copy_name(entry->name, change->to);
    }
    entry->inode = change->inode;
}

static void mark_directory(struct sim_directory *directory)
{
    for (unsigned i = 0; i < directory->count; i++) {
        directory->entries[i].inode->marked = true;
    }
}

// Frees the inodes that nothing leads to.
void sim_sweep(void)
{
    mark_directory(&sim_files.directory);
    mark_directory(&sim_files.durable_directory);
    for (unsigned i = 0; i < sim_files.change_count; i++) {
        if (sim_files.changes[i].inode != NULL) {
            sim_files.changes[i].inode->marked = true;
        }
    }
    struct sim_inode **link = &sim_files.inodes;
    while (*link != NULL) {
        struct sim_inode *inode = *link;
        if (inode->marked || inode->pins > 0) {
            inode->marked = false;
            link = &inode->next;
        } else {
            *link = inode->next;
            inode_free(inode);
        }
    }
}

void sim_directory_sync(void)
{
    sim_files.durable_directory = sim_files.directory;
    sim_files.change_count = 0;
    sim_sweep();
}

void sim_directory_change(const char *from, const char *to, struct sim_inode *inode)
{
    if (sim_files.change_count == SIM_CHANGES_MAX) {
        sim_directory_sync(); // the kernel writes its journal now and then
    }
    struct sim_change *change = &sim_files.changes[sim_files.change_count++];
    sim_copy_name(change->from, from);
    sim_copy_name(change->to, to);
    change->inode = inode;
    directory_apply(&sim_files.directory, change);
}

struct sim_inode *sim_find(const char *name)
{
    struct sim_entry *entry = entry_find(&sim_files.directory, name);
    return entry == NULL ? NULL : entry->inode;
}

int sim_rename(const char *from, const char *to)
{
    struct sim_inode *inode = sim_find(from);
    if (inode == NULL) {
        return -ENOENT;
    }
    sim_directory_change(from, to, inode);
    return 0;
}

static uint64_t space_used(void)
{
    uint64_t used = 0;
    for (unsigned i = 0; i < sim_files.directory.count; i++) {
        used += sim_files.directory.entries[i].inode->size;
    }
    return used;
}

bool sim_has_space(const struct sim_inode *inode, uint64_t new_size)
{
    return sim_files.space == 0 || new_size <= inode->size ||
           space_used() + (new_size - inode->size) <= sim_files.space;
}

struct sim_inode *sim_make_file(const char *name, bool truncate)
{
    struct sim_inode *inode = sim_find(name);
    if (inode == NULL || truncate) {
        inode = sim_inode_make();
        sim_directory_change("", name, inode);
    }
    return inode;
}

// The first `steps` steps of a preparation, in the order of the real disk's.
int sim_prepare_steps(const struct sim_making *making, int steps, struct sim_inode **made)
{
    bool recycles = making->recycle[0] != 0;
    if (recycles && steps >= 1) {
        int failed = sim_rename(making->recycle, SIM_PREPARE_NAME);
        if (failed < 0) {
            return failed;
        }
    }
    if (recycles && steps >= 2) {
        sim_directory_sync();
    }
    if (steps < 3) {
        return 0;
    }
    struct sim_inode *inode = sim_make_file(SIM_PREPARE_NAME, !recycles);
    *made = inode;
    if (steps >= 4 && !sim_has_space(inode, making->size)) {
        sim_directory_change(SIM_PREPARE_NAME, "", NULL);
        return -ENOSPC;
    }
    if (steps >= 4 && inode->size < making->size) {
        sim_inode_reserve(inode, making->size);
        inode->size = making->size;
    }
    if (steps >= 5) {
        sim_inode_write(inode, making->from, making->length, 0);
    }
    if (steps >= 6) {
        sim_inode_sync(inode, sim_files.write_number, false);
    }
    if (steps >= 7) {
        sim_rename(SIM_PREPARE_NAME, making->name);
    }
    if (steps >= 8) {
        sim_directory_sync();
    }
    return 0;
}

void sim_replace_steps(const struct sim_making *making, int steps)
{
    char temporary[SIM_NAME_BYTES + 4];
    snprintf(temporary, sizeof temporary, "%s.tmp", making->name);
    if (steps < 1) {
        return;
    }
    struct sim_inode *inode = sim_make_file(temporary, true);
    if (steps >= 2) {
        sim_inode_write(inode, making->from, making->length, 0);
    }
    if (steps >= 3) {
        sim_inode_sync(inode, sim_files.write_number, false);
    }
    if (steps >= 4) {
        sim_rename(temporary, making->name);
    }
    if (steps >= SIM_REPLACE_STEPS) {
        sim_directory_sync();
    }
}

bool sim_exists(const char *name)
{
    return sim_find(name) != NULL;
}

struct slice sim_file(const char *name)
{
    struct sim_inode *inode = sim_find(name);
    return inode == NULL ? slice_empty() : slice_from(inode->cache, inode->size);
}

void sim_put(const char *name, struct slice bytes)
{
    struct sim_inode *inode = sim_inode_make();
    sim_directory_change("", name, inode);
    sim_inode_write(inode, bytes.at, bytes.length, 0);
    sim_inode_sync(inode, sim_files.write_number, false);
    sim_directory_sync();
}

void sim_remove(const char *name)
{
    sim_directory_change(name, "", NULL);
    sim_directory_sync();
}

void sim_spoil(const char *name, uint64_t offset, struct slice bytes)
{
    struct sim_inode *inode = sim_find(name);
    ASSERT(inode != NULL && offset + bytes.length <= inode->size);
    memcpy(inode->cache + offset, bytes.at, bytes.length);
    memcpy(inode->durable + offset, bytes.at, bytes.length);
}

void sim_flip_bit(const char *name, uint64_t offset, unsigned bit)
{
    struct sim_inode *inode = sim_find(name);
    ASSERT(inode != NULL && offset < inode->size && bit < 8);
    inode->cache[offset] ^= (uint8_t)(1u << bit);
    inode->durable[offset] ^= (uint8_t)(1u << bit);
}

static int compare_names(const void *one, const void *other)
{
    return strcmp(*(const char *const *)one, *(const char *const *)other);
}

unsigned sim_names(const char **names, unsigned most)
{
    unsigned count = 0;
    for (; count < sim_files.directory.count && count < most; count++) {
        names[count] = sim_files.directory.entries[count].name;
    }
    qsort(names, count, sizeof *names, compare_names);
    return count;
}

void sim_set_space(uint64_t bytes)
{
    sim_files.space = bytes;
}

void sim_files_cut(void)
{
    // The journal is in order: what was synced, and then some of the changes since.
    unsigned kept = (unsigned)prng_between(&sim_files.prng, 0, sim_files.change_count);
    for (unsigned i = 0; i < kept; i++) {
        directory_apply(&sim_files.durable_directory, &sim_files.changes[i]);
    }
    sim_files.change_count = 0;
    sim_files.directory = sim_files.durable_directory;
    sim_sweep();
    for (struct sim_inode *inode = sim_files.inodes; inode != NULL; inode = inode->next) {
        inode_lose(inode);
    }
}

void sim_files_clear(uint64_t seed)
{
    sim_files.change_count = 0;
    sim_files.directory.count = 0;
    sim_files.durable_directory.count = 0;
    sim_sweep();
    sim_files.write_number = 0;
    sim_files.sectors_lost = 0;
    sim_files.space = 0;
    prng_seed(&sim_files.prng, seed);
}
