#include "app/watchdog.h"

#include "base/assert.h"
#include "base/logger.h"

void watchdog_open(struct watchdog *watchdog, struct notify *notify, uint64_t now_ms)
{
    *watchdog = (struct watchdog){.notify = notify, .next_ms = UINT64_MAX};
    if (notify->watchdog_ms != 0) {
        watchdog->next_ms = now_ms;
    }
}

void watchdog_add(struct watchdog *watchdog, struct loop *loop)
{
    ASSERT(watchdog->count < WORKERS_MAX + 1);
    // Nobody was asked yet: the first look tells the manager, and asks.
    watchdog->threads[watchdog->count].has_answered = true;
    watchdog->threads[watchdog->count].loop = loop;
    watchdog->count++;
}

static bool have_all_answered(struct watchdog *watchdog)
{
    uint32_t answered = 0;
    for (uint32_t i = 0; i < watchdog->count; i++) {
        if (!loop_is_woken(watchdog->threads[i].loop)) {
            watchdog->threads[i].has_answered = true;
        }
        answered += watchdog->threads[i].has_answered ? 1 : 0;
    }
    return answered == watchdog->count;
}

void watchdog_look(struct watchdog *watchdog, uint64_t now_ms)
{
    if (now_ms < watchdog->next_ms) {
        return;
    }
    watchdog->next_ms = now_ms + (watchdog->notify->watchdog_ms / WATCHDOG_LOOKS);
    if (!have_all_answered(watchdog)) {
        LOG_WARN("service", "a thread does not answer: the watchdog is not told that it does");
        return;
    }
    notify_alive(watchdog->notify);
    for (uint32_t i = 0; i < watchdog->count; i++) {
        watchdog->threads[i].has_answered = false;
        loop_wake(watchdog->threads[i].loop, NULL);
    }
}
