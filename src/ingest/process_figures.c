#include "ingest/process_figures.h"

#include "base/allocated.h"
#include "base/clock.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static void read_memory(struct process_figures *figures)
{
    FILE *file = fopen("/proc/self/statm", "re");
    unsigned long long pages = 0;
    unsigned long long resident = 0;
    if (file == NULL) {
        return;
    }
    if (fscanf(file, "%llu %llu", &pages, &resident) == 2) { // NOLINT(cert-err34-c): the kernel's
        uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
        figures->virtual_bytes = pages * page_bytes;
        figures->resident_bytes = resident * page_bytes;
    }
    (void)fclose(file);
}

static uint64_t count_files(void)
{
    DIR *directory = opendir("/proc/self/fd");
    uint64_t count = 0;
    if (directory == NULL) {
        return 0;
    }
    for (const struct dirent *entry = readdir(directory); entry != NULL;
         entry = readdir(directory)) {
        count += entry->d_name[0] != '.';
    }
    (void)closedir(directory);
    return count - 1; // the directory's own
}

static uint64_t clock_ms(clockid_t clock)
{
    struct timespec time = {0};
    (void)clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / (1000 * 1000);
}

// Field 22 of /proc/self/stat, in ticks since the machine started; the name before it may hold
// anything but is in brackets.
static uint64_t read_start_ms(void)
{
    char text[1024] = "";
    FILE *file = fopen("/proc/self/stat", "re");
    if (file == NULL) {
        return 0;
    }
    size_t length = fread(text, 1, sizeof(text) - 1, file);
    (void)fclose(file);
    text[length] = '\0';
    const char *at = strrchr(text, ')');
    for (int field = 2; at != NULL && field < 22; field++) {
        at = strchr(at + 1, ' ');
    }
    unsigned long long ticks = 0;
    if (at == NULL || sscanf(at, "%llu", &ticks) != 1) { // NOLINT(cert-err34-c): the kernel's
        return 0;
    }
    uint64_t since_boot_ms = ticks * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
    return clock_realtime_ms() - clock_ms(CLOCK_BOOTTIME) + since_boot_ms;
}

void process_figures_take(struct process_figures *figures)
{
    struct timespec spent = {0};
    struct rlimit files = {0};
    *figures = (struct process_figures){0};
    read_memory(figures);
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
    (void)getrlimit(RLIMIT_NOFILE, &files);
    figures->allocated_bytes = allocated_bytes_of_process();
    figures->open_files = count_files();
    figures->files_max = files.rlim_cur;
    figures->cpu_ns = (uint64_t)spent.tv_sec * 1000 * 1000 * 1000 + (uint64_t)spent.tv_nsec;
    figures->start_ms = read_start_ms();
}
