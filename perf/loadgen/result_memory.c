#include "result_memory.h"

#include "figures.h"

#include "base/bytes.h"

// What grew by connecting, for each connection. May be negative: others use memory too.
static double each(uint64_t before, uint64_t connected, uint32_t connections)
{
    return (double)(int64_t)(connected - before) / connections;
}

// Slabs and queues, for each connection.
static double kernel_each(const struct result_memory *memory, uint32_t connections)
{
    const struct memory_kernel *before = &memory->kernel[MEMORY_BEFORE];
    const struct memory_kernel *connected = &memory->kernel[MEMORY_CONNECTED];
    return each(before->slab_bytes + before->tcp_bytes,
                connected->slab_bytes + connected->tcp_bytes, connections);
}

static double sockets_each(const struct result_memory *memory, uint32_t connections)
{
    return each(memory->kernel[MEMORY_BEFORE].sockets, memory->kernel[MEMORY_CONNECTED].sockets,
                connections);
}

static void print_kernel(const struct result_memory *memory, uint32_t connections, FILE *out)
{
    (void)fprintf(out,
                  "kernel      %.2f KiB a connection, of which %.2f sockets are on this machine; ",
                  kernel_each(memory, connections) / 1024.0, sockets_each(memory, connections));
    const char *before = "";
    for (uint32_t i = 0; i < memory->grown_count; i++) {
        double kibibytes = (double)memory->grown[i].bytes / 1024.0 / connections;
        if (kibibytes >= 0.05) {
            (void)fprintf(out, "%s%s %.2f", before, memory->grown[i].name, kibibytes);
            before = ", ";
        }
    }
    (void)fprintf(out, "%sTCP queues %.1f MiB before, %.1f connected, %.1f at the most\n",
                  before[0] == 0 ? "" : "; ",
                  figures_mebibytes(memory->kernel[MEMORY_BEFORE].tcp_bytes),
                  figures_mebibytes(memory->kernel[MEMORY_CONNECTED].tcp_bytes),
                  figures_mebibytes(memory->peak.tcp_bytes));
}

void result_memory_print(const struct result_memory *memory, uint32_t connections, FILE *out)
{
    const uint64_t *resident = memory->resident;
    if (resident[MEMORY_BEFORE] > 0) {
        (void)fprintf(out,
                      "memory      server %.1f MiB before, %.1f connected (%.2f KiB a connection), "
                      "%.1f at the end, %.1f at the most\n",
                      figures_mebibytes(resident[MEMORY_BEFORE]),
                      figures_mebibytes(resident[MEMORY_CONNECTED]),
                      each(resident[MEMORY_BEFORE], resident[MEMORY_CONNECTED], connections) /
                          1024.0,
                      figures_mebibytes(resident[MEMORY_AFTER]),
                      figures_mebibytes(memory->peak.resident_bytes));
    }
    print_kernel(memory, connections, out);
}

void result_memory_print_growth(const struct series *series, FILE *out)
{
    uint64_t third = 0;
    uint64_t last = 0;
    series_resident(series, &third, &last);
    if (third > 0) {
        (void)fprintf(
            out,
            "growth      server %.1f MiB in the third quarter of the time, %.1f in the last "
            "(%+.1f %%)\n",
            figures_mebibytes(third), figures_mebibytes(last), figures_percent(last, third) - 100);
    }
}

// --- JSON ---

void result_memory_write_growth(const struct series *series, struct json_writer *writer)
{
    uint64_t third = 0;
    uint64_t last = 0;
    series_resident(series, &third, &last);
    json_write_member_u64(writer, "resident_third_quarter_bytes", third);
    json_write_member_u64(writer, "resident_last_quarter_bytes", last);
}

static void write_resident(const struct result_memory *memory, uint32_t connections,
                           struct json_writer *writer)
{
    const uint64_t *resident = memory->resident;
    json_write_member_u64(writer, "resident_before_bytes", resident[MEMORY_BEFORE]);
    json_write_member_u64(writer, "resident_connected_bytes", resident[MEMORY_CONNECTED]);
    json_write_member_u64(writer, "resident_after_bytes", resident[MEMORY_AFTER]);
    json_write_member_u64(writer, "resident_peak_bytes", memory->peak.resident_bytes);
    json_write_member_decimal(
        writer, "resident_per_connection_bytes",
        each(resident[MEMORY_BEFORE], resident[MEMORY_CONNECTED], connections), 2);
}

void result_memory_write(const struct result_memory *memory, uint32_t connections,
                         struct json_writer *writer)
{
    static const char *const moments[MEMORY_MOMENTS] = {"before", "connected", "after"};
    if (memory->resident[MEMORY_BEFORE] > 0) {
        write_resident(memory, connections, writer);
    }
    json_write_member_decimal(writer, "kernel_per_connection_bytes",
                              kernel_each(memory, connections), 2);
    json_write_member_decimal(writer, "kernel_sockets_per_connection",
                              sockets_each(memory, connections), 2);
    for (unsigned i = 0; i < MEMORY_MOMENTS; i++) {
        char key[48];
        (void)snprintf(key, sizeof key, "kernel_slab_%s_bytes", moments[i]);
        json_write_member_u64(writer, key, memory->kernel[i].slab_bytes);
        (void)snprintf(key, sizeof key, "kernel_tcp_%s_bytes", moments[i]);
        json_write_member_u64(writer, key, memory->kernel[i].tcp_bytes);
    }
    json_write_member_u64(writer, "kernel_slab_peak_bytes", memory->peak.slab_bytes);
    json_write_member_u64(writer, "kernel_tcp_peak_bytes", memory->peak.tcp_bytes);
    json_write_key(writer, "kernel_caches_grown_bytes");
    json_write_object_open(writer);
    for (uint32_t i = 0; i < memory->grown_count; i++) {
        json_write_member_u64(writer, memory->grown[i].name, memory->grown[i].bytes);
    }
    json_write_object_close(writer);
}
