#include "ingest/hold.h"

#include "base/assert.h"
#include "base/logger.h"
#include "ingest/binary.h"
#include "ingest/producer.h"

#include <stdlib.h>

// A held event. Its slices point into bytes, which are its own.
struct held_event {
    struct list_node of_stream;
    struct list_node of_producer;
    struct pressed *pressed;
    struct producer *producer;
    struct held_place place;
    uint64_t since_ms;   // never before that of the one in front of it
    uint64_t size_bytes; // of all this
    struct event event;
    uint8_t *bytes;
};
STATIC_ASSERT(HOLD_BYTES_MAX / sizeof(struct held_event) < HOLD_EVENTS_MAX, "bytes are the bound");

// A producer that publishes to the stream, and the credit that it was told.
struct stream_credit {
    struct list_node of_stream;
    struct list_node of_producer;
    struct pressed *pressed;
    struct producer *producer;
    uint64_t told;
};

static struct slice name_of(const struct pressed *pressed)
{
    return slice_from(pressed->name, pressed->name_length);
}

static struct slice key_of(const void *owner, uint32_t value)
{
    const struct hold *hold = owner;
    return name_of(pool_at(&hold->pressed, value));
}

int hold_init(struct ingest *ingest)
{
    struct hold *hold = &ingest->hold;
    name_map_init(&hold->by_name, key_of, hold);
    list_init(&hold->ready);
    list_init(&hold->retell);
    list_init(&hold->holding);
    int error = pool_init(&hold->pressed, sizeof(struct pressed), _Alignof(struct pressed),
                          HOLD_STREAMS_MAX);
    if (error == 0) {
        error = pool_init(&hold->events, sizeof(struct held_event), _Alignof(struct held_event),
                          HOLD_EVENTS_MAX);
        if (error != 0) {
            pool_destroy(&hold->pressed);
        }
    }
    return error;
}

void hold_free(struct ingest *ingest)
{
    name_map_free(&ingest->hold.by_name);
    pool_destroy(&ingest->hold.events);
    pool_destroy(&ingest->hold.pressed);
}

// ---- streams under pressure --------------------------------------------------------------------

static struct pressed *find(const struct ingest *ingest, struct slice name)
{
    uint32_t index;
    return pool_used(&ingest->hold.pressed) > 0 && name_map_get(&ingest->hold.by_name, name, &index)
               ? pool_at(&ingest->hold.pressed, index)
               : NULL;
}

static struct pressed *make(struct ingest *ingest, struct slice name)
{
    struct hold *hold = &ingest->hold;
    struct pressed *pressed = pool_alloc(&hold->pressed);
    if (pressed == NULL) {
        return NULL;
    }
    *pressed = (struct pressed){.name_length = (uint8_t)name.length};
    memcpy(pressed->name, name.at, name.length);
    list_init(&pressed->held);
    list_init(&pressed->credits);
    if (name_map_put(&hold->by_name, name, pool_index(&hold->pressed, pressed)) != 0) {
        pool_free(&hold->pressed, pressed);
        return NULL;
    }
    return pressed;
}

static void leave_list(struct list_node *node)
{
    if (list_is_linked(node)) {
        list_remove(node);
    }
}

static void join_list(struct list *list, struct list_node *node)
{
    if (!list_is_linked(node)) {
        list_push_back(list, node);
    }
}

static uint64_t credit_of(const struct pressed *pressed)
{
    if (pressed->stage == LOG_PRESSURE_FULL || !list_is_empty(&pressed->held)) {
        return 0;
    }
    return pressed->stage == LOG_PRESSURE_SLOW ? (uint64_t)HOLD_SLOW_CREDIT_BYTES
                                               : RC_CREDIT_UNLIMITED;
}

uint64_t hold_credit(const struct ingest *ingest, struct slice stream)
{
    const struct pressed *pressed = find(ingest, stream);
    return pressed == NULL ? RC_CREDIT_UNLIMITED : credit_of(pressed);
}

