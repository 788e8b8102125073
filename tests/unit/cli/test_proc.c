#include "cli/proc.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

Test(proc, stat)
{
    static const char text[] = "cpu  100 10 50 800 40 0 5 15 30 0\n"
                               "cpu0 60 5 25 400 20 0 5 5 30 0\n"
                               "cpu1 40 5 25 400 20 0 0 10 0 0\n"
                               "intr 5 0 0\n"
                               "ctxt 1354758\n"
                               "btime 1795202098\n"
                               "procs_running 3\n";
    struct proc_stat stat;
    cr_assert(proc_stat_parse(slice_of(text), &stat));
    cr_assert_eq(stat.all.total, 1020, "guest time is part of user time");
    cr_assert_eq(stat.all.busy, 180);
    cr_assert_eq(stat.core_count, 2);
    cr_assert_eq(stat.cores[1].total, 500);
    cr_assert_eq(stat.cores[1].busy, 80);
    cr_assert_eq(stat.context_switches, 1354758);
    cr_assert_eq(stat.boot_time_s, 1795202098);
}

Test(proc, stat_that_is_malformed)
{
    struct proc_stat stat;
    cr_assert_not(proc_stat_parse(slice_empty(), &stat));
    cr_assert_not(proc_stat_parse(slice_of("cpu0 1 2 3 4\n"), &stat));
    cr_assert_not(proc_stat_parse(slice_of("cpu  1 2\n"), &stat));
    cr_assert(proc_stat_parse(slice_of("cpu  1 2 3 4\ncpu0 x\ncpu1"), &stat));
    cr_assert_eq(stat.core_count, 0);
}

Test(proc, stat_of_more_cores_than_are_kept)
{
    static char text[64 * 1024];
    size_t used = (size_t)snprintf(text, sizeof(text), "cpu  1 1 1 1\n");
    for (int i = 0; i < PROC_CORES_MAX + 5; i++) {
        used += (size_t)snprintf(text + used, sizeof(text) - used, "cpu%d 1 1 1 1\n", i);
    }
    struct proc_stat stat;
    cr_assert(proc_stat_parse(slice_from(text, used), &stat));
    cr_assert_eq(stat.core_count, PROC_CORES_MAX);
}

Test(proc, memory)
{
    static const char text[] = "MemTotal:       24684084 kB\n"
                               "MemFree:        22313636 kB\n"
                               "MemAvailable:   24185104 kB\n"
                               "Buffers:           36536 kB\n"
                               "Cached:          1889420 kB\n"
                               "SwapCached:            0 kB\n"
                               "SwapTotal:          1024 kB\n"
                               "SwapFree:            512 kB\n"
                               "HugePages_Total:       0\n";
    struct proc_memory memory;
    cr_assert(proc_memory_parse(slice_of(text), &memory));
    cr_assert_eq(memory.total_bytes, UINT64_C(24684084) * 1024);
    cr_assert_eq(memory.available_bytes, UINT64_C(24185104) * 1024);
    cr_assert_eq(memory.cached_bytes, UINT64_C(1889420) * 1024);
    cr_assert_eq(memory.swap_total_bytes, 1 << 20);
    cr_assert_eq(memory.swap_free_bytes, 1 << 19);
    cr_assert_not(proc_memory_parse(slice_of("MemTotal: 1 kB\nMemAvailable: x kB\n"), &memory));
}

Test(proc, load)
{
    struct proc_load load;
    cr_assert(proc_load_parse(slice_of("1.16 0.53 12.02 3/118 30113\n"), &load));
    cr_assert_float_eq(load.over_1_min, 1.16, 1e-9);
    cr_assert_float_eq(load.over_5_min, 0.53, 1e-9);
    cr_assert_float_eq(load.over_15_min, 12.02, 1e-9);
    cr_assert_eq(load.running, 3);
    cr_assert_eq(load.threads, 118);
    cr_assert_not(proc_load_parse(slice_of("1.16 0.53\n"), &load));
    cr_assert_not(proc_load_parse(slice_of("a b c 1/2 3\n"), &load));
    cr_assert_not(proc_load_parse(slice_of("1.0 1.0 1.0 1 3\n"), &load));
    cr_assert_not(proc_load_parse(slice_empty(), &load));
}

