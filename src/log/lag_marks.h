// How far behind a place in a stream is, in events and bytes, from the id of that place alone:
// marks along the stream's newest end, coarser when it is long. Exact while the stream's limit is
// less than LAG_MARKS_MAX events, or the place is the stream's end; else what is told may be too
// much by 1/LAG_MARKS_NEAR of the limit. Pure; one thread.
#ifndef RINGCAST_LOG_LAG_MARKS_H
#define RINGCAST_LOG_LAG_MARKS_H

#include <stdint.h>

enum { LAG_MARKS_MAX = 64, LAG_MARKS_NEAR = 8 };

struct lag {
    uint64_t events;
    uint64_t bytes;
};

// All of the stream up to and with an id, counted from lag_marks_begin on.
struct lag_mark {
    uint64_t id;
    struct lag sum;
};

struct lag_marks {
    struct lag limit; // what lies further back need not be told apart; 0: no such limit
    struct lag_mark end;
    uint32_t step; // at most so many events between two marks
    uint32_t first;
    uint32_t count; // at least 1
    struct lag_mark marks[LAG_MARKS_MAX];
};

// The stream ends with this id; what came before counts no more.
void lag_marks_begin(struct lag_marks *marks, uint64_t id, struct lag limit);
// Another limit from now on. A higher one takes effect as the stream grows: what lay beyond the old
// one is told as that far back.
void lag_marks_set_limit(struct lag_marks *marks, struct lag limit);
// id is above the last one.
void lag_marks_add(struct lag_marks *marks, uint64_t id, uint64_t bytes);
// What comes after this id; at least the limit where it lies so far back that the marks are gone.
struct lag lag_marks_behind(const struct lag_marks *marks, uint64_t id);

#endif
