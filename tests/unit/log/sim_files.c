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
    prng_seed(&sim_files.prng, seed);
}
