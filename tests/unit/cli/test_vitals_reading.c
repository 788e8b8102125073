#include "cli/vitals_reading.h"

#include "base/json.h"

#include <criterion/criterion.h>
#include <string.h>

static struct vitals_reading before;
static struct vitals_reading now;

static void make_readings(void)
{
    memset(&before, 0, sizeof(before));
    memset(&now, 0, sizeof(now));
    before.taken_ns = UINT64_C(1000000000);
    now.taken_ns = UINT64_C(3000000000);
    now.taken_ms = UINT64_C(10000) * 1000;
    before.stat.core_count = now.stat.core_count = 2;
    now.stat.boot_time_s = 9000;
    now.stat.context_switches = 500;
    now.stat.all = (struct proc_cpu){.busy = 25, .total = 200};
    now.stat.cores[0] = (struct proc_cpu){.busy = 10, .total = 100};
    now.stat.cores[1] = (struct proc_cpu){.busy = 15, .total = 100};
    now.load = (struct proc_load){0.2, 0.18, 12.125, 1, 80};
    now.memory = (struct proc_memory){.total_bytes = 1000,
                                      .available_bytes = 599,
                                      .buffers_bytes = 1,
                                      .cached_bytes = 2,
                                      .swap_total_bytes = 10,
                                      .swap_free_bytes = 4};
    now.file_system_bytes = 100;
    now.file_system_free_bytes = 69;
    before.disks.count = 1;
    now.disks.count = 2;
    before.disks.devices[0] = (struct proc_device){.name = "vda"};
    now.disks.devices[0] = (struct proc_device){.name = "vda",
                                                .in_bytes = 2048,
                                                .out_bytes = 4096,
                                                .in_count = 4,
                                                .out_count = 8,
                                                .busy_ms = 62};
    now.disks.devices[1] = (struct proc_device){.name = "new", .in_bytes = 1 << 20};
    before.interfaces.count = now.interfaces.count = 1;
    before.interfaces.devices[0] = (struct proc_device){.name = "eth0", .in_bytes = 500};
    now.interfaces.devices[0] =
        (struct proc_device){.name = "eth0", .in_bytes = 100, .out_bytes = 3, .out_count = 1};
}

static void expect(vitals_writer *write, const char *expected)
{
    struct buffer out;
    buffer_init(&out, 4096);
    make_readings();
    write(&out, &before, &now);
    cr_assert_eq(buffer_failure(&out), 0);
    struct slice text = buffer_slice(&out);
    cr_assert(slice_equal_text(text, expected), SLICE_FORMAT, SLICE_ARGUMENTS(text));
    cr_assert_eq(json_validate(text, NULL), JSON_OK);
    buffer_free(&out);
}

Test(vitals_reading, cpu)
{
    expect(vitals_write_cpu,
           "{\"percent\":12.5,\"cores\":[10.0,15.0],\"load\":[0.20,0.18,12.12],\"running\":1,"
           "\"threads\":80,\"context_switches_per_s\":250,\"uptime_s\":1000}");
}

Test(vitals_reading, memory)
{
    expect(vitals_write_memory,
           "{\"percent\":40.1,\"total_bytes\":1000,\"used_bytes\":401,\"available_bytes\":599,"
           "\"cached_bytes\":3,\"swap_total_bytes\":10,\"swap_used_bytes\":6}");
}

Test(vitals_reading, disk_without_one_that_is_new)
{
    expect(vitals_write_disk,
           "{\"read_bytes_per_s\":1024,\"written_bytes_per_s\":2048,\"percent\":31.0,"
           "\"total_bytes\":100,\"used_bytes\":31,\"disks\":[{\"name\":\"vda\","
           "\"read_bytes_per_s\":1024,\"written_bytes_per_s\":2048,\"reads_per_s\":2,"
           "\"writes_per_s\":4,\"busy_percent\":3.1}]}");
}

Test(vitals_reading, network_whose_counter_went_back)
{
    expect(vitals_write_network,
           "{\"received_bytes_per_s\":0,\"sent_bytes_per_s\":2,\"interfaces\":[{\"name\":\"eth0\","
           "\"received_bytes_per_s\":0,\"sent_bytes_per_s\":2,\"packets_received_per_s\":0,"
           "\"packets_sent_per_s\":1}]}");
}

Test(vitals_reading, of_this_machine)
{
    static struct vitals_reading reading;
    const char *path = NULL;
    cr_assert_eq(vitals_read(&reading, &path), 0, "%s", path);
    cr_assert_gt(reading.stat.all.total, 0);
    cr_assert_gt(reading.memory.total_bytes, reading.memory.available_bytes);
    cr_assert_gt(reading.file_system_bytes, 0);
}

Test(vitals_reading, two_at_the_same_time_divide_by_nothing)
{
    struct buffer out;
    buffer_init(&out, 4096);
    make_readings();
    vitals_write_disk(&out, &now, &now);
    vitals_write_cpu(&out, &now, &now);
    cr_assert_eq(buffer_failure(&out), 0);
    buffer_free(&out);
}
