// Tells the service manager's watchdog (notify.h) that the broker lives: for as long as main gets
// here and every other thread begins rounds. It wakes each of them some times in the manager's
// interval, and sees from that being taken that the thread is not stuck. The main thread alone.
#ifndef RINGCAST_APP_WATCHDOG_H
#define RINGCAST_APP_WATCHDOG_H

#include "app/notify.h"
#include "base/limits.h"
#include "io/loop.h"

#include <stdbool.h>
#include <stdint.h>

enum { WATCHDOG_LOOKS = 4 }; // in the manager's interval

struct watchdog {
    struct notify *notify; // borrowed
    uint64_t next_ms;      // monotonic; UINT64_MAX: never
    uint32_t count;
    struct {
        struct loop *loop; // borrowed
        bool has_answered; // since the last time that the manager was told
    } threads[WORKERS_MAX + 1];
};

void watchdog_open(struct watchdog *watchdog, struct notify *notify, uint64_t now_ms);
// Adds a thread, before the first look.
void watchdog_add(struct watchdog *watchdog, struct loop *loop);
// Looks where it is time to.
void watchdog_look(struct watchdog *watchdog, uint64_t now_ms);

#endif
