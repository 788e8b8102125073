#include "log/streams.h"

#include "base/assert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    NAME_UNIT = 8,
    NAME_UNITS_MAX = 32, // 255 bytes, rounded up
};

// Address space only; a page costs memory from its first use on.
static void *map_lazily(size_t bytes)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static struct slice name_of_slot(const void *owner, uint32_t slot)
{
    const struct streams *streams = owner;
    return streams_name(streams, &streams->slots[slot]);
}

int streams_init(struct streams *streams, uint32_t streams_max)
{
    ASSERT(streams_max > 0 && streams_max <= STREAMS_MAX);
    memset(streams, 0, sizeof(*streams));
    streams->capacity = streams_max;
    streams->free_first = STREAM_NONE;
    streams->next_number = 1;
    streams->slots_bytes = (size_t)streams_max * sizeof(struct log_stream);
    // A place keeps its size for ever, so that in the worst case each size was once that of all.
    streams->names_bytes =
        (size_t)streams_max * NAME_UNIT * (NAME_UNITS_MAX * (NAME_UNITS_MAX + 1) / 2);
    name_map_init(&streams->by_name, name_of_slot, streams);
    u64_map_init(&streams->by_number);
    streams->slots = map_lazily(streams->slots_bytes);
    streams->names = map_lazily(streams->names_bytes);
    int error = pool_init(&streams->extras, sizeof(struct stream_extra), 8, streams_max);
    if (streams->slots == NULL || streams->names == NULL || error != 0) {
        streams_free(streams);
        return -ENOMEM;
    }
    return 0;
}

static void free_content_types(struct streams *streams)
{
    const struct pool *extras = &streams->extras;
    for (uint32_t i = pool_next_live(extras, 0); i != POOL_INDEX_NONE;
         i = pool_next_live(extras, i + 1)) {
        struct stream_extra *extra = pool_at(extras, i);
        free(extra->content_type);
    }
}

void streams_free(struct streams *streams)
{
    if (streams->slots != NULL) {
        (void)munmap(streams->slots, streams->slots_bytes);
    }
    if (streams->names != NULL) {
        (void)munmap(streams->names, streams->names_bytes);
    }
    if (streams->extras.objects != NULL) {
        free_content_types(streams);
        pool_destroy(&streams->extras);
    }
    name_map_free(&streams->by_name);
    u64_map_free(&streams->by_number);
    memset(streams, 0, sizeof(*streams));
}

struct log_stream *streams_find(const struct streams *streams, struct slice name)
{
    uint32_t slot;
    return name_map_get(&streams->by_name, name, &slot) ? &streams->slots[slot] : NULL;
}

struct log_stream *streams_by_number(const struct streams *streams, uint64_t number)
{
    uint32_t slot;
    return u64_map_get(&streams->by_number, number, &slot) ? &streams->slots[slot] : NULL;
}

static uint32_t name_units(size_t length)
{
    return (uint32_t)((length + NAME_UNIT - 1) / NAME_UNIT);
}

// Names of forgotten streams leave places of their size behind, which form a list in the arena.
static uint32_t name_store(struct streams *streams, struct slice name)
{
    uint32_t units = name_units(name.length);
    uint32_t at;
    if (streams->names_free[units] != 0) {
        at = streams->names_free[units] - 1;
        memcpy(&streams->names_free[units], streams->names + (size_t)at * NAME_UNIT,
               sizeof(uint32_t));
    } else {
        ASSERT((streams->names_used + units) * NAME_UNIT <= streams->names_bytes);
        at = (uint32_t)streams->names_used;
        streams->names_used += units;
    }
    memcpy(streams->names + (size_t)at * NAME_UNIT, name.at, name.length);
    return at;
}

static void name_release(struct streams *streams, uint32_t at, size_t length)
{
    uint32_t units = name_units(length);
    memcpy(streams->names + (size_t)at * NAME_UNIT, &streams->names_free[units], sizeof(uint32_t));
    streams->names_free[units] = at + 1;
}

struct log_stream *streams_add(struct streams *streams, struct slice name, uint64_t number)
{
    ASSERT(name.length >= 1 && name.length <= UINT8_MAX);
    uint32_t slot = streams->free_first != STREAM_NONE ? streams->free_first : streams->touched;
    if (slot >= streams->capacity) {
        return NULL;
    }
    uint32_t name_at = name_store(streams, name);
    struct log_stream *stream = &streams->slots[slot];
    uint32_t next_free = stream->newest_run;
    number = number != 0 ? number : streams->next_number;
    *stream = (struct log_stream){
        .number = STREAM_48(number),
        .name_length = (uint8_t)name.length,
        .name_at = name_at,
        .newest_run = STREAM_NONE,
        .open_index = STREAM_NOT_OPEN,
        .extra = STREAM_NONE,
    };
    if (u64_map_put(&streams->by_number, number, slot) != 0 ||
        name_map_put(&streams->by_name, name, slot) != 0) {
        (void)u64_map_remove(&streams->by_number, number, NULL);
        name_release(streams, name_at, name.length);
        stream->number = 0;
        stream->newest_run = next_free;
        return NULL;
    }
    if (slot == streams->free_first) {
        streams->free_first = next_free;
    } else {
        streams->touched++;
    }
    streams->count++;
    if (number >= streams->next_number) {
        streams->next_number = number + 1;
    }
    return stream;
}

void streams_remove(struct streams *streams, struct log_stream *stream)
{
    ASSERT(stream->number != 0);
    ASSERT(stream->newest_run == STREAM_NONE);
    ASSERT(stream->pending == 0 && stream->controls == 0);
    ASSERT(stream->open_index == STREAM_NOT_OPEN);
    struct stream_extra *extra = streams_extra(streams, stream);
    if (extra != NULL) {
        ASSERT(extra->holdback == NULL);
        free(extra->content_type);
        pool_free(&streams->extras, extra);
    }
    bool known = name_map_remove(&streams->by_name, streams_name(streams, stream), NULL);
    known = u64_map_remove(&streams->by_number, stream->number, NULL) && known;
    ASSERT(known);
    name_release(streams, stream->name_at, stream->name_length);
    stream->number = 0;
    stream->newest_run = streams->free_first;
    streams->free_first = streams_slot(streams, stream);
    streams->count--;
}

bool streams_set_content_type(struct stream_extra *extra, struct slice content_type)
{
    ASSERT(content_type.length <= UINT8_MAX);
    free(extra->content_type);
    extra->content_type = NULL;
    if (content_type.length == 0) {
        return true;
    }
    struct stream_text *text = malloc(sizeof(*text) + content_type.length);
    if (text == NULL) {
        return false;
    }
    text->length = (uint8_t)content_type.length;
    memcpy(text->bytes, content_type.at, content_type.length);
    extra->content_type = text;
    return true;
}

struct stream_extra *streams_need_extra(struct streams *streams, struct log_stream *stream)
{
    struct stream_extra *extra = streams_extra(streams, stream);
    if (extra == NULL) {
        extra = pool_alloc(&streams->extras);
        ASSERT(extra != NULL);
        *extra = (struct stream_extra){.slot = streams_slot(streams, stream)};
        stream->extra = pool_index(&streams->extras, extra);
    }
    return extra;
}

void streams_trim_extra(struct streams *streams, struct log_stream *stream)
{
    struct stream_extra *extra = streams_extra(streams, stream);
    if (extra == NULL || extra->interest != 0) {
        return;
    }
    ASSERT(extra->holdback == NULL);
    if (settings_are_default(&extra->settings) && extra->content_type == NULL) {
        pool_free(&streams->extras, extra);
        stream->extra = STREAM_NONE;
    }
}
