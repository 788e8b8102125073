#include "app/memory_text.h"

#include <criterion/criterion.h>

static bool is(struct slice slice, const char *text)
{
    return slice_equal_text(slice, text);
}

static const char hybrid[] = "12:devices:/user.slice\n"
                             "9:cpu,memory:/docker/abc:def\n"
                             "1:name=systemd:/init.scope\n"
                             "0::/unified\n";

Test(memory_text, the_own_group)
{
    struct slice path;
    cr_assert(memory_text_group(slice_of(hybrid), MEMORY_CGROUP_V1, &path));
    cr_assert(is(path, "/docker/abc:def"));
    cr_assert(memory_text_group(slice_of(hybrid), MEMORY_CGROUP_V2, &path));
    cr_assert(is(path, "/unified"));
    cr_assert(memory_text_group(slice_of("0::/\n"), MEMORY_CGROUP_V2, &path));
    cr_assert(is(path, "/"));
}

Test(memory_text, no_own_group)
{
    static const char *const texts[] = {"",
                                        "\n",
                                        "0:",
                                        "0::",
                                        "0::x",
                                        "3:memory",
                                        "3:memory:",
                                        "3:memoryless:/x",
                                        "12:devices:/user.slice\n"};
    struct slice path;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        cr_assert_not(memory_text_group(slice_of(texts[i]), MEMORY_CGROUP_V1, &path), "%s",
                      texts[i]);
        cr_assert_not(memory_text_group(slice_of(texts[i]), MEMORY_CGROUP_V2, &path), "%s",
                      texts[i]);
    }
}

static const char mounts[] =
    "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
    "31 22 0:26 /docker/abc /sys/fs/cgroup/cpu ro,nosuid - cgroup cgroup rw,cpu,cpuacct\n"
    "32 22 0:27 /docker/abc /sys/fs/cgroup/memory ro,nosuid master:9 x - cgroup cgroup rw,memory\n"
    "33 22 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

Test(memory_text, where_a_hierarchy_is_mounted)
{
    struct slice root;
    struct slice place;
    cr_assert(memory_text_mount(slice_of(mounts), MEMORY_CGROUP_V1, &root, &place));
    cr_assert(is(root, "/docker/abc"));
    cr_assert(is(place, "/sys/fs/cgroup/memory"));
    cr_assert(memory_text_mount(slice_of(mounts), MEMORY_CGROUP_V2, &root, &place));
    cr_assert(is(root, "/"));
    cr_assert(is(place, "/sys/fs/cgroup/unified"));
}

Test(memory_text, where_none_is_mounted)
{
    static const char *const texts[] = {"",
                                        "\n",
                                        "1 2 3 4 5 6",
                                        "1 2 0:1 / /x rw - cgroup",
                                        "1 2 0:1 / /x rw cgroup2 cgroup2 rw",
                                        "1 2 0:1 / x rw - cgroup2 cgroup2 rw",
                                        "- cgroup2"};
    struct slice root;
    struct slice place;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct slice text = slice_of(texts[i]);
        cr_assert_not(memory_text_mount(text, MEMORY_CGROUP_V1, &root, &place), "%s", texts[i]);
        cr_assert_not(memory_text_mount(text, MEMORY_CGROUP_V2, &root, &place), "%s", texts[i]);
    }
}

Test(memory_text, limits)
{
    static const struct {
        const char *text;
        uint64_t bytes; // 0: none to be read
    } limits[] = {
        {"max\n", UINT64_MAX},
        {"max", UINT64_MAX},
        {"2147483648\n", UINT64_C(1) << 31},
        {"9223372036854771712\n", UINT64_MAX}, // v1 for "none"
        {"", 0},
        {"maximum\n", 0},
        {"-1\n", 0},
        {"12 13\n", 0},
    };
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        uint64_t bytes = 0;
        bool is_read = memory_text_limit(slice_of(limits[i].text), &bytes);
        cr_assert_eq(is_read, limits[i].bytes != 0, "%s", limits[i].text);
        cr_assert_eq(bytes, limits[i].bytes, "%s", limits[i].text);
    }
}

Test(memory_text, values_by_their_key)
{
    static const char stat[] = "cache 16920576\ninactive_file 6021120\nactive_file 10899456\n";
    uint64_t value = 7;
    cr_assert(memory_text_value(slice_of(stat), "active_file", &value));
    cr_assert_eq(value, 10899456);
    cr_assert_not(memory_text_value(slice_of(stat), "file", &value));
    cr_assert_not(memory_text_value(slice_of("file\n"), "file", &value));
    cr_assert_eq(value, 10899456);
    cr_assert(memory_text_value(slice_of("MemTotal:       24683816 kB\n"), "MemTotal:", &value));
    cr_assert_eq(value, 24683816);
}

Test(memory_text, values_by_line_and_name)
{
    static const char sockstat[] = "sockets: used 15\n"
                                   "TCP: inuse 1 orphan 0 tw 0 alloc 1 mem 269\n"
                                   "UDP: inuse 0 mem 12\n";
    uint64_t value = 7;
    cr_assert(memory_text_named(slice_of(sockstat), "TCP:", "mem", &value));
    cr_assert_eq(value, 269);
    cr_assert(memory_text_named(slice_of(sockstat), "UDP:", "mem", &value));
    cr_assert_eq(value, 12);
    cr_assert_not(memory_text_named(slice_of(sockstat), "TCP:", "used", &value));
    cr_assert_not(memory_text_named(slice_of(sockstat), "RAW:", "mem", &value));
    cr_assert_not(memory_text_named(slice_of("TCP: mem"), "TCP:", "mem", &value));
}

Test(memory_text, values_by_column)
{
    uint64_t value = 7;
    cr_assert(memory_text_column(slice_of("287898\t383867\t575796\n"), 2, &value));
    cr_assert_eq(value, 575796);
    cr_assert(memory_text_column(slice_of("5044 1205 913 81 0 421 0\n"), 1, &value));
    cr_assert_eq(value, 1205);
    cr_assert_not(memory_text_column(slice_of("1 2\n"), 2, &value));
    cr_assert_not(memory_text_column(slice_of(""), 0, &value));
}
