#include "log/recovery_window.h"

#include "base/assert.h"
#include "log/recovery_report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    ALIGNMENT = 4096,
    PIECE_BYTES = 64 << 10, // where a large read fails, the fault is narrowed down to this
};

struct recovery_window {
    struct disk *disk;
    recovery_unreadable_fn *unreadable;
    void *context;
    int file;
    uint64_t number; // of the segment that is open; 0: none
    uint64_t start;  // what of it stands in bytes
    size_t length;
    bool ends; // the file ends where bytes end
    uint8_t *bytes;
    size_t capacity;
};

struct recovery_window *recovery_window_make(struct disk *disk, size_t largest,
                                             recovery_unreadable_fn *unreadable, void *context)
{
    struct recovery_window *window = calloc(1, sizeof *window);
    if (window == NULL) {
        return NULL;
    }
    // Twice the largest, so that most blocks of a walk are found without another read.
    *window = (struct recovery_window){.disk = disk,
                                       .unreadable = unreadable,
                                       .context = context,
                                       .file = -1,
                                       .capacity = 2 * largest};
    window->bytes =
        aligned_alloc(ALIGNMENT, (window->capacity + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
    if (window->bytes == NULL) {
        free(window);
        return NULL;
    }
    return window;
}

void recovery_window_free(struct recovery_window *window)
{
    if (window == NULL) {
        return;
    }
    if (window->file >= 0) {
        disk_close_file(window->disk, window->file);
    }
    free(window->bytes);
    free(window);
}

static int window_open(struct recovery_window *window, uint64_t number)
{
    if (window->number == number) {
        return 0;
    }
    if (window->file >= 0) {
        disk_close_file(window->disk, window->file);
    }
    char name[SEGMENT_NAME_BYTES];
    segment_name(number, name);
    window->number = 0;
    window->length = 0;
    window->ends = false;
    window->file = disk_open_file(window->disk, name, false, false);
    if (window->file < 0) {
        return window->file;
    }
    window->number = number;
    return 0;
}

static int window_grow(struct recovery_window *window, size_t need)
{
    if (need <= window->capacity) {
        return 0;
    }
    size_t capacity = (need + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    uint8_t *bytes = aligned_alloc(ALIGNMENT, capacity);
    if (bytes == NULL) {
        return -ENOMEM;
    }
    free(window->bytes);
    window->bytes = bytes;
    window->capacity = capacity;
    window->length = 0;
    window->ends = false;
    return 0;
}

// After a large read failed: in small pieces, zeros for what cannot be read.
static size_t read_in_pieces(struct recovery_window *window, uint64_t offset, size_t wanted)
{
    size_t length = 0;
    while (length < wanted) {
        size_t piece = wanted - length < PIECE_BYTES ? wanted - length : PIECE_BYTES;
        int64_t got = -EIO;
        for (int tries = 0; tries < RECOVERY_READ_TRIES && got < 0; tries++) {
            got = disk_read_now(window->disk, window->file, window->bytes + length, piece,
                                offset + length);
        }
        if (got < 0) {
            window->unreadable(window->context, window->number, offset + length, piece, (int)got);
            memset(window->bytes + length, 0, piece);
            got = (int64_t)piece;
        }
        length += (size_t)got;
        if ((size_t)got < piece) {
            window->ends = true;
            break;
        }
    }
    return length;
}

static void window_load(struct recovery_window *window, uint64_t offset, uint64_t file_bytes)
{
    uint64_t left = file_bytes > offset ? file_bytes - offset : 0;
    size_t wanted = left < window->capacity ? (size_t)left : window->capacity;
    window->start = offset;
    window->ends = wanted == left;
    int64_t got = disk_read_now(window->disk, window->file, window->bytes, wanted, offset);
    if (got < 0) {
        window->length = read_in_pieces(window, offset, wanted);
    } else {
        window->length = (size_t)got;
        window->ends = window->ends || window->length < wanted;
    }
}

const uint8_t *recovery_window_at(struct recovery_window *window, uint64_t number,
                                  uint64_t file_bytes, uint64_t offset, size_t need,
                                  int64_t *available)
{
    ASSERT(offset % 8 == 0);
    int failed = window_open(window, number);
    failed = failed < 0 ? failed : window_grow(window, need);
    if (failed < 0) {
        *available = failed;
        return NULL;
    }
    bool is_inside = window->length > 0 && offset >= window->start &&
                     offset - window->start <= window->length &&
                     (window->ends || window->length - (offset - window->start) >= need);
    if (!is_inside) {
        window_load(window, offset, file_bytes);
    }
    *available = (int64_t)(window->length - (offset - window->start));
    return window->bytes + (offset - window->start);
}
