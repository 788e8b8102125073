#include "app/memory_watch.h"

#include "base/allocated.h"
#include "base/clock.h"
#include "base/logger.h"

#include <stdio.h>

static const char *const meanings[] = {
    [PRESSURE_NONE] = "everything is served",
    [PRESSURE_NO_REPLAYS] = "no new replays from disk, caches shrink",
    [PRESSURE_SHED] = "background events are withheld from those who lag",
    [PRESSURE_REFUSE] = "new subscriptions are refused",
};

enum { GAUGE_TEXT_SIZE = 64 };

static void format_gauge(struct pressure_gauge gauge, char text[GAUGE_TEXT_SIZE])
{
    uint32_t permille = pressure_permille(gauge);
    (void)snprintf(text, GAUGE_TEXT_SIZE, "%llu of %llu MiB (%u.%u %%)",
                   (unsigned long long)gauge.used_bytes >> 20,
                   (unsigned long long)gauge.limit_bytes >> 20, permille / 10, permille % 10);
}

static void tell(enum pressure_stage stage, const struct memory_reading *reading)
{
    char memory[GAUGE_TEXT_SIZE];
    char tcp[GAUGE_TEXT_SIZE];
    format_gauge(reading->memory, memory);
    format_gauge(reading->tcp, tcp);
    if (stage == PRESSURE_NONE) {
        LOG_INFO("memory", "pressure is over: %s; memory %s, TCP %s", meanings[stage], memory, tcp);
    } else {
        LOG_WARN("memory", "pressure stage %u of %u: %s; memory %s, TCP %s", (unsigned)stage,
                 (unsigned)PRESSURE_LAST, meanings[stage], memory, tcp);
    }
}

static void publish(struct memory_watch *watch, const struct memory_reading *reading)
{
    struct pressure_board *board = &watch->board;
    atomic_store_explicit(&board->memory_used_bytes, reading->memory.used_bytes,
                          memory_order_relaxed);
    atomic_store_explicit(&board->memory_limit_bytes, reading->memory.limit_bytes,
                          memory_order_relaxed);
    atomic_store_explicit(&board->tcp_used_bytes, reading->tcp.used_bytes, memory_order_relaxed);
    atomic_store_explicit(&board->tcp_limit_bytes, reading->tcp.limit_bytes, memory_order_relaxed);
}

void memory_watch_open(struct memory_watch *watch, const char *root, uint64_t limit_bytes,
                       bool is_on)
{
    *watch = (struct memory_watch){.next_ms = is_on ? clock_monotonic_ms() + PRESSURE_LOOK_MS
                                                    : UINT64_MAX};
    memory_source_open(&watch->source, root, limit_bytes);
    struct memory_reading reading;
    memory_source_read(&watch->source, &reading);
    publish(watch, &reading);
}

static void show_stage(struct memory_watch *watch, const struct memory_reading *reading)
{
    enum pressure_stage stage = watch->pressure.stage;
    struct pressure_board *board = &watch->board;
    atomic_store_explicit(&board->since_ms, clock_realtime_ms(), memory_order_relaxed);
    atomic_fetch_add_explicit(&board->changes, 1, memory_order_relaxed);
    atomic_store_explicit(&board->stage, stage, memory_order_relaxed);
    tell(stage, reading);
}

void memory_watch_set(struct memory_watch *watch, uint64_t limit_bytes, bool is_on)
{
    memory_source_open(&watch->source, watch->source.root, limit_bytes);
    watch->next_ms = is_on ? 0 : UINT64_MAX;
    struct memory_reading reading;
    memory_source_read(&watch->source, &reading);
    publish(watch, &reading);
    if (!is_on && watch->pressure.stage != PRESSURE_NONE) {
        watch->pressure = (struct pressure){0};
        show_stage(watch, &reading);
    }
}

bool memory_watch_look(struct memory_watch *watch, uint64_t now_ms)
{
    if (now_ms < watch->next_ms) {
        return false;
    }
    if (watch->pressure.stage > PRESSURE_NONE) {
        allocated_give_back(); // what was freed since the last look is not used
    }
    struct memory_reading reading;
    memory_source_read(&watch->source, &reading);
    publish(watch, &reading);
    uint32_t memory_permille = pressure_permille(reading.memory);
    uint32_t tcp_permille = pressure_permille(reading.tcp);
    uint32_t permille = memory_permille > tcp_permille ? memory_permille : tcp_permille;
    bool is_soon = permille >= PRESSURE_SOON_PERMILLE;
    watch->next_ms = now_ms + (is_soon ? PRESSURE_LOOK_SOON_MS : PRESSURE_LOOK_MS);
    bool is_changed = pressure_look(&watch->pressure, permille, now_ms);
    if (is_changed) {
        show_stage(watch, &reading);
    }
    return is_changed;
}