void hold_pressure(struct ingest *ingest, const struct log_pressure *pressure)
{
    struct pressed *pressed = find(ingest, pressure->name);
    if (pressed == NULL && (pressed = make(ingest, pressure->name)) == NULL) {
        LOGGER_EVERY(1000, LOGGER_WARN, "ingest",
                     "too many streams hold their producers: a further one does not");
        return;
    }
    pressed->stage = pressure->stage;
    pressed->wait_ms = pressure->wait_ms != 0 ? pressure->wait_ms : ingest->options.wait_ms_max;
    join_list(&ingest->hold.retell, &pressed->retell_node);
    if (pressed->stage != LOG_PRESSURE_FULL && !list_is_empty(&pressed->held)) {
        join_list(&ingest->hold.ready, &pressed->ready_node);
    }
}

// ---- credits -----------------------------------------------------------------------------------

static void credit_free(struct stream_credit *credit)
{
    list_remove(&credit->of_stream);
    list_remove(&credit->of_producer);
    credit->producer->hold.credit_count--;
    free(credit);
}

// A producer without one is held all the same.
static void need_credit(struct producer *producer, struct pressed *pressed)
{
    if (producer->version < RC_PROTOCOL_STREAM_CREDITS ||
        producer->hold.credit_count == RC_STREAM_CREDITS_MAX) {
        return;
    }
    LIST_EACH (node, &producer->hold.credits) {
        if (LIST_ENTRY(node, struct stream_credit, of_producer)->pressed == pressed) {
            return;
        }
    }
    struct stream_credit *credit = calloc(1, sizeof *credit);
    if (credit == NULL) {
        return;
    }
    credit->producer = producer;
    credit->pressed = pressed;
    credit->told = RC_CREDIT_UNLIMITED;
    list_push_back(&pressed->credits, &credit->of_stream);
    list_push_back(&producer->hold.credits, &credit->of_producer);
    producer->hold.credit_count++;
    join_list(&producer->ingest->hold.retell, &pressed->retell_node);
}

uint32_t hold_full_permille(const struct ingest *ingest, const struct pressed *pressed)
{
    struct log_pressure now;
    return log_stream_pressure(ingest->log, name_of(pressed), &now) ? now.full_permille : 0;
}

// False: some producer reads too slowly to be told now; it will be when it has caught up.
static bool tell(const struct ingest *ingest, struct pressed *pressed)
{
    uint64_t now = credit_of(pressed);
    uint32_t permille = hold_full_permille(ingest, pressed);
    bool are_all_told = true;
    LIST_EACH (node, &pressed->credits) {
        struct stream_credit *credit = LIST_ENTRY(node, struct stream_credit, of_stream);
        if (credit->told == now || credit->producer->state != PRODUCER_OPEN) {
            continue;
        }
        if (buffer_length(&credit->producer->output) >= PRODUCER_OUTPUT_HOLD_BYTES) {
            credit->producer->hold.is_untold = true;
            are_all_told = false;
        } else {
            credit->told = now;
            binary_write_stream_credit(&credit->producer->output, now, permille, name_of(pressed));
            producer_touch(credit->producer);
        }
    }
    return are_all_told;
}

void hold_tell_producer(struct producer *producer)
{
    if (!producer->hold.is_untold) {
        return;
    }
    producer->hold.is_untold = false;
    LIST_EACH (node, &producer->hold.credits) {
        struct pressed *pressed = LIST_ENTRY(node, struct stream_credit, of_producer)->pressed;
        join_list(&producer->ingest->hold.retell, &pressed->retell_node);
    }
}

void hold_tell(struct ingest *ingest)
{
    struct hold *hold = &ingest->hold;
    for (struct list_node *node; (node = list_pop_front(&hold->retell)) != NULL;) {
        struct pressed *pressed = LIST_ENTRY(node, struct pressed, retell_node);
        if (!tell(ingest, pressed) || pressed->stage != LOG_PRESSURE_NONE ||
            !list_is_empty(&pressed->held)) {
            continue;
        }
        LIST_EACH_SAFE (credit, &pressed->credits) {
            credit_free(LIST_ENTRY(credit, struct stream_credit, of_stream));
        }
        leave_list(&pressed->ready_node);
        bool was_there = name_map_remove(&hold->by_name, name_of(pressed), NULL);
        ASSERT(was_there);
        pool_free(&hold->pressed, pressed);
    }
}

