#include "fanout.h"

#include "rig.h"

#include "base/clock.h"

#include <pthread.h>
#include <time.h>

enum {
    BETWEEN_PHASES_MS = 50,
};

static const uint64_t NS_PER_MS = 1000 * 1000;
static const long NS_PER_SECOND = 1000L * 1000 * 1000;

static int measure(struct rig *rig)
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

static void *publisher_thread(void *context)
{
    struct rig *rig = context;
    if (measure(rig) < 0) {
        (void)rig_fail(rig, 0, rig->publisher.error);
    }
    return NULL;
}

static int publish_all(struct rig *rig)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, publisher_thread, rig) != 0) {
        return rig_fail(rig, -EAGAIN, "no more threads");
    }
    (void)pthread_setname_np(thread, "publisher");
    for (;;) {
        struct timespec deadline;
        (void)clock_gettime(CLOCK_REALTIME, &deadline);
        deadline.tv_nsec += WATCH_INTERVAL_MS * (long)NS_PER_MS;
        deadline.tv_sec += deadline.tv_nsec / NS_PER_SECOND;
        deadline.tv_nsec %= NS_PER_SECOND;
        int joined = pthread_timedjoin_np(thread, NULL, &deadline);
        rig_look(rig);
        if (joined == 0) {
            return 0;
        }
    }
}

int fanout_run(struct result *result, const struct options *options, enum publisher_pace pace)
{
    struct rig *rig = rig_open(result, options, pace);
    int code = rig == NULL ? -1 : rig_connect(rig);
    if (code == 0) {
        code = publish_all(rig);
    }
    if (rig != NULL) {
        rig_collect(rig);
    }
    rig_close(rig);
    return code;
}
