// User agents, interned: most of 100,000 clients share a few. Bounded; beyond it they all count as
// one. One thread.
#pragma once

#include "base/bytes.h"
#include "base/map.h"

enum { AGENTS_MAX = 1024, AGENT_BYTES_MAX = 128 };

struct agents {
    uint32_t count;
    struct name_map by_text;
    struct slice texts[AGENTS_MAX];
};

void agents_init(struct agents *agents);
void agents_free(struct agents *agents);
// 0 for an empty text; else its number. Text beyond AGENT_BYTES_MAX is cut; what is kept is
// valid UTF-8.
uint32_t agents_intern(struct agents *agents, struct slice text);
struct slice agents_text(const struct agents *agents, uint32_t number);
