#include "app/memory_source.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum {
    TEXT_BYTES_MAX = 16 << 10,
    MOUNTS_BYTES_MAX = 1 << 20,
    STATM_RESIDENT = 1,
    TCP_MEM_MAX = 2,
};

struct files {
    const char *limit;
    const char *throttle; // from here on the kernel slows the group down
    const char *used;
    const char *file_keys[2]; // of memory.stat: pages of files, which can be given back
};

static const struct files files_of[] = {
    [MEMORY_CGROUP_V1] = {"memory.limit_in_bytes",
                          "memory.limit_in_bytes",
                          "memory.usage_in_bytes",
                          {"total_inactive_file", "total_active_file"}},
    [MEMORY_CGROUP_V2] = {"memory.max",
                          "memory.high",
                          "memory.current",
                          {"inactive_file", "active_file"}},
};

// The file's bytes, appended; nothing where it cannot be read.
static struct slice read_file(const struct memory_source *source, const char *folder,
                              const char *name, struct buffer *text)
{
    char path[2 * MEMORY_PATH_SIZE];
    buffer_clear(text);
    int length = snprintf(path, sizeof(path), "%s%s/%s", source->root, folder, name);
    if (length < 0 || length >= (int)sizeof(path)) {
        return slice_empty();
    }
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return slice_empty();
    }
    ssize_t got = 0;
    uint8_t *room = NULL;
    do {
        room = buffer_reserve(text, 1);
        got = room == NULL ? 0 : read(file, room, buffer_room(text));
        buffer_commit(text, got > 0 ? (size_t)got : 0);
    } while (got > 0);
    (void)close(file);
    return buffer_slice(text);
}

// --- groups ---

static uint64_t read_limit(const struct memory_source *source, const char *folder, const char *name,
                           struct buffer *text)
{
    uint64_t bytes = UINT64_MAX;
    (void)memory_text_limit(read_file(source, folder, name, text), &bytes);
    return bytes;
}

// Without a limit where the group has none.
static struct pressure_gauge read_group(const struct memory_source *source,
                                        const struct memory_group *group, struct buffer *text)
{
    const struct files *files = &files_of[group->hierarchy];
    struct pressure_gauge gauge = {0};
    uint64_t limit = read_limit(source, group->path, files->limit, text);
    uint64_t throttle = read_limit(source, group->path, files->throttle, text);
    limit = throttle < limit ? throttle : limit;
    if (limit == UINT64_MAX ||
        !memory_text_limit(read_file(source, group->path, files->used, text), &gauge.used_bytes)) {
        return (struct pressure_gauge){0};
    }
    gauge.limit_bytes = limit;
    struct slice stat = read_file(source, group->path, "memory.stat", text);
    for (unsigned i = 0; i < 2; i++) {
        uint64_t file_bytes = 0;
        (void)memory_text_value(stat, files->file_keys[i], &file_bytes);
        gauge.used_bytes -= file_bytes < gauge.used_bytes ? file_bytes : gauge.used_bytes;
    }
    return gauge;
}

// The process's group in this hierarchy, and those above it up to the one that is mounted.
static void add_groups(struct memory_source *source, enum memory_hierarchy hierarchy,
                       struct buffer *text)
{
    char own[MEMORY_PATH_SIZE];
    struct slice path;
    struct slice root;
    struct slice place;
    if (!memory_text_group(read_file(source, "/proc/self", "cgroup", text), hierarchy, &path) ||
        path.length >= sizeof(own)) {
        return;
    }
    memcpy(own, path.at, path.length);
    path.at = (const uint8_t *)own;
    if (!memory_text_mount(read_file(source, "/proc/self", "mountinfo", text), hierarchy, &root,
                           &place) ||
        place.length + path.length >= MEMORY_PATH_SIZE) {
        return;
    }
    // In a container the mount may show the own group alone, as its root.
    bool is_whole = root.length == 1;
    struct slice below = is_whole ? path : slice_empty();
    if (!is_whole && slice_starts_with(path, root)) {
        below = slice_after(path, root.length);
    }
    while (source->group_count < MEMORY_GROUPS_MAX) {
        struct memory_group *group = &source->groups[source->group_count++];
        group->hierarchy = hierarchy;
        (void)snprintf(group->path, sizeof(group->path), SLICE_FORMAT SLICE_FORMAT,
                       SLICE_ARGUMENTS(place), SLICE_ARGUMENTS(below));
        if (below.length == 0) {
            break;
        }
        do {
            below.length--;
        } while (below.at[below.length] != '/');
    }
}

// --- all ---

static void take_fuller(struct pressure_gauge *fullest, struct pressure_gauge gauge)
{
    if (fullest->limit_bytes == 0 || pressure_permille(gauge) > pressure_permille(*fullest)) {
        *fullest = gauge;
    }
}

static struct pressure_gauge read_groups(const struct memory_source *source, struct buffer *text)
{
    struct pressure_gauge fullest = {0};
    for (uint32_t i = 0; i < source->group_count; i++) {
        take_fuller(&fullest, read_group(source, &source->groups[i], text));
    }
    return fullest;
}

static struct pressure_gauge read_process(const struct memory_source *source, struct buffer *text)
{
    uint64_t pages = 0;
    (void)memory_text_column(read_file(source, "/proc/self", "statm", text), STATM_RESIDENT,
                             &pages);
    return (struct pressure_gauge){pages * source->page_bytes, source->limit_bytes};
}

static struct pressure_gauge read_tcp(const struct memory_source *source, struct buffer *text)
{
    uint64_t used = 0;
    uint64_t most = 0;
    // Not there in a container with a network of its own: then it is the host's to watch.
    if (!memory_text_column(read_file(source, "/proc/sys/net/ipv4", "tcp_mem", text), TCP_MEM_MAX,
                            &most) ||
        !memory_text_named(read_file(source, "/proc/net", "sockstat", text), "TCP:", "mem",
                           &used)) {
        return (struct pressure_gauge){0};
    }
    return (struct pressure_gauge){used * source->page_bytes, most * source->page_bytes};
}

void memory_source_open(struct memory_source *source, const char *root, uint64_t limit_bytes)
{
    long page_bytes = sysconf(_SC_PAGESIZE);
    *source = (struct memory_source){.root = root, .limit_bytes = limit_bytes};
    source->page_bytes = page_bytes > 0 ? (uint64_t)page_bytes : 4096;
    struct buffer text;
    buffer_init(&text, MOUNTS_BYTES_MAX);
    add_groups(source, MEMORY_CGROUP_V1, &text);
    add_groups(source, MEMORY_CGROUP_V2, &text);
    uint64_t total_kib = 0;
    if (limit_bytes == 0 && read_groups(source, &text).limit_bytes == 0 &&
        memory_text_value(read_file(source, "/proc", "meminfo", &text), "MemTotal:", &total_kib)) {
        source->limit_bytes = total_kib * 1024 / 4 * 3;
    }
    buffer_free(&text);
}

void memory_source_read(const struct memory_source *source, struct memory_reading *reading)
{
    uint8_t storage[TEXT_BYTES_MAX];
    struct buffer text;
    buffer_wrap(&text, storage, sizeof(storage));
    reading->memory = read_groups(source, &text);
    if (source->limit_bytes > 0) {
        take_fuller(&reading->memory, read_process(source, &text));
    }
    reading->tcp = read_tcp(source, &text);
}