Test(proc, disks)
{
    static const char text[] =
        "   7       0 loop0 1 0 8 0 0 0 0 0 0 1 0 0 0 0 0 0 0\n"
        " 254       0 vda 138207 30597 7725090 71244 221162 24549 4574264 32002 0 31672 106797\n"
        " 254       1 vda1 100 0 100 1 1 0 1 0 0 5 5\n"
        " 259       0 nvme0n1 10 0 16 1 20 0 32 0 0 7 7\n"
        " 259       1 nvme0n1p1 10 0 16 1 20 0 32 0 0 7 7\n"
        " 254      16 vdaa 5 0 2 1 0 0 0 0 0 1 1\n"
        " 253       0 zram0 9 0 0 0 0 0 0 0 0 0 0\n"
        "   8       0 sda 0 0 0 0 0 0 0 0 0 0 0\n"
        "   8      16 sdb 1 2\n";
    struct proc_devices disks;
    proc_disks_parse(slice_of(text), &disks);
    cr_assert_eq(disks.count, 3);
    const struct proc_device *vda = proc_device_find(&disks, "vda");
    cr_assert_not_null(vda);
    cr_assert_eq(vda->in_bytes, UINT64_C(7725090) * 512);
    cr_assert_eq(vda->out_bytes, UINT64_C(4574264) * 512);
    cr_assert_eq(vda->in_count, 138207);
    cr_assert_eq(vda->out_count, 221162);
    cr_assert_eq(vda->busy_ms, 31672);
    cr_assert_not_null(proc_device_find(&disks, "nvme0n1"));
    cr_assert_not_null(proc_device_find(&disks, "vdaa"));
    cr_assert_null(proc_device_find(&disks, "vda1"));
}

Test(proc, more_disks_than_are_kept)
{
    static char text[16 * 1024];
    size_t used = 0;
    for (int i = 0; i < PROC_DEVICES_MAX + 5; i++) {
        used +=
            (size_t)snprintf(text + used, sizeof(text) - used,
                             "8 %d sd%c%c 1 0 8 0 0 0 0 0 0 1 0\n", i, 'a' + i / 26, 'a' + i % 26);
    }
    struct proc_devices disks;
    proc_disks_parse(slice_from(text, used), &disks);
    cr_assert_eq(disks.count, PROC_DEVICES_MAX);
}

Test(proc, network)
{
    static const char text[] =
        "Inter-|   Receive                                                |  Transmit\n"
        " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs\n"
        "    lo:    3367      31    0    0    0     0          0         0     3367      31    0   "
        " "
        "0    0     0       0          0\n"
        "  eth0:300714896    8323    0    0    0     0          0         0   488777    5532    0  "
        "  "
        "0    0     0       0          0\n"
        "vethab: 5 5 0 0 0 0 0 0 5 5 0 0 0 0 0 0\n"
        "  eth1:       0       0    0    0    0     0          0         0        0       0    0   "
        " "
        "0    0     0       0          0\n"
        "  bad0: 1 2\n";
    struct proc_devices interfaces;
    cr_assert(proc_network_parse(slice_of(text), &interfaces));
    cr_assert_eq(interfaces.count, 1);
    cr_assert_str_eq(interfaces.devices[0].name, "eth0");
    cr_assert_eq(interfaces.devices[0].in_bytes, 300714896);
    cr_assert_eq(interfaces.devices[0].in_count, 8323);
    cr_assert_eq(interfaces.devices[0].out_bytes, 488777);
    cr_assert_eq(interfaces.devices[0].out_count, 5532);
    cr_assert_not(proc_network_parse(slice_empty(), &interfaces));
}
