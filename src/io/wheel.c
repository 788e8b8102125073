#include "io/wheel.h"

#include "base/assert.h"

#include <string.h>

STATIC_ASSERT((WHEEL_SLOTS & (WHEEL_SLOTS - 1)) == 0, "slots are found by a mask");
STATIC_ASSERT(WHEEL_SLOTS % 64 == 0, "occupied is whole words");
STATIC_ASSERT(WHEEL_DELAY_MAX_MS / WHEEL_TICK_MS <= INT32_MAX, "deadlines compare modulo 2^32");

enum {
    WHEEL_MASK = WHEEL_SLOTS - 1,
    WHEEL_WORDS = WHEEL_SLOTS / 64,
};

static void occupied_set(struct wheel *wheel, uint32_t slot)
{
    wheel->occupied[slot / 64] |= UINT64_C(1) << (slot % 64);
}

static void occupied_clear(struct wheel *wheel, uint32_t slot)
{
    wheel->occupied[slot / 64] &= ~(UINT64_C(1) << (slot % 64));
}

static void link_at(struct wheel_timer **head, struct wheel_timer *timer)
{
    timer->next = *head;
    timer->link = head;
    if (timer->next != NULL) {
        timer->next->link = &timer->next;
    }
    *head = timer;
}

static void unlink_timer(struct wheel_timer *timer)
{
    *timer->link = timer->next;
    if (timer->next != NULL) {
        timer->next->link = timer->link;
    }
    timer->next = NULL;
    timer->link = NULL;
}

static void slot_insert(struct wheel *wheel, struct wheel_timer *timer)
{
    uint32_t slot = timer->deadline_tick & WHEEL_MASK;
    link_at(&wheel->slots[slot], timer);
    occupied_set(wheel, slot);
}

void wheel_init(struct wheel *wheel, uint64_t now_ms)
{
    memset(wheel, 0, sizeof *wheel);
    wheel->start_ms = now_ms;
}

void wheel_arm(struct wheel *wheel, struct wheel_timer *timer, uint64_t deadline_ms)
{
    wheel_cancel(wheel, timer);
    uint64_t since_start_ms = deadline_ms > wheel->start_ms ? deadline_ms - wheel->start_ms : 0;
    // Rounded up: never early.
    uint64_t tick = since_start_ms / WHEEL_TICK_MS + (since_start_ms % WHEEL_TICK_MS != 0);
    uint64_t tick_max = wheel->tick + WHEEL_DELAY_MAX_MS / WHEEL_TICK_MS;
    if (tick <= wheel->tick) {
        tick = wheel->tick + 1;
    } else if (tick > tick_max) {
        tick = tick_max;
    }
    timer->deadline_tick = (uint32_t)tick;
    slot_insert(wheel, timer);
    wheel->armed++;
}

void wheel_cancel(struct wheel *wheel, struct wheel_timer *timer)
{
    if (timer->link == NULL) {
        return;
    }
    ASSERT(wheel->armed > 0);
    unlink_timer(timer);
    wheel->armed--;
    uint32_t slot = timer->deadline_tick & WHEEL_MASK;
    if (wheel->slots[slot] == NULL) {
        occupied_clear(wheel, slot);
    }
}

// How many ticks after `visited` the next slot with timers comes: 1 to WHEEL_SLOTS; 0 when there is
// none.
static uint32_t occupied_distance(const struct wheel *wheel, uint64_t visited)
{
    uint32_t first = (uint32_t)(visited + 1) & WHEEL_MASK;
    uint32_t word = first / 64;
    uint64_t bits = wheel->occupied[word] & (UINT64_MAX << (first % 64));
    // One word more than there are: the last look is at the low bits of the first word.
    for (uint32_t i = 0; i <= WHEEL_WORDS; i++) {
        if (bits != 0) {
            uint32_t slot = word * 64 + (uint32_t)__builtin_ctzll(bits);
            return ((slot - first) & WHEEL_MASK) + 1;
        }
        word = (word + 1) % WHEEL_WORDS;
        bits = wheel->occupied[word];
    }
    return 0;
}

// Takes the next slot that has timers and is not after `tick` out for visiting. False when all are
// visited.
static bool visit_next(struct wheel *wheel)
{
    // One turn visits every slot, however long the sleep was.
    if (wheel->tick - wheel->visited > WHEEL_SLOTS) {
        wheel->visited = wheel->tick - WHEEL_SLOTS;
    }
    uint32_t distance = occupied_distance(wheel, wheel->visited);
    if (distance == 0 || distance > wheel->tick - wheel->visited) {
        wheel->visited = wheel->tick;
        return false;
    }
    wheel->visited += distance;
    uint32_t slot = (uint32_t)wheel->visited & WHEEL_MASK;
    wheel->visiting = wheel->slots[slot];
    wheel->visiting->link = &wheel->visiting;
    wheel->slots[slot] = NULL;
    occupied_clear(wheel, slot);
    return true;
}

bool wheel_advance(struct wheel *wheel, uint64_t now_ms, uint32_t visits_max,
                   wheel_callback callback, void *context)
{
    ASSERT(visits_max > 0);
    uint64_t now_tick = now_ms > wheel->start_ms ? (now_ms - wheel->start_ms) / WHEEL_TICK_MS : 0;
    if (now_tick > wheel->tick) {
        wheel->tick = now_tick;
    }
    for (uint32_t visits = 0;; visits++) {
        if (wheel->visiting == NULL && !visit_next(wheel)) {
            return false;
        }
        if (visits == visits_max) {
            return true;
        }
        struct wheel_timer *timer = wheel->visiting;
        unlink_timer(timer);
        if ((int32_t)(timer->deadline_tick - (uint32_t)wheel->tick) > 0) {
            slot_insert(wheel, timer); // of a later turn
            continue;
        }
        wheel->armed--;
        callback(context, timer);
    }
}

uint64_t wheel_next_ms(const struct wheel *wheel, uint64_t now_ms)
{
    if (wheel->armed == 0) {
        return WHEEL_NEVER_MS;
    }
    if (wheel->visiting != NULL) {
        return 0;
    }
    uint32_t distance = occupied_distance(wheel, wheel->visited);
    ASSERT(distance != 0);
    uint64_t next_ms = wheel->start_ms + (wheel->visited + distance) * WHEEL_TICK_MS;
    return next_ms > now_ms ? next_ms - now_ms : 0;
}
