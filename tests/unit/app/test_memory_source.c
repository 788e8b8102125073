// link: tests/unit/base/scratch.c
// On a tree of files as the kernel would show them.
#include "app/memory_source.h"

#include "unit/base/scratch.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB (UINT64_C(1) << 20)

static char root[SCRATCH_PATH_SIZE];
static struct memory_source source;
static struct memory_reading reading;

static void put(const char *place, const char *text)
{
    char whole[256];
    (void)snprintf(whole, sizeof(whole), "%s%s", root, place);
    for (char *at = strchr(whole + strlen(root) + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        *at = 0;
        (void)mkdir(whole, 0755);
        *at = '/';
    }
    scratch_write(root, place, text);
}

static void setup(void)
{
    scratch_make(root);
    put("/proc/meminfo", "MemTotal:        4096 kB\nMemFree:        1024 kB\n");
    put("/proc/self/statm", "5000 256 100 80 0 400 0\n");
}

static void teardown(void)
{
    scratch_remove(root);
}

TestSuite(memory_source, .init = setup, .fini = teardown);

static void look(uint64_t limit_bytes)
{
    memory_source_open(&source, root, limit_bytes);
    memory_source_read(&source, &reading);
}

static void expect_memory(uint64_t used_bytes, uint64_t limit_bytes)
{
    cr_assert_eq(reading.memory.used_bytes, used_bytes, "used %lu",
                 (unsigned long)reading.memory.used_bytes);
    cr_assert_eq(reading.memory.limit_bytes, limit_bytes, "of %lu",
                 (unsigned long)reading.memory.limit_bytes);
}

Test(memory_source, without_groups_a_share_of_the_machine)
{
    look(0);
    expect_memory(256 * source.page_bytes, 3 * MIB);
    cr_assert_eq(reading.tcp.limit_bytes, 0);
}

Test(memory_source, a_limit_that_was_set)
{
    look(64 * MIB);
    expect_memory(256 * source.page_bytes, 64 * MIB);
}

Test(memory_source, nothing_to_be_read)
{
    teardown();
    look(0);
    expect_memory(0, 0);
    cr_assert_eq(reading.tcp.limit_bytes, 0);
}

Test(memory_source, a_group_of_v1_without_its_file_pages)
{
    put("/proc/self/cgroup", "4:memory:/broker\n0::/\n");
    put("/proc/self/mountinfo", "30 1 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    put("/sys/fs/cgroup/memory/broker/memory.limit_in_bytes", "2097152\n");
    put("/sys/fs/cgroup/memory/broker/memory.usage_in_bytes", "2000000\n");
    put("/sys/fs/cgroup/memory/broker/memory.stat",
        "inactive_file 1\ntotal_inactive_file 400000\ntotal_active_file 600000\n");
    look(0);
    expect_memory(1000000, 2097152);
    put("/sys/fs/cgroup/memory/broker/memory.limit_in_bytes", "4194304\n"); // while it runs
    memory_source_read(&source, &reading);
    expect_memory(1000000, 4194304);
}

Test(memory_source, the_fullest_group_of_v2_counts)
{
    put("/proc/self/cgroup", "0::/machine/pod/broker\n");
    put("/proc/self/mountinfo", "30 1 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    put("/sys/fs/cgroup/machine/pod/broker/memory.max", "max\n");
    put("/sys/fs/cgroup/machine/pod/broker/memory.current", "500\n");
    put("/sys/fs/cgroup/machine/pod/memory.max", "2000\n");
    put("/sys/fs/cgroup/machine/pod/memory.high", "1000\n");
    put("/sys/fs/cgroup/machine/pod/memory.current", "600\n");
    put("/sys/fs/cgroup/machine/pod/memory.stat", "inactive_file 40\nactive_file 60\n");
    put("/sys/fs/cgroup/machine/memory.max", "2000\n");
    put("/sys/fs/cgroup/machine/memory.current", "900\n");
    look(0);
    cr_assert_eq(source.group_count, 4);
    expect_memory(500, 1000);
    put("/sys/fs/cgroup/machine/memory.current", "1200\n");
    memory_source_read(&source, &reading);
    expect_memory(1200, 2000);
    look(source.page_bytes * 257); // the process by itself is fuller
    expect_memory(256 * source.page_bytes, 257 * source.page_bytes);
}

// The mount shows only the container's group: its root is the own group.
Test(memory_source, a_group_in_a_container)
{
    put("/proc/self/cgroup", "9:memory:/docker/abc\n");
    put("/proc/self/mountinfo",
        "32 22 0:27 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n");
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "1000\n");
    put("/sys/fs/cgroup/memory/memory.usage_in_bytes", "300\n");
    look(0);
    cr_assert_eq(source.group_count, 1);
    expect_memory(300, 1000);
}

Test(memory_source, no_more_groups_than_there_is_room_for)
{
    put("/proc/self/cgroup", "0::/1/2/3/4/5/6/7/8/9/10\n");
    put("/proc/self/mountinfo", "30 1 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    look(0);
    cr_assert_eq(source.group_count, MEMORY_GROUPS_MAX);
    cr_assert_str_eq(source.groups[0].path, "/sys/fs/cgroup/1/2/3/4/5/6/7/8/9/10");
    cr_assert_str_eq(source.groups[7].path, "/sys/fs/cgroup/1/2/3");
}

Test(memory_source, tcp)
{
    put("/proc/net/sockstat", "TCP: inuse 1 orphan 0 tw 0 alloc 1 mem 269\n");
    look(0);
    cr_assert_eq(reading.tcp.limit_bytes, 0);
    put("/proc/sys/net/ipv4/tcp_mem", "287898\t383867\t575796\n");
    look(0);
    cr_assert_eq(reading.tcp.used_bytes, 269 * source.page_bytes);
    cr_assert_eq(reading.tcp.limit_bytes, 575796 * source.page_bytes);
}

Test(memory_source, this_machine)
{
    memory_source_open(&source, "", 0);
    memory_source_read(&source, &reading);
    cr_assert_gt(reading.memory.used_bytes, 0);
    cr_assert_gt(reading.memory.limit_bytes, reading.memory.used_bytes);
}
