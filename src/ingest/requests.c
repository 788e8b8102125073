#include "ingest/requests.h"

#include "base/assert.h"
#include "base/bytes.h"

#include <stdlib.h>

STATIC_ASSERT((REQUESTS_MIN & (REQUESTS_MIN - 1)) == 0, "the ring is addressed by a mask");
STATIC_ASSERT((REQUESTS_MAX & (REQUESTS_MAX - 1)) == 0, "the ring is addressed by a mask");

void requests_init(struct requests *requests)
{
    *requests = (struct requests){0};
}

void requests_free(struct requests *requests)
{
    free(requests->entries);
    free(requests->aside);
    requests_init(requests);
}

static struct request *entry(const struct requests *requests, uint64_t counter)
{
    return &requests->entries[counter & (requests->capacity - 1)];
}

static bool requests_grow(struct requests *requests)
{
    uint32_t capacity = requests->capacity == 0 ? REQUESTS_MIN : REQUESTS_MAX;
    if (capacity == requests->capacity) {
        return false;
    }
    struct request *entries = calloc(capacity, sizeof *entries);
    if (entries == NULL) {
        return false;
    }
    for (uint64_t counter = requests->head; counter < requests->tail; counter++) {
        entries[counter & (capacity - 1)] = *entry(requests, counter);
    }
    free(requests->entries);
    requests->entries = entries;
    requests->capacity = capacity;
    return true;
}

struct request *requests_push(struct requests *requests)
{
    if (requests_count(requests) == requests->capacity && !requests_grow(requests)) {
        return NULL;
    }
    struct request *request = entry(requests, requests->tail++);
    *request = (struct request){.is_open = true};
    return request;
}

void requests_drop_last(struct requests *requests)
{
    ASSERT(requests_count(requests) > 0);
    requests->tail--;
}

static struct request *find_aside(const struct requests *requests, uint64_t counter)
{
    uint32_t low = requests->aside_first;
    uint32_t high = requests->aside_end;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (requests->aside[middle].counter < counter) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool is_there = low < requests->aside_end && requests->aside[low].counter == counter &&
                    !requests->aside[low].request.is_done;
    return is_there ? &requests->aside[low].request : NULL;
}

struct request *requests_at(const struct requests *requests, uint64_t counter)
{
    if (counter < requests->head) {
        return find_aside(requests, counter);
    }
    return counter < requests->tail ? entry(requests, counter) : NULL;
}

static void forget_done(struct requests *requests)
{
    uint32_t kept = 0;
    for (uint32_t i = requests->aside_first; i < requests->aside_end; i++) {
        if (!requests->aside[i].request.is_done) {
            requests->aside[kept++] = requests->aside[i];
        }
    }
    requests->aside_first = 0;
    requests->aside_end = kept;
}

// Walks over those that are there only where half of the places are won by it.
static bool aside_reserve(struct requests *requests)
{
    if (requests->aside_open == REQUESTS_ASIDE_MAX) {
        return false;
    }
    if (requests->aside_end < requests->aside_capacity) {
        return true;
    }
    forget_done(requests);
    uint32_t capacity = 2 * requests->aside_capacity;
    if (requests->aside_capacity > 0 && requests->aside_open <= requests->aside_capacity / 2) {
        return true;
    }
    capacity = capacity == 0 ? REQUESTS_ASIDE_MIN : capacity;
    struct request_aside *aside = realloc(requests->aside, capacity * sizeof *aside);
    if (aside == NULL) {
        return false;
    }
    requests->aside = aside;
    requests->aside_capacity = capacity;
    return true;
}

bool requests_make_room(struct requests *requests)
{
    if (requests_count(requests) < REQUESTS_MAX || !entry(requests, requests->head)->is_holding ||
        entry(requests, requests->head)->is_done || !aside_reserve(requests)) {
        return false;
    }
    struct request_aside *aside = &requests->aside[requests->aside_end++];
    *aside = (struct request_aside){.counter = requests->head,
                                    .request = *entry(requests, requests->head)};
    ASSERT(!aside->request.is_open);
    aside->request.is_aside = true;
    requests->aside_open++;
    requests->head++;
    return true;
}

void requests_finish(struct requests *requests, struct request *request)
{
    request->is_done = true;
    if (!request->is_aside) {
        return;
    }
    requests->aside_open--;
    while (requests->aside_first < requests->aside_end &&
           requests->aside[requests->aside_first].request.is_done) {
        requests->aside_first++;
    }
    if (requests->aside_open == 0) { // it may be megabytes
        free(requests->aside);
        requests->aside = NULL;
        requests->aside_capacity = 0;
        requests->aside_first = 0;
        requests->aside_end = 0;
    }
}

struct request *requests_first(const struct requests *requests)
{
    return requests_count(requests) > 0 ? entry(requests, requests->head) : NULL;
}

void requests_pop(struct requests *requests)
{
    ASSERT(requests_count(requests) > 0);
    requests->head++;
}
