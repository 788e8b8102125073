#include "sim_disk.h"

#include "base/assert.h"
#include "sim_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HANDLES_MAX = 1024,
    FIRST_HANDLE = 1000, // so that a descriptor of the real world is never taken for one
    OPERATIONS_MAX = DISK_IN_FLIGHT_MAX,
    OPERATION_KINDS = DISK_REPLACE + 1,
};

struct operation {
    enum disk_operation kind;
    uint64_t tag;
    struct sim_inode *inode;
    uint8_t *into;
    const uint8_t *from;
    uint64_t length;
    uint64_t offset;
    uint32_t writes_before;   // the number of the last write completed before a sync was submitted
    struct sim_making making; // of a preparation, replacement or removal
};

struct planned_failure {
    bool is_set;
    unsigned after;
    int error;
};

struct disk {
    bool is_reading;
    disk_done_fn *done;
    void *context;
};

static struct machine {
    struct sim_inode *handles[HANDLES_MAX];
    struct operation operations[OPERATIONS_MAX];
    unsigned operation_count;
    struct sim_faults faults;
    struct planned_failure planned[OPERATION_KINDS];
    unsigned failures[OPERATION_KINDS];
    uint8_t boot;
    struct disk *disk; // the one that holds the lock
    struct sim_stats stats;
} machine;

// --- failures ---

// 0, or the error with which this operation is to fail.
static int failure_of(enum disk_operation kind, uint32_t of_10000, int error)
{
    struct planned_failure *planned = &machine.planned[kind];
    if (planned->is_set && planned->after-- == 0) {
        planned->is_set = false;
        error = planned->error;
    } else if (!sim_chance(of_10000)) {
        return 0;
    }
    machine.failures[kind]++;
    return error;
}

static uint64_t part_of(uint64_t length)
{
    return length <= 1 ? length : prng_between(&sim_files.prng, 1, length - 1);
}

// --- what operations do ---

static int64_t do_write(struct sim_inode *inode, const uint8_t *from, uint64_t length,
                        uint64_t offset, bool with_faults)
{
    machine.stats.writes++;
    int failed = failure_of(DISK_WRITE, with_faults ? machine.faults.write_error : 0, -EIO);
    if (failed == 0 && !sim_has_space(inode, offset + length)) {
        failed = -ENOSPC;
    }
    uint64_t done = length;
    if (failed < 0) {
        done = sim_toss() || failed == -ENOSPC ? 0 : part_of(length);
    } else if (with_faults && sim_chance(machine.faults.short_write)) {
        done = part_of(length);
    }
    sim_inode_write(inode, from, done, offset);
    machine.stats.bytes_written += done;
    return failed < 0 ? failed : (int64_t)done;
}

static int64_t do_read(struct sim_inode *inode, uint8_t *into, uint64_t length, uint64_t offset,
                       bool with_faults)
{
    machine.stats.reads++;
    int failed = failure_of(DISK_READ, with_faults ? machine.faults.read_error : 0, -EIO);
    if (failed < 0) {
        return failed;
    }
    uint64_t done = offset >= inode->size ? 0 : inode->size - offset;
    done = done < length ? done : length;
    if (with_faults && sim_chance(machine.faults.short_read)) {
        done = part_of(done);
    }
    if (done > 0) {
        memcpy(into, inode->cache + offset, done);
    }
    machine.stats.bytes_read += done;
    return (int64_t)done;
}

static int do_sync(struct sim_inode *inode, uint32_t writes_before, bool with_faults)
{
    machine.stats.syncs++;
    int failed = failure_of(DISK_SYNC, with_faults ? machine.faults.sync_error : 0, -EIO);
    sim_inode_sync(inode, writes_before, failed < 0);
    return failed;
}

static int handle_make(struct sim_inode *inode)
{
    for (int i = 0; i < HANDLES_MAX; i++) {
        if (machine.handles[i] == NULL) {
            machine.handles[i] = inode;
            inode->pins++;
            return FIRST_HANDLE + i;
        }
    }
    return -EMFILE;
}

static struct sim_inode *inode_of(int file)
{
    ASSERT(file >= FIRST_HANDLE && file < FIRST_HANDLE + HANDLES_MAX);
    ASSERT(machine.handles[file - FIRST_HANDLE] != NULL);
    return machine.handles[file - FIRST_HANDLE];
}

int64_t sim_write(int file, const void *from, size_t length, uint64_t offset)
{
    return do_write(inode_of(file), from, length, offset, true);
}

