#include "dealing.h"

#include "base/assert.h"

struct dealing dealing_of(const struct options *options)
{
    uint32_t stalled = (uint32_t)(options->connections * options->stalled + 0.5);
    return (struct dealing){
        .connections = options->connections,
        .streams = options->streams,
        .stalled = stalled < options->connections ? stalled : options->connections - 1,
    };
}

// Of the subscribers in the order of their streams, those before `place` that stall.
static uint64_t stalled_before(const struct dealing *dealing, uint64_t place)
{
    return place * dealing->stalled / dealing->connections;
}

// The place of a stream's first subscriber in the order of streams.
static uint64_t stream_start(const struct dealing *dealing, uint32_t stream)
{
    uint32_t each = dealing->connections / dealing->streams;
    uint32_t more = dealing->connections % dealing->streams;
    return (uint64_t)stream * each + (stream < more ? stream : more);
}

bool dealing_is_stalled(const struct dealing *dealing, uint32_t number)
{
    ASSERT(number < dealing->connections);
    uint64_t place = stream_start(dealing, number % dealing->streams) + number / dealing->streams;
    return stalled_before(dealing, place + 1) > stalled_before(dealing, place);
}

uint32_t dealing_count_stalled(const struct dealing *dealing, uint32_t first, uint32_t count)
{
    uint32_t stalled = 0;
    for (uint32_t i = 0; i < count && dealing->stalled > 0; i++) {
        stalled += dealing_is_stalled(dealing, first + i);
    }
    return stalled;
}

uint32_t dealing_audience(const struct dealing *dealing, uint32_t stream)
{
    ASSERT(stream < dealing->streams);
    uint64_t start = stream_start(dealing, stream);
    uint64_t end = stream_start(dealing, stream + 1);
    return (uint32_t)(end - start -
                      (stalled_before(dealing, end) - stalled_before(dealing, start)));
}
