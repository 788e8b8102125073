#include "machine.h"

#include "proc_file.h"

#include "io/loop.h"

#include <inttypes.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    // Descriptors beside the direct ones: of each thread its rings, an eventfd, samples and a batch
    // of sockets on their way into a table; of the process the publisher's and the bare server's.
    FILES_OF_THREAD = LOOP_RINGS_MAX + 88,
    FILES_OF_PROCESS = 192,
    PORTS_MAX = 64512, // 1024 to 65535
    // A socket with anything in its queue holds a page of what TCP may use.
    TCP_PAGES_OF_SOCKET = 1,
    // Kernel memory of an idle socket and all that belongs to it, generously, as measured.
    SOCKET_BYTES = 4 << 10,
    // A reader's io_uring, of memory that newer kernels count as locked (seen with 6.18).
    LOCKED_BYTES_OF_RING = 256 << 10,
    // Files that others open meanwhile.
    FILES_OF_OTHERS = 1000,
};

// --- reading ---

static uint64_t number_of(const char *path, unsigned index)
{
    uint64_t numbers[4] = {0};
    return index < proc_file_numbers(path, numbers, 4) ? numbers[index] : 0;
}

static bool may_lock_memory(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
    return syscall(SYS_capget, &header, data) == 0 &&
           (data[0].effective & (1U << CAP_IPC_LOCK)) != 0;
}

void machine_read(struct machine *machine)
{
    *machine = (struct machine){
        .backlog = number_of("/proc/sys/net/core/somaxconn", 0),
        .tcp_pages = number_of("/proc/sys/net/ipv4/tcp_mem", 2),
        .all_files = number_of("/proc/sys/fs/file-max", 0),
        .all_files_open = number_of("/proc/sys/fs/file-nr", 0),
        .tracked = number_of("/proc/sys/net/netfilter/nf_conntrack_max", 0),
        .tracked_now = number_of("/proc/sys/net/netfilter/nf_conntrack_count", 0),
    };
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        machine->files = limit.rlim_cur;
    }
    if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && !may_lock_memory()) {
        machine->locked_bytes = limit.rlim_cur;
    }
    uint64_t first = number_of("/proc/sys/net/ipv4/ip_local_port_range", 0);
    uint64_t last = number_of("/proc/sys/net/ipv4/ip_local_port_range", 1);
    machine->ports = last >= first && last > 0 ? last - first + 1 : 0;
    machine->memory_bytes_free = proc_file_member("/proc/meminfo", "MemAvailable") << 10;
}

void machine_raise_files(uint64_t files)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return;
    }
    if (limit.rlim_max < files) {
        const struct rlimit raised = {.rlim_cur = files, .rlim_max = files};
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0) {
            return;
        }
    }
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

// --- comparing ---

uint32_t machine_address_ports(const struct machine *machine)
{
    uint64_t half = machine->ports / 2;
    if (machine->ports == 0 || half > MACHINE_ADDRESS_PORTS_MAX) {
        return MACHINE_ADDRESS_PORTS_MAX;
    }
    return half > 0 ? (uint32_t)half : 1;
}

uint64_t machine_files_needed(const struct machine_need *need)
{
    uint64_t of_thread = ((uint64_t)need->connections + need->threads - 1) / need->threads;
    uint64_t of_table = (of_thread + LOOP_RINGS_MAX - 1) / LOOP_RINGS_MAX;
    uint64_t ordinary = (uint64_t)need->threads * FILES_OF_THREAD + FILES_OF_PROCESS;
    return of_table > ordinary ? of_table : ordinary;
}

// Sockets of ours and, on loopback, of the server.
static uint64_t sockets_of(const struct machine_need *need)
{
    return (uint64_t)need->connections * (need->is_loopback ? 2 : 1);
}

struct checking {
    struct machine_shortage *shortages;
    uint32_t count;
};

// Returns the shortage to fill in, or NULL when there is none.
static struct machine_shortage *compare(struct checking *checking, const char *name,
                                        uint64_t present, uint64_t needed)
{
    if (present == 0 || present >= needed) {
        return NULL;
    }
    struct machine_shortage *shortage = &checking->shortages[checking->count++];
    *shortage = (struct machine_shortage){.name = name, .present = present, .needed = needed};
    return shortage;
}

// What one command sets: the value that is needed.
static void compare_setting(struct checking *checking, const char *name, uint64_t present,
                            uint64_t needed)
{
    struct machine_shortage *shortage = compare(checking, name, present, needed);
    if (shortage != NULL) {
        (void)snprintf(shortage->remedy, MACHINE_REMEDY_SIZE, "sysctl -w %s=%" PRIu64, name,
                       needed);
    }
}