static int prepare_whole(const struct operation *operation, bool with_faults)
{
    int failed = failure_of(DISK_PREPARE, with_faults ? machine.faults.prepare_error : 0,
                            sim_toss() ? -EIO : -ENOSPC);
    struct sim_inode *made = NULL;
    int steps =
        failed < 0 ? (int)prng_below(&sim_files.prng, SIM_PREPARE_STEPS) : SIM_PREPARE_STEPS;
    int result = sim_prepare_steps(&operation->making, steps, &made);
    if (failed < 0) {
        if (sim_find(SIM_PREPARE_NAME) != NULL) {
            sim_directory_change(SIM_PREPARE_NAME, "", NULL);
        }
        return failed;
    }
    return result < 0 ? result : handle_make(made);
}

static int replace_whole(const struct operation *operation, bool with_faults)
{
    int failed = failure_of(DISK_REPLACE, with_faults ? machine.faults.replace_error : 0, -EIO);
    sim_replace_steps(&operation->making, failed < 0
                                              ? (int)prng_below(&sim_files.prng, SIM_REPLACE_STEPS)
                                              : SIM_REPLACE_STEPS);
    return failed;
}

static int remove_whole(const char *name)
{
    int failed = failure_of(DISK_REMOVE, 0, -EIO);
    if (failed == 0 && sim_find(name) == NULL) {
        failed = -ENOENT;
    }
    if (failed == 0) {
        sim_directory_change(name, "", NULL);
    }
    return failed;
}

static int64_t operation_run(const struct operation *operation)
{
    switch (operation->kind) {
    case DISK_WRITE:
        return do_write(operation->inode, operation->from, operation->length, operation->offset,
                        true);
    case DISK_READ:
        return do_read(operation->inode, operation->into, operation->length, operation->offset,
                       true);
    case DISK_SYNC: return do_sync(operation->inode, operation->writes_before, true);
    case DISK_PREPARE: return prepare_whole(operation, true);
    case DISK_REMOVE: return remove_whole(operation->making.name);
    case DISK_REPLACE: return replace_whole(operation, true);
    }
    UNREACHABLE();
}

// The process went away, or the power: whatever was under way happened to some degree.
static void operation_interrupt(const struct operation *operation, bool power)
{
    struct sim_inode *made;
    switch (operation->kind) {
    case DISK_WRITE:
        if (!power) {
            sim_inode_write(operation->inode, operation->from,
                            prng_between(&sim_files.prng, 0, 2) == 0
                                ? operation->length
                                : prng_between(&sim_files.prng, 0, operation->length),
                            operation->offset);
            break;
        }
        for (uint64_t done = 0; done < operation->length;) {
            uint64_t at = operation->offset + done;
            uint64_t part = SIM_SECTOR_BYTES - at % SIM_SECTOR_BYTES;
            part = part < operation->length - done ? part : operation->length - done;
            if (sim_toss()) {
                sim_inode_write(operation->inode, operation->from + done, part, at);
            }
            done += part;
        }
        break;
    case DISK_SYNC:
        if (sim_toss()) {
            sim_inode_sync(operation->inode, operation->writes_before, false);
        }
        break;
    case DISK_PREPARE:
        sim_prepare_steps(&operation->making,
                          (int)prng_below(&sim_files.prng, SIM_PREPARE_STEPS + 1), &made);
        break;
    case DISK_REMOVE:
        if (sim_toss()) {
            remove_whole(operation->making.name);
        }
        break;
    case DISK_REPLACE:
        sim_replace_steps(&operation->making,
                          (int)prng_below(&sim_files.prng, SIM_REPLACE_STEPS + 1));
        break;
    case DISK_READ: break;
    }
}

// --- the machine ---

static void machine_close(void)
{
    free(machine.disk);
    machine.disk = NULL;
    for (unsigned i = 0; i < HANDLES_MAX; i++) {
        if (machine.handles[i] != NULL) {
            machine.handles[i]->pins--;
            machine.handles[i] = NULL;
        }
    }
}

// Takes an operation out of those in flight.
static struct operation take_operation(unsigned index)
{
    struct operation operation = machine.operations[index];
    machine.operations[index] = machine.operations[--machine.operation_count];
    return operation;
}

static void release(const struct operation *operation)
{
    if (operation->inode != NULL) {
        operation->inode->pins--;
    }
}

static void machine_clear(uint64_t seed)
{
    machine_close();
    while (machine.operation_count > 0) {
        struct operation operation = take_operation(0);
        release(&operation);
    }
    sim_files_clear(seed);
}

void sim_free(void)
{
    machine_clear(0);
}

