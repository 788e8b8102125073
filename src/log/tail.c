#include "log/tail.h"

#include "base/assert.h"
#include "base/bytes.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    CACHE_LINE = 64,
    READERS_MAX = 64,
    // Segments that readers can find at once; more are never kept (SEGMENTS_MAX is below it).
    SEGMENT_SLOTS = 1 << 14,
};

// In a reader's entry, for a reader that uses nothing.
#define AWAY UINT64_MAX

// What a reader has adopted. Its own line: written by that reader each round, read by the log.
struct tail_reader {
    _Alignas(CACHE_LINE) _Atomic uint64_t floor;
    _Atomic uint64_t epoch;
    _Atomic uint32_t lap; // 0: not lapped. Written by the log, on a line the reader looks at anyway
    uint32_t last_lap;    // the log's
};

// A segment readers may find. Valid while `number` is the number looked for: the log writes fd and
// salt only while it is 0, and numbers are never used twice.
struct tail_segment {
    _Atomic uint64_t number;
    _Atomic uint64_t salt;
    _Atomic int fd;
};

struct log_tail {
    uint8_t *memory; // tail_bytes, twice
    uint64_t tail_bytes;
    uint64_t segment_bytes;
    unsigned readers;
    unsigned segment_shift;
    // Written by the log, read by all readers at each enter.
    _Alignas(CACHE_LINE) _Atomic uint64_t floor;
    _Atomic uint64_t epoch; // from 1
    _Alignas(CACHE_LINE) struct tail_reader entries[READERS_MAX];
    struct tail_segment segments[SEGMENT_SLOTS];
};

// One anonymous file mapped twice in a row, so that what wraps around stays contiguous.
static uint8_t *map_twice(uint64_t bytes)
{
    int file = memfd_create("ringcast-tail", MFD_CLOEXEC);
    if (file < 0) {
        return NULL;
    }
    uint8_t *memory = MAP_FAILED;
    if (ftruncate(file, (off_t)bytes) == 0) {
        memory = mmap(NULL, bytes * 2, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    }
    if (memory != MAP_FAILED) {
        int protection = PROT_READ | PROT_WRITE;
        int flags = MAP_SHARED | MAP_FIXED;
        if (mmap(memory, bytes, protection, flags, file, 0) == MAP_FAILED ||
            mmap(memory + bytes, bytes, protection, flags, file, 0) == MAP_FAILED) {
            int saved = errno;
            (void)munmap(memory, bytes * 2);
            errno = saved;
            memory = MAP_FAILED;
        }
    }
    int saved = errno;
    (void)close(file); // the mappings keep it
    errno = saved;
    return memory == MAP_FAILED ? NULL : memory;
}

struct log_tail *log_tail_create(uint64_t tail_bytes, uint64_t segment_bytes, unsigned readers)
{
    ASSERT(is_power_of_two(tail_bytes) && tail_bytes >= 4096);
    ASSERT(is_power_of_two(segment_bytes));
    ASSERT(readers <= READERS_MAX);
    size_t bytes = (size_t)align_up(sizeof(struct log_tail), CACHE_LINE);
    struct log_tail *tail = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                                 -1, 0); // zero, and the segment table costs only what is touched
    if (tail == MAP_FAILED) {
        return NULL;
    }
    tail->memory = map_twice(tail_bytes);
    if (tail->memory == NULL) {
        int saved = errno;
        (void)munmap(tail, bytes);
        errno = saved;
        return NULL;
    }
    tail->tail_bytes = tail_bytes;
    tail->segment_bytes = segment_bytes;
    tail->segment_shift = (unsigned)__builtin_ctzll(segment_bytes);
    tail->readers = readers;
    atomic_init(&tail->epoch, 1);
    for (unsigned i = 0; i < readers; i++) {
        atomic_init(&tail->entries[i].floor, AWAY);
        atomic_init(&tail->entries[i].epoch, AWAY);
    }
    return tail;
}

void log_tail_destroy(struct log_tail *tail)
{
    if (tail == NULL) {
        return;
    }
    (void)munmap(tail->memory, tail->tail_bytes * 2);
    (void)munmap(tail, (size_t)align_up(sizeof(*tail), CACHE_LINE));
}

uint8_t *log_tail_at(const struct log_tail *tail, uint64_t position)
{
    return tail->memory + (position & (tail->tail_bytes - 1));
}

