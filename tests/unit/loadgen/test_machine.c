// layer: io
// link: perf/loadgen/machine.c
// link: perf/loadgen/proc_file.c
#include "../perf/loadgen/machine.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/resource.h>

static struct machine_shortage shortages[MACHINE_LIMITS_MAX];

// Enough for 100,000 connections on loopback.
static struct machine big(void)
{
    return (struct machine){
        .files = 20000,
        .ports = 28232,
        .backlog = 4096,
        .tcp_pages = 575796,
        .all_files = 2466170,
        .all_files_open = 1000,
        .memory_bytes_free = UINT64_C(8) << 30,
    };
}

static const struct machine_need MANY = {
    .connections = 100000, .threads = 1, .opening = 256, .is_loopback = true};

static uint32_t check(const struct machine *machine, const struct machine_need *need)
{
    memset(shortages, 0, sizeof shortages);
    return machine_check(machine, need, shortages);
}

Test(machine, nothing_is_missing)
{
    struct machine machine = big();
    cr_assert_eq(check(&machine, &MANY), 0);
}

Test(machine, what_is_unknown_is_enough)
{
    struct machine machine = {0};
    cr_assert_eq(check(&machine, &MANY), 0);
}

Test(machine, files_for_sixteen_tables_a_thread)
{
    struct machine machine = big();
    machine.files = 6250;
    cr_assert_eq(machine_files_needed(&MANY), 6250);
    cr_assert_eq(check(&machine, &MANY), 0);
    machine.files = 6249;
    cr_assert_eq(check(&machine, &MANY), 1);
    cr_assert_str_eq(shortages[0].name, "RLIMIT_NOFILE");
    cr_assert(shortages[0].is_fatal);
    cr_assert_eq(shortages[0].present, 6249);
    cr_assert_eq(shortages[0].needed, 6250);
    cr_assert_not_null(strstr(shortages[0].remedy, "ulimit -Hn 6250"));
}

Test(machine, more_threads_need_smaller_tables_but_files_of_their_own)
{
    struct machine_need need = MANY;
    need.threads = 2;
    cr_assert_eq(machine_files_needed(&need), 3125);
    need.connections = 10;
    cr_assert_gt(machine_files_needed(&need), 100);
    cr_assert_lt(machine_files_needed(&need), 1024);
}

Test(machine, locked_memory_of_the_rings)
{
    struct machine machine = big();
    machine.locked_bytes = 5 * (256 << 10);
    cr_assert_eq(check(&machine, &MANY), 0);
    machine.locked_bytes--;
    cr_assert_eq(check(&machine, &MANY), 1);
    cr_assert_str_eq(shortages[0].name, "RLIMIT_MEMLOCK (KiB)");
    cr_assert_eq(shortages[0].needed, 1280);
    cr_assert_not(shortages[0].is_fatal);
    cr_assert_not_null(strstr(shortages[0].remedy, "ulimit -l 1280"));
}

Test(machine, ports_are_short_only_from_one_address)
{
    struct machine machine = big();
    struct machine_need need = MANY;
    need.connections = 30000;
    cr_assert_eq(check(&machine, &need), 0);
    need.is_loopback = false;
    cr_assert_eq(check(&machine, &need), 1);
    cr_assert(shortages[0].is_fatal);
    cr_assert_not_null(strstr(shortages[0].remedy, "ip_local_port_range=\"1024 65535\""));
    need.connections = 70000;
    cr_assert_eq(check(&machine, &need), 1);
    cr_assert_not_null(strstr(shortages[0].remedy, "other machines"));
}

Test(machine, connections_of_an_address)
{
    struct machine machine = big();
    cr_assert_eq(machine_address_ports(&machine), MACHINE_ADDRESS_PORTS_MAX);
    machine.ports = 1000;
    cr_assert_eq(machine_address_ports(&machine), 500);
    machine.ports = 1;
    cr_assert_eq(machine_address_ports(&machine), 1);
    machine.ports = 0;
    cr_assert_eq(machine_address_ports(&machine), MACHINE_ADDRESS_PORTS_MAX);
}

Test(machine, settings_are_told_with_their_command)
{
    struct machine machine = big();
    machine.backlog = 128;
    machine.tcp_pages = 40000;
    machine.all_files = 101000;
    machine.tracked = 65536;
    machine.tracked_now = 10;
    machine.memory_bytes_free = 100 << 20;
    cr_assert_eq(check(&machine, &MANY), 5);
    cr_assert_str_eq(shortages[0].remedy, "sysctl -w net.core.somaxconn=256");
    cr_assert_str_eq(shortages[1].remedy, "sysctl -w net.ipv4.tcp_mem=\"100000 150000 200000\"");
    cr_assert_str_eq(shortages[2].remedy, "sysctl -w fs.file-max=202000");
    cr_assert_str_eq(shortages[3].remedy, "sysctl -w net.netfilter.nf_conntrack_max=100010");
    cr_assert_eq(shortages[4].needed, 781);
    for (unsigned i = 0; i < 5; i++) {
        cr_assert_not(shortages[i].is_fatal);
    }
}

Test(machine, everything_missing_fits)
{
    struct machine machine = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1 << 20};
    struct machine_need need = MANY;
    cr_assert_leq(check(&machine, &need), MACHINE_LIMITS_MAX);
    need.is_loopback = false;
    cr_assert_leq(check(&machine, &need), MACHINE_LIMITS_MAX);
}

Test(machine, a_backlog_need_not_hold_more_than_there_are)
{
    struct machine machine = big();
    machine.backlog = 128;
    struct machine_need need = MANY;
    need.connections = 100;
    cr_assert_eq(check(&machine, &need), 0);
}

Test(machine, this_one_is_read)
{
    struct machine machine;
    machine_read(&machine);
    cr_assert_gt(machine.files, 0);
    cr_assert_gt(machine.memory_bytes_free, 1 << 20);
}

Test(machine, the_soft_limit_is_raised)
{
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    struct rlimit lowered = {.rlim_cur = 200, .rlim_max = limit.rlim_max};
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &lowered), 0);
    machine_raise_files(0);
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    cr_assert_eq(limit.rlim_cur, limit.rlim_max);
}
