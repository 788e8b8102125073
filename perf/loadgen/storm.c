#include "storm.h"

#include "rig.h"

#include "base/assert.h"
#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    // For what the end of the connections leaves to do.
    CUT_SETTLE_MS = 500,
};

static uint64_t server_cpu_ns(const struct rig *rig)
{
    return usage_read_cpu_ns(&rig->server);
}

static int publish(struct rig *rig, uint64_t each)
{
    int code = publisher_publish(&rig->publisher, each * rig->options->streams);
    return code < 0 ? rig_fail(rig, code, rig->publisher.error) : 0;
}

static int drain(struct rig *rig)
{
    int code = publisher_drain(&rig->publisher);
    rig_look(rig);
    return code < 0 ? rig_fail(rig, code, rig->publisher.error) : 0;
}

static int connect_all(struct rig *rig)
{
    uint64_t cpu_ns = server_cpu_ns(rig);
    int code = rig_connect(rig);
    rig->result->opening_cpu_ns = server_cpu_ns(rig) - cpu_ns;
    return code;
}

// A server whose responses do not begin with an id tells one with the first event.
static int ids_learn(struct rig *rig)
{
    uint32_t wanted = rig->options->connections;
    int code = 0;
    if (rig_resumable(rig) < wanted) {
        code = publish(rig, 1);
        code = code < 0 ? code : drain(rig);
    }
    uint64_t known = rig_resumable(rig);
    if (code == 0 && known < wanted) {
        char text[128];
        (void)snprintf(text, sizeof text,
                       "%" PRIu64 " of %u subscribers were told no id to resume behind",
                       wanted - known, wanted);
        code = rig_fail(rig, -EBADMSG, text);
    }
    return code;
}

// Cuts all off, and publishes meanwhile.
static int miss(struct rig *rig)
{
    struct result *result = rig->result;
    const struct options *options = rig->options;
    int code = rig_cut(rig);
    if (code == 0 && options->bare) {
        code = bare_cut(&rig->bare);
        rig->bare.keeps = true;
    }
    rig_pause_ms(CUT_SETTLE_MS);
    uint64_t start_ns = clock_monotonic_ns();
    code = code < 0 ? code : publish(rig, options->missed);
    if (code == 0 && options->bare) {
        code = bare_sync(&rig->bare);
        rig->bare.keeps = false;
    }
    result->publishing_ns = clock_monotonic_ns() - start_ns;
    return code;
}

static int come_back(struct rig *rig)
{
    struct result *result = rig->result;
    // The same for each: events are dealt to the streams in turn.
    uint64_t goal = rig->publisher.published[0];
    ASSERT(goal == rig->publisher.published[rig->options->streams - 1]);
    rig_count(rig, 0);
    watch_phase(&rig->watch, WATCH_RECONNECTING);
    uint64_t start_ns = clock_monotonic_ns();
    int code = rig_reconnect(rig, goal);
    result->reopening_ns = clock_monotonic_ns() - start_ns;
    code = code < 0 ? code : drain(rig);
    result->elapsed_ns = clock_monotonic_ns() - start_ns;
    rig_count(rig, 1);
    result->events = (uint64_t)rig->options->missed * rig->options->streams;
    return code;
}

static int run(struct rig *rig)
{
    struct result *result = rig->result;
    if (rig->options->missed == 0) {
        rig_count(rig, 0);
        int code = connect_all(rig);
        result->elapsed_ns = result->opening_ns;
        rig_count(rig, 1);
        result->has_run = code == 0;
        return code;
    }
    int code = connect_all(rig);
    code = code < 0 ? code : ids_learn(rig);
    code = code < 0 ? code : miss(rig);
    if (code < 0) {
        return code;
    }
    rig_pause_ms(rig->options->settle_ms);
    code = come_back(rig);
    result->has_run = true;
    // What follows must come behind what was missed, at once.
    code = code < 0 ? code : publish(rig, 1);
    return code < 0 ? code : drain(rig);
}

int storm_run(struct result *result, const struct options *options)
{
    struct rig_plan plan = {
        .kind = RESULT_STORM,
        .pace = PACE_WINDOW,
        .is_silent = options->missed == 0,
        .resumes = true,
    };
    return rig_run(result, options, &plan, run);
}
