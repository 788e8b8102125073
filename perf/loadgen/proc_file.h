// Reading numbers out of small files of /proc.
#ifndef RINGCAST_LOADGEN_PROC_FILE_H
#define RINGCAST_LOADGEN_PROC_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The first bytes of a file, up to size - 1, with a NUL. False, and "", when it cannot be read.
bool proc_file_read(const char *path, char *text, size_t size);

// The decimal numbers that the text begins with, separated by white space. Returns how many,
// `count_max` at most.
unsigned proc_text_numbers(const char *text, uint64_t *numbers, unsigned count_max);

// The same of a file.
unsigned proc_file_numbers(const char *path, uint64_t *numbers, unsigned count_max);

// The number after the first "NAME " or "NAME:" that is a word of the text, 0 where there is none:
// "MemFree:   12 kB", "TCP: inuse 5 orphan 0".
uint64_t proc_text_member(const char *text, const char *name);

// The same in a file of up to 4 KiB.
uint64_t proc_file_member(const char *path, const char *name);

#endif
