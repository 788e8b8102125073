#include "log/holdback.h"

#include "base/assert.h"
#include "base/logger.h"
#include "log/core.h"

#include <stdlib.h>
#include <string.h>

enum {
    THOUSAND = 1000,
    // How far it must fall behind a bound before the stage is left again, so that a reader that
    // takes one event after the other does not change it with each: 1/16 of the limit, 1/4 of the
    // threshold.
    LIMIT_SLACK = 16,
    CHOICES_PER_ROUND = 1024, // of streams
    THRESHOLD_SLACK = 4,
};

void holdbacks_init(struct log *log)
{
    list_init(&log->holdbacks.pressed);
}

void holdbacks_free(struct log *log)
{
    const struct pool *extras = &log->streams.extras;
    for (uint32_t i = pool_next_live(extras, 0); i != POOL_INDEX_NONE;
         i = pool_next_live(extras, i + 1)) {
        struct stream_extra *extra = pool_at(extras, i);
        free(extra->holdback);
        extra->holdback = NULL;
    }
}

// --- how far behind ---

static uint64_t slowest_of(const struct log *log, const struct holdback *holdback)
{
    uint64_t slowest = LOG_READ_NONE;
    for (unsigned reader = 0; reader < log->options.readers; reader++) {
        bool counts = (log->holdbacks.silent >> reader & 1) == 0;
        if (counts && holdback->read[reader] < slowest) {
            slowest = holdback->read[reader];
        }
    }
    return slowest;
}

static struct lag lag_of(const struct log *log, const struct holdback *holdback)
{
    return lag_marks_behind(&holdback->marks, slowest_of(log, holdback));
}

// permille: at most THOUSAND.
static uint64_t permille_of(uint64_t value, uint64_t permille)
{
    return value / THOUSAND * permille + value % THOUSAND * permille / THOUSAND;
}

// Where producers begin to be slowed.
static struct lag threshold_of(const struct stream_flow *flow)
{
    struct lag at = {.events = flow->lag_events, .bytes = flow->lag_bytes};
    if (flow->threshold <= THOUSAND) {
        at.events = permille_of(at.events, flow->threshold);
        at.bytes = permille_of(at.bytes, flow->threshold);
    } else if (at.events == 0 || flow->threshold / THOUSAND < at.events) {
        at.events = flow->threshold / THOUSAND;
    }
    return at;
}

// Whether it is at the bound; or, once it was, has not fallen far enough below it. A bound of 0 is
// none.
static bool is_at(uint64_t lag, uint64_t bound, uint64_t slack, bool was_at)
{
    uint64_t from = was_at ? bound - bound / slack : bound;
    return bound != 0 && lag >= from;
}

static enum log_pressure_stage stage_of(const struct holdback *holdback, struct lag lag)
{
    const struct stream_flow *flow = &holdback->flow;
    bool was_full = holdback->stage == LOG_PRESSURE_FULL;
    bool was_slow = holdback->stage != LOG_PRESSURE_NONE;
    if (is_at(lag.events, flow->lag_events, LIMIT_SLACK, was_full) ||
        is_at(lag.bytes, flow->lag_bytes, LIMIT_SLACK, was_full)) {
        return LOG_PRESSURE_FULL;
    }
    struct lag threshold = threshold_of(flow);
    if (is_at(lag.events, threshold.events, THRESHOLD_SLACK, was_slow) ||
        is_at(lag.bytes, threshold.bytes, THRESHOLD_SLACK, was_slow)) {
        return LOG_PRESSURE_SLOW;
    }
    return LOG_PRESSURE_NONE;
}

static uint32_t share(uint64_t part, uint64_t whole)
{
    double permille = whole == 0 ? 0 : (double)part * THOUSAND / (double)whole;
    return permille >= THOUSAND ? THOUSAND : (uint32_t)permille;
}

static void describe(const struct log *log, const struct holdback *holdback,
                     struct log_pressure *pressure)
{
    const struct stream_flow *flow = &holdback->flow;
    const struct log_stream *stream = streams_at(&log->streams, holdback->slot);
    struct lag lag = lag_of(log, holdback);
    uint32_t of_events = share(lag.events, flow->lag_events);
    uint32_t of_bytes = share(lag.bytes, flow->lag_bytes);
    *pressure = (struct log_pressure){
        .name = streams_name(&log->streams, stream),
        .stage = holdback->stage,
        .full_permille = of_events > of_bytes ? of_events : of_bytes,
        .wait_ms = flow->producer_wait_ms,
        .lag_events = lag.events,
        .lag_bytes = lag.bytes,
    };
}

