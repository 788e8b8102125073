// A block of one event, laid out by hand as log/block.h describes it.
#pragma once

#include "event/event.h"
#include "log/block.h"

struct made {
    uint8_t *block; // free it
    struct block_record *record;
    size_t length;
};

// Of sequence 3, at 1700000000000.
struct made block_make(const struct event *event, uint64_t id);