void sim_reset(uint64_t seed)
{
    machine_clear(seed);
    memset(&machine.faults, 0, sizeof machine - offsetof(struct machine, faults));
    machine.boot = 1;
}

struct prng *sim_prng(void)
{
    return &sim_files.prng;
}

bool sim_step(void)
{
    if (machine.operation_count == 0) {
        return false;
    }
    unsigned index = (unsigned)prng_below(&sim_files.prng, machine.operation_count);
    struct operation operation = take_operation(index);
    int64_t result = operation_run(&operation);
    release(&operation);
    ASSERT(machine.disk != NULL && machine.disk->done != NULL);
    machine.disk->done(machine.disk->context, operation.kind, operation.tag, result);
    return true;
}

void sim_settle(void)
{
    while (sim_step()) {
    }
}

unsigned sim_in_flight(void)
{
    return machine.operation_count;
}

unsigned sim_in_flight_of(enum disk_operation operation)
{
    unsigned count = 0;
    for (unsigned i = 0; i < machine.operation_count; i++) {
        count += machine.operations[i].kind == operation;
    }
    return count;
}

static void process_end(bool power)
{
    while (machine.operation_count > 0) {
        unsigned index = (unsigned)prng_below(&sim_files.prng, machine.operation_count);
        struct operation operation = take_operation(index);
        operation_interrupt(&operation, power);
        release(&operation);
    }
    machine_close();
    sim_sweep();
}

void sim_kill(void)
{
    machine.stats.kills++;
    process_end(false);
}

void sim_power_cut(void)
{
    machine.stats.power_cuts++;
    process_end(true);
    sim_files_cut();
    machine.boot++;
}

void sim_set_faults(const struct sim_faults *faults)
{
    machine.faults = faults == NULL ? (struct sim_faults){0} : *faults;
}

void sim_fail(enum disk_operation operation, unsigned after, int error)
{
    ASSERT(error < 0);
    machine.planned[operation] = (struct planned_failure){true, after, error};
}

unsigned sim_failures(enum disk_operation operation)
{
    return machine.failures[operation];
}

void sim_set_boot(uint8_t boot)
{
    machine.boot = boot;
}

struct sim_stats sim_get_stats(void)
{
    struct sim_stats stats = machine.stats;
    stats.sectors_lost = sim_files.sectors_lost;
    return stats;
}

// --- src/log/disk.h ---

struct disk *disk_open(const char *directory, char *message, size_t message_size)
{
    if (machine.disk != NULL) {
        snprintf(message, message_size, "data directory %s is in use by another ringcast",
                 directory);
        return NULL;
    }
    machine.disk = calloc(1, sizeof *machine.disk);
    ASSERT(machine.disk != NULL);
    if (sim_find("lock") == NULL) {
        sim_directory_change("", "lock", sim_inode_make());
    }
    if (sim_find(SIM_PREPARE_NAME) != NULL) {
        sim_directory_change(SIM_PREPARE_NAME, "", NULL);
    }
    return machine.disk;
}

struct disk *disk_open_reading(const char *directory, char *message, size_t message_size)
{
    (void)snprintf(message, message_size, "%s", directory); // never a failure
    struct disk *disk = calloc(1, sizeof *disk);
    ASSERT(disk != NULL);
    disk->is_reading = true;
    return disk;
}

void disk_close(struct disk *disk)
{
    if (disk == machine.disk) {
        ASSERT(machine.operation_count == 0);
        machine.disk = NULL;
    }
    free(disk);
}

void disk_attach(struct disk *disk, struct loop *loop, disk_done_fn *done, void *context)
{
    (void)loop;
    disk->done = done;
    disk->context = context;
}

int disk_list(struct disk *disk, void (*visit)(void *context, const char *name, uint64_t size),
              void *context)
{
    (void)disk;
    for (unsigned i = 0; i < sim_files.directory.count; i++) {
        const struct sim_entry *entry = &sim_files.directory.entries[i];
        visit(context, entry->name, entry->inode->size);
    }
    return 0;
}

int disk_open_file(struct disk *disk, const char *name, bool create, bool writable)
{
    if (disk->is_reading && (create || writable)) {
        return -EROFS;
    }
    struct sim_inode *inode = sim_find(name);
    if (inode == NULL && !create) {
        return -ENOENT;
    }
    return handle_make(inode == NULL ? sim_make_file(name, false) : inode);
}

void disk_close_file(struct disk *disk, int file)
{
    (void)disk;
    inode_of(file)->pins--;
    machine.handles[file - FIRST_HANDLE] = NULL;
}

