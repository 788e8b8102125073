#include "cli/proc.h"

#include "base/text.h"

#include <string.h>

// The next word of a line, and what follows it. Empty at the end.
static struct slice next_word(struct slice *line)
{
    size_t start = 0;
    while (start < line->length && (line->at[start] == ' ' || line->at[start] == '\t')) {
        start++;
    }
    size_t end = start;
    while (end < line->length && line->at[end] != ' ' && line->at[end] != '\t') {
        end++;
    }
    struct slice word = slice_first(slice_after(*line, start), end - start);
    *line = slice_after(*line, end);
    return word;
}

// The numbers that a line goes on with; returns how many there were, at most `most`.
static size_t read_numbers(struct slice line, uint64_t *numbers, size_t most)
{
    size_t count = 0;
    while (count < most && text_parse_u64(next_word(&line), &numbers[count])) {
        count++;
    }
    return count;
}

static bool parse_cpu(struct slice line, struct proc_cpu *cpu)
{
    // user nice system idle iowait irq softirq steal; guest time, which follows, is in user
    // already.
    enum { IDLE = 3, IOWAIT = 4, FIELDS = 8, FIELDS_LEAST = 4 };
    uint64_t numbers[FIELDS] = {0};
    if (read_numbers(line, numbers, FIELDS) < FIELDS_LEAST) {
        return false;
    }
    cpu->total = 0;
    for (size_t i = 0; i < FIELDS; i++) {
        cpu->total += numbers[i];
    }
    cpu->busy = cpu->total - numbers[IDLE] - numbers[IOWAIT];
    return true;
}

bool proc_stat_parse(struct slice text, struct proc_stat *stat)
{
    bool found = false;
    memset(stat, 0, sizeof(*stat));
    while (text.at != NULL) {
        struct slice line = slice_split(&text, '\n');
        struct slice name = next_word(&line);
        if (slice_equal_text(name, "cpu")) {
            found = parse_cpu(line, &stat->all);
        } else if (slice_starts_with(name, slice_of("cpu"))) {
            if (stat->core_count < PROC_CORES_MAX &&
                parse_cpu(line, &stat->cores[stat->core_count])) {
                stat->core_count++;
            }
        } else if (slice_equal_text(name, "ctxt")) {
            (void)read_numbers(line, &stat->context_switches, 1);
        } else if (slice_equal_text(name, "btime")) {
            (void)read_numbers(line, &stat->boot_time_s, 1);
        }
    }
    return found;
}

bool proc_memory_parse(struct slice text, struct proc_memory *memory)
{
    const struct {
        const char *name;
        uint64_t *into;
    } fields[] = {
        {"MemTotal:", &memory->total_bytes},         {"MemFree:", &memory->free_bytes},
        {"MemAvailable:", &memory->available_bytes}, {"Buffers:", &memory->buffers_bytes},
        {"Cached:", &memory->cached_bytes},          {"SwapTotal:", &memory->swap_total_bytes},
        {"SwapFree:", &memory->swap_free_bytes},
    };
    enum { TOTAL_AND_AVAILABLE = 1 << 0 | 1 << 2 };
    unsigned seen = 0;
    memset(memory, 0, sizeof(*memory));
    while (text.at != NULL) {
        struct slice line = slice_split(&text, '\n');
        struct slice name = next_word(&line);
        for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
            uint64_t kib = 0;
            if (slice_equal_text(name, fields[i].name) && read_numbers(line, &kib, 1) == 1) {
                *fields[i].into = kib * 1024;
                seen |= 1U << i;
            }
        }
    }
    return (seen & TOTAL_AND_AVAILABLE) == TOTAL_AND_AVAILABLE;
}

// "0.20". The kernel writes two digits after the point.
static bool parse_decimal(struct slice text, double *value)
{
    uint64_t whole = 0;
    uint64_t part = 0;
    struct slice rest = text;
    struct slice before = slice_split(&rest, '.');
    if (rest.length > 9 || !text_parse_u64(before, &whole) || !text_parse_u64(rest, &part)) {
        return false;
    }
    double scale = 1;
    for (size_t i = 0; i < rest.length; i++) {
        scale *= 10;
    }
    *value = (double)whole + (double)part / scale;
    return true;
}

bool proc_load_parse(struct slice text, struct proc_load *load)
{
    memset(load, 0, sizeof(*load));
    struct slice line = slice_split(&text, '\n');
    if (!parse_decimal(next_word(&line), &load->over_1_min) ||
        !parse_decimal(next_word(&line), &load->over_5_min) ||
        !parse_decimal(next_word(&line), &load->over_15_min)) {
        return false;
    }
    struct slice threads = next_word(&line);
    struct slice running = slice_split(&threads, '/');
    return text_parse_u64(running, &load->running) && text_parse_u64(threads, &load->threads);
}

