// What the kernel tells of memory, in /proc and in control groups, as text: parsers without I/O.
// They take any bytes and return false for what does not hold what is asked for. Any thread.
#ifndef RINGCAST_APP_MEMORY_TEXT_H
#define RINGCAST_APP_MEMORY_TEXT_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

enum memory_hierarchy {
    MEMORY_CGROUP_V1, // the controller `memory`
    MEMORY_CGROUP_V2,
};

// The group that the process is in, from /proc/self/cgroup: a path that begins with a slash.
bool memory_text_group(struct slice text, enum memory_hierarchy hierarchy, struct slice *path);

// Where that hierarchy is mounted, from /proc/self/mountinfo: which of its groups (*root), and the
// place, both as they stand there: octal escapes (\040) are not undone.
bool memory_text_mount(struct slice text, enum memory_hierarchy hierarchy, struct slice *root,
                       struct slice *place);

// A file that holds one number. "max" and what is not below 2^62 (v1 writes such for "none") are
// UINT64_MAX.
bool memory_text_limit(struct slice text, uint64_t *bytes);

// The first number behind `key` in a file of lines "key NUMBER", as memory.stat and /proc/meminfo
// ("MemTotal:") have them.
bool memory_text_value(struct slice text, const char *key, uint64_t *value);

// The number behind the word `name` in the line that begins with `line`: ("TCP:", "mem") of
// /proc/net/sockstat.
bool memory_text_named(struct slice text, const char *line, const char *name, uint64_t *value);

// The number at `index` in a line of numbers: /proc/self/statm, net.ipv4.tcp_mem.
bool memory_text_column(struct slice text, unsigned index, uint64_t *value);

#endif
