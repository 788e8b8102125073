#include "cli/vitals_reading.h"

#include "base/clock.h"
#include "base/json_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 1 << 20 };

// Appends the file's whole text to an empty buffer.
static int read_file(const char *path, struct buffer *text)
{
    buffer_clear(text);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return -errno;
    }
    int error = 0;
    for (;;) {
        uint8_t *into = buffer_reserve(text, 16 << 10);
        ssize_t length = into == NULL ? -1 : read(file, into, 16 << 10);
        if (length <= 0) {
            error = into == NULL ? buffer_failure(text) : length < 0 ? -errno : 0;
            break;
        }
        buffer_commit(text, (size_t)length);
    }
    (void)close(file);
    return error;
}

static int read_all(struct vitals_reading *reading, struct buffer *text, const char **path)
{
    int error = read_file(*path = "/proc/stat", text);
    if (error == 0 && !proc_stat_parse(buffer_slice(text), &reading->stat)) {
        error = -EPROTO;
    }
    if (error == 0) {
        error = read_file(*path = "/proc/meminfo", text);
    }
    if (error == 0 && !proc_memory_parse(buffer_slice(text), &reading->memory)) {
        error = -EPROTO;
    }
    if (error == 0) {
        error = read_file(*path = "/proc/loadavg", text);
    }
    if (error == 0 && !proc_load_parse(buffer_slice(text), &reading->load)) {
        error = -EPROTO;
    }
    if (error != 0) {
        return error;
    }
    // A container may have neither disks nor network: then there are none.
    reading->disks.count = 0;
    if (read_file("/proc/diskstats", text) == 0) {
        proc_disks_parse(buffer_slice(text), &reading->disks);
    }
    reading->interfaces.count = 0;
    if (read_file("/proc/net/dev", text) == 0) {
        (void)proc_network_parse(buffer_slice(text), &reading->interfaces);
    }
    return 0;
}

int vitals_read(struct vitals_reading *reading, const char **path)
{
    struct buffer text;
    buffer_init(&text, FILE_BYTES_MAX);
    reading->taken_ns = clock_monotonic_ns();
    reading->taken_ms = clock_realtime_ms();
    int error = read_all(reading, &text, path);
    buffer_free(&text);
    struct statvfs file_system;
    reading->file_system_bytes = 0;
    reading->file_system_free_bytes = 0;
    if (statvfs("/", &file_system) == 0) {
        reading->file_system_bytes = (uint64_t)file_system.f_blocks * file_system.f_frsize;
        reading->file_system_free_bytes = (uint64_t)file_system.f_bfree * file_system.f_frsize;
    }
    return error;
}

// Counters that went back (a device that came anew) give 0.
static double difference(uint64_t before, uint64_t now)
{
    return now > before ? (double)(now - before) : 0;
}

static double percent_of(double part, double whole)
{
    double percent = whole > 0 ? 100 * part / whole : 0;
    return percent > 100 ? 100 : percent;
}

static double seconds_between(const struct vitals_reading *before, const struct vitals_reading *now)
{
    return difference(before->taken_ns, now->taken_ns) / 1e9;
}

static uint64_t rate(uint64_t before, uint64_t now, double seconds)
{
    return seconds > 0 ? (uint64_t)(difference(before, now) / seconds + 0.5) : 0;
}

static double busy_percent(const struct proc_cpu *before, const struct proc_cpu *now)
{
    return percent_of(difference(before->busy, now->busy), difference(before->total, now->total));
}

void vitals_write_cpu(struct buffer *out, const struct vitals_reading *before,
                      const struct vitals_reading *now)
{
    struct json_writer writer = json_writer_on(out);
    json_write_object_open(&writer);
    json_write_member_decimal(&writer, "percent", busy_percent(&before->stat.all, &now->stat.all),
                              1);
    json_write_key(&writer, "cores");
    json_write_array_open(&writer);
    for (uint32_t i = 0; i < now->stat.core_count && i < before->stat.core_count; i++) {
        json_write_decimal(&writer, busy_percent(&before->stat.cores[i], &now->stat.cores[i]), 1);
    }
    json_write_array_close(&writer);
    json_write_key(&writer, "load");
    json_write_array_open(&writer);
    json_write_decimal(&writer, now->load.over_1_min, 2);
    json_write_decimal(&writer, now->load.over_5_min, 2);
    json_write_decimal(&writer, now->load.over_15_min, 2);
    json_write_array_close(&writer);
    json_write_member_u64(&writer, "running", now->load.running);
    json_write_member_u64(&writer, "threads", now->load.threads);
    json_write_member_u64(&writer, "context_switches_per_s",
                          rate(before->stat.context_switches, now->stat.context_switches,
                               seconds_between(before, now)));
    uint64_t now_s = now->taken_ms / 1000;
    bool has_uptime = now->stat.boot_time_s != 0 && now_s > now->stat.boot_time_s;
    json_write_member_u64(&writer, "uptime_s", has_uptime ? now_s - now->stat.boot_time_s : 0);
    json_write_object_close(&writer);
}