static void tell(struct log *log, const struct holdback *holdback)
{
    if (log->callbacks.pressure != NULL) {
        struct log_pressure pressure;
        describe(log, holdback, &pressure);
        log->callbacks.pressure(log->callbacks.context, &pressure);
    }
}

static void enter(struct log *log, struct holdback *holdback, enum log_pressure_stage stage)
{
    if (stage == holdback->stage) {
        return;
    }
    if (holdback->stage == LOG_PRESSURE_NONE) {
        list_push_back(&log->holdbacks.pressed, &holdback->node);
    } else if (stage == LOG_PRESSURE_NONE) {
        list_remove(&holdback->node);
    }
    holdback->stage = stage;
    tell(log, holdback);
}

static void look(struct log *log, struct holdback *holdback)
{
    enter(log, holdback, stage_of(holdback, lag_of(log, holdback)));
}

// --- what changes it ---

static struct holdback *make(struct log *log, const struct log_stream *stream)
{
    size_t readers = log->options.readers;
    struct holdback *holdback = calloc(1, sizeof(*holdback) + readers * sizeof(uint64_t));
    if (holdback == NULL) {
        LOGGER_EVERY(1000, LOGGER_WARN, "log",
                     "no memory to hold back producers: a stream that should block does not");
        return NULL;
    }
    holdback->slot = streams_slot(&log->streams, stream);
    for (size_t i = 0; i < readers; i++) {
        holdback->read[i] = LOG_READ_NONE;
    }
    return holdback;
}

static void drop(struct log *log, struct stream_extra *extra)
{
    struct holdback *holdback = extra->holdback;
    if (holdback == NULL) {
        return;
    }
    // Nobody holds the producers any more.
    memset(holdback->read, 0xff, log->options.readers * sizeof(uint64_t));
    enter(log, holdback, LOG_PRESSURE_NONE);
    free(holdback);
    extra->holdback = NULL;
}

// Those that do not watch it any more hold nobody.
static void forget_readers(const struct log *log, struct holdback *holdback, uint64_t interest)
{
    for (unsigned reader = 0; reader < log->options.readers; reader++) {
        if ((interest >> reader & 1) == 0) {
            holdback->read[reader] = LOG_READ_NONE;
        }
    }
}

void holdback_choose(struct log *log, struct log_stream *stream)
{
    struct stream_extra *extra = streams_extra(&log->streams, stream);
    if (extra == NULL) {
        return;
    }
    struct stream_flow flow = stream_flow_or(&extra->settings.flow, &log->options.flow);
    if (flow.overflow != OVERFLOW_BLOCK || extra->interest == 0) {
        drop(log, extra);
        stream->is_held_back = 0;
        return;
    }
    bool is_new = extra->holdback == NULL;
    if (is_new && (extra->holdback = make(log, stream)) == NULL) {
        return;
    }
    stream->is_held_back = 1;
    struct holdback *holdback = extra->holdback;
    struct lag limit = {.events = flow.lag_events, .bytes = flow.lag_bytes};
    if (is_new) {
        // Every event of it so far has a lower id than the next one.
        lag_marks_begin(&holdback->marks, log->next_id - 1, limit);
    }
    bool is_changed = !is_new && memcmp(&holdback->flow, &flow, sizeof(flow)) != 0;
    enum log_pressure_stage stage = holdback->stage;
    lag_marks_set_limit(&holdback->marks, limit);
    holdback->flow = flow;
    forget_readers(log, holdback, extra->interest);
    look(log, holdback);
    if (is_changed && stage != LOG_PRESSURE_NONE && holdback->stage == stage) {
        tell(log, holdback); // how long events are held may be new
    }
}

void holdback_appended(struct log *log, const struct log_stream *stream, uint64_t id,
                       uint64_t bytes)
{
    struct holdback *holdback = streams_extra(&log->streams, stream)->holdback;
    lag_marks_add(&holdback->marks, id, bytes);
    look(log, holdback);
}

