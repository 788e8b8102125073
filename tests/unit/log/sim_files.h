// The files of the simulated machine: what reads see, what is on the disk, and what a power cut
// leaves. Used by sim_disk.c only.
#ifndef RINGCAST_TESTS_SIM_FILES_H
#define RINGCAST_TESTS_SIM_FILES_H

#include "sim_disk.h"

enum {
    SIM_NAME_BYTES = 64,
    SIM_ENTRIES_MAX = 512,
    SIM_CHANGES_MAX = 4096,
};

#define SIM_CLEAN 0
#define SIM_LIMBO UINT32_MAX // a failed sync: counts as clean, yet is not on the disk

struct sim_inode {
    struct sim_inode *next;
    uint8_t *cache; // what reads see
    uint8_t *durable;
    uint32_t *sectors; // SIM_*, or the number of the last write to it
    size_t size;
    size_t durable_size;
    size_t capacity;
    uint32_t sync_covers; // the writes up to this number are being synced, or were
    unsigned pins;        // descriptors and operations in flight
    bool marked;
};

struct sim_entry {
    char name[SIM_NAME_BYTES];
    struct sim_inode *inode;
};

struct sim_directory {
    struct sim_entry entries[SIM_ENTRIES_MAX];
    unsigned count;
};

// A change of the directory that is not synced: from is unlinked, to is linked; either may be "".
struct sim_change {
    char from[SIM_NAME_BYTES];
    char to[SIM_NAME_BYTES];
    struct sim_inode *inode;
};

#define SIM_PREPARE_NAME "prepare.tmp"

enum {
    SIM_PREPARE_STEPS = 8, // as the real disk takes them: see sim_prepare_steps
    SIM_REPLACE_STEPS = 5,
};

// What a preparation, replacement or removal is to make, and of what.
struct sim_making {
    const uint8_t *from;
    uint64_t length;
    uint64_t size;
    char name[SIM_NAME_BYTES];
    char recycle[SIM_NAME_BYTES]; // "": none
};

extern struct sim_files {
    struct prng prng;
    struct sim_inode *inodes;
    struct sim_directory directory;
    struct sim_directory durable_directory;
    struct sim_change changes[SIM_CHANGES_MAX];
    unsigned change_count;
    uint32_t write_number; // of the last write
    uint64_t sectors_lost;
    uint64_t space; // 0: no limit
} sim_files;

bool sim_chance(uint32_t of_10000);
bool sim_toss(void);

struct sim_inode *sim_inode_make(void);
void sim_inode_reserve(struct sim_inode *inode, size_t size);
void sim_inode_write(struct sim_inode *inode, const uint8_t *from, size_t length, size_t offset);
// Writes up to number writes_before become durable, later ones by chance. fails: some do, the rest
// is in limbo.
void sim_inode_sync(struct sim_inode *inode, uint32_t writes_before, bool fails);

struct sim_inode *sim_find(const char *name);
void sim_copy_name(char into[SIM_NAME_BYTES], const char *name);
void sim_directory_change(const char *from, const char *to, struct sim_inode *inode);
void sim_directory_sync(void);
int sim_rename(const char *from, const char *to);

struct sim_inode *sim_make_file(const char *name, bool truncate);
bool sim_has_space(const struct sim_inode *inode, uint64_t new_size);
// The first `steps` steps; *made is the file once there is one. 0 or a negative errno.
int sim_prepare_steps(const struct sim_making *making, int steps, struct sim_inode **made);
void sim_replace_steps(const struct sim_making *making, int steps);

// Frees the inodes that nothing leads to.
void sim_sweep(void);
// The power is cut.
void sim_files_cut(void);
// No files; nothing may be pinned.
void sim_files_clear(uint64_t seed);

#endif
