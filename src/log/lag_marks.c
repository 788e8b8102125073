#include "log/lag_marks.h"

#include "base/assert.h"

#include <stdbool.h>

STATIC_ASSERT((LAG_MARKS_MAX & (LAG_MARKS_MAX - 1)) == 0, "the ring is addressed by a mask");

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

// Half of them, evenly: every second, from the oldest on.
static void coarsen(struct lag_marks *marks)
{
    for (uint32_t i = 0; i < marks->count / 2; i++) {
        *mark_at(marks, i) = *mark_at(marks, 2 * i);
    }
    marks->count /= 2;
    marks->step *= 2;
}

void lag_marks_add(struct lag_marks *marks, uint64_t id, uint64_t bytes)
{
    ASSERT(id > marks->end.id);
    marks->end.id = id;
    marks->end.sum.events++;
    marks->end.sum.bytes += bytes;
    // Of those at or beyond the limit the newest is enough.
    while (marks->count > 1 && reaches_limit(marks, mark_of(marks, 1))) {
        marks->first = (marks->first + 1) & (LAG_MARKS_MAX - 1);
        marks->count--;
    }
    if (since(marks, mark_of(marks, marks->count - 1)).events < marks->step) {
        return;
    }
    if (marks->count == LAG_MARKS_MAX) {
        coarsen(marks);
        if (since(marks, mark_of(marks, marks->count - 1)).events < marks->step) {
            return;
        }
    }
    *mark_at(marks, marks->count++) = marks->end;
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
