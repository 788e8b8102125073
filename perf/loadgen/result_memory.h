// The part of a result that tells of memory.
#ifndef RINGCAST_LOADGEN_RESULT_MEMORY_H
#define RINGCAST_LOADGEN_RESULT_MEMORY_H

#include "memory.h"
#include "series.h"

#include "base/json_writer.h"

#include <stdint.h>
#include <stdio.h>

// Of the server without connections, with all of them before the first event, and after the last.
enum memory_moment {
    MEMORY_BEFORE,
    MEMORY_CONNECTED,
    MEMORY_AFTER,
    MEMORY_MOMENTS,
};

struct result_memory {
    uint64_t resident[MEMORY_MOMENTS]; // of the server; 0 without a process
    struct memory_kernel kernel[MEMORY_MOMENTS];
    struct memory_cache grown[MEMORY_GROWN_MAX]; // of the kernel, by connecting
    uint32_t grown_count;
    struct memory_peak peak; // from the first connection to the end
};

// Whether it grew while the series was measured; a line for people. Nothing when that is not known.
void result_memory_print_growth(const struct series *series, FILE *out);

// Lines for people.
void result_memory_print(const struct result_memory *memory, uint32_t connections, FILE *out);

// Members of the object that is open: the same.
void result_memory_write_growth(const struct series *series, struct json_writer *writer);
void result_memory_write(const struct result_memory *memory, uint32_t connections,
                         struct json_writer *writer);

#endif
