#include "conn/slowest.h"

#include "base/assert.h"
#include "conn/overflow.h"

enum {
    SCANS_PER_ROUND_MAX = 16384, // subscribers
    ALIVE_EVERY_MS = 1000,       // a fraction of what the log calls silence
};

// Where nobody stands: what the log knows is not sure.
#define READ_UNKNOWN (LOG_READ_NONE - 1)

static bool blocks(const struct shard *shard, const struct stream *stream)
{
    return stream->flow.overflow == OVERFLOW_BLOCK ||
           (stream->flow.overflow == OVERFLOW_UNSET &&
            shard->terms->overflow.policy == OVERFLOW_BLOCK);
}

void slowest_forget(struct stream *stream)
{
    struct stream_slowest *slowest = &stream->slowest;
    struct list_node *nodes[] = {&slowest->blocking_node, &slowest->due_node,
                                 &slowest->untold_node};
    for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
        if (list_is_linked(nodes[i])) {
            list_remove(nodes[i]);
        }
    }
}

static void tell_if_new(struct shard *shard, struct stream *stream)
{
    struct stream_slowest *slowest = &stream->slowest;
    bool is_new = slowest->found != slowest->told;
    if (is_new && !list_is_linked(&slowest->untold_node)) {
        list_push_back(&shard->slowest_untold, &slowest->untold_node);
    } else if (!is_new && list_is_linked(&slowest->untold_node)) {
        list_remove(&slowest->untold_node);
    }
}

void slowest_choose(struct shard *shard, struct stream *stream)
{
    bool was_blocking = list_is_linked(&stream->slowest.blocking_node);
    if (blocks(shard, stream) == was_blocking) {
        if (was_blocking) { // in between it may not have been, and the log has forgotten
            stream->slowest.told = READ_UNKNOWN;
            tell_if_new(shard, stream);
        }
        return;
    }
    if (was_blocking) { // the log knows, it was the one who said so
        slowest_forget(stream);
        return;
    }
    stream->slowest = (struct stream_slowest){
        .told = LOG_READ_NONE, .found = LOG_READ_NONE, .place = LOG_READ_NONE};
    list_push_back(&shard->blocking, &stream->slowest.blocking_node);
    slowest_note(shard, stream);
}

void slowest_note(struct shard *shard, struct stream *stream)
{
    struct stream_slowest *slowest = &stream->slowest;
    if (!list_is_linked(&slowest->blocking_node)) {
        return;
    }
    if (!list_is_linked(&slowest->due_node)) {
        list_push_back(&shard->slowest_due, &slowest->due_node);
    }
    slowest->is_noted = true;
}

void slowest_note_conn(struct shard *shard, const struct conn *conn)
{
    if (list_is_empty(&shard->blocking)) {
        return;
    }
    for (uint32_t i = 0; i < conn->stream_count; i++) {
        slowest_note(shard, stream_table_at(&shard->streams, conn->streams[i].stream));
    }
}

// --- looking ---

// Where the connection stands in the stream; LOG_READ_NONE where it does not count.
static uint64_t place_of(const struct shard *shard, const struct conn *conn,
                         const struct stream *stream)
{
    bool is_there = conn->state == CONN_ACTIVE && (conn->flags & CONN_CAUGHT_UP) != 0;
    if (!is_there || ((conn->flags & CONN_FLOW) != 0 && !conn_overflow_holds(shard, conn))) {
        return LOG_READ_NONE;
    }
    uint32_t index = stream_table_index(&shard->streams, stream);
    for (uint32_t i = 0; i < conn->stream_count; i++) {
        if (conn->streams[i].stream == index) {
            uint64_t start_id = conn->streams[i].start_id;
            uint64_t place = start_id > conn->cursor ? start_id : conn->cursor;
            return place > stream->discarded_id ? place : stream->discarded_id;
        }
    }
    return LOG_READ_NONE;
}

