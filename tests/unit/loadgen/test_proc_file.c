// layer: base
// link: perf/loadgen/proc_file.c
#include "../perf/loadgen/proc_file.h"

#include <criterion/criterion.h>

Test(proc_file, members_by_name)
{
    const char *text = "MemTotal:  24 kB\nSlab:\t  12 kB\nSReclaimable: 5 kB\n";
    cr_assert_eq(proc_text_member(text, "MemTotal"), 24);
    cr_assert_eq(proc_text_member(text, "Slab"), 12);
    cr_assert_eq(proc_text_member(text, "Reclaimable"), 0);
    cr_assert_eq(proc_text_member(text, "Mem"), 0);
    cr_assert_eq(proc_text_member("", "Mem"), 0);
}

Test(proc_file, members_within_a_line)
{
    const char *text = "TCP: inuse 13 orphan 0 tw 2 alloc 15 mem 312\nUDP: inuse 4 mem 7\n";
    cr_assert_eq(proc_text_member(text, "alloc"), 15);
    cr_assert_eq(proc_text_member(text, "mem"), 312);
}

Test(proc_file, numbers)
{
    uint64_t numbers[4] = {0};
    cr_assert_eq(proc_file_numbers("/proc/sys/net/ipv4/tcp_mem", numbers, 4), 3);
    cr_assert_gt(numbers[2], 0);
    cr_assert_eq(proc_file_numbers("/proc/sys/net/ipv4/tcp_mem", numbers, 2), 2);
    cr_assert_eq(proc_file_numbers("/proc/no/such/file", numbers, 4), 0);
}

Test(proc_file, a_file_that_cannot_be_read)
{
    char text[8] = "before";
    cr_assert_not(proc_file_read("/proc/no/such/file", text, sizeof text));
    cr_assert_str_eq(text, "");
}
