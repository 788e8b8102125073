// Who lags, and what is dropped then (mission C2): the decisions alone, over numbers. Where a
// connection's backlog stands, and how it is sent without what was dropped, is conn/overflow.c.
// A backlog is the events behind a subscriber's cursor, in id order. Any thread.
#ifndef RINGCAST_FLOW_OVERFLOW_H
#define RINGCAST_FLOW_OVERFLOW_H

#include "event/event.h"
#include "event/overflow_policy.h"

#include <stdbool.h>
#include <stdint.h>

struct overflow_limits {
    uint64_t events; // 0: no limit
    uint64_t bytes;  // of frames; 0: no limit
};

// What one of those who may say so (a request, a stream, the broker) says.
struct overflow_terms {
    enum overflow_policy policy; // OVERFLOW_UNSET: not said
    struct overflow_limits limits;
};

static inline bool overflow_terms_say(const struct overflow_terms *terms)
{
    return terms->policy != OVERFLOW_UNSET || terms->limits.events > 0 || terms->limits.bytes > 0;
}
// `stronger`'s policy where it says one, and of each limit the tighter one.
struct overflow_terms overflow_combine(const struct overflow_terms *stronger,
                                       const struct overflow_terms *weaker);
// Of two streams on one connection, whose events share one cursor: to block goes before all else,
// since what another policy dropped would be lost to both.
struct overflow_terms overflow_join(const struct overflow_terms *one,
                                    const struct overflow_terms *other);

static inline bool overflow_is_over(const struct overflow_limits *limits, uint64_t events,
                                    uint64_t bytes)
{
    return (limits->events > 0 && events > limits->events) ||
           (limits->bytes > 0 && bytes > limits->bytes);
}

// --- drop_oldest ---

// How many of the newest `part` events (one stream's share of a backlog of `events`, `bytes`) stay,
// so that of the whole as much stays as is allowed; at least one, so that it moves on.
uint64_t overflow_keep_newest(const struct overflow_limits *limits, uint64_t events, uint64_t bytes,
                              uint64_t part);

// --- drop_newest ---

// The oldest events of a backlog, taken one by one. Zeroed to begin with.
struct overflow_oldest {
    uint64_t events;
    uint64_t bytes;
    uint64_t last_id; // the newest that stays
};

// False when this event, and so all that follow, are beyond the limits; the first never is.
bool overflow_oldest_keep(struct overflow_oldest *oldest, const struct overflow_limits *limits,
                          uint64_t id, uint64_t bytes);

// --- drop_lowest ---

// What is left out of a range of ids: events of a lower priority than `priority`, and of that
// priority those up to `id`.
struct overflow_cut {
    uint64_t id;
    enum event_priority priority;
};

// Leaves nothing out.
#define OVERFLOW_CUT_NONE ((struct overflow_cut){.id = 0, .priority = PRIORITY_BACKGROUND})

static inline bool overflow_cuts_any(const struct overflow_cut *cut)
{
    return cut->id > 0 || cut->priority < PRIORITY_BACKGROUND;
}

static inline bool overflow_is_cut(const struct overflow_cut *cut, uint64_t id,
                                   enum event_priority priority)
{
    return priority > cut->priority || (priority == cut->priority && id <= cut->id);
}

enum { OVERFLOW_LEVELS = PRIORITY_BACKGROUND + 1 };

// The backlog is gone through twice: all of it is counted by priority, and once the level that is
// cut in part is known, it is shed until enough of it is gone. Zeroed to begin with.
struct overflow_lowest {
    struct overflow_level {
        uint64_t events;
        uint64_t bytes;
        uint64_t last_id;
    } levels[OVERFLOW_LEVELS];
    uint64_t events_over; // still to be shed of cut.priority
    uint64_t bytes_over;
    uint64_t dropped; // events that the cut leaves out
    uint64_t dropped_last_id;
    struct overflow_cut cut;
};

void overflow_lowest_count(struct overflow_lowest *lowest, uint64_t id,
                           enum event_priority priority, uint64_t bytes);
// All was counted. True when the backlog is to be shed, from its beginning; false when the cut
// stands as it is.
bool overflow_lowest_choose(struct overflow_lowest *lowest, const struct overflow_limits *limits);
// The same, whatever the limits: all of priority background goes, and nothing else.
void overflow_lowest_choose_background(struct overflow_lowest *lowest);
// True when enough is shed, and the rest need not be looked at.
bool overflow_lowest_shed(struct overflow_lowest *lowest, uint64_t id, enum event_priority priority,
                          uint64_t bytes);

#endif
