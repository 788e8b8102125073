#include "log/lag_marks.h"

#include "base/assert.h"

#include <stdbool.h>

STATIC_ASSERT((LAG_MARKS_MAX & (LAG_MARKS_MAX - 1)) == 0, "the ring is addressed by a mask");

enum { BYTES_STEPS = 16 };
STATIC_ASSERT(2 * (int)BYTES_STEPS + 4 < (int)LAG_MARKS_MAX,
              "marks for bytes leave room for others");

static struct lag_mark *mark_at(struct lag_marks *marks, uint32_t place)
{
    return &marks->marks[(marks->first + place) & (LAG_MARKS_MAX - 1)];
}

static const struct lag_mark *mark_of(const struct lag_marks *marks, uint32_t place)
{
    return &marks->marks[(marks->first + place) & (LAG_MARKS_MAX - 1)];
}

static struct lag since(const struct lag_marks *marks, const struct lag_mark *mark)
{
    return (struct lag){.events = marks->end.sum.events - mark->sum.events,
                        .bytes = marks->end.sum.bytes - mark->sum.bytes};
}

void lag_marks_begin(struct lag_marks *marks, uint64_t id, struct lag limit)
{
    *marks = (struct lag_marks){.limit = limit, .end = {.id = id}, .step = 1, .count = 1};
    marks->marks[0] = marks->end;
}

static bool reaches_limit(const struct lag_marks *marks, const struct lag_mark *mark)
{
    struct lag lag = since(marks, mark);
    return (marks->limit.events != 0 && lag.events >= marks->limit.events) ||
           (marks->limit.bytes != 0 && lag.bytes >= marks->limit.bytes);
}

// Of those at or beyond the limit the newest is enough.
static void forget_beyond_limit(struct lag_marks *marks)
{
    while (marks->count > 1 && reaches_limit(marks, mark_of(marks, 1))) {
        marks->first = (marks->first + 1) & (LAG_MARKS_MAX - 1);
        marks->count--;
    }
}

void lag_marks_set_limit(struct lag_marks *marks, struct lag limit)
{
    marks->limit = limit;
    forget_beyond_limit(marks);
}

// Whether a mark is needed between these two.
static bool is_far(const struct lag_marks *marks, const struct lag_mark *from,
                   const struct lag_mark *to)
{
    return to->sum.events - from->sum.events > marks->step ||
           (marks->limit.bytes != 0 &&
            to->sum.bytes - from->sum.bytes > marks->limit.bytes / BYTES_STEPS);
}

// Those that are needed stay.
static void thin_out(struct lag_marks *marks)
{
    uint32_t kept = 1;
    for (uint32_t i = 1; i < marks->count; i++) {
        const struct lag_mark *next = i + 1 < marks->count ? mark_at(marks, i + 1) : &marks->end;
        if (is_far(marks, mark_at(marks, kept - 1), next)) {
            *mark_at(marks, kept++) = *mark_at(marks, i);
        }
    }
    marks->count = kept;
}

// Where the stream ends now.
static void set_mark(struct lag_marks *marks)
{
    if (marks->count < LAG_MARKS_MAX / 4 && marks->step > 1) {
        marks->step /= 2;
    }
    // Ends: of any three within the limit the outer ones are far from each other, and what bytes
    // alone ask for is fewer than there are.
    while (marks->count == LAG_MARKS_MAX) {
        marks->step *= 2;
        thin_out(marks);
    }
    *mark_at(marks, marks->count++) = marks->end;
}

void lag_marks_add(struct lag_marks *marks, uint64_t id, uint64_t bytes)
{
    ASSERT(id > marks->end.id);
    struct lag_mark end = {id, {marks->end.sum.events + 1, marks->end.sum.bytes + bytes}};
    const struct lag_mark *last = mark_of(marks, marks->count - 1);
    if (last->id < marks->end.id && is_far(marks, last, &end)) {
        set_mark(marks);
    }
    marks->end = end;
    forget_beyond_limit(marks);
}

struct lag lag_marks_behind(const struct lag_marks *marks, uint64_t id)
{
    if (id >= marks->end.id) {
        return (struct lag){0};
    }
    // The newest mark at or before it; the oldest where there is none.
    uint32_t low = 0;
    uint32_t high = marks->count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (mark_of(marks, middle)->id <= id) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return since(marks, mark_of(marks, low));
}
