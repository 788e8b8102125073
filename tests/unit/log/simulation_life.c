#include "simulation_life.h"

#include <string.h>

enum { LIVES = 3, DONE_MAX = 512 };

enum deed { DEED_EVENT, DEED_SET, DEED_END };

// What the log is to know of a stream.
struct known {
    bool is_there; // or was deleted
    enum stream_life life;
    uint32_t tag;    // of its content type; 0: none
    uint32_t events; // since it was made
};

struct done {
    enum deed deed;
    enum stream_life life; // of an END
    uint32_t tag;          // of a SET
    enum ack_level level;
    bool acknowledged;
};

static struct life {
    struct known base; // at the last start
    struct known now;
    struct done done[DONE_MAX]; // since
    uint32_t count;
    // What reader 1 knows.
    uint64_t number;
    uint64_t handed_id;
    enum stream_life told;
} lives[LIVES];

static uint32_t last_tag;

static const char *name_of(uint32_t index)
{
    static const char *names[LIVES] = {"life/1", "life/2", "life/3"};
    return names[index];
}

static struct slice content_type_of(uint32_t tag, char text[32])
{
    (void)snprintf(text, 32, "text/%u", tag);
    return slice_of(text);
}

void simulation_life_begin(void)
{
    memset(lives, 0, sizeof(lives));
    last_tag = 0;
}

// --- the model ---

static bool has_ended(const struct known *known)
{
    return known->life == STREAM_CLOSED || known->life == STREAM_CANCELLED;
}

static enum rc_error answer_to(const struct known *known, const struct done *done)
{
    if (done->deed != DEED_END) {
        return has_ended(known) ? ERR_STREAM_CLOSED : ERR_NONE;
    }
    if (!known->is_there || (known->life == STREAM_DELETED && done->life != STREAM_DELETED)) {
        return ERR_STREAM_NOT_FOUND;
    }
    bool may_end =
        known->life == STREAM_OPEN || known->life == done->life || done->life == STREAM_DELETED;
    return may_end ? ERR_NONE : ERR_STREAM_CLOSED;
}

static void apply(struct known *known, const struct done *done)
{
    if (done->deed == DEED_END) {
        known->life = done->life;
        if (done->life == STREAM_DELETED) {
            *known = (struct known){.is_there = true, .life = STREAM_DELETED};
        }
        return;
    }
    known->is_there = true;
    known->life = STREAM_OPEN;
    known->events += done->deed == DEED_EVENT;
    known->tag = done->deed == DEED_SET ? done->tag : known->tag;
}

// --- doing ---

static enum log_append_result give(uint32_t index, const struct done *done, uint64_t reference,
                                   enum rc_error *error)
{
    struct slice name = slice_of(name_of(index));
    struct event event = {.stream = name, .data = slice_of("x"), .priority = PRIORITY_NORMAL};
    static const struct stream_settings nothing;
    char text[32];
    switch (done->deed) {
    case DEED_EVENT: return log_append(harness.log, &event, done->level, 1, reference, error);
    case DEED_SET:
        return log_set_stream(harness.log, name, &nothing, content_type_of(done->tag, text),
                              done->level, 1, reference, error);
    case DEED_END:
        return log_end_stream(harness.log, name, done->life, done->level, 1, reference, error);
    }
    UNREACHABLE();
}

void simulation_life_step(void)
{
    uint32_t index = (uint32_t)prng_below(&sim.prng, LIVES);
    struct life *life = &lives[index];
    if (life->count == DONE_MAX) {
        return;
    }
    struct done *done = &life->done[life->count];
    uint64_t dice = prng_below(&sim.prng, 10);
    *done = (struct done){
        .deed = dice < 5   ? DEED_EVENT
                : dice < 7 ? DEED_SET
                           : DEED_END,
        .life = (enum stream_life)prng_between(&sim.prng, STREAM_CLOSED, STREAM_DELETED),
        .level = (enum ack_level)prng_below(&sim.prng, 3),
        .tag = last_tag + 1,
    };
    enum rc_error expected = answer_to(&life->now, done);
    enum rc_error error = ERR_NONE;
    uint64_t reference = LIFE_REFERENCE + index * DONE_MAX + life->count;
    switch (give(index, done, reference, &error)) {
    case LOG_APPEND_FULL: return;
    case LOG_APPEND_REFUSED:
        CHECK(error == ERR_LOG_ERROR || error == expected, "%s: refused with %u, not %u",
              name_of(index), error, expected);
        return;
    case LOG_APPEND_TAKEN: break;
    }
    CHECK(expected == ERR_NONE, "%s: taken, not refused with %u", name_of(index), expected);
    apply(&life->now, done);
    life->count++;
    last_tag++;
}

void simulation_life_acknowledge(const struct log_acknowledgement *ack)
{
    uint64_t place = ack->reference - LIFE_REFERENCE;
    struct done *done = &lives[place / DONE_MAX].done[place % DONE_MAX];
    CHECK(ack->error == ERR_NONE && !done->acknowledged && done->level != ACK_RECEIVED,
          "%s: acknowledged with %u", name_of((uint32_t)(place / DONE_MAX)), ack->error);
    done->acknowledged = true;
}

// --- what the reader is told ---

static const struct log_stream *stream_of(uint32_t index)
{
    return streams_find(&harness.log->streams, slice_of(name_of(index)));
}

