// The real disk. A request is a short program of steps (enum step), each one io_uring operation;
// most have one step. What has several is arranged so that a name never stands for something half
// made: files are made ready under a temporary name, synced, and renamed.
#include "log/disk.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/pool.h"
#include "base/random.h"
#include "io/loop.h"
#include "io/ops.h"
#include "log/data_directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILE_NAME_BYTES = 64,
    FILE_MODE = 0640,
    WRITE_BYTES_MAX =
        1 << 30, // one io_uring write's length is 32 bits, and the kernel's limit 2 GiB
};

#define PREPARE_NAME "prepare.tmp"

enum step {
    STEP_TRANSFER,  // the one read, write or sync that was asked for
    STEP_RETIRE,    // rename the recycled file away from its name
    STEP_SYNC_AWAY, // so that its old name never shows the new header
    STEP_OPEN,
    STEP_ALLOCATE,
    STEP_WRITE,
    STEP_SYNC,
    STEP_RENAME,
    STEP_SYNC_DIRECTORY,
    STEP_UNLINK,
    STEP_DONE,
};

struct request {
    enum disk_operation operation;
    enum step step;
    uint64_t tag;
    int file; // as given, or opened here (-1: not yet)
    const uint8_t *bytes;
    uint8_t *into;
    uint64_t length;
    uint64_t offset; // in the file; of a write in steps: how much is written
    uint64_t size;   // to allocate
    bool recycles;
    uint32_t generation;
    char name[FILE_NAME_BYTES];
    char temporary[FILE_NAME_BYTES + 4];
    char recycle[FILE_NAME_BYTES];
};

struct disk {
    int directory;
    int lock; // -1 when it only reads
    struct loop *loop;
    disk_done_fn *done;
    void *context;
    struct pool requests;
};

// --- opening ---

static bool is_reading(const struct disk *disk)
{
    return disk->lock < 0;
}

static struct disk *disk_open_as(const char *directory, bool reading, char *message,
                                 size_t message_size)
{
    int descriptor = -1;
    int lock = -1;
    if (!data_directory_open(directory, reading ? NULL : &lock, &descriptor, message,
                             message_size)) {
        return NULL;
    }
    struct disk *disk = calloc(1, sizeof *disk);
    if (disk == NULL ||
        pool_init(&disk->requests, sizeof(struct request), 64, DISK_IN_FLIGHT_MAX) != 0) {
        snprintf(message, message_size, "out of memory");
        free(disk);
        close(descriptor);
        if (lock >= 0) {
            close(lock);
        }
        return NULL;
    }
    disk->directory = descriptor;
    disk->lock = lock;
    if (!reading) {
        unlinkat(descriptor, PREPARE_NAME, 0); // left by a crash
    }
    return disk;
}

struct disk *disk_open(const char *directory, char *message, size_t message_size)
{
    return disk_open_as(directory, false, message, message_size);
}

struct disk *disk_open_reading(const char *directory, char *message, size_t message_size)
{
    return disk_open_as(directory, true, message, message_size);
}

void disk_close(struct disk *disk)
{
    ASSERT(pool_used(&disk->requests) == 0 || disk->loop != NULL);
    pool_destroy(&disk->requests);
    close(disk->directory);
    if (disk->lock >= 0) {
        close(disk->lock);
    }
    free(disk);
}

void disk_boot_id(struct disk *disk, uint8_t id[16])
{
    (void)disk;
    static const char hex[] = "0123456789abcdef";
    char text[64] = "";
    int file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t length = file < 0 ? -1 : read(file, text, sizeof text - 1);
    if (file >= 0) {
        close(file);
    }
    unsigned digits = 0;
    memset(id, 0, 16);
    for (ssize_t i = 0; i < length && digits < 32; i++) {
        if (text[i] != '-') {
            size_t digit = strcspn(hex, (char[]){text[i], 0}) & 15;
            id[digits / 2] = (uint8_t)((size_t)id[digits / 2] << 4 | digit);
            digits++;
        }
    }
    if (digits != 32) {
        // Not to be had: every start then counts as one on a new boot, which loses nothing but ids.
        random_bytes(id, 16);
    }
}

// --- plain calls ---