static bool starts_with_any(struct slice name, const char *const *prefixes)
{
    for (size_t i = 0; prefixes[i] != NULL; i++) {
        if (slice_starts_with(name, slice_of(prefixes[i]))) {
            return true;
        }
    }
    return false;
}

// vda1 of vda, nvme0n1p2 of nvme0n1: digits, after a p where the disk's own name ends in a digit.
static bool is_partition_of(struct slice name, const char *disk)
{
    size_t length = strlen(disk);
    if (length == 0 || !slice_starts_with(name, slice_of(disk))) {
        return false;
    }
    struct slice rest = slice_after(name, length);
    bool ends_in_digit = disk[length - 1] >= '0' && disk[length - 1] <= '9';
    if (ends_in_digit) {
        if (rest.length == 0 || rest.at[0] != 'p') {
            return false;
        }
        rest = slice_after(rest, 1);
    }
    uint64_t number = 0;
    return text_parse_u64(rest, &number);
}

static struct proc_device *add_device(struct proc_devices *devices, struct slice name)
{
    if (devices->count == PROC_DEVICES_MAX || name.length == 0 || name.length >= PROC_NAME_SIZE) {
        return NULL;
    }
    struct proc_device *device = &devices->devices[devices->count++];
    memset(device, 0, sizeof(*device));
    memcpy(device->name, name.at, name.length);
    return device;
}

void proc_disks_parse(struct slice text, struct proc_devices *disks)
{
    static const char *const passed_over[] = {"loop", "ram", "zram", "dm-", "md", "sr", "fd", NULL};
    enum { READS, READS_MERGED, SECTORS_READ, READ_MS, WRITES, WRITES_MERGED, SECTORS_WRITTEN };
    enum { BUSY_MS = 9, FIELDS = 10, SECTOR_BYTES = 512 };
    disks->count = 0;
    while (text.at != NULL) {
        struct slice line = slice_split(&text, '\n');
        uint64_t numbers[FIELDS];
        (void)next_word(&line); // major and minor number
        (void)next_word(&line);
        struct slice name = next_word(&line);
        if (read_numbers(line, numbers, FIELDS) != FIELDS || starts_with_any(name, passed_over) ||
            numbers[READS] + numbers[WRITES] == 0) {
            continue;
        }
        bool is_partition = false;
        for (uint32_t i = 0; i < disks->count && !is_partition; i++) {
            is_partition = is_partition_of(name, disks->devices[i].name);
        }
        struct proc_device *disk = is_partition ? NULL : add_device(disks, name);
        if (disk != NULL) {
            disk->in_bytes = numbers[SECTORS_READ] * SECTOR_BYTES;
            disk->out_bytes = numbers[SECTORS_WRITTEN] * SECTOR_BYTES;
            disk->in_count = numbers[READS];
            disk->out_count = numbers[WRITES];
            disk->busy_ms = numbers[BUSY_MS];
        }
    }
}

bool proc_network_parse(struct slice text, struct proc_devices *interfaces)
{
    static const char *const passed_over[] = {"veth", "docker", "br-", "virbr", "ifb", NULL};
    enum { IN_BYTES = 0, IN_PACKETS = 1, OUT_BYTES = 8, OUT_PACKETS = 9, FIELDS = 10 };
    bool found = false;
    interfaces->count = 0;
    while (text.at != NULL) {
        struct slice line = slice_split(&text, '\n');
        struct slice rest = line;
        struct slice name = slice_split(&rest, ':');
        if (rest.at == NULL) {
            found = found || slice_find(line, '|') < line.length;
            continue;
        }
        uint64_t numbers[FIELDS];
        name = next_word(&name);
        if (read_numbers(rest, numbers, FIELDS) != FIELDS || slice_equal_text(name, "lo") ||
            starts_with_any(name, passed_over) || numbers[IN_PACKETS] + numbers[OUT_PACKETS] == 0) {
            continue;
        }
        struct proc_device *interface = add_device(interfaces, name);
        if (interface != NULL) {
            interface->in_bytes = numbers[IN_BYTES];
            interface->out_bytes = numbers[OUT_BYTES];
            interface->in_count = numbers[IN_PACKETS];
            interface->out_count = numbers[OUT_PACKETS];
        }
    }
    return found;
}

const struct proc_device *proc_device_find(const struct proc_devices *devices, const char *name)
{
    for (uint32_t i = 0; i < devices->count; i++) {
        if (strcmp(devices->devices[i].name, name) == 0) {
            return &devices->devices[i];
        }
    }
    return NULL;
}