int64_t disk_read_now(struct disk *disk, int file, void *to, size_t length, uint64_t offset)
{
    (void)disk;
    struct sim_faults faults = machine.faults;
    machine.faults.short_read = 0;
    int64_t result = do_read(inode_of(file), to, length, offset, faults.now_too);
    machine.faults = faults;
    return result;
}

int64_t disk_write_now(struct disk *disk, int file, const void *from, size_t length,
                       uint64_t offset)
{
    ASSERT(!disk->is_reading);
    struct sim_faults faults = machine.faults;
    machine.faults.short_write = 0;
    int64_t result = do_write(inode_of(file), from, length, offset, faults.now_too);
    machine.faults = faults;
    return result;
}

int disk_sync_now(struct disk *disk, int file)
{
    (void)disk;
    return do_sync(inode_of(file), sim_files.write_number, machine.faults.now_too);
}

int disk_replace_now(struct disk *disk, const char *name, const void *bytes, size_t length)
{
    if (disk->is_reading) {
        return -EROFS;
    }
    struct operation operation = {.making = {.from = bytes, .length = length}};
    sim_copy_name(operation.making.name, name);
    return replace_whole(&operation, machine.faults.now_too);
}

static struct operation prepare_operation(const char *name, const char *recycle, uint64_t size,
                                          const void *header, uint32_t header_length, uint64_t tag)
{
    struct operation operation = {
        .kind = DISK_PREPARE,
        .tag = tag,
        .making = {.from = header, .length = header_length, .size = size}};
    sim_copy_name(operation.making.name, name);
    sim_copy_name(operation.making.recycle, recycle == NULL ? "" : recycle);
    return operation;
}

int disk_prepare_now(struct disk *disk, const char *name, const char *recycle, uint64_t size,
                     const void *header, uint32_t header_length)
{
    if (disk->is_reading) {
        return -EROFS;
    }
    struct operation operation = prepare_operation(name, recycle, size, header, header_length, 0);
    return prepare_whole(&operation, machine.faults.now_too);
}

int disk_remove_now(struct disk *disk, const char *name)
{
    return disk->is_reading ? -EROFS : remove_whole(name);
}

void disk_boot_id(struct disk *disk, uint8_t id[16])
{
    (void)disk;
    memset(id, 0, 16);
    id[0] = machine.boot;
}

static void submit(struct disk *disk, struct operation operation)
{
    ASSERT(disk == machine.disk && disk->done != NULL);
    ASSERT(machine.operation_count < OPERATIONS_MAX);
    machine.operations[machine.operation_count++] = operation;
    if (operation.inode != NULL) {
        operation.inode->pins++;
    }
}

void disk_submit_write(struct disk *disk, int file, const void *from, uint32_t length,
                       uint64_t offset, uint64_t tag)
{
    submit(disk, (struct operation){.kind = DISK_WRITE,
                                    .tag = tag,
                                    .inode = inode_of(file),
                                    .from = from,
                                    .length = length,
                                    .offset = offset});
}

void disk_submit_read(struct disk *disk, int file, void *to, uint32_t length, uint64_t offset,
                      uint64_t tag)
{
    submit(disk, (struct operation){.kind = DISK_READ,
                                    .tag = tag,
                                    .inode = inode_of(file),
                                    .into = to,
                                    .length = length,
                                    .offset = offset});
}

void disk_submit_sync(struct disk *disk, int file, uint64_t tag)
{
    inode_of(file)->sync_covers = sim_files.write_number;
    submit(disk, (struct operation){.kind = DISK_SYNC,
                                    .tag = tag,
                                    .inode = inode_of(file),
                                    .writes_before = sim_files.write_number});
}

void disk_submit_prepare(struct disk *disk, const char *name, const char *recycle, uint64_t size,
                         const void *header, uint32_t header_length, uint64_t tag)
{
    submit(disk, prepare_operation(name, recycle, size, header, header_length, tag));
}

void disk_submit_remove(struct disk *disk, const char *name, uint64_t tag)
{
    struct operation operation = {.kind = DISK_REMOVE, .tag = tag};
    sim_copy_name(operation.making.name, name);
    submit(disk, operation);
}

void disk_submit_replace(struct disk *disk, const char *name, const void *bytes, size_t length,
                         uint64_t tag)
{
    struct operation operation = {
        .kind = DISK_REPLACE, .tag = tag, .making = {.from = bytes, .length = length}};
    sim_copy_name(operation.making.name, name);
    submit(disk, operation);
}
