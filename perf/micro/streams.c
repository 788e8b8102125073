// layer: stream
// Finding a stream, in the log's table and in a worker's, by name and by number, at random among
// few and many: with many it is the time that memory takes.
#include "micro.h"

#include "base/assert.h"
#include "base/prng.h"
#include "log/streams.h"
#include "stream/stream.h"

#include <string.h>

enum {
    NAME_SIZE = 32,
    PICKS = 1 << 16, // of streams, at random, again and again
};

struct tables {
    uint32_t count;
    char (*names)[NAME_SIZE];
    uint32_t picks[PICKS];
    struct streams streams;
    struct stream_table table;
};

static void reach_name(void *context, uint64_t count)
{
    const struct tables *tables = context;
    for (uint64_t i = 0; i < count; i++) {
        struct slice name = slice_of(tables->names[tables->picks[i % PICKS]]);
        micro_keep(&name);
    }
}

static void find_in_log_by_name(void *context, uint64_t count)
{
    const struct tables *tables = context;
    for (uint64_t i = 0; i < count; i++) {
        const char *name = tables->names[tables->picks[i % PICKS]];
        micro_keep(streams_find(&tables->streams, slice_of(name)));
    }
}

static void find_in_log_by_number(void *context, uint64_t count)
{
    const struct tables *tables = context;
    for (uint64_t i = 0; i < count; i++) {
        micro_keep(streams_by_number(&tables->streams, tables->picks[i % PICKS] + 1));
    }
}

static void find_in_worker_by_name(void *context, uint64_t count)
{
    const struct tables *tables = context;
    for (uint64_t i = 0; i < count; i++) {
        const char *name = tables->names[tables->picks[i % PICKS]];
        micro_keep(stream_table_find(&tables->table, slice_of(name)));
    }
}

static void find_in_worker_by_number(void *context, uint64_t count)
{
    const struct tables *tables = context;
    for (uint64_t i = 0; i < count; i++) {
        micro_keep(stream_table_by_number(&tables->table, tables->picks[i % PICKS] + 1));
    }
}

static void fill(struct tables *tables, uint32_t count)
{
    struct prng prng;
    prng_seed(&prng, 1);
    tables->count = count;
    tables->names = calloc(count, sizeof *tables->names);
    int result = streams_init(&tables->streams, count);
    ASSERT(tables->names != NULL && result == 0);
    result = stream_table_init(&tables->table, count);
    ASSERT(result == 0);
    for (uint32_t i = 0; i < count; i++) {
        (void)snprintf(tables->names[i], NAME_SIZE, "stream/%u", i);
        struct slice name = slice_of(tables->names[i]);
        const struct log_stream *in_log = streams_add(&tables->streams, name, i + 1);
        struct stream *in_worker = stream_table_open(&tables->table, name);
        ASSERT(in_log != NULL && in_worker != NULL);
        in_worker->request.state.number = i + 1;
        bool is_live = stream_table_answered(&tables->table, in_worker);
        ASSERT(is_live);
    }
    for (uint32_t i = 0; i < PICKS; i++) {
        tables->picks[i] = (uint32_t)(prng_below(&prng, count));
    }
}

static void empty(struct tables *tables)
{
    for (uint32_t i = 0; i < tables->count; i++) {
        stream_table_close(&tables->table, stream_table_by_number(&tables->table, i + 1));
    }
    stream_table_free(&tables->table);
    streams_free(&tables->streams);
    free(tables->names);
}

int main(void)
{
    static const struct {
        const char *name;
        micro_work *work;
    } cases[] = {
        {"floor: reaching the name", reach_name},
        {"log, by name", find_in_log_by_name},
        {"log, by number", find_in_log_by_number},
        {"worker, by name", find_in_worker_by_name},
        {"worker, by number", find_in_worker_by_number},
    };
    static const uint32_t counts[] = {10, 10000, 1000000};
    static struct tables tables;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        fill(&tables, counts[i]);
        for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
            char name[64];
            (void)snprintf(name, sizeof name, "%7u streams, %s", counts[i], cases[k].name);
            micro_run(name, CLOCK_THREAD_CPUTIME_ID, cases[k].work, &tables);
        }
        empty(&tables);
    }
    return 0;
}
