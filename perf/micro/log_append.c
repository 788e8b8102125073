// How many events a second go through log_append, log_round and the disk, on one core.
//
//     build/micro/log_append [events [bytes [streams [written|synced]]]]
//
// Keeps at most WINDOW events unacknowledged, as producers with credits do.
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

enum { WINDOW = 16384, BATCH = 512 };

static struct loop loop;
static uint64_t acknowledged;

static void acknowledge(void *context, const struct log_acknowledgement *acknowledgement)
{
    (void)context;
    ASSERT(acknowledgement->error == ERR_NONE);
    acknowledged++;
}

static double cpu_seconds(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
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
                             uint64_t streams, uint64_t sent, uint64_t events, enum ack_level level)
{
    for (int i = 0; i < BATCH && sent < events && sent - acknowledged < WINDOW; i++) {
        enum rc_error error;
        event->stream = slice_of(names[sent % streams]);
        enum log_append_result result = log_append(log, event, level, 1, sent, &error);
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

int main(int count, char **arguments)
{
    uint64_t events = count > 1 ? strtoull(arguments[1], NULL, 10) : 2000000;
    size_t bytes = count > 2 ? strtoull(arguments[2], NULL, 10) : 64;
    uint64_t streams = count > 3 ? strtoull(arguments[3], NULL, 10) : 1;
    bool synced = count > 4 && strcmp(arguments[4], "synced") == 0;
    char directory[] = "build/log-bench-XXXXXX";
    ASSERT(mkdtemp(directory) != NULL);
    struct disk *disk;
    struct log *log = open_log(directory, &disk);
    char *data = malloc(bytes);
    char(*names)[32] = calloc(streams, sizeof(*names));
    ASSERT(data != NULL && names != NULL);
    memset(data, 'x', bytes);
    for (uint64_t i = 0; i < streams; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "stream/%llu", (unsigned long long)i);
    }
    struct event event = {.data = slice_from(data, bytes), .priority = PRIORITY_NORMAL};
    uint64_t sent = 0;
    uint64_t begun_ns = clock_monotonic_ns();
    double cpu_begun = cpu_seconds();
    while (acknowledged < events) {
        sent = append_batch(log, &event, names, streams, sent, events,
                            synced ? ACK_SYNCED : ACK_WRITTEN);
        (void)log_round(log, clock_monotonic_ms());
        bool is_full = sent == events || sent - acknowledged >= WINDOW;
        loop_round(&loop, is_full ? 1000 * 1000 : 0);
    }
    double seconds = (double)(clock_monotonic_ns() - begun_ns) / 1e9;
    double cpu = cpu_seconds() - cpu_begun;
    struct log_status status;
    log_get_status(log, &status);
    printf("%llu events of %zu bytes in %llu streams, %s: %.2f s, %.0f events/s, %.0f ns of CPU "
           "an event, %llu blocks, %llu syncs\n",
           (unsigned long long)events, bytes, (unsigned long long)streams,
           synced ? "synced" : "written", seconds, (double)events / seconds,
           cpu * 1e9 / (double)events, (unsigned long long)status.blocks_written,
           (unsigned long long)status.syncs);
    log_drain(log);
    while (!log_is_drained(log)) {
        (void)log_round(log, clock_monotonic_ms());
        loop_round(&loop, 1000 * 1000);
    }
    log_close(log);
    loop_stop(&loop);
    loop_free(&loop);
    disk_close(disk);
    free(data);
    free(names);
    return nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0 ? 0 : 1;
}
