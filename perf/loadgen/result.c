#include "result.h"

#include "dealing.h"

#include "base/assert.h"

// A thread that runs for so many percent of the time has none left.
static const uint64_t BUSY_PERCENT = 92;
// The cores are used up when so little of them is idle.
static const uint64_t IDLE_PERCENT = 5;
// Events published so much later than they were due, at the 99th percentile, are late.
static const uint64_t LATE_NS = 5 * 1000 * 1000;

// Whether a thread had no time left. Waiting for a core counts: it would have used that one.
static bool is_busy(const struct usage *usage, uint64_t elapsed_ns)
{
    uint64_t busiest = 0;
    for (uint32_t i = 0; i < usage->thread_count; i++) {
        uint64_t used = usage->threads[i].cpu_ns + usage->threads[i].wait_ns;
        busiest = used > busiest ? used : busiest;
    }
    return busiest * 100 >= elapsed_ns * BUSY_PERCENT;
}

enum bottleneck result_bottleneck(const struct result *result, bool *late)
{
    bool is_late =
        result->pace == PACE_RATE && histogram_quantile(&result->lateness, 99 * 1000) > LATE_NS;
    if (late != NULL) {
        *late = is_late;
    }
    bool server_is_busy = result->has_server && is_busy(&result->server, result->elapsed_ns);
    bool generator_is_busy = is_busy(&result->generator, result->elapsed_ns);
    uint64_t cores_ns = result->machine.busy_ns + result->machine.idle_ns;
    bool machine_is_busy = cores_ns > 0 && result->machine.idle_ns * 100 < cores_ns * IDLE_PERCENT;
    if (machine_is_busy && (server_is_busy || generator_is_busy || is_late)) {
        return BOTTLENECK_MACHINE;
    }
    if (server_is_busy && !generator_is_busy) {
        return BOTTLENECK_SERVER;
    }
    if (generator_is_busy || is_late) {
        return BOTTLENECK_GENERATOR;
    }
    return result->pace == PACE_WINDOW ? BOTTLENECK_WAITING : BOTTLENECK_NONE;
}

const char *bottleneck_text(enum bottleneck bottleneck)
{
    switch (bottleneck) {
    case BOTTLENECK_NONE: return "none: the server kept up with the rate";
    case BOTTLENECK_SERVER: return "the server: a thread of it was busy all the time";
    case BOTTLENECK_GENERATOR:
        return "the generator, not the server: a thread of it was busy all the time, or published "
               "late";
    case BOTTLENECK_MACHINE:
        return "the machine: no core was idle; server and generator shared them";
    case BOTTLENECK_WAITING: return "none: server and generator waited for each other";
    }
    UNREACHABLE();
}

bool result_has_unhealthy(const struct result *result)
{
    return dealing_of(result->options).counts[GROUP_HEALTHY] < result->options->connections;
}

double result_events_per_send(const struct result *result)
{
    if (result->sample_segments == 0) {
        return 0;
    }
    uint32_t measured = dealing_of(result->options).counts[GROUP_HEALTHY];
    double each = (double)result->deliveries / measured;
    return each * result->samples / (double)result->sample_segments;
}

uint64_t result_cpu_per_delivery_ns(const struct result *result)
{
    return result->has_server && result->deliveries > 0 ? result->server.cpu_ns / result->deliveries
                                                        : 0;
}

bool result_is_good(const struct result *result)
{
    return result->has_run && result->error[0] == 0 && findings_are_good(&result->findings) &&
           group_tally_is_good(&result->groups[GROUP_THROTTLED]);
}