// Whether another may be the slowest by now.
static bool is_stale(const struct shard *shard, const struct stream *stream)
{
    const struct stream_slowest *slowest = &stream->slowest;
    bool has_news = slowest->end_id != stream->last_id;
    if (slowest->place == LOG_READ_NONE || slowest->place >= slowest->end_id) {
        return has_news || slowest->place == LOG_READ_NONE;
    }
    const struct conn *conn = conn_of_handle(shard, slowest->handle);
    return conn == NULL || place_of(shard, conn, stream) != slowest->place;
}

static void begin_scan(struct stream *stream)
{
    struct stream_slowest *slowest = &stream->slowest;
    slowest->is_scanning = true;
    slowest->is_noted = false;
    slowest->next = 0;
    slowest->place = LOG_READ_NONE;
    slowest->end_id = stream->last_id;
}

static void scan(struct shard *shard, struct stream *stream, uint32_t *budget)
{
    struct stream_slowest *slowest = &stream->slowest;
    for (; slowest->next<stream->subscriber_count && * budget> 0; slowest->next++, --*budget) {
        uint32_t index = stream->subscribers[slowest->next];
        if (index == STREAM_SUBSCRIBER_NONE) {
            continue;
        }
        const struct conn *conn = conn_at(shard, index);
        uint64_t place = place_of(shard, conn, stream);
        if (place < slowest->place) {
            slowest->place = place;
            slowest->handle = conn_handle(shard, conn);
        }
    }
    slowest->is_scanning = slowest->next < stream->subscriber_count;
}

static void conclude(struct shard *shard, struct stream *stream)
{
    struct stream_slowest *slowest = &stream->slowest;
    // What a subscriber of several streams was sent of the others says nothing here.
    slowest->found = slowest->place == LOG_READ_NONE    ? LOG_READ_NONE
                     : slowest->place < slowest->end_id ? slowest->place
                                                        : slowest->end_id;
    tell_if_new(shard, stream);
}

bool slowest_round(struct shard *shard)
{
    uint32_t budget = SCANS_PER_ROUND_MAX;
    LIST_EACH_SAFE (node, &shard->slowest_due) {
        struct stream *stream = LIST_ENTRY(node, struct stream, slowest.due_node);
        struct stream_slowest *slowest = &stream->slowest;
        if (stream->is_dirty && !slowest->is_scanning) {
            continue; // its news are still going out
        }
        if (!slowest->is_scanning && is_stale(shard, stream)) {
            begin_scan(stream);
        }
        if (slowest->is_scanning) {
            scan(shard, stream, &budget);
            if (slowest->is_scanning) {
                return true;
            }
            conclude(shard, stream);
        } else {
            slowest->is_noted = false;
        }
        if (!slowest->is_noted) { // again, while the walk went on
            list_remove(node);
        }
        if (budget == 0) {
            break;
        }
    }
    return budget == 0;
}

// --- telling ---

bool slowest_post(struct shard *shard,
                  bool (*post)(void *context, const struct log_message *message), void *context)
{
    struct log_message message = {.kind = LOG_READ, .reader = shard->options.worker};
    struct list_node *node;
    while ((node = list_first(&shard->slowest_untold)) != NULL) {
        struct stream *stream = LIST_ENTRY(node, struct stream, slowest.untold_node);
        message.number = stream->number;
        message.id = stream->slowest.found;
        if (!post(context, &message)) {
            return false;
        }
        stream->slowest.told = stream->slowest.found;
        list_remove(node);
        shard->alive_ms = shard->now_ms;
    }
    if (slowest_next_ms(shard) != 0) {
        return true;
    }
    message.number = 0;
    message.id = 0;
    if (!post(context, &message)) {
        return false;
    }
    shard->alive_ms = shard->now_ms;
    return true;
}

uint64_t slowest_next_ms(const struct shard *shard)
{
    if (list_is_empty(&shard->blocking)) {
        return UINT64_MAX;
    }
    uint64_t passed_ms = shard->now_ms - shard->alive_ms;
    return passed_ms < ALIVE_EVERY_MS ? ALIVE_EVERY_MS - passed_ms : 0;
}
