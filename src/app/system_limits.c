#include "app/system_limits.h"

#include "app/memory_text.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

enum { TCP_MEM_MAX = 2 }; // the third number: the most pages that TCP may use

uint64_t system_limits_raise_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return SYSTEM_FILES_MIN;
    }
    if (limit.rlim_cur < limit.rlim_max) {
        const struct rlimit raised = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0) {
            return raised.rlim_cur;
        }
    }
    return limit.rlim_cur;
}

bool system_limits_check_files(uint64_t limit, char *message, size_t message_size)
{
    if (limit >= SYSTEM_FILES_MIN) {
        return true;
    }
    (void)snprintf(message, message_size,
                   "only %llu files may be open, and at least %d are needed: raise the limit with "
                   "ulimit -n or systemd's LimitNOFILE=",
                   (unsigned long long)limit, SYSTEM_FILES_MIN);
    return false;
}

bool system_limits_check_tcp(struct slice text, uint64_t page_bytes, uint64_t connections_max,
                             char *message, size_t message_size)
{
    uint64_t pages = 0;
    (void)memory_text_column(text, TCP_MEM_MAX, &pages);
    uint64_t wanted = connections_max * SYSTEM_TCP_BYTES_PER_CONNECTION / page_bytes;
    if (pages == 0 || pages >= wanted) {
        return true;
    }
    (void)snprintf(message, message_size,
                   "the kernel gives all TCP sockets together %" PRIu64
                   " MiB (net.ipv4.tcp_mem), little for %" PRIu64
                   " connections: lower --connections-max, or sysctl -w net.ipv4.tcp_mem=\"%" PRIu64
                   " %" PRIu64 " %" PRIu64 "\"",
                   pages * page_bytes >> 20, connections_max, wanted / 2, wanted / 4 * 3, wanted);
    return false;
}

bool system_limits_check_machine(uint64_t connections_max, char *message, size_t message_size)
{
    char text[256];
    long page_bytes = sysconf(_SC_PAGESIZE);
    int file = open("/proc/sys/net/ipv4/tcp_mem", O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return true;
    }
    ssize_t length = read(file, text, sizeof(text));
    (void)close(file);
    if (length <= 0 || page_bytes <= 0) {
        return true;
    }
    return system_limits_check_tcp(slice_from(text, (size_t)length), (uint64_t)page_bytes,
                                   connections_max, message, message_size);
}

unsigned system_limits_cores(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0) {
        return (unsigned)CPU_COUNT(&set);
    }
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (unsigned)online : 1;
}