// ---- holding -----------------------------------------------------------------------------------

struct pressed *hold_find(struct producer *producer, struct slice stream)
{
    struct pressed *pressed = find(producer->ingest, stream);
    if (pressed != NULL) {
        need_credit(producer, pressed);
    }
    return pressed;
}

const struct pressed *hold_look(const struct ingest *ingest, struct slice stream)
{
    return find(ingest, stream);
}

bool hold_is_behind(const struct pressed *pressed)
{
    return !list_is_empty(&pressed->held);
}

bool hold_is_due(const struct pressed *pressed)
{
    return pressed->stage == LOG_PRESSURE_FULL || !list_is_empty(&pressed->held);
}

static struct slice keep(uint8_t **at, struct slice bytes)
{
    struct slice kept = slice_from(*at, bytes.length);
    if (bytes.length > 0) {
        memcpy(*at, bytes.at, bytes.length);
    }
    *at += bytes.length;
    return kept;
}

static uint64_t texts_bytes(const struct event *event)
{
    return event->stream.length + event->type.length + event->attributes.length +
           event->data.length;
}

static struct held_event *copy_event(struct hold *hold, const struct event *event)
{
    uint8_t *bytes = malloc(texts_bytes(event));
    struct held_event *held = bytes == NULL ? NULL : pool_alloc(&hold->events);
    if (held == NULL) {
        free(bytes);
        return NULL;
    }
    *held = (struct held_event){.event = *event, .bytes = bytes};
    uint8_t *at = bytes;
    held->event.stream = keep(&at, event->stream);
    held->event.type = keep(&at, event->type);
    held->event.attributes = keep(&at, event->attributes);
    held->event.data = keep(&at, event->data);
    return held;
}

static uint64_t not_before_last(const struct pressed *pressed, uint64_t since_ms)
{
    if (list_is_empty(&pressed->held)) {
        return since_ms;
    }
    const struct held_event *last =
        LIST_ENTRY(list_last(&pressed->held), struct held_event, of_stream);
    return last->since_ms > since_ms ? last->since_ms : since_ms;
}

bool hold_event(struct producer *producer, struct pressed *pressed, uint64_t since_ms,
                const struct held_place *place, const struct event *event)
{
    struct ingest *ingest = producer->ingest;
    uint64_t content_bytes = texts_bytes(event);
    uint64_t size_bytes = sizeof(struct held_event) + content_bytes;
    // One is always held, however large.
    bool is_over = (producer->hold.bytes > 0 && producer->hold.bytes + content_bytes >
                                                    HOLD_CREDITS * ingest->options.credit_bytes) ||
                   (ingest->hold.bytes > 0 && ingest->hold.bytes + size_bytes > HOLD_BYTES_MAX);
    struct held_event *held = is_over ? NULL : copy_event(&ingest->hold, event);
    if (held == NULL) {
        ingest->hold.is_wanted = true;
        return false;
    }
    held->size_bytes = size_bytes;
    held->pressed = pressed;
    held->producer = producer;
    held->place = *place;
    held->since_ms = not_before_last(pressed, since_ms);
    if (list_is_empty(&pressed->held)) {
        list_push_back(&ingest->hold.holding, &pressed->holding_node);
        ingest->hold.holding_count++;
    }
    list_push_back(&pressed->held, &held->of_stream);
    list_push_back(&producer->hold.held, &held->of_producer);
    join_list(&ingest->hold.retell, &pressed->retell_node);
    producer->hold.bytes += content_bytes;
    ingest->hold.bytes += size_bytes;
    ingest->status.held_events++;
    ingest->status.holds++;
    ingest_watch(ingest);
    return true;
}

static void held_free(struct held_event *held)
{
    struct ingest *ingest = held->producer->ingest;
    list_remove(&held->of_stream);
    list_remove(&held->of_producer);
    held->producer->hold.bytes -= texts_bytes(&held->event);
    ingest->hold.bytes -= held->size_bytes;
    ingest->status.held_events--;
    if (list_is_empty(&held->pressed->held)) {
        leave_list(&held->pressed->ready_node);
        list_remove(&held->pressed->holding_node);
        ingest->hold.holding_count--;
        join_list(&ingest->hold.retell, &held->pressed->retell_node);
    }
    free(held->bytes);
    pool_free(&ingest->hold.events, held);
    if (ingest->hold.is_wanted) {
        ingest->hold.is_wanted = false;
        ingest_wake_all(ingest);
    }
}

