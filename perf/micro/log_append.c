// Events through log_append, log_round and the disk, on one thread: its CPU time for each.
//
//     build/micro/log_append                                               a table of some cases
//     build/micro/log_append EVENTS [BYTES [STREAMS [written|synced]]]     one of them, with more
//                                                                          about it
//
// Keeps at most WINDOW events unacknowledged, as producers with credits do.
#include "micro.h"

#include "base/assert.h"
#include "base/clock.h"
#include "io/loop.h"
#include "log/disk.h"
#include "log/log.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { WINDOW = 16384, BATCH = 512, TABLE_EVENTS = 200 * 1000, TABLE_ROUNDS = 5 };

struct load {
    uint64_t events;
    size_t bytes;
    uint64_t streams;
    enum ack_level level;
};

struct cost {
    double seconds;
    double cpu_seconds;
    struct log_status status;
};

static struct loop loop;
static uint64_t acknowledged;

static void acknowledge(void *context, const struct log_acknowledgement *acknowledgement)
{
    (void)context;
    ASSERT(acknowledgement->error == ERR_NONE);
    acknowledged++;
}

static struct log *open_log(const char *directory, struct disk **disk)
{
    char message[512];
    const struct loop_config config = {.name = "bench"};
    ASSERT(loop_init(&loop, &config, message, sizeof(message)) == 0);
    ASSERT(loop_start(&loop, message, sizeof(message)) == 0);
    *disk = disk_open(directory, message, sizeof(message));
    ASSERT(*disk != NULL);
    const struct log_options options = {
        .directory = directory,
        .segment_bytes = 64 << 20,
        .tail_bytes = 64 << 20,
        .retention_bytes = 512 << 20,
        .retention_age_ms = 24 * 3600 * 1000,
        .stream_idle_ms = 24 * 3600 * 1000,
        .streams_max = 1 << 20,
        .producers_max = 1 << 16,
        .readers = 1,
        .reader_reserve = 16,
    };
    struct log *log = log_open(&options, *disk, message, sizeof(message));
    ASSERT(log != NULL);
    log_set_callbacks(log, &(struct log_callbacks){.acknowledge = acknowledge});
    log_start(log, &loop);
    return log;
}

static uint64_t append_batch(struct log *log, struct event *event, char (*names)[32],
                             const struct load *load, uint64_t sent)
{
    for (int i = 0; i < BATCH && sent < load->events && sent - acknowledged < WINDOW; i++) {
        enum rc_error error;
        event->stream = slice_of(names[sent % load->streams]);
        enum log_append_result result = log_append(log, event, load->level, 1, sent, &error);
        if (result == LOG_APPEND_FULL) {
            break;
        }
        ASSERT(result == LOG_APPEND_TAKEN);
        sent++;
    }
    return sent;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status;
    (void)kind;
    (void)where;
    return remove(path);
}

static void append_all(struct log *log, const struct load *load, struct cost *cost)
{
    char *data = malloc(load->bytes);
    char(*names)[32] = calloc(load->streams, sizeof(*names));
    ASSERT(data != NULL && names != NULL);
    memset(data, 'x', load->bytes);
    for (uint64_t i = 0; i < load->streams; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "stream/%llu", (unsigned long long)i);
    }
    struct event event = {.data = slice_from(data, load->bytes), .priority = PRIORITY_NORMAL};
    uint64_t sent = 0;
    uint64_t begun_ns = clock_monotonic_ns();
    uint64_t cpu_begun_ns = micro_clock_ns(CLOCK_THREAD_CPUTIME_ID);
    acknowledged = 0;
    while (acknowledged < load->events) {
        sent = append_batch(log, &event, names, load, sent);
        (void)log_round(log, clock_monotonic_ms());
        bool is_full = sent == load->events || sent - acknowledged >= WINDOW;
        loop_round(&loop, is_full ? 1000 * 1000 : 0);
    }
    cost->seconds = (double)(clock_monotonic_ns() - begun_ns) / 1e9;
    cost->cpu_seconds = (double)(micro_clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_begun_ns) / 1e9;
    log_get_status(log, &cost->status);
    free(data);
    free(names);
}

static void run(const struct load *load, struct cost *cost)
{
    char directory[] = "build/log-bench-XXXXXX";
    ASSERT(mkdtemp(directory) != NULL);
    struct disk *disk;
    struct log *log = open_log(directory, &disk);
    append_all(log, load, cost);
    log_drain(log);
    while (!log_is_drained(log)) {
        (void)log_round(log, clock_monotonic_ms());
        loop_round(&loop, 1000 * 1000);
    }
    log_close(log);
    loop_stop(&loop);
    loop_free(&loop);
    disk_close(disk);
    ASSERT(nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0);
}

static void print_table(void)
{
    static const struct {
        const char *name;
        struct load load;
    } cases[] = {
        {"log append, 64 bytes", {TABLE_EVENTS, 64, 1, ACK_WRITTEN}},
        {"log append, 200 bytes", {TABLE_EVENTS, 200, 1, ACK_WRITTEN}},
        {"log append, 64 bytes in 10,000 streams", {TABLE_EVENTS, 64, 10000, ACK_WRITTEN}},
        {"log append, 64 bytes, synced", {TABLE_EVENTS, 64, 1, ACK_SYNCED}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        double each_ns[TABLE_ROUNDS];
        for (int k = 0; k < TABLE_ROUNDS; k++) {
            struct cost cost;
            run(&cases[i].load, &cost);
            each_ns[k] = cost.cpu_seconds * 1e9 / TABLE_EVENTS;
        }
        micro_print(cases[i].name, each_ns, TABLE_ROUNDS);
    }
}

int main(int count, char **arguments)
{
    if (count == 1) {
        print_table();
        return 0;
    }
    struct load load = {
        .events = strtoull(arguments[1], NULL, 10),
        .bytes = count > 2 ? strtoull(arguments[2], NULL, 10) : 64,
        .streams = count > 3 ? strtoull(arguments[3], NULL, 10) : 1,
        .level = count > 4 && strcmp(arguments[4], "synced") == 0 ? ACK_SYNCED : ACK_WRITTEN,
    };
    struct cost cost;
    run(&load, &cost);
    printf("%llu events of %zu bytes in %llu streams, %s: %.2f s, %.0f events/s, %.0f ns of CPU "
           "an event, %llu blocks, %llu syncs\n",
           (unsigned long long)load.events, load.bytes, (unsigned long long)load.streams,
           load.level == ACK_SYNCED ? "synced" : "written", cost.seconds,
           (double)load.events / cost.seconds, cost.cpu_seconds * 1e9 / (double)load.events,
           (unsigned long long)cost.status.blocks_written, (unsigned long long)cost.status.syncs);
    return 0;
}
