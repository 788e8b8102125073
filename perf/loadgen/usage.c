#include "usage.h"

#include "proc_file.h"

#include "base/assert.h"
#include "base/clock.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    TEXT_SIZE = 512,
};

static const uint64_t NS_PER_SECOND = UINT64_C(1000) * 1000 * 1000;

// The next decimal number at *at, which it moves on.
static uint64_t number_take(char **at)
{
    return strtoull(*at, at, 10);
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec time = {0};
    (void)clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * NS_PER_SECOND + (uint64_t)time.tv_nsec;
}

static bool thread_read(struct usage_thread *thread, pid_t pid, pid_t id)
{
    char path[64];
    char text[TEXT_SIZE];
    memset(thread, 0, sizeof *thread);
    thread->id = id;
    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/schedstat", pid, id);
    if (!proc_file_read(path, text, sizeof text)) {
        return false;
    }
    char *at = text;
    thread->cpu_ns = number_take(&at);
    thread->wait_ns = number_take(&at);
    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/comm", pid, id);
    if (proc_file_read(path, text, sizeof text)) {
        text[strcspn(text, "\n")] = 0;
        (void)snprintf(thread->name, sizeof thread->name, "%.15s", text);
    }
    return true;
}

static int threads_read(struct usage *usage, pid_t pid)
{
    char path[64];
    usage->thread_count = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *folder = opendir(path);
    if (folder == NULL) {
        return errno == ENOENT ? -ESRCH : -errno;
    }
    const struct dirent *entry = NULL;
    while ((entry = readdir(folder)) != NULL) { // NOLINT(concurrency-mt-unsafe): our own stream
        pid_t id = (pid_t)strtol(entry->d_name, NULL, 10);
        if (id > 0 && usage->thread_count < USAGE_THREADS_MAX &&
            thread_read(&usage->threads[usage->thread_count], pid, id)) {
            usage->thread_count++;
        }
    }
    closedir(folder);
    return 0;
}

static uint64_t resident_bytes(pid_t pid)
{
    char path[64];
    uint64_t pages[2] = {0}; // of its address space, and resident
    (void)snprintf(path, sizeof path, "/proc/%d/statm", pid);
    (void)proc_file_numbers(path, pages, 2);
    return pages[1] * (uint64_t)sysconf(_SC_PAGESIZE);
}

int usage_read(struct usage *usage, pid_t pid)
{
    int result = threads_read(usage, pid);
    if (result < 0) {
        return result;
    }
    usage->resident_bytes = resident_bytes(pid);
    clockid_t clock = 0;
    if (clock_getcpuclockid(pid, &clock) != 0) {
        return -ESRCH;
    }
    usage->cpu_ns = clock_ns(clock);
    usage->taken_ns = clock_monotonic_ns();
    return 0;
}

// The processes and their children, one behind the other.
struct family {
    pid_t ids[USAGE_PROCESSES_MAX * (1 + USAGE_CHILDREN_MAX)];
    uint32_t count;
};

static void family_read(struct family *family, const struct usage_processes *processes)
{
    ASSERT(processes->count <= USAGE_PROCESSES_MAX);
    family->count = 0;
    for (uint32_t i = 0; i < processes->count; i++) {
        char path[64];
        uint64_t children[USAGE_CHILDREN_MAX];
        pid_t id = processes->ids[i];
        (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", id, id);
        uint32_t count = proc_file_numbers(path, children, USAGE_CHILDREN_MAX);
        family->ids[family->count++] = id;
        for (uint32_t k = 0; k < count; k++) {
            family->ids[family->count++] = (pid_t)children[k];
        }
    }
}

static uint64_t proportional_bytes(pid_t pid)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pid);
    return proc_file_member(path, "Pss") * 1024;
}

static uint64_t family_resident(const struct family *family)
{
    if (family->count == 1) {
        return resident_bytes(family->ids[0]);
    }
    uint64_t sum = 0;
    for (uint32_t i = 0; i < family->count; i++) {
        sum += proportional_bytes(family->ids[i]);
    }
    return sum;
}

uint64_t usage_read_resident(const struct usage_processes *processes)
{
    struct family family;
    family_read(&family, processes);
    return family_resident(&family);
}

static bool is_among(const struct usage_processes *processes, pid_t id)
{
    for (uint32_t i = 0; i < processes->count; i++) {
        if (processes->ids[i] == id) {
            return true;
        }
    }
    return false;
}

static void usage_add(struct usage *usage, const struct usage *other)
{
    usage->cpu_ns += other->cpu_ns;
    for (uint32_t i = 0; i < other->thread_count && usage->thread_count < USAGE_THREADS_MAX; i++) {
        usage->threads[usage->thread_count++] = other->threads[i];
    }
}

int usage_read_family(struct usage *usage, const struct usage_processes *processes)
{
    struct family family;
    family_read(&family, processes);
    memset(usage, 0, sizeof *usage);
    for (uint32_t i = 0; i < family.count; i++) {
        struct usage one;
        int result = usage_read(&one, family.ids[i]);
        if (result == 0) {
            usage_add(usage, &one);
        } else if (is_among(processes, family.ids[i])) {
            return result;
        }
    }
    usage->resident_bytes = family_resident(&family);
    usage->taken_ns = clock_monotonic_ns();
    return 0;
}

static uint64_t process_cpu_ns(pid_t pid)
{
    clockid_t clock = 0;
    return clock_getcpuclockid(pid, &clock) == 0 ? clock_ns(clock) : 0;
}

uint64_t usage_read_cpu_ns(const struct usage_processes *processes)
{
    struct family family;
    family_read(&family, processes);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < family.count; i++) {
        sum += process_cpu_ns(family.ids[i]);
    }
    return sum;
}

static const struct usage_thread *thread_find(const struct usage *usage, pid_t id)
{
    for (uint32_t i = 0; i < usage->thread_count; i++) {
        if (usage->threads[i].id == id) {
            return &usage->threads[i];
        }
    }
    return NULL;
}

void usage_difference(struct usage *difference, const struct usage *before,
                      const struct usage *after)
{
    ASSERT(difference != before && difference != after);
    *difference = *after;
    difference->taken_ns -= before->taken_ns;
    difference->cpu_ns -= before->cpu_ns;
    for (uint32_t i = 0; i < difference->thread_count; i++) {
        struct usage_thread *thread = &difference->threads[i];
        const struct usage_thread *former = thread_find(before, thread->id);
        if (former != NULL) {
            thread->cpu_ns -= former->cpu_ns;
            thread->wait_ns -= former->wait_ns;
        }
    }
}

void usage_read_machine(struct usage_machine *machine)
{
    char text[TEXT_SIZE];
    memset(machine, 0, sizeof *machine);
    if (!proc_file_read("/proc/stat", text, sizeof text) || strncmp(text, "cpu ", 4) != 0) {
        return;
    }
    uint64_t tick_ns = NS_PER_SECOND / (uint64_t)sysconf(_SC_CLK_TCK);
    char *at = text + 4;
    uint64_t user = number_take(&at);
    uint64_t nice = number_take(&at);
    uint64_t system = number_take(&at);
    uint64_t idle = number_take(&at);
    uint64_t waiting = number_take(&at);
    uint64_t interrupts = number_take(&at);
    uint64_t soft_interrupts = number_take(&at);
    machine->busy_ns = (user + nice + system + interrupts + soft_interrupts) * tick_ns;
    machine->idle_ns = (idle + waiting) * tick_ns;
    machine->stolen_ns = number_take(&at) * tick_ns;
}
