#include "replay.h"

#include "rig.h"

#include "base/clock.h"
#include "base/random.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    STREAM_NAME_SIZE = 64,
};

bool replay_prepare(struct options *options, char *error, size_t error_size)
{
    static char stream[STREAM_NAME_SIZE];
    const char *complaint = NULL;
    if (options->connections != 1 || options->threads != 1) {
        complaint = "replay has one subscriber";
    } else if (options->bare && options->file == NULL) {
        complaint = "replay --bare needs --file, which it writes and replays";
    } else if (!options->bare && options->file != NULL) {
        complaint = "--file is the bare server's";
    } else if (options->reuse && options->run == 0) {
        complaint = "--reuse needs the --run that has published the events";
    } else if (options->events < options->streams) {
        complaint = "more --streams than --events";
    }
    if (complaint != NULL) {
        (void)snprintf(error, error_size, "%s", complaint);
        return false;
    }
    while (options->run == 0) {
        options->run = (uint32_t)random_u64();
    }
    if (options->stream == NULL) {
        (void)snprintf(stream, sizeof stream, "replay-%u/{number}", options->run);
        options->stream = stream;
    }
    return true;
}

static int fill(struct rig *rig)
{
    uint64_t start_ns = clock_monotonic_ns();
    int code = 0;
    if (rig->options->reuse) {
        publisher_assume(&rig->publisher, rig->options->events);
    } else {
        code = publisher_publish(&rig->publisher, rig->options->events);
    }
    rig->result->publishing_ns = clock_monotonic_ns() - start_ns;
    return code < 0 ? rig_fail(rig, code, rig->publisher.error) : 0;
}

static int read_all(struct rig *rig)
{
    int code = publisher_drain(&rig->publisher);
    return code < 0 ? rig_fail(rig, code, rig->publisher.error) : 0;
}

static int run(struct rig *rig)
{
    watch_phase(&rig->watch, WATCH_PUBLISHING);
    int code = rig_run_beside(rig, fill);
    if (code < 0) {
        return code;
    }
    rig_count(rig, 0);
    atomic_store(&rig->meter.record_from_ns, clock_monotonic_ns());
    watch_phase(&rig->watch, WATCH_REPLAYING);
    code = rig_connect(rig);
    if (code == 0) {
        code = rig_run_beside(rig, read_all);
        rig->result->has_run = true;
    }
    rig_count(rig, 1);
    return code;
}

int replay_run(struct result *result, const struct options *options)
{
    struct rig_plan plan = {
        .kind = RESULT_REPLAY,
        .pace = PACE_WINDOW,
        .is_silent = options->reuse,
        .file = options->file,
        .goal = publisher_subscribers(options->events, options->streams, 0),
        .path = "/streams/{stream}?from=earliest",
    };
    int code = rig_run(result, options, &plan, run);
    // As the subscriber itself saw it, from connect to the last event.
    result->elapsed_ns = result->catching_up.maximum;
    result->events = plan.goal;
    return code;
}
