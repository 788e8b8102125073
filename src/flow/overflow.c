#include "flow/overflow.h"

#include "base/assert.h"

// --- whose word counts ---

static uint64_t tighter(uint64_t one, uint64_t other)
{
    return one == 0 || (other != 0 && other < one) ? other : one;
}

static struct overflow_limits tighter_limits(const struct overflow_terms *one,
                                             const struct overflow_terms *other)
{
    return (struct overflow_limits){.events = tighter(one->limits.events, other->limits.events),
                                    .bytes = tighter(one->limits.bytes, other->limits.bytes)};
}

struct overflow_terms overflow_combine(const struct overflow_terms *stronger,
                                       const struct overflow_terms *weaker)
{
    return (struct overflow_terms){.policy = stronger->policy != OVERFLOW_UNSET ? stronger->policy
                                                                                : weaker->policy,
                                   .limits = tighter_limits(stronger, weaker)};
}

struct overflow_terms overflow_join(const struct overflow_terms *one,
                                    const struct overflow_terms *other)
{
    bool is_blocking = one->policy == OVERFLOW_BLOCK || other->policy == OVERFLOW_BLOCK;
    struct overflow_terms joined = overflow_combine(one, other);
    joined.policy = is_blocking ? OVERFLOW_BLOCK : joined.policy;
    return joined;
}

// --- drop_oldest ---

__extension__ typedef unsigned __int128 product;

// Rounded down.
static uint64_t share_of(uint64_t part, uint64_t most, uint64_t all)
{
    return (uint64_t)((product)part * most / all);
}

uint64_t overflow_keep_newest(const struct overflow_limits *limits, uint64_t events, uint64_t bytes,
                              uint64_t part)
{
    ASSERT(part <= events);
    uint64_t keep = part;
    if (limits->events > 0 && events > limits->events) {
        keep = share_of(part, limits->events, events);
    }
    if (limits->bytes > 0 && bytes > limits->bytes) {
        uint64_t of_bytes = share_of(part, limits->bytes, bytes);
        keep = of_bytes < keep ? of_bytes : keep;
    }
    return keep > 0 ? keep : 1;
}

// --- drop_newest ---

bool overflow_oldest_keep(struct overflow_oldest *oldest, const struct overflow_limits *limits,
                          uint64_t id, uint64_t bytes)
{
    ASSERT(id > oldest->last_id);
    if (oldest->events > 0 && overflow_is_over(limits, oldest->events + 1, oldest->bytes + bytes)) {
        return false;
    }
    oldest->events++;
    oldest->bytes += bytes;
    oldest->last_id = id;
    return true;
}

// --- drop_lowest ---

static void note_dropped(struct overflow_lowest *lowest, uint64_t events, uint64_t last_id)
{
    lowest->dropped += events;
    if (last_id > lowest->dropped_last_id) {
        lowest->dropped_last_id = last_id;
    }
}

void overflow_lowest_count(struct overflow_lowest *lowest, uint64_t id,
                           enum event_priority priority, uint64_t bytes)
{
    ASSERT((unsigned)priority < OVERFLOW_LEVELS);
    struct overflow_level *level = &lowest->levels[priority];
    level->events++;
    level->bytes += bytes;
    level->last_id = id;
}

bool overflow_lowest_choose(struct overflow_lowest *lowest, const struct overflow_limits *limits)
{
    uint64_t events = 0;
    uint64_t bytes = 0;
    for (unsigned i = 0; i < OVERFLOW_LEVELS; i++) {
        events += lowest->levels[i].events;
        bytes += lowest->levels[i].bytes;
    }
    lowest->cut = OVERFLOW_CUT_NONE;
    for (unsigned i = PRIORITY_BACKGROUND; overflow_is_over(limits, events, bytes); i--) {
        const struct overflow_level *level = &lowest->levels[i];
        lowest->cut.priority = (enum event_priority)i;
        if (i == PRIORITY_CRITICAL) {
            return false; // all others go, and that is all that may
        }
        if (!overflow_is_over(limits, events - level->events, bytes - level->bytes)) {
            bool is_over_events = limits->events > 0 && events > limits->events;
            bool is_over_bytes = limits->bytes > 0 && bytes > limits->bytes;
            lowest->events_over = is_over_events ? events - limits->events : 0;
            lowest->bytes_over = is_over_bytes ? bytes - limits->bytes : 0;
            return true;
        }
        events -= level->events;
        bytes -= level->bytes;
        note_dropped(lowest, level->events, level->last_id);
    }
    return false;
}

void overflow_lowest_choose_background(struct overflow_lowest *lowest)
{
    const struct overflow_level *background = &lowest->levels[PRIORITY_BACKGROUND];
    lowest->cut = background->events == 0
                      ? OVERFLOW_CUT_NONE
                      : (struct overflow_cut){.id = 0, .priority = PRIORITY_LOW};
    note_dropped(lowest, background->events, background->last_id);
}

bool overflow_lowest_shed(struct overflow_lowest *lowest, uint64_t id, enum event_priority priority,
                          uint64_t bytes)
{
    ASSERT(lowest->events_over > 0 || lowest->bytes_over > 0);
    if (priority != lowest->cut.priority) {
        return false;
    }
    lowest->events_over -= lowest->events_over > 0;
    lowest->bytes_over -= bytes < lowest->bytes_over ? bytes : lowest->bytes_over;
    lowest->cut.id = id;
    note_dropped(lowest, 1, id);
    return lowest->events_over == 0 && lowest->bytes_over == 0;
}
