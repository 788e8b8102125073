#include "fanout.h"

#include "rig.h"

#include "base/clock.h"

enum {
    BETWEEN_PHASES_MS = 50,
    // Those that stalled read on for so long, or until so long nothing has come.
    READ_ON_MS_MAX = 10 * 1000,
    READ_ON_QUIET_MS = 2000,
};

static int measure_phases(struct rig *rig)
{
    struct result *result = rig->result;
    struct publisher *publisher = &rig->publisher;
    int code = 0;
    if (rig->options->warmup_ms > 0) {
        watch_phase(&rig->watch, WATCH_WARMING);
        code = publisher_run(publisher, rig->options->warmup_ms);
        code = code < 0 ? code : publisher_drain(publisher);
        if (code < 0) {
            return code;
        }
        rig_pause_ms(BETWEEN_PHASES_MS);
    }
    rig_count(rig, 0);
    uint64_t start_ns = clock_monotonic_ns();
    atomic_store(&rig->meter.record_from_ns, start_ns);
    watch_phase(&rig->watch, WATCH_MEASURING);
    code = publisher_run(publisher, rig->options->duration_ms);
    result->publishing_ns = clock_monotonic_ns() - start_ns;
    watch_phase(&rig->watch, WATCH_DRAINING);
    code = code < 0 ? code : publisher_drain(publisher);
    result->elapsed_ns = clock_monotonic_ns() - start_ns;
    rig_count(rig, 1);
    result->lateness = publisher->lateness;
    result->has_run = true;
    return code;
}

// What ended it early is in the result, which is told all the same.
static int measure(struct rig *rig)
{
    if (measure_phases(rig) < 0) {
        (void)rig_fail(rig, 0, rig->publisher.error);
    }
    return 0;
}

static uint64_t stalled_bytes(const struct rig *rig)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < rig->options->threads; i++) {
        bytes += atomic_load_explicit(&rig->readers[i]->stalled.bytes_told, memory_order_relaxed);
    }
    return bytes;
}

// To see what the server did about those that stalled. Those that are throttled get a little more
// meanwhile.
static void read_on(struct rig *rig)
{
    for (uint32_t i = 0; i < rig->options->threads; i++) {
        reader_mark(rig->readers[i]);
    }
    uint64_t bytes = stalled_bytes(rig);
    uint64_t quiet_ms = 0;
    for (uint64_t ms = 0; ms < READ_ON_MS_MAX && quiet_ms < READ_ON_QUIET_MS;
         ms += BETWEEN_PHASES_MS) {
        rig_pause_ms(BETWEEN_PHASES_MS);
        uint64_t now = stalled_bytes(rig);
        quiet_ms = now == bytes ? quiet_ms + BETWEEN_PHASES_MS : 0;
        bytes = now;
    }
}

static int run(struct rig *rig)
{
    struct drops before;
    bool is_watched = result_has_unhealthy(rig->result) && !rig->options->bare;
    if (is_watched) {
        drops_read(&before, rig->options->publish);
    }
    int code = rig_connect(rig);
    if (code == 0) {
        code = rig_run_beside(rig, measure);
    }
    if (code == 0 && result_has_unhealthy(rig->result)) {
        read_on(rig);
    }
    if (is_watched) {
        drops_read(&rig->result->drops, rig->options->publish);
        drops_subtract(&rig->result->drops, &before);
    }
    return code;
}

int fanout_run(struct result *result, const struct options *options, enum publisher_pace pace)
{
    struct rig_plan plan = {.kind = RESULT_FANOUT, .pace = pace};
    return rig_run(result, options, &plan, run);
}
