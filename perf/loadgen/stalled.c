#include "stalled.h"

#include "reader.h"

#include "base/assert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int stalled_init(struct stalled *stalled, struct reader *reader, uint32_t count_max, uint32_t rate)
{
    stalled->reader = reader;
    stalled->rate = rate;
    stalled->indices = count_max > 0 ? calloc(count_max, sizeof *stalled->indices) : NULL;
    return count_max > 0 && stalled->indices == NULL ? -ENOMEM : 0;
}

void stalled_free(struct stalled *stalled)
{
    free(stalled->indices);
    stalled->indices = NULL;
}

uint32_t stalled_bytes_due(uint64_t elapsed_ms, uint32_t rate, uint64_t *left)
{
    uint64_t due = elapsed_ms * rate + *left;
    *left = due % 1000;
    return due / 1000 < READER_BUFFER_BYTES ? (uint32_t)(due / 1000) : READER_BUFFER_BYTES;
}

// One group's turn to read. Who still waits for what the last turn asked for does not get more.
static void on_tick(void *context, struct loop *loop, struct wheel_timer *timer)
{
    struct stalled *stalled = context;
    if (stalled->reader->has_marked) {
        return;
    }
    loop_arm(loop, timer, WHEEL_TICK_MS);
    uint32_t group = stalled->group_next;
    stalled->group_next = (group + 1) % STALLED_GROUPS;
    uint64_t now_ms = loop_now_ms(loop);
    uint32_t bytes = stalled_bytes_due(now_ms - stalled->group_read_ms[group], stalled->rate,
                                       &stalled->group_left[group]);
    stalled->group_read_ms[group] = now_ms;
    for (uint32_t i = group; bytes > 0 && i < stalled->count; i += STALLED_GROUPS) {
        struct subscriber *subscriber = &stalled->reader->subscribers[stalled->indices[i]];
        if (!subscriber->is_reading && subscriber->state == SUBSCRIBER_RECEIVING) {
            reader_receive(stalled->reader, stalled->indices[i], bytes);
        }
    }
}

void stalled_start(struct stalled *stalled)
{
    struct loop *loop = &stalled->reader->loop;
    if (stalled->rate == 0 || stalled->indices == NULL) {
        return;
    }
    for (unsigned i = 0; i < STALLED_GROUPS; i++) {
        stalled->group_read_ms[i] = loop_now_ms(loop);
    }
    stalled->timer.tag = loop_timer_tag(READER_TIMER_STALLED, 0);
    loop_set_timer_handler(loop, READER_TIMER_STALLED, on_tick, stalled);
    loop_arm(loop, &stalled->timer, WHEEL_TICK_MS);
}

void stalled_add(struct stalled *stalled, uint32_t index)
{
    ASSERT(stalled->indices != NULL);
    stalled->indices[stalled->count++] = index;
}

void stalled_round(struct stalled *stalled)
{
    const struct subscriber_ledger *ledger = &stalled->reader->ledgers[GROUP_STALLED];
    atomic_store_explicit(&stalled->bytes_told, ledger->findings.bytes, memory_order_relaxed);
}

void stalled_resume(struct stalled *stalled)
{
    ASSERT(stalled->reader->has_marked);
    for (uint32_t i = 0; i < stalled->count; i++) {
        uint32_t index = stalled->indices[i];
        const struct subscriber *subscriber = &stalled->reader->subscribers[index];
        if (!subscriber->is_reading && subscriber->state == SUBSCRIBER_RECEIVING) {
            reader_receive(stalled->reader, index, 0);
        }
    }
}
