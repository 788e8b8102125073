// A sliding view of segment files, for recovery: one file, one stretch of it at a time. What cannot
// be read is reported and reads as zeros.
#ifndef RINGCAST_LOG_RECOVERY_WINDOW_H
#define RINGCAST_LOG_RECOVERY_WINDOW_H

#include "log/disk.h"

#include <stddef.h>
#include <stdint.h>

struct recovery_window;

// Called for a stretch that the disk could not read. error: negative errno.
typedef void recovery_unreadable_fn(void *context, uint64_t number, uint64_t offset,
                                    uint64_t length, int error);

// NULL when out of memory. largest: the most that is ever asked for at once in the ordinary way.
struct recovery_window *recovery_window_make(struct disk *disk, size_t largest,
                                             recovery_unreadable_fn *unreadable, void *context);
void recovery_window_free(struct recovery_window *window);

// Bytes of segment `number` from offset (a multiple of 8) on, aligned to 8: at least `need` of
// them, or as many as the file has, in *available. Valid until the next call. need above `largest`
// makes it grow. NULL when the file cannot be opened (*available is then the negative errno) or
// memory ran out.
const uint8_t *recovery_window_at(struct recovery_window *window, uint64_t number,
                                  uint64_t file_bytes, uint64_t offset, size_t need,
                                  int64_t *available);

#endif
