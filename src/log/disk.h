// The disk as the log sees it: a link-time seam. src/log/disk.c is the real one (io_uring on the
// log thread's loop, plain calls before and after the loop runs); tests link a simulated one that
// loses, tears and fails.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct disk;
struct loop;

enum disk_operation {
    DISK_WRITE,   // may be short, as write(2)
    DISK_READ,    // may be short
    DISK_SYNC,    // fdatasync
    DISK_PREPARE, // make a segment file ready: see disk_submit_prepare
    DISK_REMOVE,  // unlink
    DISK_REPLACE, // write a small file whole: temporary name, write, fsync, rename, fsync of the
                  // directory
};

// A completion. result: bytes or 0, or a negative errno.
typedef void disk_done_fn(void *context, enum disk_operation operation, uint64_t tag,
                          int64_t result);

// Opens (creates) the directory and takes the one-instance lock in it. On failure NULL and one
// clear line in message.
struct disk *disk_open(const char *directory, char *message, size_t message_size);
// For tools that only look, also beside a running broker: takes no lock, creates nothing, and no
// file can be opened writable, replaced, prepared or removed (-EROFS).
struct disk *disk_open_reading(const char *directory, char *message, size_t message_size);
void disk_close(struct disk *disk);
// From here on submit functions may be used; completions come through done, on the loop's thread.
void disk_attach(struct disk *disk, struct loop *loop, disk_done_fn *done, void *context);

// Blocking, for start-up, shutdown and tools.
int disk_list(struct disk *disk, void (*visit)(void *context, const char *name, uint64_t size),
              void *context);
int disk_open_file(struct disk *disk, const char *name, bool create,
                   bool writable); // descriptor or -errno
void disk_close_file(struct disk *disk, int file);
int64_t disk_read_now(struct disk *disk, int file, void *to, size_t length,
                      uint64_t offset); // whole, or short at EOF, or -errno
int64_t disk_write_now(struct disk *disk, int file, const void *from, size_t length,
                       uint64_t offset); // whole or -errno
int disk_sync_now(struct disk *disk, int file);
int disk_replace_now(struct disk *disk, const char *name, const void *bytes,
                     size_t length); // as DISK_REPLACE
// As DISK_PREPARE: the descriptor or -errno.
int disk_prepare_now(struct disk *disk, const char *name, const char *recycle, uint64_t size,
                     const void *header, uint32_t header_length);
// Gives back what is allocated behind `size`. Quick enough for the log thread where it is rare. (In
// disk_quick.c.)
int disk_trim_now(struct disk *disk, int file, uint64_t size);
// As write(2), on the calling thread: into the page cache, which is quick for little, mostly.
// -EAGAIN: nothing was done; submit it. (In disk_quick.c.)
int64_t disk_write_quickly(struct disk *disk, int file, const void *from, uint32_t length,
                           uint64_t offset);
int disk_remove_now(struct disk *disk, const char *name);
// /proc's boot id, so that a restart on the same boot is told from one after a power cut.
void disk_boot_id(struct disk *disk, uint8_t id[16]);

// Requests that may be in flight at once (asserted); enum, so that the log's own bounds can add up
// to it.
enum { DISK_IN_FLIGHT_MAX = 4096 };

// Asynchronous. Memory stays with the caller, untouched, until done. Never block, never fail at
// once.
void disk_submit_write(struct disk *disk, int file, const void *from, uint32_t length,
                       uint64_t offset, uint64_t tag);
void disk_submit_read(struct disk *disk, int file, void *to, uint32_t length, uint64_t offset,
                      uint64_t tag);
void disk_submit_sync(struct disk *disk, int file, uint64_t tag);
// Makes `name` a file of at least `size` preallocated bytes that begins with header (length
// header_length), synced, also its directory entry. recycle: name of a retired file to take over
// (its old bytes stay behind the header), or NULL. Result: the open descriptor, or a negative
// errno. One at a time.
void disk_submit_prepare(struct disk *disk, const char *name, const char *recycle, uint64_t size,
                         const void *header, uint32_t header_length, uint64_t tag);
void disk_submit_remove(struct disk *disk, const char *name, uint64_t tag);
void disk_submit_replace(struct disk *disk, const char *name, const void *bytes, size_t length,
                         uint64_t tag); // one at a time