void vitals_write_memory(struct buffer *out, const struct vitals_reading *before,
                         const struct vitals_reading *now)
{
    (void)before;
    const struct proc_memory *memory = &now->memory;
    struct json_writer writer = json_writer_on(out);
    double used = difference(memory->available_bytes, memory->total_bytes);
    json_write_object_open(&writer);
    json_write_member_decimal(&writer, "percent", percent_of(used, (double)memory->total_bytes), 1);
    json_write_member_u64(&writer, "total_bytes", memory->total_bytes);
    json_write_member_u64(&writer, "used_bytes", (uint64_t)used);
    json_write_member_u64(&writer, "available_bytes", memory->available_bytes);
    json_write_member_u64(&writer, "cached_bytes", memory->cached_bytes + memory->buffers_bytes);
    json_write_member_u64(&writer, "swap_total_bytes", memory->swap_total_bytes);
    json_write_member_u64(&writer, "swap_used_bytes",
                          (uint64_t)difference(memory->swap_free_bytes, memory->swap_total_bytes));
    json_write_object_close(&writer);
}

// Bytes in and out a second of all devices together; a device that is new counts from its next
// reading on.
static void sum_rates(const struct proc_devices *before, const struct proc_devices *now,
                      double seconds, uint64_t *in, uint64_t *out)
{
    *in = 0;
    *out = 0;
    for (uint32_t i = 0; i < now->count; i++) {
        const struct proc_device *device = &now->devices[i];
        const struct proc_device *former = proc_device_find(before, device->name);
        if (former != NULL) {
            *in += rate(former->in_bytes, device->in_bytes, seconds);
            *out += rate(former->out_bytes, device->out_bytes, seconds);
        }
    }
}

// What the members of one device are called.
struct device_keys {
    const char *in_bytes;
    const char *out_bytes;
    const char *in_count;
    const char *out_count;
    bool has_busy;
};

static void write_devices(struct json_writer *writer, const struct proc_devices *before,
                          const struct proc_devices *now, double seconds,
                          const struct device_keys *keys)
{
    json_write_array_open(writer);
    for (uint32_t i = 0; i < now->count; i++) {
        const struct proc_device *device = &now->devices[i];
        const struct proc_device *former = proc_device_find(before, device->name);
        if (former == NULL) {
            continue;
        }
        json_write_object_open(writer);
        json_write_key(writer, "name");
        json_write_text(writer, device->name);
        json_write_member_u64(writer, keys->in_bytes,
                              rate(former->in_bytes, device->in_bytes, seconds));
        json_write_member_u64(writer, keys->out_bytes,
                              rate(former->out_bytes, device->out_bytes, seconds));
        json_write_member_u64(writer, keys->in_count,
                              rate(former->in_count, device->in_count, seconds));
        json_write_member_u64(writer, keys->out_count,
                              rate(former->out_count, device->out_count, seconds));
        if (keys->has_busy) {
            json_write_member_decimal(
                writer, "busy_percent",
                percent_of(difference(former->busy_ms, device->busy_ms), seconds * 1000), 1);
        }
        json_write_object_close(writer);
    }
    json_write_array_close(writer);
}

void vitals_write_disk(struct buffer *out, const struct vitals_reading *before,
                       const struct vitals_reading *now)
{
    static const struct device_keys keys = {"read_bytes_per_s", "written_bytes_per_s",
                                            "reads_per_s", "writes_per_s", true};
    struct json_writer writer = json_writer_on(out);
    double seconds = seconds_between(before, now);
    uint64_t read_bytes = 0;
    uint64_t written_bytes = 0;
    sum_rates(&before->disks, &now->disks, seconds, &read_bytes, &written_bytes);
    double used = difference(now->file_system_free_bytes, now->file_system_bytes);
    json_write_object_open(&writer);
    json_write_member_u64(&writer, "read_bytes_per_s", read_bytes);
    json_write_member_u64(&writer, "written_bytes_per_s", written_bytes);
    json_write_member_decimal(&writer, "percent", percent_of(used, (double)now->file_system_bytes),
                              1);
    json_write_member_u64(&writer, "total_bytes", now->file_system_bytes);
    json_write_member_u64(&writer, "used_bytes", (uint64_t)used);
    json_write_key(&writer, "disks");
    write_devices(&writer, &before->disks, &now->disks, seconds, &keys);
    json_write_object_close(&writer);
}

void vitals_write_network(struct buffer *out, const struct vitals_reading *before,
                          const struct vitals_reading *now)
{
    static const struct device_keys keys = {"received_bytes_per_s", "sent_bytes_per_s",
                                            "packets_received_per_s", "packets_sent_per_s", false};
    struct json_writer writer = json_writer_on(out);
    double seconds = seconds_between(before, now);
    uint64_t received_bytes = 0;
    uint64_t sent_bytes = 0;
    sum_rates(&before->interfaces, &now->interfaces, seconds, &received_bytes, &sent_bytes);
    json_write_object_open(&writer);
    json_write_member_u64(&writer, keys.in_bytes, received_bytes);
    json_write_member_u64(&writer, keys.out_bytes, sent_bytes);
    json_write_key(&writer, "interfaces");
    write_devices(&writer, &before->interfaces, &now->interfaces, seconds, &keys);
    json_write_object_close(&writer);
}
