// When a batch goes out: once there are enough events, or something urgent, or the first of them
// has waited long enough; and then all that is there, also where that takes several sends. Pure
// logic. One thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// Zeroed: nothing gathers.
struct gathering {
    uint64_t due_ms; // when it goes out; in the past: it goes out until all of it is sent
};

enum gathering_verdict {
    GATHERING_SEND,  // nothing is held
    GATHERING_BEGUN, // the first of a batch came: look again at due_ms
    GATHERING_GOES_ON,
};

// has_some: there are events that wait; is_full: and they are enough, or one is urgent. Times on
// any one clock, above 0.
enum gathering_verdict gathering_look(struct gathering *gathering, bool has_some, bool is_full,
                                      uint32_t timeout_ms, uint64_t now_ms);
// All that waited has been sent.
void gathering_end(struct gathering *gathering);
// What was sent did not all go out: the rest waits for nothing more.
void gathering_resume(struct gathering *gathering, uint64_t now_ms);

// Whether it goes out already, so that counting is idle.
static inline bool gathering_is_due(const struct gathering *gathering, uint64_t now_ms)
{
    return gathering->due_ms > 0 && gathering->due_ms <= now_ms;
}
