#include "dealing.h"

#include "base/assert.h"

static uint32_t share_of(uint32_t connections, double share, uint32_t most)
{
    uint32_t count = (uint32_t)(connections * share + 0.5);
    return count < most ? count : most;
}

struct dealing dealing_of(const struct options *options)
{
    uint32_t connections = options->connections;
    uint32_t stalled = share_of(connections, options->stalled, connections - 1);
    uint32_t throttled = share_of(connections, options->throttled, connections - 1 - stalled);
    return (struct dealing){
        .connections = connections,
        .streams = options->streams,
        .counts = {connections - stalled - throttled, stalled, throttled},
    };
}

// Of the subscribers in the order of their streams, those before `place` that are not healthy.
static uint64_t unhealthy_before(const struct dealing *dealing, uint64_t place)
{
    uint64_t unhealthy = dealing->connections - dealing->counts[GROUP_HEALTHY];
    return place * unhealthy / dealing->connections;
}

// Of these, those that stall before number `index`.
static uint64_t stalled_before(const struct dealing *dealing, uint64_t index)
{
    uint64_t unhealthy = dealing->connections - dealing->counts[GROUP_HEALTHY];
    return index * dealing->counts[GROUP_STALLED] / unhealthy;
}

// The place of a stream's first subscriber in the order of streams.
static uint64_t stream_start(const struct dealing *dealing, uint32_t stream)
{
    uint32_t each = dealing->connections / dealing->streams;
    uint32_t more = dealing->connections % dealing->streams;
    return (uint64_t)stream * each + (stream < more ? stream : more);
}

enum dealing_group dealing_group(const struct dealing *dealing, uint32_t number)
{
    ASSERT(number < dealing->connections);
    uint64_t place = stream_start(dealing, number % dealing->streams) + number / dealing->streams;
    uint64_t index = unhealthy_before(dealing, place);
    if (unhealthy_before(dealing, place + 1) == index) {
        return GROUP_HEALTHY;
    }
    bool is_stalled = stalled_before(dealing, index + 1) > stalled_before(dealing, index);
    return is_stalled ? GROUP_STALLED : GROUP_THROTTLED;
}

uint32_t dealing_count(const struct dealing *dealing, enum dealing_group group, uint32_t first,
                       uint32_t count)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < count && dealing->counts[group] > 0; i++) {
        found += dealing_group(dealing, first + i) == group;
    }
    return found;
}

uint32_t dealing_audience(const struct dealing *dealing, uint32_t stream)
{
    ASSERT(stream < dealing->streams);
    uint64_t start = stream_start(dealing, stream);
    uint64_t end = stream_start(dealing, stream + 1);
    return (uint32_t)(end - start -
                      (unhealthy_before(dealing, end) - unhealthy_before(dealing, start)));
}
