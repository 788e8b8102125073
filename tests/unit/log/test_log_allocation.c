// seam: src/log/disk.c
// seam: src/log/disk_quick.c
// link: tests/unit/log/sim_disk.c
// link: tests/unit/log/sim_files.c
// link: tests/unit/log/harness.c
//
// Appending, writing, handing out and acknowledging allocate nothing after warm-up.
#include "harness.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

// The allocator of the C library under its other names: everything in this program comes through
// here.
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *memory, size_t bytes);

static bool counts;
static unsigned allocations;

void *malloc(size_t size)
{
    allocations += counts;
    return __libc_malloc(size);
}

void *calloc(size_t nmemb, size_t size)
{
    allocations += counts;
    return __libc_calloc(nmemb, size);
}

void *realloc(void *ptr, size_t size)
{
    allocations += counts;
    return __libc_realloc(ptr, size);
}

// A round without the simulated disk's own work being counted.
static void round_and_steps(void)
{
    (void)log_tail_enter(harness.log->tail, 0);
    for (unsigned i = 1; i < HARNESS_READERS; i++) {
        (void)log_tail_enter(harness.log->tail, i);
    }
    counts = true;
    (void)log_round(harness.log, harness.now_ms);
    counts = false;
    sim_settle();
    struct log_message message;
    while (harness_take(0, &message)) {
    }
}

static void work(unsigned events)
{
    static const char *const streams[] = {"a", "b", "c"};
    for (unsigned i = 0; i < events; i++) {
        enum log_append_result result;
        do {
            counts = true;
            result = harness_append(streams[i % 3], "some data of an event",
                                    i % 2 == 0 ? ACK_WRITTEN : ACK_SYNCED, i);
            counts = false;
            if (result == LOG_APPEND_FULL || i % 7 == 0) {
                round_and_steps();
            }
        } while (result == LOG_APPEND_FULL);
    }
    round_and_steps();
}

Test(log_allocation, none_after_warm_up, .fini = harness_end, .timeout = 60)
{
    harness_prepare(1);
    harness.options.segment_bytes = 4 << 20; // rolling and sealing are rare, and may allocate
    harness.options.tail_bytes = 1 << 20;
    cr_assert(harness_open(), "%s", harness.message);
    (void)harness_subscribe(0, "a", NULL);
    (void)harness_subscribe(0, "b", NULL);
    work(1000);
    allocations = 0;
    work(5000);
    cr_assert_eq(allocations, 0, "%u allocations", allocations);
    cr_assert_gt(harness.ack_count, 5000);
}

#else

Test(log_allocation, is_counted_without_sanitizers_only)
{
}

#endif
