// A hashed timer wheel: arm and cancel in constant time, a tick of 16 ms, nothing to do for a timer
// while it runs.
//
// A timer is never early and late by less than a tick plus the time between two advances. Deadlines
// are absolute, so that lateness does not add up. Nodes are intrusive and belong to the caller, who
// keeps them in place while armed. One thread.
#ifndef RINGCAST_IO_WHEEL_H
#define RINGCAST_IO_WHEEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WHEEL_TICK_MS = 16,
    // 32.8 s in one turn: a heartbeat or a request's time limit is found on its first visit. A
    // power of two.
    WHEEL_SLOTS = 2048,
};

// About half a year: later deadlines are brought forward to it.
#define WHEEL_DELAY_MAX_MS (UINT64_C(1) << 34)
// What wheel_next_ms gives when no timer is armed.
#define WHEEL_NEVER_MS UINT64_MAX

// 24 bytes. Zeroed memory is a timer that is not armed.
struct wheel_timer {
    struct wheel_timer *next;
    struct wheel_timer **link; // what points to this timer; NULL while not armed
    uint32_t deadline_tick;
    uint32_t tag; // the owner's; the wheel never touches it. In a loop: loop_timer_tag(kind, owner)
};

// Called for an expired timer, which is no longer armed and may be armed again, freed, or others
// cancelled, at once.
typedef void (*wheel_callback)(void *context, struct wheel_timer *timer);

struct wheel {
    uint64_t start_ms; // the time of tick 0
    uint64_t tick;     // the time reached: what is armed from now on expires after it
    uint64_t
        visited; // the slots of all ticks up to this one have been looked at or stand in `visiting`
    uint32_t armed;
    struct wheel_timer *visiting; // the rest of a slot whose visit was cut short
    struct wheel_timer *slots[WHEEL_SLOTS];
    uint64_t occupied[WHEEL_SLOTS / 64]; // a bit for each slot that has timers
};

// `now_ms` is of the monotonic clock, as are all times below. Nothing to free.
void wheel_init(struct wheel *wheel, uint64_t now_ms);

// Arms, or arms anew. A deadline in the past expires at the next tick, so a callback may always
// re-arm its own timer.
void wheel_arm(struct wheel *wheel, struct wheel_timer *timer, uint64_t deadline_ms);

// Stops a timer; nothing happens when it is not armed.
void wheel_cancel(struct wheel *wheel, struct wheel_timer *timer);

static inline bool wheel_is_armed(const struct wheel_timer *timer)
{
    return timer->link != NULL;
}

// Goes on to `now_ms` and calls back for what has expired, looking at `visits_max` timers at the
// most (at least 1). True when there is more to do: call again at the next round. A time before the
// last one does nothing.
bool wheel_advance(struct wheel *wheel, uint64_t now_ms, uint32_t visits_max,
                   wheel_callback callback, void *context);

// How long from `now_ms` on nothing can expire: the time to sleep, in ms; 0 when something is due;
// WHEEL_NEVER_MS when no timer is armed. It may be too short (a slot whose timers are all of later
// turns), never too long.
uint64_t wheel_next_ms(const struct wheel *wheel, uint64_t now_ms);

#endif
