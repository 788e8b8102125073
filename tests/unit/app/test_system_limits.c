#include "app/system_limits.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/resource.h>

static char message[SYSTEM_MESSAGE_SIZE];

static bool is_enough(const char *text, uint64_t connections)
{
    message[0] = 0;
    return system_limits_check_tcp(slice_of(text), 4096, connections, message, sizeof(message));
}

Test(system_limits, tcp_memory)
{
    cr_assert(is_enough("289761\t386350\t579522\n", 100000));
    cr_assert_not(is_enough("1000\t2000\t4000\n", 100000));
    cr_assert_str_eq(message,
                     "the kernel gives all TCP sockets together 15 MiB (net.ipv4.tcp_mem), little "
                     "for 100000 connections: lower --connections-max, or sysctl -w "
                     "net.ipv4.tcp_mem=\"100000 150000 200000\"");
    cr_assert(is_enough("1000\t2000\t4000\n", 2000));
}

Test(system_limits, tcp_memory_that_cannot_be_read)
{
    cr_assert(is_enough("", 100000));
    cr_assert(is_enough("1 2", 100000));
    cr_assert(is_enough("a b c\n", 100000));
    cr_assert(is_enough("\n", 100000));
}

Test(system_limits, files)
{
    cr_assert(system_limits_check_files(SYSTEM_FILES_MIN, message, sizeof(message)));
    cr_assert_not(system_limits_check_files(64, message, sizeof(message)));
    cr_assert_not_null(strstr(message, "only 64 files may be open"));
    cr_assert_not_null(strstr(message, "LimitNOFILE="));
}

Test(system_limits, files_are_raised_to_the_hard_limit)
{
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    struct rlimit lowered = {.rlim_cur = 200, .rlim_max = limit.rlim_max};
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &lowered), 0);
    cr_assert_eq(system_limits_raise_files(), limit.rlim_max);
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    cr_assert_eq(limit.rlim_cur, limit.rlim_max);
}

Test(system_limits, cores)
{
    cr_assert_geq(system_limits_cores(), 1);
}