static void compare_files(struct checking *checking, const struct machine *machine,
                          const struct machine_need *need)
{
    uint64_t needed = machine_files_needed(need);
    struct machine_shortage *shortage = compare(checking, "RLIMIT_NOFILE", machine->files, needed);
    if (shortage != NULL) {
        shortage->is_fatal = true;
        (void)snprintf(shortage->remedy, MACHINE_REMEDY_SIZE,
                       "ulimit -Hn %" PRIu64 " as root, LimitNOFILE=%" PRIu64
                       " in a systemd unit, or more --threads with fewer connections each",
                       needed, needed);
    }
}

static void compare_locked(struct checking *checking, const struct machine *machine,
                           const struct machine_need *need)
{
    uint64_t of_thread = ((uint64_t)need->connections + need->threads - 1) / need->threads;
    uint64_t files = machine->files > 0 ? machine->files : of_thread;
    uint64_t rings = need->threads * ((of_thread + files - 1) / files);
    struct machine_shortage *shortage =
        compare(checking, "RLIMIT_MEMLOCK (KiB)", machine->locked_bytes >> 10,
                rings * LOCKED_BYTES_OF_RING >> 10);
    if (shortage != NULL) {
        (void)snprintf(shortage->remedy, MACHINE_REMEDY_SIZE,
                       "ulimit -l %" PRIu64 " as root, or LimitMEMLOCK=%" PRIu64
                       "K in a systemd unit; a broker of the same user needs its own besides",
                       shortage->needed, shortage->needed);
    }
}

// From 127.0.0.0/8 there are addresses enough, whatever the range.
static void compare_ports(struct checking *checking, const struct machine *machine,
                          const struct machine_need *need)
{
    struct machine_shortage *shortage =
        need->is_loopback ? NULL
                          : compare(checking, "net.ipv4.ip_local_port_range (ports)",
                                    machine->ports, need->connections);
    if (shortage == NULL) {
        return;
    }
    shortage->is_fatal = true;
    (void)snprintf(shortage->remedy, MACHINE_REMEDY_SIZE, "%s",
                   need->connections <= PORTS_MAX
                       ? "sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\""
                       : "one address has no more than 64512 to one port of a server: run the rest "
                         "from other machines");
}

static void compare_tcp(struct checking *checking, const struct machine *machine,
                        const struct machine_need *need)
{
    uint64_t needed = sockets_of(need) * TCP_PAGES_OF_SOCKET;
    struct machine_shortage *shortage =
        compare(checking, "net.ipv4.tcp_mem (pages)", machine->tcp_pages, needed);
    if (shortage != NULL) {
        (void)snprintf(shortage->remedy, MACHINE_REMEDY_SIZE,
                       "sysctl -w net.ipv4.tcp_mem=\"%" PRIu64 " %" PRIu64 " %" PRIu64 "\"",
                       needed / 2, needed / 4 * 3, needed);
    }
}

static void compare_memory(struct checking *checking, const struct machine *machine,
                           const struct machine_need *need)
{
    struct machine_shortage *shortage =
        compare(checking, "memory (MiB)", machine->memory_bytes_free >> 20,
                sockets_of(need) * SOCKET_BYTES >> 20);
    if (shortage != NULL) {
        (void)snprintf(shortage->remedy, MACHINE_REMEDY_SIZE,
                       "fewer --connections, or a machine with more");
    }
}

uint32_t machine_check(const struct machine *machine, const struct machine_need *need,
                       struct machine_shortage shortages[MACHINE_LIMITS_MAX])
{
    struct checking checking = {.shortages = shortages};
    uint64_t opening = (uint64_t)need->threads * need->opening;
    opening = opening < need->connections ? opening : need->connections;
    compare_files(&checking, machine, need);
    compare_locked(&checking, machine, need);
    compare_ports(&checking, machine, need);
    if (need->is_loopback) {
        compare_setting(&checking, "net.core.somaxconn", machine->backlog, opening);
    }
    compare_tcp(&checking, machine, need);
    compare_setting(&checking, "fs.file-max", machine->all_files,
                    machine->all_files_open + sockets_of(need) + FILES_OF_OTHERS);
    compare_setting(&checking, "net.netfilter.nf_conntrack_max", machine->tracked,
                    machine->tracked_now + need->connections);
    compare_memory(&checking, machine, need);
    return checking.count;
}