static void hear(struct log *log, unsigned reader)
{
    struct holdbacks *holdbacks = &log->holdbacks;
    holdbacks->heard |= UINT64_C(1) << reader;
    if ((holdbacks->silent >> reader & 1) != 0) {
        holdbacks->silent &= ~(UINT64_C(1) << reader);
        LIST_EACH_SAFE (node, &holdbacks->pressed) {
            look(log, LIST_ENTRY(node, struct holdback, node));
        }
    }
}

void holdback_read(struct log *log, const struct log_message *message)
{
    hear(log, message->reader);
    struct log_stream *stream = streams_by_number(&log->streams, message->number);
    struct stream_extra *extra = stream == NULL ? NULL : streams_extra(&log->streams, stream);
    if (extra != NULL && extra->holdback != NULL && (extra->interest >> message->reader & 1) != 0) {
        extra->holdback->read[message->reader] = message->id;
        look(log, extra->holdback);
    }
}

// With this round's time: where the thread stood still, messages of meanwhile come before it.
static void take_heard(struct log *log)
{
    struct holdbacks *holdbacks = &log->holdbacks;
    for (uint64_t left = holdbacks->heard; left != 0; left &= left - 1) {
        holdbacks->heard_ms[__builtin_ctzll(left)] = log->now_ms;
    }
    holdbacks->heard = 0;
}

void holdbacks_choose(struct log *log)
{
    log->holdbacks.is_choosing = true;
    log->holdbacks.next_choice = 0;
}

// Readers tell again how far their slowest is: what they said while it did not count is forgotten.
static void choose_some(struct log *log)
{
    struct holdbacks *holdbacks = &log->holdbacks;
    const struct pool *extras = &log->streams.extras;
    for (uint32_t most = CHOICES_PER_ROUND; most > 0; most--) {
        uint32_t index = holdbacks->next_choice < extras->touched
                             ? pool_next_live(extras, holdbacks->next_choice)
                             : POOL_INDEX_NONE;
        if (index == POOL_INDEX_NONE) {
            holdbacks->is_choosing = false;
            return;
        }
        const struct stream_extra *extra = pool_at(extras, index);
        struct log_stream *stream = streams_at(&log->streams, extra->slot);
        holdback_choose(log, stream);
        if (stream->is_held_back) {
            handout_changed(log, stream);
        }
        holdbacks->next_choice = index + 1;
    }
}

void holdback_round(struct log *log)
{
    struct holdbacks *holdbacks = &log->holdbacks;
    if (holdbacks->is_choosing) {
        choose_some(log);
    }
    take_heard(log);
    if (list_is_empty(&holdbacks->pressed) || log->now_ms < holdbacks->next_ms) {
        return;
    }
    holdbacks->next_ms = log->now_ms + HOLDBACK_EVERY_MS;
    uint64_t silent = 0;
    for (unsigned reader = 0; reader < log->options.readers; reader++) {
        bool is_silent = holdbacks->heard_ms[reader] + HOLDBACK_SILENCE_MS < log->now_ms;
        silent |= (uint64_t)is_silent << reader;
    }
    if (silent != holdbacks->silent) {
        holdbacks->silent = silent;
        LIST_EACH_SAFE (node, &holdbacks->pressed) {
            look(log, LIST_ENTRY(node, struct holdback, node));
        }
    }
}

uint64_t holdback_next_ms(const struct log *log)
{
    const struct holdbacks *holdbacks = &log->holdbacks;
    if (holdbacks->is_choosing) {
        return 0;
    }
    if (list_is_empty(&holdbacks->pressed)) {
        return UINT64_MAX;
    }
    return holdbacks->next_ms > log->now_ms ? holdbacks->next_ms - log->now_ms : 0;
}

bool log_stream_pressure(const struct log *log, struct slice name, struct log_pressure *pressure)
{
    const struct log_stream *stream = streams_find(&log->streams, name);
    const struct stream_extra *extra = stream == NULL ? NULL : streams_extra(&log->streams, stream);
    if (extra == NULL || extra->holdback == NULL) {
        return false;
    }
    describe(log, extra->holdback, pressure);
    return true;
}