void simulation_life_subscribe(void)
{
    for (uint32_t i = 0; i < LIVES; i++) {
        struct log_stream_state state;
        lives[i].number = harness_subscribe(1, name_of(i), &state);
        lives[i].handed_id = state.last_id;
        lives[i].told = state.life;
    }
}

static void take_block(struct life *life, const struct log_message *message)
{
    const uint8_t *block = harness_block_at(message->position, message->length);
    if (block == NULL || block_header_of(block)->magic != BLOCK_MAGIC ||
        block_header_of(block)->last_id != message->number) { // moved meanwhile
        life->handed_id = message->number > life->handed_id ? message->number : life->handed_id;
        return;
    }
    for (uint32_t i = 0; i < block_header_of(block)->stream_count; i++) {
        const struct block_stream *entry = &block_streams(block)[i];
        if (entry->number == life->number && entry->last_id > life->handed_id) {
            life->handed_id = entry->last_id;
        }
    }
}

void simulation_life_message(const struct log_message *message)
{
    for (uint32_t i = 0; i < LIVES; i++) {
        struct life *life = &lives[i];
        if (message->kind == LOG_BLOCK) {
            take_block(life, message);
        } else if (message->kind == LOG_LAPPED && message->id > life->handed_id) {
            life->handed_id = message->id;
        } else if (message->kind == LOG_CHANGED && message->number == life->number) {
            life->told = log_message_life(message);
        }
    }
}

void simulation_life_read_all(void)
{
    for (uint32_t i = 0; i < LIVES; i++) {
        const struct log_stream *stream = stream_of(i);
        const struct stream_extra *extra = streams_extra(&harness.log->streams, stream);
        bool is_over = lives[i].told == STREAM_CLOSED || lives[i].told == STREAM_CANCELLED;
        bool is_last = (extra->untold >> 1 & 1) == 0; // it is what the log told last
        CHECK(!is_over || !is_last || lives[i].handed_id >= stream->last_id,
              "%s: its end is told before its last event", name_of(i));
    }
}

bool simulation_life_is_told(void)
{
    for (uint32_t i = 0; i < LIVES; i++) {
        if (lives[i].told != lives[i].now.life) {
            return false;
        }
    }
    return true;
}

// --- after a start ---

static uint32_t count_events(uint64_t number)
{
    uint32_t count = 0;
    uint64_t after = 0;
    for (;;) {
        struct log_lookup lookup = harness_lookup(0, number, LOG_FROM_ID, after);
        for (uint32_t i = 0; i < lookup.run_count; i++) {
            uint64_t ids[BLOCK_RECORDS_MAX];
            int got = harness_read_run(&lookup.runs[i], number, ids, NULL, NULL);
            for (int event = 0; event < got; event++) {
                count += ids[event] > lookup.start_id && ids[event] > lookup.discarded_id;
            }
        }
        if (!lookup.more) {
            return count;
        }
        after = lookup.end_id;
    }
}

static struct known look(uint32_t index)
{
    struct log_stream_info info;
    if (!log_find_stream(harness.log, slice_of(name_of(index)), &info) || info.is_awaited) {
        return (struct known){0};
    }
    struct known known = {.is_there = true, .life = info.state.life};
    if (info.content_type.length > 0) {
        char text[32] = {0};
        CHECK(info.content_type.length < sizeof(text), "%s: a long content type", name_of(index));
        memcpy(text, info.content_type.at, info.content_type.length);
        known.tag = (uint32_t)strtoul(text + strlen("text/"), NULL, 10);
        CHECK(slice_equal(info.content_type, content_type_of(known.tag, text)),
              "%s: its content type is changed", name_of(index));
    }
    known.events = sim.has_retention ? 0 : count_events(info.state.number);
    return known;
}

static bool is_durable(const struct done *done, enum ending ending)
{
    return ending == END_CLEAN ||
           (done->acknowledged &&
            (done->level == ACK_SYNCED || (done->level == ACK_WRITTEN && ending == END_KILL)));
}

static bool is_same(struct known one, const struct known *other)
{
    return one.is_there == other->is_there && one.life == other->life && one.tag == other->tag &&
           (one.events == other->events || sim.has_retention);
}

// Whether it is what the stream was after something that was done, behind all that is durable.
static bool is_explained(const struct life *life, const struct known *found, enum ending ending)
{
    uint32_t durable = 0;
    for (uint32_t i = 0; i < life->count; i++) {
        durable = is_durable(&life->done[i], ending) ? i + 1 : durable;
    }
    struct known known = life->base;
    for (uint32_t i = 0; i <= life->count; i++) {
        if (i >= durable && is_same(known, found)) {
            return true;
        }
        if (i < life->count) {
            apply(&known, &life->done[i]);
        }
    }
    return false;
}

void simulation_life_check_start(enum ending ending)
{
    for (uint32_t i = 0; i < LIVES; i++) {
        struct life *life = &lives[i];
        struct known found = look(i);
        CHECK(
            sim.has_flips || is_explained(life, &found, ending),
            "%s: there %d, life %d, content type %u, %u events; before there %d, life %d, content "
            "type %u, %u events",
            name_of(i), found.is_there, found.life, found.tag, found.events, life->now.is_there,
            life->now.life, life->now.tag, life->now.events);
        life->base = found;
        life->now = found;
        life->count = 0;
    }
}
