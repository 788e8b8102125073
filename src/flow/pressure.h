// How short of memory the broker is, in stages, and what is left out in each (mission C5). Pure:
// who calls brings the readings and the time.
//
// A stage is entered at its upper mark, PRESSURE_STEP_MS after the last change at the earliest, and
// left when the reading has stood below its lower mark for PRESSURE_HOLD_MS without a break; one
// stage at a time in either direction. So what costs least is always left out first and comes back
// last, and each step has its own time to show what it does. Where a step back is followed by one
// up within PRESSURE_RELAPSE_MS, the next ones back take twice as long as before, up to
// PRESSURE_HOLD_MS_MAX: so memory that fills again as soon as it may does not swing.
//
//     stage  enters  leaves   what is left out, beside what the stages before it leave out
//       1     75 %    65 %    new replays that have to be read back from disk; caches shrink
//       2     85 %    75 %    background events, to subscribers that lag
//       3     92 %    82 %    new subscriptions, long lists for producers
#ifndef RINGCAST_FLOW_PRESSURE_H
#define RINGCAST_FLOW_PRESSURE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pressure_stage {
    PRESSURE_NONE,
    PRESSURE_NO_REPLAYS,
    PRESSURE_SHED,
    PRESSURE_REFUSE,
    PRESSURE_LAST = PRESSURE_REFUSE,
};

enum {
    // How often the memory is looked at; and from this reading on, since a disk fills a cache by a
    // GiB a second.
    PRESSURE_LOOK_MS = 250,
    PRESSURE_SOON_PERMILLE = 500,
    PRESSURE_LOOK_SOON_MS = 50,
    PRESSURE_STEP_MS = 250,
    PRESSURE_HOLD_MS = 5000,
    PRESSURE_HOLD_MS_MAX = 60 * 1000,
    PRESSURE_RELAPSE_MS = 60 * 1000,
};

struct pressure {
    enum pressure_stage stage;
    bool is_calm;           // the last reading was below the stage's lower mark
    uint64_t calm_since_ms; // while is_calm
    uint64_t raised_ms;     // when a stage was entered last
    uint64_t lowered_ms;    // when one was left last, unless another was entered since; 0: not
    uint32_t hold_ms;       // of the steps back
};

// What is used of a limit; 0 as the limit: there is none, or it is not known.
struct pressure_gauge {
    uint64_t used_bytes;
    uint64_t limit_bytes;
};

// In 1/1000 of the limit; may be above 1000. 0 without a limit.
uint32_t pressure_permille(struct pressure_gauge gauge);

// Takes a reading. Whether the stage changed. The clock does not go back.
bool pressure_look(struct pressure *pressure, uint32_t full_permille, uint64_t now_ms);

// "none", "no_replays", "shed", "refuse". Static memory.
const char *pressure_stage_name(enum pressure_stage stage);

// What the other threads see of it: written by the main thread, read by any, each member by itself.
struct pressure_board {
    _Atomic uint32_t stage;    // enum pressure_stage
    _Atomic uint64_t since_ms; // Unix time of the last change; 0: there was none
    _Atomic uint64_t changes;
    _Atomic uint64_t memory_used_bytes;
    _Atomic uint64_t memory_limit_bytes; // 0: none known
    _Atomic uint64_t tcp_used_bytes;
    _Atomic uint64_t tcp_limit_bytes;
};

// NULL: nobody watches, there is no pressure.
static inline enum pressure_stage pressure_board_stage(const struct pressure_board *board)
{
    return board == NULL
               ? PRESSURE_NONE
               : (enum pressure_stage)atomic_load_explicit(&board->stage, memory_order_relaxed);
}

#endif