// Everything between a reader and the log is sequentially consistent. It is Dekker's pattern: the
// reader stores its entry, then looks at the log's words again; the log stores its word, then looks
// at the entries. In the one total order either the reader's second look comes after the log's
// store and it adopts the new value, or the log's look comes after the reader's store and it sees
// that the old one is still in use. So a reader that was away can never slip in below a floor that
// the log took for confirmed.
uint64_t log_tail_enter(struct log_tail *tail, unsigned reader)
{
    ASSERT(reader < tail->readers);
    struct tail_reader *entry = &tail->entries[reader];
    uint64_t floor = atomic_load(&tail->floor);
    uint64_t epoch = atomic_load(&tail->epoch);
    for (;;) {
        atomic_store(&entry->epoch, epoch);
        atomic_store(&entry->floor, floor);
        uint64_t floor_again = atomic_load(&tail->floor);
        uint64_t epoch_again = atomic_load(&tail->epoch);
        if (floor_again == floor && epoch_again == epoch) {
            return floor;
        }
        floor = floor_again; // the log moved meanwhile: rare, and only forward
        epoch = epoch_again;
    }
}

// The stores also release: what the reader read before is over when the log sees it away.
void log_tail_leave(struct log_tail *tail, unsigned reader)
{
    ASSERT(reader < tail->readers);
    atomic_store(&tail->entries[reader].floor, AWAY);
    atomic_store(&tail->entries[reader].epoch, AWAY);
}

static const struct tail_segment *segment_slot(const struct log_tail *tail, uint64_t number)
{
    return &tail->segments[number & (SEGMENT_SLOTS - 1)];
}

bool log_tail_segment(const struct log_tail *tail, uint64_t position, int *fd, uint64_t *salt)
{
    uint64_t number = position >> tail->segment_shift;
    const struct tail_segment *slot = segment_slot(tail, number);
    if (number == 0 || atomic_load(&slot->number) != number) {
        return false;
    }
    *fd = atomic_load(&slot->fd);
    *salt = atomic_load(&slot->salt);
    // Still the same number: fd and salt, which change only while it is 0, belong to it.
    return atomic_load(&slot->number) == number;
}

uint64_t log_tail_segment_offset(const struct log_tail *tail, uint64_t position)
{
    return position & (tail->segment_bytes - 1);
}

bool log_tail_is_lapped(const struct log_tail *tail, unsigned reader)
{
    return log_tail_lap(tail, reader) != 0;
}

uint32_t log_tail_lap(const struct log_tail *tail, unsigned reader)
{
    ASSERT(reader < tail->readers);
    return atomic_load(&tail->entries[reader].lap);
}

void log_tail_set_lapped(struct log_tail *tail, unsigned reader, bool lapped)
{
    ASSERT(reader < tail->readers);
    struct tail_reader *entry = &tail->entries[reader];
    if (lapped) {
        entry->last_lap = entry->last_lap == UINT32_MAX ? 1 : entry->last_lap + 1;
    }
    atomic_store(&entry->lap, lapped ? entry->last_lap : 0);
}

void log_tail_announce(struct log_tail *tail, uint64_t floor)
{
    ASSERT(floor >= atomic_load_explicit(&tail->floor, memory_order_relaxed));
    atomic_store(&tail->floor, floor);
    (void)log_tail_epoch_start(tail);
}

uint64_t log_tail_confirmed(const struct log_tail *tail)
{
    uint64_t lowest = atomic_load(&tail->floor);
    for (unsigned i = 0; i < tail->readers; i++) {
        uint64_t floor = atomic_load(&tail->entries[i].floor);
        lowest = floor < lowest ? floor : lowest;
    }
    return lowest;
}

uint64_t log_tail_epoch_start(struct log_tail *tail)
{
    return atomic_fetch_add(&tail->epoch, 1) + 1;
}

bool log_tail_epoch_passed(const struct log_tail *tail, uint64_t epoch)
{
    for (unsigned i = 0; i < tail->readers; i++) {
        if (atomic_load(&tail->entries[i].epoch) < epoch) {
            return false;
        }
    }
    return true;
}

void log_tail_segment_set(struct log_tail *tail, uint64_t segment_number, int fd, uint64_t salt)
{
    ASSERT(segment_number != 0);
    struct tail_segment *slot = (struct tail_segment *)segment_slot(tail, segment_number);
    atomic_store(&slot->number, 0);
    atomic_store(&slot->fd, fd);
    atomic_store(&slot->salt, salt);
    atomic_store(&slot->number, segment_number);
}

void log_tail_segment_clear(struct log_tail *tail, uint64_t segment_number)
{
    struct tail_segment *slot = (struct tail_segment *)segment_slot(tail, segment_number);
    ASSERT(atomic_load(&slot->number) == segment_number);
    atomic_store(&slot->number, 0);
}