void hold_begin_producer(struct producer *producer)
{
    list_init(&producer->hold.held);
    list_init(&producer->hold.credits);
}

void hold_end_producer(struct producer *producer)
{
    LIST_EACH_SAFE (node, &producer->hold.held) {
        held_free(LIST_ENTRY(node, struct held_event, of_producer));
    }
    LIST_EACH_SAFE (node, &producer->hold.credits) {
        struct stream_credit *credit = LIST_ENTRY(node, struct stream_credit, of_producer);
        join_list(&producer->ingest->hold.retell, &credit->pressed->retell_node);
        credit_free(credit);
    }
}

// ---- letting go --------------------------------------------------------------------------------

static void refuse(struct held_event *held, enum rc_error error)
{
    struct producer *producer = held->producer;
    struct held_place place = held->place;
    producer->ingest->status.hold_refusals++;
    held_free(held);
    producer_held_refused(producer, place.counter, place.index, error);
}

// False: the log has no room.
static bool release_first(struct ingest *ingest, struct pressed *pressed, size_t *spent_bytes)
{
    struct held_event *held = LIST_ENTRY(list_first(&pressed->held), struct held_event, of_stream);
    enum rc_error error = ERR_NONE;
    size_t size_bytes = held->size_bytes;
    switch (producer_append_held(held->producer, &held->place, &held->event, &error)) {
    case LOG_APPEND_FULL: ingest->log_is_full = true; return false;
    case LOG_APPEND_REFUSED: refuse(held, error); break;
    case LOG_APPEND_TAKEN: held_free(held); break;
    }
    *spent_bytes += size_bytes;
    return true;
}

bool hold_release(struct ingest *ingest, size_t budget_bytes)
{
    struct hold *hold = &ingest->hold;
    size_t spent_bytes = 0;
    while (!ingest->log_is_full && !list_is_empty(&hold->ready)) {
        if (spent_bytes >= budget_bytes) {
            return true;
        }
        struct pressed *pressed = LIST_ENTRY(list_first(&hold->ready), struct pressed, ready_node);
        // The others have their turn after each event.
        list_remove(&pressed->ready_node);
        if (pressed->stage == LOG_PRESSURE_FULL || list_is_empty(&pressed->held)) {
            continue;
        }
        bool is_taken = release_first(ingest, pressed, &spent_bytes);
        if (!list_is_empty(&pressed->held) && (!is_taken || pressed->stage != LOG_PRESSURE_FULL)) {
            join_list(&hold->ready, &pressed->ready_node);
        }
    }
    return false;
}

// Whether its first event was refused: its time is over, or the broker's.
static bool refuse_if_due(struct pressed *pressed, uint64_t now_ms)
{
    struct held_event *held = LIST_ENTRY(list_first(&pressed->held), struct held_event, of_stream);
    bool is_stopping = held->producer->ingest->is_stopping;
    if (!is_stopping && now_ms - held->since_ms < pressed->wait_ms) {
        return false;
    }
    refuse(held, is_stopping ? ERR_SHUTTING_DOWN : ERR_BACKPRESSURE_EXCEEDED);
    return true;
}

bool hold_sweep(struct ingest *ingest)
{
    ingest->hold.to_look = ingest->hold.holding_count;
    return ingest->hold.to_look > 0;
}

bool hold_refuse_due(struct ingest *ingest, uint64_t now_ms)
{
    struct hold *hold = &ingest->hold;
    for (uint32_t left = HOLD_LOOKS_MAX; left > 0 && hold->to_look > 0; left--) {
        struct list_node *node = list_first(&hold->holding);
        if (node == NULL) {
            hold->to_look = 0;
        } else if (!refuse_if_due(LIST_ENTRY(node, struct pressed, holding_node), now_ms)) {
            list_remove(node);
            list_push_back(&hold->holding, node);
            hold->to_look--;
        }
    }
    return hold->to_look > 0;
}
