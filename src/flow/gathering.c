#include "flow/gathering.h"

enum gathering_verdict gathering_look(struct gathering *gathering, bool has_some, bool is_full,
                                      uint32_t timeout_ms, uint64_t now_ms)
{
    if (!has_some) {
        gathering_end(gathering);
        return GATHERING_SEND;
    }
    if (gathering_is_due(gathering, now_ms)) {
        return GATHERING_SEND;
    }
    if (is_full) {
        gathering_resume(gathering, now_ms);
        return GATHERING_SEND;
    }
    if (gathering->due_ms > 0) {
        return GATHERING_GOES_ON;
    }
    gathering->due_ms = now_ms + timeout_ms;
    return GATHERING_BEGUN;
}

void gathering_end(struct gathering *gathering)
{
    gathering->due_ms = 0;
}

void gathering_resume(struct gathering *gathering, uint64_t now_ms)
{
    gathering->due_ms = now_ms;
}