int disk_list(struct disk *disk, void (*visit)(void *context, const char *name, uint64_t size),
              void *context)
{
    int copy = openat(disk->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = copy < 0 ? NULL : fdopendir(copy);
    if (listing == NULL) {
        int failed = -errno;
        if (copy >= 0) {
            close(copy);
        }
        return failed;
    }
    struct dirent *entry;
    errno = 0;
    while ((entry = readdir(listing)) != NULL) {
        struct stat status;
        if (fstatat(disk->directory, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(status.st_mode)) {
            visit(context, entry->d_name, (uint64_t)status.st_size);
        }
        errno = 0;
    }
    int failed = -errno;
    closedir(listing);
    return failed;
}

int disk_open_file(struct disk *disk, const char *name, bool create, bool writable)
{
    if (is_reading(disk) && (create || writable)) {
        return -EROFS;
    }
    int flags = (writable ? O_RDWR : O_RDONLY) | (create ? O_CREAT : 0) | O_CLOEXEC;
    int file = openat(disk->directory, name, flags, FILE_MODE);
    return file < 0 ? -errno : file;
}

void disk_close_file(struct disk *disk, int file)
{
    (void)disk;
    close(file);
}

int64_t disk_read_now(struct disk *disk, int file, void *to, size_t length, uint64_t offset)
{
    (void)disk;
    size_t done = 0;
    while (done < length) {
        ssize_t got = pread(file, (uint8_t *)to + done, length - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return -errno;
        }
        if (got == 0) {
            break;
        }
        done += (size_t)got;
    }
    return (int64_t)done;
}

int64_t disk_write_now(struct disk *disk, int file, const void *from, size_t length,
                       uint64_t offset)
{
    (void)disk;
    size_t done = 0;
    while (done < length) {
        ssize_t put =
            pwrite(file, (const uint8_t *)from + done, length - done, (off_t)(offset + done));
        if (put < 0 && errno != EINTR) {
            return -errno;
        }
        done += put < 0 ? 0 : (size_t)put;
    }
    return (int64_t)done;
}

int disk_sync_now(struct disk *disk, int file)
{
    (void)disk;
    return fdatasync(file) < 0 ? -errno : 0;
}

static void temporary_name(char *into, size_t size, const char *name)
{
    int length = snprintf(into, size, "%s.tmp", name);
    ASSERT(length > 0 && (size_t)length < size);
}

// Durably.
static int rename_now(struct disk *disk, const char *from, const char *to)
{
    if (renameat(disk->directory, from, disk->directory, to) < 0) {
        return -errno;
    }
    return fsync(disk->directory) < 0 ? -errno : 0;
}

int disk_replace_now(struct disk *disk, const char *name, const void *bytes, size_t length)
{
    if (is_reading(disk)) {
        return -EROFS;
    }
    char temporary[FILE_NAME_BYTES + 4];
    temporary_name(temporary, sizeof temporary, name);
    int file =
        openat(disk->directory, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, FILE_MODE);
    if (file < 0) {
        return -errno;
    }
    int64_t written = disk_write_now(disk, file, bytes, length, 0);
    int failed = written < 0 ? (int)written : fsync(file) < 0 ? -errno : 0;
    close(file);
    failed = failed < 0 ? failed : rename_now(disk, temporary, name);
    if (failed < 0) {
        unlinkat(disk->directory, temporary, 0);
    }
    return failed;
}

// Some file systems cannot; the file then grows as it is written.
static bool is_allocation_failure(int result)
{
    return result < 0 && result != -EOPNOTSUPP && result != -ENOSYS;
}

int disk_prepare_now(struct disk *disk, const char *name, const char *recycle, uint64_t size,
                     const void *header, uint32_t header_length)
{
    if (is_reading(disk)) {
        return -EROFS;
    }
    int failed = recycle == NULL ? 0 : rename_now(disk, recycle, PREPARE_NAME);
    if (failed < 0) {
        return failed;
    }
    int file = openat(disk->directory, PREPARE_NAME,
                      O_RDWR | O_CREAT | O_CLOEXEC | (recycle == NULL ? O_TRUNC : 0), FILE_MODE);
    if (file < 0) {
        return -errno;
    }
    failed = fallocate(file, 0, 0, (off_t)size) < 0 ? -errno : 0;
    failed = is_allocation_failure(failed) ? failed : 0;
    if (failed == 0) {
        int64_t written = disk_write_now(disk, file, header, header_length, 0);
        failed = written < 0 ? (int)written : fsync(file) < 0 ? -errno : 0;
    }
    failed = failed < 0 ? failed : rename_now(disk, PREPARE_NAME, name);
    if (failed < 0) {
        close(file);
        unlinkat(disk->directory, PREPARE_NAME, 0);
        return failed;
    }
    return file;
}

int disk_remove_now(struct disk *disk, const char *name)
{
    if (is_reading(disk)) {
        return -EROFS;
    }
    return unlinkat(disk->directory, name, 0) < 0 ? -errno : 0;
}

// --- requests ---

static void request_submit(struct disk *disk, struct request *request)
{
    struct io_uring_sqe *sqe = loop_sqe(disk->loop, 0);
    switch (request->step) {
    case STEP_TRANSFER:
        if (request->operation == DISK_WRITE) {
            io_uring_prep_write(sqe, request->file, request->bytes, (unsigned)request->length,
                                request->offset);
        } else if (request->operation == DISK_READ) {
            io_uring_prep_read(sqe, request->file, request->into, (unsigned)request->length,
                               request->offset);
        } else {
            io_uring_prep_fsync(sqe, request->file, IORING_FSYNC_DATASYNC);
        }
        break;
    case STEP_RETIRE:
        io_uring_prep_renameat(sqe, disk->directory, request->recycle, disk->directory,
                               request->temporary, 0);
        break;
    case STEP_OPEN:
        io_uring_prep_openat(sqe, disk->directory, request->temporary,
                             O_RDWR | O_CREAT | O_CLOEXEC | (request->recycles ? 0 : O_TRUNC),
                             FILE_MODE);
        break;
    case STEP_ALLOCATE:
        io_uring_prep_fallocate(sqe, request->file, 0, 0, (off_t)request->size);
        break;
    case STEP_WRITE: {
        uint64_t left = request->length - request->offset;
        io_uring_prep_write(sqe, request->file, request->bytes + request->offset,
                            (unsigned)(left < WRITE_BYTES_MAX ? left : WRITE_BYTES_MAX),
                            request->offset);
        break;
    }
    case STEP_SYNC: io_uring_prep_fsync(sqe, request->file, 0); break;
    case STEP_RENAME:
        io_uring_prep_renameat(sqe, disk->directory, request->temporary, disk->directory,
                               request->name, 0);
        break;
    case STEP_SYNC_AWAY:
    case STEP_SYNC_DIRECTORY: io_uring_prep_fsync(sqe, disk->directory, 0); break;
    case STEP_UNLINK: io_uring_prep_unlinkat(sqe, disk->directory, request->name, 0); break;
    case STEP_DONE: UNREACHABLE();
    }
    io_uring_sqe_set_data64(
        sqe, loop_tag(OP_LOG_DISK, pool_index(&disk->requests, request), request->generation));
}

// What follows a step that went well.
static enum step next_step(const struct request *request, int32_t result)
{
    switch (request->step) {
    case STEP_RETIRE: return STEP_SYNC_AWAY;
    case STEP_SYNC_AWAY: return STEP_OPEN;
    case STEP_OPEN: return request->operation == DISK_PREPARE ? STEP_ALLOCATE : STEP_WRITE;
    case STEP_ALLOCATE: return STEP_WRITE;
    case STEP_WRITE:
        return request->offset + (uint64_t)result < request->length ? STEP_WRITE : STEP_SYNC;
    case STEP_SYNC: return STEP_RENAME;
    case STEP_RENAME: return STEP_SYNC_DIRECTORY;
    case STEP_TRANSFER:
    case STEP_SYNC_DIRECTORY:
    case STEP_UNLINK:
    case STEP_DONE: return STEP_DONE;
    }
    UNREACHABLE();
}

// The request is over. What it opened is closed, unless it is the result; what it left half made
// is removed (a plain call: rare, and the file is new).
static void request_finish(struct disk *disk, struct request *request, int64_t result)
{
    enum disk_operation operation = request->operation;
    bool makes = operation == DISK_PREPARE || operation == DISK_REPLACE;
    if (operation == DISK_PREPARE && result >= 0) {
        result = request->file;
    } else if (makes && request->file >= 0) {
        close(request->file);
    }
    if (makes && result < 0) {
        unlinkat(disk->directory, request->temporary, 0);
    }
    uint64_t tag = request->tag;
    request->generation++;
    pool_free(&disk->requests, request);
    disk->done(disk->context, operation, tag, result);
}

static void on_completion(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                          int32_t result, uint32_t cqe_flags)
{
    (void)loop;
    (void)ring;
    (void)cqe_flags;
    struct disk *disk = context;
    struct request *request = pool_at(&disk->requests, loop_tag_slot(user_data));
    ASSERT(request->generation == loop_tag_generation(user_data));
    if (result == -EINTR || result == -EAGAIN) {
        request_submit(disk, request);
        return;
    }
    if (request->step == STEP_ALLOCATE && !is_allocation_failure(result)) {
        result = 0;
    }
    if (request->step == STEP_WRITE && result == 0) {
        result = -EIO; // a write of something that writes nothing would go on for ever
    }
    if (result < 0) {
        request_finish(disk, request, result);
        return;
    }
    enum step next = next_step(request, result);
    if (request->step == STEP_OPEN) {
        request->file = result;
    } else if (request->step == STEP_WRITE) {
        request->offset += (uint32_t)result;
    }
    if (next == STEP_DONE) {
        request_finish(disk, request, request->step == STEP_TRANSFER ? result : 0);
        return;
    }
    request->step = next;
    request_submit(disk, request);
}

void disk_attach(struct disk *disk, struct loop *loop, disk_done_fn *done, void *context)
{
    disk->loop = loop;
    disk->done = done;
    disk->context = context;
    loop_set_handler(loop, OP_LOG_DISK, on_completion, disk);
}

static struct request *request_make(struct disk *disk, enum disk_operation operation,
                                    enum step step, uint64_t tag)
{
    ASSERT(disk->loop != NULL);
    struct request *request = pool_alloc(&disk->requests);
    ASSERT(request != NULL);
    uint32_t generation = request->generation;
    *request = (struct request){
        .operation = operation, .step = step, .tag = tag, .file = -1, .generation = generation};
    return request;
}

static void copy_name(char into[FILE_NAME_BYTES], const char *name)
{
    int length = snprintf(into, FILE_NAME_BYTES, "%s", name);
    ASSERT(length > 0 && length < FILE_NAME_BYTES);
}

// One of `from` and `into` is meant.
static void submit_transfer(struct disk *disk, enum disk_operation operation, int file,
                            const void *from, void *into, uint32_t length, uint64_t offset,
                            uint64_t tag)
{
    struct request *request = request_make(disk, operation, STEP_TRANSFER, tag);
    request->file = file;
    request->bytes = from;
    request->into = into;
    request->length = length;
    request->offset = offset;
    request_submit(disk, request);
}

void disk_submit_write(struct disk *disk, int file, const void *from, uint32_t length,
                       uint64_t offset, uint64_t tag)
{
    submit_transfer(disk, DISK_WRITE, file, from, NULL, length, offset, tag);
}

void disk_submit_read(struct disk *disk, int file, void *to, uint32_t length, uint64_t offset,
                      uint64_t tag)
{
    submit_transfer(disk, DISK_READ, file, NULL, to, length, offset, tag);
}

void disk_submit_sync(struct disk *disk, int file, uint64_t tag)
{
    submit_transfer(disk, DISK_SYNC, file, NULL, NULL, 0, 0, tag);
}

void disk_submit_prepare(struct disk *disk, const char *name, const char *recycle, uint64_t size,
                         const void *header, uint32_t header_length, uint64_t tag)
{
    ASSERT(!is_reading(disk) && header_length > 0);
    struct request *request =
        request_make(disk, DISK_PREPARE, recycle != NULL ? STEP_RETIRE : STEP_OPEN, tag);
    copy_name(request->name, name);
    copy_name(request->temporary, PREPARE_NAME);
    copy_name(request->recycle, recycle != NULL ? recycle : PREPARE_NAME);
    request->recycles = recycle != NULL;
    request->bytes = header;
    request->length = header_length;
    request->size = size;
    request_submit(disk, request);
}

void disk_submit_remove(struct disk *disk, const char *name, uint64_t tag)
{
    ASSERT(!is_reading(disk));
    struct request *request = request_make(disk, DISK_REMOVE, STEP_UNLINK, tag);
    copy_name(request->name, name);
    request_submit(disk, request);
}

void disk_submit_replace(struct disk *disk, const char *name, const void *bytes, size_t length,
                         uint64_t tag)
{
    ASSERT(!is_reading(disk) && length > 0);
    struct request *request = request_make(disk, DISK_REPLACE, STEP_OPEN, tag);
    copy_name(request->name, name);
    temporary_name(request->temporary, sizeof request->temporary, name);
    request->bytes = bytes;
    request->length = length;
    request_submit(disk, request);
}
