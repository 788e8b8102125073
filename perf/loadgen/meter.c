#include "meter.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

int meter_open(struct meter *meter)
{
    memset(meter, 0, sizeof *meter);
    atomic_store(&meter->record_from_ns, UINT64_MAX);
    meter->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return meter->event_fd < 0 ? -errno : 0;
}

void meter_close(struct meter *meter)
{
    close(meter->event_fd);
    meter->event_fd = -1;
}

static void ring(struct meter *meter)
{
    uint64_t one = 1;
    // Fails only when it has been rung 2^64 times already.
    ssize_t written = write(meter->event_fd, &one, sizeof one);
    (void)written;
}

void meter_add(struct meter *meter, uint64_t deliveries)
{
    // Both sides sequentially consistent: either we see what is wanted, or the waiter, who stores
    // that first, sees our sum.
    uint64_t before = atomic_fetch_add(&meter->deliveries, deliveries);
    uint64_t wanted = atomic_load(&meter->wanted);
    if (before < wanted && before + deliveries >= wanted) {
        ring(meter);
    }
}

void meter_fail(struct meter *meter)
{
    atomic_store(&meter->failed, true);
    ring(meter);
}

bool meter_wait(struct meter *meter, uint64_t wanted, uint32_t timeout_ms)
{
    atomic_store(&meter->wanted, wanted);
    uint64_t deadline_ms = clock_monotonic_ms() + timeout_ms;
    for (;;) {
        if (atomic_load(&meter->deliveries) >= wanted) {
            return true;
        }
        uint64_t now_ms = clock_monotonic_ms();
        if (now_ms >= deadline_ms || meter_has_failed(meter)) {
            return false;
        }
        struct pollfd poll_fd = {.fd = meter->event_fd, .events = POLLIN};
        if (poll(&poll_fd, 1, (int)(deadline_ms - now_ms)) > 0) {
            uint64_t count = 0;
            ssize_t taken = read(meter->event_fd, &count, sizeof count);
            (void)taken;
        }
    }
}
